//! How much there is: streams, lines and bytes of a selector, and volumes by label.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use logql::EvalError;
use model::{LogRead, ReadError, StreamExtent, StreamSelection};
use serde_json::{Value, json};

use super::answer::{LokiError, Success};
use super::ask::ask_answer;
use super::streams::{query_selector, selection};
use super::times::{self, Bounds};
use crate::app::App;
use crate::limits::{LOKI_LINES_DEFAULT, LOKI_VOLUME_SERIES_MAX, LOKI_VOLUME_STEPS_MAX};
use crate::params::Params;
use crate::prometheus::answer::json_response;

/// `/loki/api/v1/index/stats`
pub(super) async fn stats(State(app): State<Arc<App>>, params: Params) -> Result<Response, LokiError> {
    let selection = selection(&app, &params, query_selector(&params)?)?;
    let question =
        move |store: &dyn LogRead, _: &logql::Options| store.streams(&selection).map_err(EvalError::Storage);
    let streams = ask_answer(&app, params.tenant(), question).await?;
    let sum = |of: fn(&StreamExtent) -> u64| streams.iter().map(of).sum::<u64>();
    let body = json!({
        "streams": streams.len(),
        "chunks": sum(|stream| stream.pieces),
        "bytes": sum(|stream| stream.bytes),
        "entries": sum(|stream| stream.lines),
    });
    Ok(json_response(StatusCode::OK, &body))
}

/// `/loki/api/v1/index/volume`
pub(super) async fn volume(State(app): State<Arc<App>>, params: Params) -> Result<Response, LokiError> {
    let by = By::read(&params)?;
    let limit = limit(&params)?;
    let selection = selection(&app, &params, query_selector(&params)?)?;
    let to_ns = selection.to_ns;
    let question = move |store: &dyn LogRead, _: &logql::Options| {
        by.volumes(store, &selection).map_err(EvalError::Storage)
    };
    let volumes = ask_answer(&app, params.tenant(), question).await?;
    let mut volumes: Vec<(Labels, u64)> = volumes.into_iter().collect();
    volumes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    volumes.truncate(limit);
    let elements = volumes.into_iter().map(
        |(labels, bytes)| json!({"metric": metric(labels), "value": [seconds(to_ns), bytes.to_string()]}),
    );
    let result: Vec<Value> = elements.collect();
    Ok(Success::response(
        json!({"resultType": "vector", "result": result}),
    ))
}

/// `/loki/api/v1/index/volume_range`
pub(super) async fn volume_range(State(app): State<Arc<App>>, params: Params) -> Result<Response, LokiError> {
    let by = By::read(&params)?;
    let limit = limit(&params)?;
    let selection = selection(&app, &params, query_selector(&params)?)?;
    let (from_ns, to_ns) = (selection.from_ns, selection.to_ns);
    let step_ns = times::step(&params, Bounds { from_ns, to_ns })?;
    if to_ns.saturating_sub(from_ns) / step_ns > LOKI_VOLUME_STEPS_MAX {
        return Err(LokiError::bad_request(format!(
            "exceeded maximum resolution of {LOKI_VOLUME_STEPS_MAX} steps. Try increasing the value of the step parameter"
        )));
    }
    let question = move |store: &dyn LogRead, options: &logql::Options| {
        let mut series: BTreeMap<Labels, Vec<(i64, u64)>> = BTreeMap::new();
        let mut start_ns = from_ns;
        while start_ns < to_ns {
            check(options)?;
            let end_ns = start_ns.saturating_add(step_ns).min(to_ns);
            let step = StreamSelection {
                from_ns: start_ns,
                to_ns: end_ns,
                ..selection.clone()
            };
            let volumes = by.volumes(store, &step).map_err(EvalError::Storage)?;
            for (labels, bytes) in volumes.into_iter().filter(|(_, bytes)| *bytes > 0) {
                series.entry(labels).or_default().push((start_ns, bytes));
            }
            start_ns = end_ns;
        }
        Ok(series)
    };
    let series = ask_answer(&app, params.tenant(), question).await?;
    let all = |steps: &[(i64, u64)]| steps.iter().map(|(_, bytes)| bytes).sum::<u64>();
    let mut series: Vec<(Labels, Vec<(i64, u64)>)> = series.into_iter().collect();
    series.sort_by(|a, b| all(&b.1).cmp(&all(&a.1)).then_with(|| a.0.cmp(&b.0)));
    series.truncate(limit);
    let result: Vec<Value> = series
        .into_iter()
        .map(|(labels, steps)| {
            let values: Vec<Value> = steps
                .iter()
                .map(|(at_ns, bytes)| json!([seconds(*at_ns), bytes.to_string()]))
                .collect();
            json!({"metric": metric(labels), "values": values})
        })
        .collect();
    Ok(Success::response(
        json!({"resultType": "matrix", "result": result}),
    ))
}

/// Names and values that volumes are added up by.
type Labels = Vec<(String, String)>;

/// What volumes are added up by.
#[derive(Debug)]
struct By {
    /// Every label for itself, rather than every set of labels.
    label_names: bool,
    /// Only these labels; all where there is none.
    targets: Vec<String>,
}

impl By {
    fn read(params: &Params) -> Result<Self, LokiError> {
        let label_names = match params.get("aggregateBy") {
            "" | "series" => false,
            "labels" => true,
            other => {
                return Err(LokiError::bad_request(format!(
                    "invalid aggregateBy {other:?}; write series or labels"
                )));
            }
        };
        let named = params.get("targetLabels").split(',').map(str::trim);
        let mut targets: Vec<String> = named.filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if targets.is_empty() && !label_names {
            // Sets of labels are those that the selector names, as with Loki.
            let selectors = query_selector(params)?;
            let named = selectors
                .iter()
                .flatten()
                .map(|matcher| matcher.name().to_owned());
            targets = named.collect();
        }
        Ok(Self { label_names, targets })
    }

    fn volumes(
        &self,
        store: &dyn LogRead,
        selection: &StreamSelection,
    ) -> Result<BTreeMap<Labels, u64>, ReadError> {
        let mut volumes: BTreeMap<Labels, u64> = BTreeMap::new();
        for stream in store.streams(selection)? {
            let labels = stream.labels.iter();
            let wanted = labels.filter(|(name, _)| {
                self.targets.is_empty() || self.targets.iter().any(|target| target == name)
            });
            if self.label_names {
                for (name, _) in wanted {
                    *volumes.entry(vec![(name.to_owned(), String::new())]).or_default() += stream.bytes;
                }
            } else {
                let set: Labels = wanted
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect();
                if !set.is_empty() {
                    *volumes.entry(set).or_default() += stream.bytes;
                }
            }
        }
        Ok(volumes)
    }
}

/// Whether the question is still worth an answer.
pub(crate) fn check(options: &logql::Options) -> Result<(), EvalError> {
    use std::sync::atomic::Ordering;
    if options
        .deadline
        .is_some_and(|deadline| std::time::Instant::now() >= deadline)
    {
        return Err(EvalError::Timeout);
    }
    match &options.cancel {
        Some(cancel) if cancel.load(Ordering::Relaxed) => Err(EvalError::Cancelled),
        _ => Ok(()),
    }
}

fn limit(params: &Params) -> Result<usize, LokiError> {
    Ok(times::count(params, "limit", LOKI_LINES_DEFAULT)?.min(LOKI_VOLUME_SERIES_MAX))
}

fn metric(labels: Labels) -> serde_json::Map<String, Value> {
    let pairs = labels.into_iter();
    pairs.map(|(name, value)| (name, Value::String(value))).collect()
}

fn seconds(at_ns: i64) -> f64 {
    at_ns.div_euclid(1_000_000) as f64 / 1000.0
}
