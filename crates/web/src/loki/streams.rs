//! Which streams there are: series, label names, label values.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use logql::EvalError;
use model::{LogRead, Matcher, StreamSelection};
use serde_json::Value;

use super::answer::{LokiError, Success};
use super::ask::ask_answer;
use super::query::now_ns;
use super::times::{self, Bounds, SECOND_NS};
use crate::app::App;
use crate::json::LabelsJson;
use crate::params::Params;

/// The time before now that a question about labels is about where it does not say, as with Loki.
const SINCE_DEFAULT_NS: i64 = 6 * 3600 * SECOND_NS;

/// `/loki/api/v1/labels`
pub(super) async fn label_names(State(app): State<Arc<App>>, params: Params) -> Result<Response, LokiError> {
    let selection = selection(&app, &params, query_selector(&params)?)?;
    let question = move |store: &dyn LogRead, _: &logql::Options| {
        store.label_names(&selection).map_err(EvalError::Storage)
    };
    let names = ask_answer(&app, params.tenant(), question).await?;
    Ok(Success::response(names))
}

/// `/loki/api/v1/label/{name}/values`
pub(super) async fn label_values(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, LokiError> {
    let selection = selection(&app, &params, query_selector(&params)?)?;
    let question = move |store: &dyn LogRead, _: &logql::Options| {
        let values = store.label_values(&selection, &name);
        values.map_err(EvalError::Storage)
    };
    let values = ask_answer(&app, params.tenant(), question).await?;
    Ok(Success::response(values))
}

/// `/loki/api/v1/series`
pub(super) async fn series(State(app): State<Arc<App>>, params: Params) -> Result<Response, LokiError> {
    let mut any_of = Vec::new();
    for text in params.all("match[]").chain(params.all("match")) {
        // Grafana sends `{}` for all streams.
        if is_everything(text) {
            any_of.clear();
            break;
        }
        any_of.push(logql::parse_selector(text)?);
    }
    let selection = selection(&app, &params, any_of)?;
    let question = move |store: &dyn LogRead, _: &logql::Options| {
        let streams = store.streams(&selection).map_err(EvalError::Storage)?;
        let sets: Vec<Value> = streams
            .iter()
            .filter_map(|stream| serde_json::to_value(LabelsJson(&stream.labels)).ok())
            .collect();
        Ok(sets)
    };
    let sets = ask_answer(&app, params.tenant(), question).await?;
    Ok(Success::response(sets))
}

/// The streams that a request is about.
pub(super) fn selection(
    app: &App,
    params: &Params,
    any_of: Vec<Vec<Matcher>>,
) -> Result<StreamSelection, LokiError> {
    let Bounds { from_ns, to_ns } = times::bounds(params, now_ns(app), SINCE_DEFAULT_NS)?;
    Ok(StreamSelection {
        tenant: params.tenant(),
        any_of,
        from_ns,
        to_ns,
        budget: None,
    })
}

/// The selector of the parameter `query`; everything where it is absent or `{}`.
pub(super) fn query_selector(params: &Params) -> Result<Vec<Vec<Matcher>>, LokiError> {
    let text = params.get("query");
    if is_everything(text) {
        return Ok(Vec::new());
    }
    Ok(vec![logql::parse_selector(text)?])
}

fn is_everything(text: &str) -> bool {
    let bare = text.trim();
    bare.is_empty()
        || bare
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
            .is_some_and(|inner| inner.trim().is_empty())
}
