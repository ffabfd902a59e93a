//! The patterns of the lines of a window, with how often each is seen over time.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use logql::ast::LogExpr;
use logql::{EvalError, Options, Value};
use model::{Direction, LogRead, LogSelection, TenantId};
use serde::{Deserialize, Serialize};

use super::buckets::Buckets;
use super::{Bounds, ask, parse_lines, read};
use crate::app::App;
use crate::limits::{LOKI_PATTERN_LINES_MAX, PAGE_BUCKETS_MAX, PAGE_PATTERN_LINES_MAX};
use crate::loki::patterns::Counted;
use crate::ui_api::answer::{UiError, json};

/// Spans of a picture as small as a line of text.
const POINTS_DEFAULT: i64 = 40;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternsRequest {
    from_ms: i64,
    to_ms: i64,
    query: String,
    max_points: Option<i64>,
}

#[derive(Debug, Serialize)]
struct PatternsAnswer {
    t0_ms: i64,
    step_ms: i64,
    count: i64,
    /// Lines that were looked at, the newest of the window.
    lines: usize,
    /// Whether the window may have more.
    is_sample: bool,
    patterns: Vec<PatternJson>,
}

#[derive(Debug, Serialize)]
struct PatternJson {
    pattern: String,
    lines: u64,
    values: Vec<u64>,
}

/// `POST /api/ui/logs/patterns`
pub(super) async fn patterns(State(app): State<Arc<App>>, request: Request) -> Result<Response, UiError> {
    let (tenant, asked) = read::<PatternsRequest>(&app, request).await?;
    let bounds = Bounds::of_ms(asked.from_ms, asked.to_ms)?;
    let points_max = asked.max_points.unwrap_or(POINTS_DEFAULT);
    let buckets = Buckets::over(bounds, points_max.clamp(2, PAGE_BUCKETS_MAX));
    let log = parse_lines(&asked.query)?;
    let question = move |store: &dyn LogRead, options: &Options| {
        let (counted, lines_max) = if log.stages.is_empty() {
            let counted = of_selection(&log, store, bounds, (tenant, buckets.step_ms), options)?;
            (counted, LOKI_PATTERN_LINES_MAX)
        } else {
            let counted = of_lines(&log, store, bounds, buckets.step_ms, options)?;
            (counted, PAGE_PATTERN_LINES_MAX)
        };
        Ok(told(&counted, lines_max, buckets))
    };
    let (answer, _) = ask(&app, tenant, question).await?;
    Ok(json(&answer))
}

/// Lines that go through no stage are counted while they are read.
fn of_selection(
    log: &LogExpr,
    store: &dyn LogRead,
    bounds: Bounds,
    (tenant, step_ms): (TenantId, i64),
    options: &Options,
) -> Result<Counted, EvalError> {
    let selection = LogSelection {
        tenant,
        matchers: log.matchers.clone(),
        from_ns: bounds.from_ns,
        to_ns: bounds.to_ns,
        direction: Direction::Backward,
        metadata: Some(Vec::new()),
        ..LogSelection::default()
    };
    Counted::selected(store, options, &selection, step_ms)
}

fn of_lines(
    log: &LogExpr,
    store: &dyn LogRead,
    bounds: Bounds,
    step_ms: i64,
    options: &Options,
) -> Result<Counted, EvalError> {
    let range = (bounds.from_ns, bounds.to_ns);
    let answer = logql::lines(
        log,
        store,
        range,
        Direction::Backward,
        PAGE_PATTERN_LINES_MAX,
        options,
    )?;
    let mut counted = Counted::new(step_ms);
    if let Value::Streams(streams) = answer.value {
        for line in streams.iter().flat_map(|stream| &stream.lines) {
            counted.add(line.at_ns, &line.line);
        }
    }
    Ok(counted)
}

fn told(counted: &Counted, lines_max: usize, buckets: Buckets) -> PatternsAnswer {
    let series = counted.series().into_iter().map(|series| {
        let mut values = vec![0; usize::try_from(buckets.count).unwrap_or_default()];
        for (at_ms, lines) in series.samples {
            if let Some(value) = buckets.place(at_ms).and_then(|place| values.get_mut(place)) {
                *value += lines;
            }
        }
        PatternJson {
            pattern: series.pattern,
            lines: series.lines,
            values,
        }
    });
    PatternsAnswer {
        t0_ms: buckets.t0_ms,
        step_ms: buckets.step_ms,
        count: buckets.count,
        lines: counted.lines,
        is_sample: counted.lines >= lines_max,
        patterns: series.collect(),
    }
}
