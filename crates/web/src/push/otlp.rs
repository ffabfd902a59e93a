//! OTLP metrics and logs over HTTP and gRPC (opentelemetry.io/docs/specs/otlp), one way for both to `ingest::push`.
//!
//! In: `ExportMetricsServiceRequest`s and `ExportLogsServiceRequest`s.  Out: the protocol's own answers: what was left out, or why
//! nothing was taken.
//! Owns: nothing.
//! Invariants: both transports and both encodings are answered alike (`tests/http/otlp.rs`); a refusal that will pass is told
//! with a code that senders repeat (`answer::tests::what_will_pass_is_told_so`).
//! Not here: what points and records mean (`ingest::push::otlp`), the sockets (`server`).
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
use ingest::push::Encoding;
use ingest::push::otlp::Format;
use model::TenantId;

use super::{PushRefusal, RETRY_AFTER, on_logs_worker, on_worker, receive};
use crate::app::App;
use answer::{Failure, Partial};

/// What a request holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Metrics,
    Logs,
}

/// The paths as the specification has them, and as Prometheus and Loki have them.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/metrics", post(metrics))
        .route("/api/v1/otlp/v1/metrics", post(metrics))
        .route("/v1/logs", post(logs))
        .route("/otlp/v1/logs", post(logs))
}

/// What the port that is only for OTLP answers elsewhere.
pub(crate) async fn nothing_else(request: Request) -> Response {
    let failure = Failure {
        status: StatusCode::NOT_FOUND,
        message: format!(
            "{} is not taken here; metrics go to /v1/metrics, logs to /v1/logs",
            request.uri().path()
        ),
    };
    refused(failure, format_of(request.headers()).unwrap_or(Format::Json))
}

async fn metrics(State(app): State<Arc<App>>, request: Request) -> Response {
    export(&app, request, Signal::Metrics).await
}

async fn logs(State(app): State<Arc<App>>, request: Request) -> Response {
    export(&app, request, Signal::Logs).await
}

/// Takes in a request. 200: taken, all but what is told; 400, 413, 415: never send it again; 503: nothing was taken, try again.
async fn export(app: &Arc<App>, request: Request, signal: Signal) -> Response {
    let Some(format) = format_of(request.headers()) else {
        let failure = Failure {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            message: "this Content-Type is not taken; send application/x-protobuf or application/json"
                .to_owned(),
        };
        return refused(failure, Format::Json);
    };
    match take(app, request, format, signal).await {
        Ok(partial) => (
            content_type(format),
            answer::response(partial.as_ref(), signal, format),
        )
            .into_response(),
        Err(failure) => refused(failure, format),
    }
}

async fn take(
    app: &Arc<App>,
    request: Request,
    format: Format,
    signal: Signal,
) -> Result<Option<Partial>, Failure> {
    let received = receive(app, request).await?;
    let (tenant, encoding) = (received.tenant, received.encoding);
    store(app, tenant, signal, (received, encoding, format)).await
}

/// A message, how it is packed, and how it is written.
type Message<B> = (B, Encoding, Format);

/// Stores what a message holds; what was left out.
async fn store<B: AsRef<[u8]> + Send + 'static>(
    app: &Arc<App>,
    tenant: TenantId,
    signal: Signal,
    (body, encoding, format): Message<B>,
) -> Result<Option<Partial>, Failure> {
    let taken = match signal {
        Signal::Metrics => {
            let taken = on_worker(app, tenant, move |push, origin| {
                Ok(push.otlp_metrics(body.as_ref(), encoding, format, origin))
            });
            taken.await?.map(|outcome| Partial::of_metrics(&outcome))
        }
        Signal::Logs => {
            let taken = on_logs_worker(app, tenant, move |logs, origin| {
                Ok(logs.otlp_logs(body.as_ref(), encoding, format, origin))
            });
            taken.await?.map(|outcome| Partial::of_logs(&outcome))
        }
    };
    taken.map_err(Failure::from)
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
