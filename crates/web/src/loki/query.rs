//! Queries: numbers at one moment, lines or numbers over a range, and the expression printed in its canonical form.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use logql::ast::LogExpr;
use logql::{Answer, EvalError, Expr, LogStream, Options, Statistics, Value};
use model::{Direction, LogRead};

use super::answer::{LokiError, Success};
use super::ask::{Took, ask, expression};
use super::body::{AnswerBody, Categories};
use super::times::{self, Bounds, SECOND_NS};
use crate::app::App;
use crate::limits::LOKI_INTERVAL_PAGE_LINES;
use crate::params::Params;
use crate::prometheus::answer::json_bytes;

/// The time before now that a range query is about where it does not say.
const SINCE_DEFAULT_NS: i64 = 3600 * SECOND_NS;

/// `/loki/api/v1/query`
pub(super) async fn instant(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, LokiError> {
    let at_ns = times::time_or(&params, "time", now_ns(&app))?;
    times::line_limit(&params)?;
    times::direction(&params)?;
    let expr = expression(&params)?;
    if matches!(expr, Expr::Log(_)) {
        return Err(LokiError::bad_request(
            "log queries are not supported as an instant query type, please change your query to a range query type",
        ));
    }
    let question = move |store: &dyn LogRead, options: &Options| logql::instant(&expr, store, at_ns, options);
    let (answer, took) = ask(&app, params.tenant(), question).await?;
    Ok(respond(answer, took, Direction::Backward, &headers))
}

/// `/loki/api/v1/query_range`
pub(super) async fn range(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, LokiError> {
    let bounds = times::bounds(&params, now_ns(&app), SINCE_DEFAULT_NS)?;
    let step_ns = times::step(&params, bounds)?;
    let limit = times::line_limit(&params)?;
    let direction = times::direction(&params)?;
    let interval_ns = times::interval(&params)?;
    let expr = expression(&params)?;
    let question = move |store: &dyn LogRead, options: &Options| match &expr {
        Expr::Log(log) if interval_ns > 0 => {
            spaced_lines(log, store, bounds, (direction, limit, interval_ns), options)
        }
        Expr::Log(log) => {
            let range = (bounds.from_ns, bounds.to_ns);
            logql::lines(log, store, range, direction, limit, options)
        }
        expr => logql::range(expr, store, (bounds.from_ns, bounds.to_ns), step_ns, options),
    };
    let (answer, took) = ask(&app, params.tenant(), question).await?;
    Ok(respond(answer, took, direction, &headers))
}

/// `/loki/api/v1/format_query`
pub(super) async fn format(params: Params) -> Result<Response, LokiError> {
    Ok(Success::response(expression(&params)?.pretty()))
}

pub(super) fn now_ns(app: &App) -> i64 {
    app.deps.clock.now_ms().saturating_mul(1_000_000)
}

fn respond(answer: Answer, took: Took, direction: Direction, headers: &HeaderMap) -> Response {
    let body = AnswerBody::new(answer, took, direction, Categories::of(headers));
    json_bytes(StatusCode::OK, body.into_body())
}

/// Lines that are at least an interval apart, all streams together: after each that is kept, reading goes on where the next may be.
fn spaced_lines(
    log: &LogExpr,
    store: &dyn LogRead,
    bounds: Bounds,
    (direction, limit, interval_ns): (Direction, usize, i64),
    options: &Options,
) -> Result<Answer, EvalError> {
    let Bounds {
        mut from_ns,
        mut to_ns,
    } = bounds;
    let mut statistics = Statistics::default();
    let mut kept: Vec<LogStream> = Vec::new();
    let (mut count, mut kept_bytes) = (0, 0);
    while count < limit && from_ns < to_ns {
        let page = logql::lines(
            log,
            store,
            (from_ns, to_ns),
            direction,
            LOKI_INTERVAL_PAGE_LINES,
            &rest_of(options, &statistics, kept_bytes),
        )?;
        add(&mut statistics, &page.statistics);
        let Value::Streams(streams) = page.value else {
            break;
        };
        let lines = in_order(&streams, direction);
        let is_last_page = lines.len() < LOKI_INTERVAL_PAGE_LINES;
        let mut next_ns = None;
        for (at_ns, stream, place) in lines {
            let is_near = next_ns.is_some_and(|next_ns| match direction {
                Direction::Forward => at_ns < next_ns,
                Direction::Backward => at_ns > next_ns,
            });
            if is_near || count == limit {
                continue;
            }
            count += 1;
            next_ns = Some(match direction {
                Direction::Forward => at_ns.saturating_add(interval_ns),
                Direction::Backward => at_ns.saturating_sub(interval_ns),
            });
            if let Some(found) = streams.get(stream)
                && let Some(line) = found.lines.get(place)
            {
                kept_bytes += line.line.len() + size_of::<logql::LogLine>();
                keep(&mut kept, found, line.clone());
            }
        }
        match (next_ns, direction) {
            (None, _) => break,
            _ if is_last_page => break,
            (Some(next_ns), Direction::Forward) => from_ns = next_ns,
            (Some(next_ns), Direction::Backward) => to_ns = next_ns.saturating_add(1),
        }
    }
    let value = Value::Streams(kept);
    Ok(Answer { value, statistics })
}

/// The lines of all streams by time: when, of which stream, and which of its lines.
fn in_order(streams: &[LogStream], direction: Direction) -> Vec<(i64, usize, usize)> {
    let mut lines: Vec<(i64, usize, usize)> = Vec::new();
    for (stream, found) in streams.iter().enumerate() {
        let places = (0_usize..).zip(&found.lines);
        lines.extend(places.map(|(place, line)| (line.at_ns, stream, place)));
    }
    lines.sort_unstable();
    if direction == Direction::Backward {
        lines.reverse();
    }
    lines
}

/// What the pages before have left.
fn rest_of(options: &Options, spent: &Statistics, kept_bytes: usize) -> Options {
    let read_bytes_max = options.read_bytes_max;
    Options {
        memory_max: options.memory_max.saturating_sub(kept_bytes),
        read_bytes_max: read_bytes_max.map(|max| max.saturating_sub(spent.file_bytes_read)),
        ..options.clone()
    }
}

fn keep(kept: &mut Vec<LogStream>, of: &LogStream, line: logql::LogLine) {
    let same = |known: &&mut LogStream| {
        known.stream == of.stream && known.metadata == of.metadata && known.parsed == of.parsed
    };
    if let Some(known) = kept.iter_mut().find(same) {
        known.lines.push(line);
    } else {
        kept.push(LogStream {
            lines: vec![line],
            stream: of.stream.clone(),
            metadata: of.metadata.clone(),
            parsed: of.parsed.clone(),
        });
    }
}

fn add(all: &mut Statistics, more: &Statistics) {
    all.searched += more.searched;
    all.file_bytes_read += more.file_bytes_read;
    all.lines_read += more.lines_read;
    all.bytes_read += more.bytes_read;
    all.lines_kept += more.lines_kept;
    all.memory_max = all.memory_max.max(more.memory_max);
}
