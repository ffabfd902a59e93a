//! `/api/v1/admin/tsdb`: deleting, cleaning up after it, copying. Off unless the configuration says otherwise.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use crate::app::App;
use crate::params::Params;
use crate::prometheus::answer::{ApiError, Success};
use crate::prometheus::selectors::selectors;
use crate::prometheus::series::range;

#[derive(Debug, Serialize)]
struct Snapshot {
    name: String,
}

/// `/api/v1/admin/tsdb/delete_series`
pub(crate) async fn delete_series(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    only_when_on(&app)?;
    let any_of = selectors(&params, "match[]")?;
    if any_of.is_empty() {
        return Err(ApiError::bad_data("no match[] parameter provided".to_owned()));
    }
    let deleted = app.deps.control.delete_series(any_of, range(&params)?).await;
    deleted.map_err(ApiError::internal)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `/api/v1/admin/tsdb/clean_tombstones`
pub(crate) async fn clean_tombstones(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    only_when_on(&app)?;
    let cleaned = app.deps.control.clean_tombstones().await;
    cleaned.map_err(ApiError::internal)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `/api/v1/admin/tsdb/snapshot`; what is in memory is part of it, whatever `skip_head` says.
pub(crate) async fn snapshot(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    only_when_on(&app)?;
    let name = app.deps.control.snapshot().await.map_err(ApiError::internal)?;
    Ok(Success::of(Snapshot { name }).into_response())
}

fn only_when_on(app: &App) -> Result<(), ApiError> {
    if app.config.admin_api {
        Ok(())
    } else {
        Err(ApiError::unavailable(
            "admin APIs disabled; set server.admin_api to true".to_owned(),
        ))
    }
}
