//! The operators' endpoints: the process' own metrics, health, readiness, reload.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::app::App;
use crate::text_exposition::{Format, to_text_format};

const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// `/metrics`: OpenMetrics to those who ask for it, the older text format to all others.
pub(crate) async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let mut body = String::new();
    let encoded = prometheus_client::encoding::text::encode(&mut body, &app.deps.registry.lock());
    if let Err(error) = encoded {
        tracing::error!(%error, "own metrics cannot be encoded");
        return plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics cannot be encoded\n".to_owned(),
        );
    }
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let format = Format::negotiate(accept);
    let body = match format {
        Format::OpenMetrics => body,
        Format::Text => to_text_format(&body),
    };
    let mut response = body.into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(format.content_type()),
    );
    response
}

/// `/-/healthy`: the process answers.
pub(crate) async fn healthy() -> Response {
    plain(StatusCode::OK, "Watchkeeper is healthy.\n".to_owned())
}

/// `/-/ready`: everything is loaded, answers are complete.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.deps.control.is_ready() {
        plain(StatusCode::OK, "Watchkeeper is ready.\n".to_owned())
    } else {
        plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "Watchkeeper is starting.\n".to_owned(),
        )
    }
}

/// `/-/reload`: reads the configuration again; a refused one leaves the old one running.
pub(crate) async fn reload(State(app): State<Arc<App>>) -> Response {
    match app.deps.control.reload().await {
        Ok(()) => plain(StatusCode::OK, String::new()),
        Err(reason) => plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("failed to reload config: {reason}\n"),
        ),
    }
}

/// `/-/flush`: everything that was acknowledged is in its final form on disk, and compaction has settled, when this answers.
pub(crate) async fn flush(State(app): State<Arc<App>>) -> Response {
    match app.deps.control.flush().await {
        Ok(()) => plain(StatusCode::OK, String::new()),
        Err(reason) => plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("failed to flush: {reason}\n"),
        ),
    }
}

/// `/-/quit`: never over HTTP; Prometheus answers the same while its lifecycle API is off.
pub(crate) async fn quit_is_off() -> Response {
    plain(
        StatusCode::FORBIDDEN,
        "Stopping over HTTP is off; send the process SIGTERM.\n".to_owned(),
    )
}

fn plain(status: StatusCode, body: String) -> Response {
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, PLAIN_TEXT);
    response
}
