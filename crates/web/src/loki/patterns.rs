//! The patterns that lines follow, and how often each was seen: what Grafana's Logs Drilldown asks for.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use insights::{PatternCounts, Patterns};
use logql::{EvalError, Options};
use model::{Direction, LogBatch, LogFlow, LogRead, LogSelection, ReadBudget, ReadError};
use serde_json::{Value, json};

use super::answer::{LokiError, Success};
use super::ask::ask_answer;
use super::index::check;
use super::query::now_ns;
use super::times::{self, Bounds};
use crate::app::App;
use crate::limits::{LOKI_PATTERN_LINES_MAX, LOKI_PATTERN_TEMPLATES_MAX, LOKI_PATTERNS_MAX};
use crate::params::Params;

const SINCE_DEFAULT_NS: i64 = 3600 * times::SECOND_NS;
const NS_PER_MS: i64 = 1_000_000;

/// `/loki/api/v1/patterns`: of the newest lines that a selector selects.
pub(super) async fn patterns(State(app): State<Arc<App>>, params: Params) -> Result<Response, LokiError> {
    let matchers = logql::parse_selector(params.get("query"))?;
    let bounds = times::bounds(&params, now_ns(&app), SINCE_DEFAULT_NS)?;
    let step_ms = (times::step(&params, bounds)? / NS_PER_MS).max(1);
    let Bounds { from_ns, to_ns } = bounds;
    let selection = LogSelection {
        tenant: params.tenant(),
        matchers,
        from_ns,
        to_ns,
        direction: Direction::Backward,
        metadata: Some(Vec::new()),
        ..LogSelection::default()
    };
    let question = move |store: &dyn LogRead, options: &Options| found(store, options, &selection, step_ms);
    let series = ask_answer(&app, params.tenant(), question).await?;
    Ok(Success::response(Value::Array(series)))
}

/// The patterns, those seen most often first.
fn found(
    store: &dyn LogRead,
    options: &Options,
    selection: &LogSelection,
    step_ms: i64,
) -> Result<Vec<Value>, EvalError> {
    let mut patterns = Patterns::new(LOKI_PATTERN_TEMPLATES_MAX);
    let mut counts = PatternCounts::new(step_ms);
    let mut lines = 0;
    let mut outcome = Ok(());
    let mut take = |batch: &LogBatch<'_>| {
        outcome = check(options);
        if outcome.is_err() {
            return LogFlow::Stop;
        }
        for (place, at_ns) in batch.times_ns.iter().enumerate() {
            let id = patterns.step(batch.lines.get(place));
            counts.add(id, at_ns.div_euclid(NS_PER_MS), 1);
        }
        lines += batch.times_ns.len();
        if lines < LOKI_PATTERN_LINES_MAX {
            LogFlow::More
        } else {
            LogFlow::Stop
        }
    };
    let selection = &LogSelection {
        budget: Some(ReadBudget::new(
            options.deadline,
            options.cancel.clone(),
            options.read_bytes_max,
        )),
        ..selection.clone()
    };
    let read = store.read(selection, &mut take);
    outcome?;
    read.map_err(|error| match error {
        ReadError::Interrupted => EvalError::Timeout,
        other => EvalError::Storage(other),
    })?;
    let series = counts.series(&patterns, i64::MIN, i64::MAX, step_ms);
    let answer = series.into_iter().take(LOKI_PATTERNS_MAX).map(|series| {
        let samples: Vec<[i64; 2]> = series
            .samples
            .iter()
            .map(|(at_ms, lines)| [at_ms.div_euclid(1000), i64::try_from(*lines).unwrap_or(i64::MAX)])
            .collect();
        json!({"pattern": series.pattern, "samples": samples})
    });
    Ok(answer.collect())
}
