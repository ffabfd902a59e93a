//! The patterns that lines follow, and how often each was seen: what Grafana's Logs Drilldown asks for.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use insights::{PatternCounts, PatternSeries, Patterns};
use logql::{EvalError, Options};
use model::{Direction, LogBatch, LogFlow, LogRead, LogSelection, ReadError};
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
    let counted = Counted::selected(store, options, selection, step_ms)?;
    let answer = counted.series().into_iter().map(|series| {
        let samples: Vec<[i64; 2]> = series
            .samples
            .iter()
            .map(|(at_ms, lines)| [at_ms.div_euclid(1000), i64::try_from(*lines).unwrap_or(i64::MAX)])
            .collect();
        json!({"pattern": series.pattern, "samples": samples})
    });
    Ok(answer.collect())
}

/// Lines that were counted by their patterns.
#[derive(Debug)]
pub(crate) struct Counted {
    patterns: Patterns,
    counts: PatternCounts,
    step_ms: i64,
    /// How many lines were counted.
    pub(crate) lines: usize,
}

impl Counted {
    /// No lines yet; they are counted by steps of so many milliseconds.
    pub(crate) fn new(step_ms: i64) -> Self {
        Self {
            patterns: Patterns::new(LOKI_PATTERN_TEMPLATES_MAX),
            counts: PatternCounts::new(step_ms),
            step_ms,
            lines: 0,
        }
    }

    /// The newest lines of a selection.
    pub(crate) fn selected(
        store: &dyn LogRead,
        options: &Options,
        selection: &LogSelection,
        step_ms: i64,
    ) -> Result<Self, EvalError> {
        let mut counted = Self::new(step_ms);
        let mut outcome = Ok(());
        let mut take = |batch: &LogBatch<'_>| {
            outcome = check(options);
            if outcome.is_err() {
                return LogFlow::Stop;
            }
            for (place, at_ns) in batch.times_ns.iter().enumerate() {
                counted.add(*at_ns, batch.lines.get(place));
            }
            if counted.lines < LOKI_PATTERN_LINES_MAX {
                LogFlow::More
            } else {
                LogFlow::Stop
            }
        };
        let selection = &LogSelection {
            budget: Some(options.read_budget()),
            ..selection.clone()
        };
        let read = store.read(selection, &mut take);
        outcome?;
        read.map_err(|error| match error {
            ReadError::Interrupted => EvalError::Timeout,
            other => EvalError::Storage(other),
        })?;
        Ok(counted)
    }

    /// Counts a line.
    pub(crate) fn add(&mut self, at_ns: i64, line: &str) {
        let id = self.patterns.step(line);
        self.counts.add(id, at_ns.div_euclid(NS_PER_MS), 1);
        self.lines += 1;
    }

    /// The patterns seen most often, the most frequent first.
    pub(crate) fn series(&self) -> Vec<PatternSeries> {
        let mut series = self
            .counts
            .series(&self.patterns, i64::MIN, i64::MAX, self.step_ms);
        series.truncate(LOKI_PATTERNS_MAX);
        series
    }
}
