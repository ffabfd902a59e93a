//! OTLP metrics over HTTP and gRPC (opentelemetry.io/docs/specs/otlp), one way for both to `ingest::push`.
//!
//! In: `ExportMetricsServiceRequest`s.  Out: the protocol's own answers: which points were left out, or why nothing was taken.
//! Owns: nothing.
//! Invariants: both transports and both encodings are answered alike (`tests/http/otlp.rs`); a refusal that will pass is told
//! with a code that senders repeat (`answer::tests::what_will_pass_is_told_so`).
//! Not here: what the points mean (`ingest::push::otlp`), the sockets (`server`).
//! Start at: [`routes`], [`grpc::routes`].

mod answer;
pub(crate) mod grpc;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode, header};
use ingest::PushError;
use ingest::push::Outcome;
use ingest::push::otlp::Format;

use super::{PushRefusal, RETRY_AFTER, on_worker, receive};
use crate::app::App;
use answer::Failure;

/// The path as the specification has it, and as Prometheus has it.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/metrics", post(metrics))
        .route("/api/v1/otlp/v1/metrics", post(metrics))
}

/// What the port that is only for OTLP answers elsewhere.
pub(crate) async fn nothing_else(request: Request) -> Response {
    let failure = Failure {
        status: StatusCode::NOT_FOUND,
        message: format!(
            "{} is not taken here; metrics go to /v1/metrics",
            request.uri().path()
        ),
    };
    refused(failure, format_of(request.headers()).unwrap_or(Format::Json))
}

/// Takes in a request. 200: taken, all but the points that are told; 400, 413, 415: never send it again; 503: nothing was
/// taken, try again.
async fn metrics(State(app): State<Arc<App>>, request: Request) -> Response {
    let Some(format) = format_of(request.headers()) else {
        let failure = Failure {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            message: "this Content-Type is not taken; send application/x-protobuf or application/json"
                .to_owned(),
        };
        return refused(failure, Format::Json);
    };
    match take(&app, request, format).await {
        Ok(outcome) => (content_type(format), answer::response(&outcome, format)).into_response(),
        Err(failure) => refused(failure, format),
    }
}

async fn take(app: &Arc<App>, request: Request, format: Format) -> Result<Outcome, Failure> {
    let received = receive(app, request).await?;
    let taken = on_worker(app, received.tenant, move |push, origin| {
        Ok(push.otlp_metrics(&received.body, received.encoding, format, origin))
    });
    taken.await?.map_err(Failure::from)
}

fn refused(failure: Failure, format: Format) -> Response {
    let passing = failure.is_passing();
    let body = answer::status(failure.code(), &failure.message, format);
    let mut response = (failure.status, content_type(format), body).into_response();
    if passing {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

fn format_of(headers: &HeaderMap) -> Option<Format> {
    let named = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media_type = named.split(';').next().unwrap_or_default().trim();
    match media_type.to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" => Some(Format::Protobuf),
        "application/json" => Some(Format::Json),
        _ => None,
    }
}

fn content_type(format: Format) -> [(header::HeaderName, &'static str); 1] {
    let media_type = match format {
        Format::Protobuf => "application/x-protobuf",
        Format::Json => "application/json",
    };
    [(header::CONTENT_TYPE, media_type)]
}

impl From<PushRefusal> for Failure {
    fn from(refusal: PushRefusal) -> Self {
        Self {
            status: refusal.status,
            message: refusal.message,
        }
    }
}

impl From<PushError> for Failure {
    fn from(error: PushError) -> Self {
        // Senders of OTLP do not repeat what was answered with 500.
        let is_stores = matches!(error, PushError::Store(_));
        let mut failure = Self::from(PushRefusal::from(error));
        if is_stores {
            failure.status = StatusCode::SERVICE_UNAVAILABLE;
        }
        failure
    }
}
