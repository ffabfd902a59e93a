//! SQL as the web room and the command line ask for it, over the stores and PromQL.

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use model::{LogRead, SeriesRead};
use promql::Value;
use sql::{Metrics, MetricsAnswer, MetricsQuestion, MetricsRow, SqlError};
use stdx::clock::SharedClock;
use web::{SqlAnswer, SqlFailure, SqlForm, SqlQuestion};

/// Carries statements out.
#[derive(Debug)]
pub(crate) struct SqlDoor {
    engine: sql::Engine,
    clock: SharedClock,
}

impl SqlDoor {
    /// Over lines and series; what does not fit into memory goes to `spill_dir`.
    pub(crate) fn new(
        lines: Arc<dyn LogRead>,
        series: Arc<dyn SeriesRead>,
        config: &web::Config,
        spill_dir: PathBuf,
        clock: SharedClock,
    ) -> Self {
        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let config_of_engine = sql::Config {
            threads,
            spill_dir,
            spill_bytes_max: config.query_spill_max.0,
        };
        let tables = sql::Tables {
            logs: Some(lines),
            metrics: Arc::new(Promql {
                series,
                config: config.clone(),
            }),
        };
        Self {
            engine: sql::Engine::new(config_of_engine, tables),
            clock,
        }
    }
}

impl web::Sql for SqlDoor {
    fn answer(&self, question: SqlQuestion) -> BoxFuture<'_, Result<SqlAnswer, SqlFailure>> {
        let format = match question.form {
            SqlForm::Json => sql::Format::Json,
            SqlForm::Csv => sql::Format::Csv,
            SqlForm::Arrow => sql::Format::Arrow,
        };
        let question = sql::Question {
            tenant: question.tenant,
            statement: question.statement,
            format,
            now_ms: self.clock.now_ms(),
            timeout: question.timeout,
            read_bytes_max: question.read_bytes_max,
            memory_max: question.memory_max,
        };
        async move {
            let answer = self.engine.answer(question).await.map_err(failure)?;
            Ok(SqlAnswer {
                content_type: format.content_type(),
                chunks: answer.map_err(failure).boxed(),
            })
        }
        .boxed()
    }
}

fn failure(error: SqlError) -> SqlFailure {
    SqlFailure {
        kind: error.kind(),
        message: error.to_string(),
    }
}

/// PromQL for the table function of that name.
#[derive(Debug)]
struct Promql {
    series: Arc<dyn SeriesRead>,
    config: web::Config,
}

impl Metrics for Promql {
    fn answer(&self, question: &MetricsQuestion<'_>) -> Result<MetricsAnswer, String> {
        let expr = self
            .config
            .parse(question.expr)
            .map_err(|error| error.to_string())?;
        let options = promql::Options {
            tenant: question.tenant,
            memory_max: question.memory_max,
            deadline: Some(question.deadline),
            cancel: Some(Arc::clone(&question.cancel)),
            ..self.config.query_options()
        };
        let (from_ms, to_ms) = (question.from_ms, question.to_ms);
        let answer = match question.step_ms {
            None => promql::instant(&expr, &*self.series, from_ms, &options),
            Some(step_ms) => promql::range(&expr, &*self.series, from_ms, to_ms, step_ms, &options),
        };
        let answer = answer.map_err(|error| error.to_string())?;
        let warnings = answer.annotations.warnings.into_iter().collect();
        rows(answer.value).map(|rows| MetricsAnswer { warnings, ..rows })
    }
}

fn rows(value: Value) -> Result<MetricsAnswer, String> {
    let mut answer = MetricsAnswer::default();
    match value {
        Value::Scalar { at_ms, value } => answer.rows.push(MetricsRow {
            labels: model::Labels::empty(),
            times_ms: vec![at_ms],
            values: vec![value],
        }),
        Value::String { .. } => return Err("a text is no number; ask for numbers".to_owned()),
        Value::Vector(samples) => {
            for sample in samples {
                match sample.value.as_float() {
                    Some(value) => answer.rows.push(MetricsRow {
                        labels: sample.labels,
                        times_ms: vec![sample.at_ms],
                        values: vec![value],
                    }),
                    None => answer.histograms_left_out += 1,
                }
            }
        }
        Value::Matrix(series) => {
            for series in series {
                answer.histograms_left_out += series.histograms.len() as u64;
                answer.rows.push(MetricsRow {
                    labels: series.labels,
                    times_ms: series.samples.at_ms,
                    values: series.samples.values,
                });
            }
        }
    }
    Ok(answer)
}
