//! Queries: at one moment, over a range, and the expression printed in its canonical form.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::tier_name;
use promql::explain::{Explained, Read};
use promql::{Answer, Expr, Value, ValueType};
use serde::Serialize;

use crate::answer_cache::Asked;
use crate::app::App;
use crate::json::write_member;
use crate::limits::POINTS_PER_SERIES_MAX;
use crate::params::{Params, duration_from_ms, parse_duration_ms};
use crate::prometheus::answer::{ApiError, Success, json_bytes};
use crate::prometheus::result_body::ResultBody;
use crate::workers::Task;

/// `/api/v1/query`
pub(crate) async fn instant(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let at_ms = params.time_or("time", app.deps.clock.now_ms())?;
    let terms = Terms::read(&app, &params)?;
    let expr = read_query(&app, &params)?;
    let reader = app.reader_of(params.tenant());
    let evaluate =
        move |options: &promql::Options| Ok((promql::instant(&expr, &*reader, at_ms, options)?, 0));
    answer(&app, terms, limit, evaluate).await
}

/// `/api/v1/query_range`
pub(crate) async fn range(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let (from_ms, to_ms, step_ms) = grid(&params)?;
    let terms = Terms::read(&app, &params)?;
    let expr = read_query(&app, &params)?;
    if !matches!(expr.value_type(), ValueType::Scalar | ValueType::Vector) {
        return Err(ApiError::bad_data(format!(
            "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
            expr.value_type().as_str()
        )));
    }
    let reader = app.reader_of(params.tenant());
    let (evaluating, tenant) = (Arc::clone(&app), params.tenant());
    let evaluate = move |options: &promql::Options| {
        let asked = Asked {
            tenant,
            expr: &expr,
            from_ms,
            to_ms,
            step_ms,
        };
        if terms.anew {
            Ok((asked.compute(from_ms, &*reader, options)?, 0))
        } else {
            evaluating.range(asked, &*reader, options)
        }
    };
    answer(&app, terms, limit, evaluate).await
}

/// `/api/v1/format_query`
pub(crate) async fn format(State(app): State<Arc<App>>, params: Params) -> Result<Success<String>, ApiError> {
    Ok(Success::of(read_query(&app, &params)?.pretty()))
}

/// What a request says about how to evaluate.
#[derive(Debug, Clone, Copy)]
struct Terms {
    timeout: Duration,
    lookback_ms: i64,
    with_statistics: bool,
    /// With `stats=all` also what became of every part of the query.
    explain: bool,
    /// Nothing that was computed before is to be used (`nocache=1`, as VictoriaMetrics has it).
    anew: bool,
}

impl Terms {
    fn read(app: &App, params: &Params) -> Result<Self, ApiError> {
        let config = &app.config;
        let asked = params.duration_ms_if_given("timeout")?.map(duration_from_ms);
        let lookback_ms = match params.get("lookback_delta") {
            "" => config.query_lookback.as_millis_i64(),
            text => parse_duration_ms(text).map_err(|reason| {
                ApiError::bad_data(format!("error parsing lookback delta duration: {reason}"))
            })?,
        };
        let default_if_not_positive = |asked: i64| {
            if asked > 0 {
                asked
            } else {
                config.query_lookback.as_millis_i64()
            }
        };
        Ok(Self {
            timeout: asked.map_or(config.query_timeout.0, |asked| asked.min(config.query_timeout.0)),
            lookback_ms: default_if_not_positive(lookback_ms),
            with_statistics: !params.get("stats").is_empty(),
            explain: params.get("stats") == "all",
            anew: !matches!(params.get("nocache"), "" | "0" | "false"),
        })
    }
}

/// The expression of a request.
pub(super) fn read_query(app: &App, params: &Params) -> Result<Expr, ApiError> {
    app.parse(params.get("query"))
        .map_err(|error| ApiError::bad_parameter("query", error))
}

/// Start, end and step of a range query, within Prometheus' limit of points.
fn grid(params: &Params) -> Result<(i64, i64, i64), ApiError> {
    let from_ms = params.time("start")?;
    let to_ms = params.time("end")?;
    if to_ms < from_ms {
        return Err(ApiError::bad_parameter(
            "end",
            "end timestamp must not be before start time",
        ));
    }
    let step_ms = params.duration_ms("step")?;
    if step_ms <= 0 {
        return Err(ApiError::bad_parameter(
            "step",
            "zero or negative query resolution step widths are not accepted. Try a positive integer",
        ));
    }
    if (to_ms - from_ms) / step_ms > POINTS_PER_SERIES_MAX {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. \
             Try decreasing the query resolution (?step=XX)"
                .to_owned(),
        ));
    }
    Ok((from_ms, to_ms, step_ms))
}

/// Evaluates on a worker and starts the body.
async fn answer(
    app: &Arc<App>,
    terms: Terms,
    limit: Option<usize>,
    evaluate: impl Fn(&promql::Options) -> Result<(Answer, u64), promql::EvalError> + Send + 'static,
) -> Result<Response, ApiError> {
    let worker_app = Arc::clone(app);
    let work = move |task: &Task| {
        let started = Instant::now();
        let options = promql::Options {
            lookback_ms: terms.lookback_ms,
            explain: terms.explain,
            ..worker_app.query_options(task)
        };
        let answer = match evaluate(&options) {
            Err(promql::EvalError::Timeout) if task.is_tried => return None,
            answer => answer,
        };
        let timings = Timings::new(task.queued, started.elapsed());
        let written =
            |(answer, reused)| body(answer, limit, terms.with_statistics.then_some((timings, reused)));
        Some(answer.map(written))
    };
    let result: Result<Body, promql::EvalError> = app.workers.run_here_first(terms.timeout, work).await?;
    let body = result.map_err(|error| {
        let error = ApiError::from(error);
        app.deps.telemetry.count_query_failure(error.kind());
        error
    })?;
    Ok(json_bytes(StatusCode::OK, body))
}

/// The beginning of what is sent, and how the rest is made.
fn body(mut answer: Answer, limit: Option<usize>, statistics: Option<(Timings, u64)>) -> Body {
    if truncate(&mut answer.value, limit) {
        answer
            .annotations
            .warnings
            .insert("results truncated due to limit".to_owned());
    }
    let tail = tail(&answer, statistics);
    ResultBody::new(answer.value, tail).into_body()
}

fn truncate(value: &mut Value, limit: Option<usize>) -> bool {
    let Some(limit) = limit else { return false };
    match value {
        Value::Vector(samples) if samples.len() > limit => samples.truncate(limit),
        Value::Matrix(series) if series.len() > limit => series.truncate(limit),
        _ => return false,
    }
    true
}

/// How long the parts of a query took, in seconds, under Prometheus' names.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are Prometheus'")]
pub(super) struct Timings {
    eval_total_time: f64,
    result_sort_time: f64,
    query_preparation_time: f64,
    inner_eval_time: f64,
    exec_queue_time: f64,
    exec_total_time: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatisticsJson {
    timings: Timings,
    samples: SamplesJson,
    /// The coarsest tier that was read: `raw`, or how much time a rollup covers.
    tier: String,
    /// Steps that were not computed anew, because nothing changed that they depend on.
    reused_steps: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<PartJson>,
}

/// A part of a query: what it is, how long it took with its own parts, what it read itself.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PartJson {
    part: String,
    seconds: f64,
    series: u64,
    computed: u64,
    reused: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<ReadJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartJson>,
}

#[derive(Debug, Serialize)]
struct ReadJson {
    tier: String,
    series: u64,
    samples: u64,
    chunks: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SamplesJson {
    total_queryable_samples: u64,
    peak_samples: u64,
}

impl PartJson {
    fn new(explained: &Explained) -> Self {
        let read = explained.read;
        Self {
            part: explained.part.clone(),
            seconds: explained.took.as_secs_f64(),
            series: explained.series,
            computed: explained.computed,
            reused: explained.reused,
            read: (read != Read::default()).then(|| ReadJson {
                tier: tier_name(read.resolution_ms),
                series: read.series,
                samples: read.samples,
                chunks: read.chunks,
                bytes: read.bytes,
            }),
            parts: explained.parts.iter().map(Self::new).collect(),
        }
    }
}

impl Timings {
    /// The engine sorts and prepares inside of its evaluation, so these shares are not told apart.
    fn new(queued: Duration, evaluated: Duration) -> Self {
        Self {
            eval_total_time: evaluated.as_secs_f64(),
            result_sort_time: 0.0,
            query_preparation_time: 0.0,
            inner_eval_time: evaluated.as_secs_f64(),
            exec_queue_time: queued.as_secs_f64(),
            exec_total_time: (queued + evaluated).as_secs_f64(),
        }
    }
}

/// What follows the result: statistics, the end of `data`, annotations, the end.
pub(super) fn tail(answer: &Answer, statistics: Option<(Timings, u64)>) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some((timings, reused_steps)) = statistics {
        let statistics = StatisticsJson {
            timings,
            samples: SamplesJson {
                total_queryable_samples: answer.statistics.samples_read,
                peak_samples: answer.statistics.samples_held_max,
            },
            tier: tier_name(answer.statistics.resolution_ms_max),
            reused_steps,
            plan: answer.explained.as_ref().map(PartJson::new),
        };
        write_member(&mut out, "stats", &statistics);
    }
    out.push(b'}');
    for (name, texts) in [
        ("warnings", &answer.annotations.warnings),
        ("infos", &answer.annotations.infos),
    ] {
        if !texts.is_empty() {
            write_member(&mut out, name, texts);
        }
    }
    out.push(b'}');
    out
}
