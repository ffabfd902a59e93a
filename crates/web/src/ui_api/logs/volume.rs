//! How many lines there are, by level and span of time; or the numbers of an expression that makes numbers.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use logql::ast::{Aggregation, Grouping, LogExpr, LogRange, Metric, RangeAggregation, RangeOp, VectorOp};
use logql::{Answer, EvalError, Expr, LabelSet, MatrixSeries, Options, Value};
use model::{LogBatch, LogFlow, LogRead, LogSelection, ReadError, StreamExtent, StreamSelection};
use serde::Deserialize;

use super::buckets::Buckets;
use super::{Bounds, NS_PER_MS, ask, countable, read};
use crate::app::App;
use crate::json::{write_integer, write_number_or_null};
use crate::limits::{PAGE_BUCKETS_DEFAULT, PAGE_BUCKETS_MAX, PAGE_SERIES_PER_QUERY_MAX};
use crate::loki::body::write_label_set;
use crate::prometheus::answer::json_bytes;
use crate::ui_api::answer::UiError;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VolumeRequest {
    from_ms: i64,
    to_ms: i64,
    query: String,
    max_points: Option<i64>,
}

/// `POST /api/ui/logs/volume`
pub(super) async fn volume(State(app): State<Arc<App>>, request: Request) -> Result<Response, UiError> {
    let (tenant, asked) = read::<VolumeRequest>(&app, request).await?;
    let bounds = Bounds::of_ms(asked.from_ms, asked.to_ms)?;
    let points_max = asked.max_points.unwrap_or(PAGE_BUCKETS_DEFAULT);
    let buckets = Buckets::over(bounds, points_max.clamp(2, PAGE_BUCKETS_MAX));
    let expr = logql::parse_browsing(&asked.query)?;
    let question = move |store: &dyn LogRead, options: &Options| {
        let started = std::time::Instant::now();
        let answer = match &expr {
            Expr::Log(log) => by_level(log, store, bounds, buckets, options)?,
            numbers => {
                let range = (buckets.first_end_ns() + 1, buckets.last_end_ns() + 1);
                logql::range(numbers, store, range, buckets.step_ms * NS_PER_MS, options)?
            }
        };
        let is_lines = matches!(expr, Expr::Log(_));
        Ok(written(
            answer,
            is_lines,
            buckets,
            started.elapsed().as_millis() as i64,
        ))
    };
    let (body, _) = ask(&app, tenant, question).await?;
    Ok(json_bytes(StatusCode::OK, body.into()))
}

/// The labels that tell a line's level: as it was found out, or as its stream has it where that was not.
const LEVELS: [&str; 2] = ["detected_level", "level"];

fn by_level(
    log: &LogExpr,
    store: &dyn LogRead,
    bounds: Bounds,
    buckets: Buckets,
    options: &Options,
) -> Result<Answer, EvalError> {
    let counts = Metric::Range(Box::new(RangeAggregation {
        op: RangeOp::Count,
        parameter: None,
        range: LogRange {
            log: countable(log.clone()),
            unwrap: None,
            interval_ns: buckets.step_ms * NS_PER_MS,
            offset_ns: 0,
        },
        grouping: None,
    }));
    let sum = Metric::Aggregate(Box::new(Aggregation {
        op: VectorOp::Sum,
        parameter: None,
        inner: counts,
        grouping: Some(Grouping {
            without: false,
            labels: LEVELS.map(str::to_owned).to_vec(),
        }),
    }));
    // A span holds what lies behind the end of the one before, up to its own.
    let range = (buckets.first_end_ns(), buckets.last_end_ns());
    let within = Within { store, bounds };
    logql::range(
        &Expr::Metric(sum),
        &within,
        range,
        buckets.step_ms * NS_PER_MS,
        options,
    )
}

/// The store as it is within a window, though spans at its ends reach beyond it.
#[derive(Debug)]
struct Within<'a> {
    store: &'a dyn LogRead,
    bounds: Bounds,
}

impl LogRead for Within<'_> {
    fn read(
        &self,
        selection: &LogSelection,
        take: &mut dyn FnMut(&LogBatch<'_>) -> LogFlow,
    ) -> Result<(), ReadError> {
        let from_ns = selection.from_ns.max(self.bounds.from_ns);
        let to_ns = selection.to_ns.min(self.bounds.to_ns);
        if from_ns >= to_ns {
            return Ok(());
        }
        let within = LogSelection {
            from_ns,
            to_ns,
            ..selection.clone()
        };
        self.store.read(&within, take)
    }

    fn streams(&self, selection: &StreamSelection) -> Result<Vec<StreamExtent>, ReadError> {
        self.store.streams(selection)
    }
}

fn written(answer: Answer, is_lines: bool, buckets: Buckets, server_ms: i64) -> Vec<u8> {
    let mut series = match answer.value {
        Value::Matrix(series) => series,
        Value::Scalar { .. } | Value::Vector(_) | Value::Streams(_) => Vec::new(),
    };
    if is_lines {
        series = merged(series);
    }
    let all = series.len();
    series.truncate(PAGE_SERIES_PER_QUERY_MAX);
    let mut out = if is_lines {
        b"{\"kind\":\"lines\",".to_vec()
    } else {
        b"{\"kind\":\"numbers\",".to_vec()
    };
    let numbers = [
        ("\"t0_ms\":", buckets.t0_ms),
        ("\"step_ms\":", buckets.step_ms),
        ("\"count\":", buckets.count),
        ("\"server_ms\":", server_ms),
        ("\"series_left_out\":", (all - series.len()) as i64),
        ("\"lines_read\":", answer.statistics.lines_read as i64),
        ("\"bytes_read\":", answer.statistics.bytes_read as i64),
    ];
    for (name, number) in numbers {
        out.extend_from_slice(name.as_bytes());
        write_integer(&mut out, number);
        out.push(b',');
    }
    // Numbers belong to the end of a span, counts to all of it: both are told at its beginning.
    let shift_ns = i64::from(is_lines);
    out.extend_from_slice(b"\"series\":[");
    for (place, one) in series.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_series(&mut out, one, buckets, shift_ns);
    }
    out.extend_from_slice(b"]}");
    out
}

fn write_series(out: &mut Vec<u8>, series: &MatrixSeries, buckets: Buckets, shift_ns: i64) {
    out.extend_from_slice(b"{\"labels\":");
    write_label_set(out, &series.labels);
    out.extend_from_slice(b",\"values\":[");
    let mut samples = series.samples.iter().peekable();
    for place in 0..buckets.count {
        if place > 0 {
            out.push(b',');
        }
        let end_ns = (buckets.t0_ms + (place + 1) * buckets.step_ms) * NS_PER_MS - shift_ns;
        let here = samples.next_if(|(at_ns, _)| *at_ns == end_ns);
        write_number_or_null(out, here.map_or(f64::NAN, |(_, value)| *value));
    }
    out.extend_from_slice(b"]}");
}

/// One series for each level, whichever label told it.
fn merged(series: Vec<MatrixSeries>) -> Vec<MatrixSeries> {
    let mut by_level: std::collections::BTreeMap<String, std::collections::BTreeMap<i64, f64>> =
        std::collections::BTreeMap::new();
    for one in series {
        let told = LEVELS
            .iter()
            .filter_map(|name| one.labels.get(name))
            .find(|level| !level.is_empty());
        let level = told.unwrap_or("unknown").to_lowercase();
        let counts = by_level.entry(level).or_default();
        for (at_ns, count) in one.samples {
            *counts.entry(at_ns).or_default() += count;
        }
    }
    let series = by_level.into_iter().map(|(level, counts)| MatrixSeries {
        labels: LabelSet::from_pairs([("level", level.as_str())]),
        samples: counts.into_iter().collect(),
    });
    series.collect()
}
