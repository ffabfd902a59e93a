//! A small store, an engine over it, and rows as text.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use model::{Labels, LogRead, MemoryLogs, TenantId};
use sql::{
    Config, Engine, Format, Metrics, MetricsAnswer, MetricsQuestion, MetricsRow, Question, SqlError, Tables,
};
use tempfile::TempDir;

/// 2026-01-01T00:00:00Z.
pub(crate) const START_NS: i64 = 1_767_225_600_000_000_000;
pub(crate) const SECOND_NS: i64 = 1_000_000_000;

/// Answers `up` with a series for each of two services, one value a step, and refuses everything else.
#[derive(Debug)]
pub(crate) struct Up;

impl Metrics for Up {
    fn answer(&self, question: &MetricsQuestion<'_>) -> Result<MetricsAnswer, String> {
        if question.expr != "up" {
            return Err(format!("unknown metric {}", question.expr));
        }
        let step_ms = question.step_ms.unwrap_or(1).max(1) as usize;
        let times_ms: Vec<i64> = (question.from_ms..=question.to_ms).step_by(step_ms).collect();
        let row = |service: &str, value: f64| MetricsRow {
            labels: Labels::from_pairs([("__name__", "up"), ("service_name", service)]),
            times_ms: times_ms.clone(),
            values: vec![value; times_ms.len()],
        };
        Ok(MetricsAnswer {
            rows: vec![row("shop", 1.0), row("bank", 0.0)],
            histograms_left_out: 0,
            warnings: Vec::new(),
        })
    }
}

/// 3,000 lines of three services, one a second, some with metadata.
pub(crate) fn lines() -> Arc<MemoryLogs> {
    let store = MemoryLogs::new();
    for place in 0..3_000_i64 {
        let service = ["shop", "bank", "a service with a long name"][place as usize % 3];
        let zone = ["eu", "us"][place as usize / 3 % 2];
        let stream = if place % 7 == 0 {
            Labels::from_pairs([("service_name", service)])
        } else {
            Labels::from_pairs([("service_name", service), ("zone", zone)])
        };
        let level = ["info", "error", "warn"][place as usize % 5 % 3];
        let line = match place % 4 {
            0 => format!(r#"{{"level":"{level}","order":{place},"msg":"checkout failed"}}"#),
            1 => format!("GET /orders/{place} 200"),
            2 => format!("100% of {place} done_now"),
            _ => String::new(),
        };
        let metadata: &[(&str, &str)] = if place % 2 == 0 {
            &[("detected_level", level), ("pod", "p-1")]
        } else {
            &[]
        };
        store.add(&stream, START_NS + place * SECOND_NS, &line, metadata);
    }
    store
}

pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) folder: TempDir,
}

pub(crate) fn engine(logs: Arc<dyn LogRead>) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        threads: 2,
        spill_dir: folder.path().join("spill"),
        spill_bytes_max: 1 << 30,
    };
    let tables = Tables {
        logs: Some(logs),
        metrics: Arc::new(Up),
    };
    Bench {
        engine: Engine::new(config, tables),
        folder,
    }
}

pub(crate) fn question(statement: &str, format: Format) -> Question {
    Question {
        tenant: TenantId::DEFAULT,
        statement: statement.to_owned(),
        format,
        now_ms: START_NS / 1_000_000 + 3_600_000,
        timeout: Duration::from_mins(1),
        read_bytes_max: None,
        memory_max: 256 << 20,
    }
}

impl Bench {
    pub(crate) async fn bytes(&self, question: Question) -> Result<Vec<u8>, SqlError> {
        let answer = self.engine.answer(question).await?;
        let chunks: Vec<bytes::Bytes> = answer.try_collect().await?;
        Ok(chunks.concat())
    }

    pub(crate) async fn csv(&self, statement: &str) -> Result<String, SqlError> {
        let bytes = self.bytes(question(statement, Format::Csv)).await?;
        Ok(String::from_utf8(bytes).unwrap())
    }
}
