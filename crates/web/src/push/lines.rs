//! `POST /api/logs/lines`: a text whose lines are log lines, for whoever has no client but `curl`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::StatusCode;
use ingest::LogOutcome;
use url::form_urlencoded;

use super::{PushRefusal, on_logs_worker, receive};
use crate::app::App;

/// The path.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/logs/lines", post(lines))
}

/// Takes in a text. The parameters of the address are the labels of the stream. 204: all of it; 400: what was refused is told, the rest is
/// stored; 429 and 5xx: nothing was taken, try again.
async fn lines(State(app): State<Arc<App>>, request: Request) -> Response {
    match take(&app, request).await {
        Ok(outcome) => match outcome.complaint() {
            None => StatusCode::NO_CONTENT.into_response(),
            Some(complaint) => (StatusCode::BAD_REQUEST, format!("{complaint}\n")).into_response(),
        },
        Err(refusal) => refusal.into_response(),
    }
}

async fn take(app: &Arc<App>, request: Request) -> Result<LogOutcome, PushRefusal> {
    let query = request.uri().query().unwrap_or_default();
    let labels: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let received = receive(app, request).await?;
    on_logs_worker(app, received.tenant, move |logs, origin| {
        logs.text_lines(&received.body, received.encoding, &labels, origin)
    })
    .await
}
