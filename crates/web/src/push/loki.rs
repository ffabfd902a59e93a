//! `POST /loki/api/v1/push`: lines as Loki's clients send them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{StatusCode, header};
use ingest::LogOutcome;
use ingest::push::loki::Format;

use super::{PushRefusal, on_logs_worker, receive};
use crate::app::App;

/// The path.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/loki/api/v1/push", post(push))
}

/// Takes in a request. 204: all of it; 400: what was refused is told, and must not be sent again; 429 and 5xx: nothing was taken, try
/// again.
async fn push(State(app): State<Arc<App>>, request: Request) -> Response {
    match take(&app, request).await {
        Ok(outcome) => match outcome.complaint() {
            None => StatusCode::NO_CONTENT.into_response(),
            Some(complaint) => (StatusCode::BAD_REQUEST, format!("{complaint}\n")).into_response(),
        },
        Err(refusal) => refusal.into_response(),
    }
}

async fn take(app: &Arc<App>, request: Request) -> Result<LogOutcome, PushRefusal> {
    let received = receive(app, request).await?;
    let named = received.headers.get(header::CONTENT_TYPE);
    let named = named.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = Format::of_content_type(named);
    on_logs_worker(app, received.tenant, move |logs, origin| {
        logs.loki_push(&received.body, received.encoding, format, origin)
    })
    .await
}
