//! Many range queries in one request, answered in columns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use model::{SeriesRead, TenantId};
use promql::{EvalError, MatrixSeries, Value, ValueType};
use serde::Deserialize;

use crate::answer_cache::Asked;
use crate::app::App;
use crate::json::{write_integer, write_labels, write_number_or_null, write_text};
use crate::limits::{
    PAGE_POINTS_DEFAULT, PAGE_QUERIES_MAX, PAGE_QUERY_TIMEOUT, PAGE_SERIES_PER_QUERY_MAX, PAGE_STEP_MS_MIN,
};
use crate::params::read_body;
use crate::prometheus::answer::json_bytes;
use crate::ui_api::answer::UiError;
use crate::ui_api::grid::Grid;
use crate::ui_api::interval;
use crate::workers::Task;

/// `POST /api/ui/series`
pub(crate) async fn series(State(app): State<Arc<App>>, request: Request) -> Result<Response, UiError> {
    let started = app.deps.clock.monotonic();
    let body = read_body(request).await?;
    let asked: SeriesRequest = serde_json::from_slice(&body)
        .map_err(|error| UiError::bad_request(error.to_string(), "Send what docs/api/ui.md describes."))?;
    if asked.queries.len() > PAGE_QUERIES_MAX {
        let got = asked.queries.len();
        return Err(UiError::bad_request(
            format!("{got} queries are more than the limit of {PAGE_QUERIES_MAX}"),
            "Send several requests.",
        ));
    }
    let points_max = asked.max_points.unwrap_or(PAGE_POINTS_DEFAULT);
    let grid = Grid::new(asked.from_ms, asked.to_ms, asked.step_ms, points_max)
        .map_err(|reason| UiError::bad_request(reason, "Ask for a shorter window or a larger step."))?;
    let timeout = PAGE_QUERY_TIMEOUT.min(app.config.query_timeout.0);
    let worker_app = Arc::clone(&app);
    let work = move |task: &Task| Evaluation::new(&worker_app, grid, task).answer(&asked.queries, started);
    let body = app.workers.run(timeout, work).await?;
    Ok(json_bytes(StatusCode::OK, body.into()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeriesRequest {
    from_ms: i64,
    to_ms: i64,
    max_points: Option<i64>,
    step_ms: Option<i64>,
    queries: Vec<Query>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    id: String,
    expr: String,
}

/// One request on its worker.
struct Evaluation<'a> {
    app: &'a App,
    reader: &'a dyn SeriesRead,
    grid: Grid,
    task: &'a Task,
}

/// One query's part of the answer.
#[derive(Debug, Default)]
struct Outcome {
    error: Option<String>,
    warnings: Vec<String>,
    series: Vec<MatrixSeries>,
    /// Why this is not the whole answer.
    cut: Option<String>,
}

impl<'a> Evaluation<'a> {
    fn new(app: &'a App, grid: Grid, task: &'a Task) -> Self {
        let reader = &*app.deps.reader;
        Self {
            app,
            reader,
            grid,
            task,
        }
    }

    /// Evaluates query by query, and writes each result before the next is evaluated.
    fn answer(&self, queries: &[Query], started: Duration) -> Vec<u8> {
        let mut results = Vec::new();
        let mut reason = None;
        for (index, query) in queries.iter().enumerate() {
            let outcome = self.evaluate(query);
            if index > 0 {
                results.push(b',');
            }
            self.write_result(&mut results, &query.id, &outcome);
            reason = reason.or(outcome.cut);
        }
        let took = self.app.deps.clock.monotonic().saturating_sub(started);
        self.write_answer(&results, reason.as_deref(), took)
    }

    fn evaluate(&self, query: &Query) -> Outcome {
        if Instant::now() >= self.task.deadline {
            let reason = format!("the time limit of {} s was reached", PAGE_QUERY_TIMEOUT.as_secs());
            return Outcome {
                error: Some(format!("not evaluated: {reason}")),
                cut: Some(reason),
                ..Outcome::default()
            };
        }
        self.range(query).unwrap_or_else(|(error, cut)| Outcome {
            error: Some(error),
            cut,
            ..Outcome::default()
        })
    }

    /// The answer, or an error and whether it cut the answer short.
    fn range(&self, query: &Query) -> Result<Outcome, (String, Option<String>)> {
        let plain = |error: String| (error, None);
        let text = self.fill_in(&query.expr).map_err(plain)?;
        let expr = self.app.parse(&text).map_err(|error| plain(error.to_string()))?;
        if !matches!(expr.value_type(), ValueType::Scalar | ValueType::Vector) {
            return Err(plain(format!(
                "a chart needs numbers over time, not a {}",
                expr.value_type().as_str()
            )));
        }
        if self.grid.count == 0 {
            return Ok(Outcome::default());
        }
        let options = self.app.query_options(self.task);
        let (first_ms, last_ms) = (self.grid.t0_ms, self.grid.last_ms());
        let asked = Asked {
            tenant: TenantId::DEFAULT,
            expr: &expr,
            from_ms: first_ms,
            to_ms: last_ms,
            step_ms: self.grid.step_ms,
        };
        let answer = self.app.range(asked, self.reader, &options);
        let (answer, _) = answer.map_err(|error| self.failure(&error))?;
        let Value::Matrix(mut series) = answer.value else {
            return Err(plain(
                "the engine answered a range with something else".to_owned(),
            ));
        };
        let mut outcome = Outcome {
            warnings: answer
                .annotations
                .warnings
                .into_iter()
                .chain(answer.annotations.infos)
                .collect(),
            ..Outcome::default()
        };
        let all = series.len();
        series.retain(|series| !series.samples.is_empty());
        if series.len() < all {
            let left_out = all - series.len();
            outcome.warnings.push(format!(
                "{left_out} series of native histograms cannot be drawn; ask for histogram_quantile(0.95, ...) or histogram_count(...)"
            ));
        }
        if series.len() > PAGE_SERIES_PER_QUERY_MAX {
            let all = series.len();
            series.truncate(PAGE_SERIES_PER_QUERY_MAX);
            let cut = format!(
                "only {PAGE_SERIES_PER_QUERY_MAX} of {all} series are shown; narrow the query or aggregate"
            );
            outcome.warnings.push(cut.clone());
            outcome.cut = Some(cut);
        }
        outcome.series = series;
        Ok(outcome)
    }

    fn failure(&self, error: &EvalError) -> (String, Option<String>) {
        self.app.deps.telemetry.count_query_failure(error.as_str());
        let text = error.to_string();
        let cut = matches!(error, EvalError::Timeout | EvalError::Cancelled).then(|| text.clone());
        (text, cut)
    }

    /// Fills in `$__interval`. The metrics are known only once the expression reads, so the step stands in first.
    fn fill_in(&self, expr: &str) -> Result<String, String> {
        if !interval::is_asked_for(expr) {
            return Ok(expr.to_owned());
        }
        let with_step = interval::fill_in(expr, self.grid.step_ms, 0);
        let parsed = promql::parse(&with_step).map_err(|error| error.to_string())?;
        let learnt = match parsed.metric_names() {
            Some(names) => {
                let (end_ms, now) = (self.grid.last_ms(), self.app.deps.clock.monotonic());
                self.app
                    .intervals
                    .longest(self.reader, &names, end_ms, now)
                    .map_err(|error| error.to_string())?
            }
            // Any metric may be meant: the slowest target decides.
            None => self.slowest_target_ms(),
        };
        Ok(interval::fill_in(
            expr,
            self.grid.step_ms,
            learnt.unwrap_or(PAGE_STEP_MS_MIN),
        ))
    }

    fn slowest_target_ms(&self) -> Option<i64> {
        let targets = self.app.deps.scraper.targets().active;
        targets
            .iter()
            .map(|target| target.interval.as_millis() as i64)
            .max()
    }

    fn write_answer(&self, results: &[u8], reason: Option<&str>, took: Duration) -> Vec<u8> {
        let mut out = Vec::with_capacity(results.len() + 256);
        let mut number = |name: &str, value: i64| {
            out.extend_from_slice(name.as_bytes());
            write_integer(&mut out, value);
        };
        number("{\"t0_ms\":", self.grid.t0_ms);
        number(",\"step_ms\":", self.grid.step_ms);
        number(",\"count\":", self.grid.count);
        number(",\"server_ms\":", took.as_millis() as i64);
        out.extend_from_slice(if reason.is_some() {
            b",\"partial\":true"
        } else {
            b",\"partial\":false"
        });
        out.extend_from_slice(b",\"reason\":");
        write_text_or_null(&mut out, reason);
        out.extend_from_slice(b",\"results\":[");
        out.extend_from_slice(results);
        out.extend_from_slice(b"]}");
        out
    }

    fn write_result(&self, out: &mut Vec<u8>, id: &str, outcome: &Outcome) {
        out.extend_from_slice(b"{\"id\":");
        write_text(out, id);
        out.extend_from_slice(b",\"error\":");
        write_text_or_null(out, outcome.error.as_deref());
        out.extend_from_slice(b",\"warnings\":[");
        for (index, warning) in outcome.warnings.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_text(out, warning);
        }
        out.extend_from_slice(b"],\"series\":[");
        for (index, series) in outcome.series.iter().enumerate() {
            out.extend_from_slice(if index > 0 {
                b",{\"labels\":"
            } else {
                b"{\"labels\":"
            });
            write_labels(out, &series.labels);
            out.extend_from_slice(b",\"values\":[");
            self.write_column(out, series);
            out.extend_from_slice(b"]}");
        }
        out.extend_from_slice(b"]}");
    }

    /// One entry for each point of the grid; `null` where the series has none.
    fn write_column(&self, out: &mut Vec<u8>, series: &MatrixSeries) {
        let mut samples = series.samples.iter().peekable();
        for index in 0..self.grid.count {
            if index > 0 {
                out.push(b',');
            }
            let at_ms = self.grid.t0_ms + index * self.grid.step_ms;
            let here = samples
                .next_if(|sample| sample.at_ms <= at_ms)
                .filter(|sample| sample.at_ms == at_ms);
            write_number_or_null(out, here.map_or(f64::NAN, |sample| sample.value));
        }
    }
}

fn write_text_or_null(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => write_text(out, text),
        None => out.extend_from_slice(b"null"),
    }
}
