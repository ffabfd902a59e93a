//! The processes of this machine that use most.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::ui_api::answer::json;

/// `GET /api/ui/processes`; empty where this machine is not watched.
pub(crate) async fn processes(State(app): State<Arc<App>>) -> Response {
    let table = app
        .deps
        .host
        .as_ref()
        .map(|host| host.processes())
        .unwrap_or_default();
    json(&table)
}
