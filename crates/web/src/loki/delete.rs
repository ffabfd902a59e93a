//! `/loki/api/v1/delete`: lines that are to be deleted, in Loki's form.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::{DeleteError, Deletion, LogDelete, NewDeletion};
use serde_json::{Value, json};

use super::answer::LokiError;
use super::query::now_ns;
use super::times;
use crate::app::App;
use crate::params::Params;
use crate::prometheus::answer::json_response;

/// Takes in a request to delete lines.
pub(super) async fn request(State(app): State<Arc<App>>, params: Params) -> Result<Response, LokiError> {
    let now_ns = now_ns(&app);
    let query = params.get("query");
    if query.is_empty() {
        return Err(LokiError::bad_request("query not set"));
    }
    if params.get("start").is_empty() {
        return Err(LokiError::bad_request("start time not set"));
    }
    let from_ns = times::time_or(&params, "start", 0)?;
    let to_ns = times::time_or(&params, "end", now_ns)?;
    // How Loki cuts the work is Loki's own affair; what cannot be meant is a fault all the same.
    times::duration(&params, "max_interval")?;
    if to_ns > now_ns {
        return Err(LokiError::bad_request("deletes in the future are not allowed"));
    }
    if from_ns > to_ns {
        return Err(LokiError::bad_request(
            "start time can't be greater than end time",
        ));
    }
    let wanted = NewDeletion {
        tenant: params.tenant(),
        query: query.to_owned(),
        from_ns,
        to_ns,
    };
    let now_ms = now_ns.div_euclid(1_000_000);
    ask(&app, move |store| store.delete(&wanted, now_ms)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The requests of the tenant.
pub(super) async fn list(State(app): State<Arc<App>>, params: Params) -> Result<Response, LokiError> {
    let tenant = params.tenant();
    let all = ask(&app, move |store| store.deletions(tenant)).await?;
    let all: Vec<Value> = all.iter().map(request_json).collect();
    Ok(json_response(StatusCode::OK, &all))
}

/// Takes a request back.
pub(super) async fn cancel(State(app): State<Arc<App>>, params: Params) -> Result<Response, LokiError> {
    let id = params.get("request_id").to_owned();
    if id.is_empty() {
        return Err(LokiError::bad_request("request_id not set"));
    }
    let (tenant, now_ms) = (params.tenant(), now_ns(&app).div_euclid(1_000_000));
    let wanted = id.clone();
    let was_there = ask(&app, move |store| store.cancel_deletion(tenant, &wanted, now_ms)).await?;
    if was_there {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(LokiError::not_found(format!(
            "could not find delete request with id {id}"
        )))
    }
}

/// Asks the store, which blocks, on a thread for that.
async fn ask<T: Send + 'static>(
    app: &App,
    ask: impl FnOnce(&dyn LogDelete) -> Result<T, DeleteError> + Send + 'static,
) -> Result<T, LokiError> {
    let stores = app.deps.logs.as_ref();
    let store = stores.and_then(|stores| stores.deletions.clone());
    let store = store.ok_or_else(|| LokiError::not_found("this server deletes no lines"))?;
    match tokio::task::spawn_blocking(move || ask(&*store)).await {
        Ok(answer) => answer.map_err(LokiError::from),
        Err(_) => Err(LokiError::unavailable("the server is stopping")),
    }
}

fn request_json(deletion: &Deletion) -> Value {
    let seconds = |at_ns: i64| at_ns.div_euclid(1_000_000) as f64 / 1e3;
    json!({
        "request_id": deletion.id,
        "start_time": seconds(deletion.wanted.from_ns),
        "end_time": seconds(deletion.wanted.to_ns),
        "query": deletion.wanted.query,
        "status": if deletion.finished_ms.is_some() { "processed" } else { "received" },
        "created_at": deletion.created_ms as f64 / 1e3,
    })
}
