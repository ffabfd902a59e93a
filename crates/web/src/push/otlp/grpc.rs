//! OTLP over gRPC: `MetricsService/Export` and `LogsService/Export`. Messages pass as bytes; what they hold is read where bodies of HTTP are read.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use bytes::{Buf, BufMut, Bytes};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header;
use ingest::push::Encoding;
use ingest::push::otlp::Format;
use model::TenantId;
use tonic::codec::{BufferSettings, Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Status};

use super::answer::{self, Failure};
use super::{Signal, store};
use crate::app::App;
use crate::limits::{BODY_READ_TIMEOUT, PUSH_BODY_BYTES_MAX};
use crate::tenancy::tenant_of;

/// The paths of the methods.
const EXPORT_METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const EXPORT_LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// Bytes that a message is reckoned as while it arrives: gRPC does not say before how long one is.
const MESSAGE_BYTES_RECKONED: usize = PUSH_BODY_BYTES_MAX / 8;

/// The services, and an answer in gRPC's own words for everything else.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(EXPORT_METRICS, post(export_metrics))
        .route(EXPORT_LOGS, post(export_logs))
        .fallback(unknown)
}

async fn export_metrics(State(app): State<Arc<App>>, request: Request) -> Response {
    export(app, request, Signal::Metrics).await
}

async fn export_logs(State(app): State<Arc<App>>, request: Request) -> Response {
    export(app, request, Signal::Logs).await
}

async fn export(app: Arc<App>, request: Request, signal: Signal) -> Response {
    let tenant = tenant_of(&request);
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    // Held until the answer is there.
    let _share = match app
        .push_budget
        .share(announced.unwrap_or(MESSAGE_BYTES_RECKONED))
        .await
    {
        Ok(share) => share,
        Err(refusal) => return into_response(status_of(&Failure::from(refusal)).into_http()),
    };
    let mut grpc = Grpc::new(Whole)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(PUSH_BODY_BYTES_MAX);
    let service = Export { app, tenant, signal };
    let answer = tokio::time::timeout(BODY_READ_TIMEOUT * 2, grpc.unary(service, request));
    match answer.await {
        Ok(response) => into_response(response),
        Err(_) => into_response(Status::deadline_exceeded("the request took too long").into_http()),
    }
}

async fn unknown(request: Request) -> Response {
    let path = request.uri().path();
    into_response(
        Status::unimplemented(format!(
            "{path} is not served here; {EXPORT_METRICS} and {EXPORT_LOGS} are"
        ))
        .into_http(),
    )
}

fn into_response(response: http::Response<tonic::body::Body>) -> Response {
    response.map(Body::new)
}

fn status_of(failure: &Failure) -> Status {
    Status::new(failure.code(), failure.message.clone())
}

/// The method.
#[derive(Debug)]
struct Export {
    app: Arc<App>,
    tenant: TenantId,
    signal: Signal,
}

impl UnaryService<Bytes> for Export {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<tonic::Response<Bytes>, Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (app, tenant, signal) = (Arc::clone(&self.app), self.tenant, self.signal);
        async move {
            if !app.deps.control.is_ready() {
                return Err(Status::new(
                    Code::Unavailable,
                    "the server is starting; try again shortly",
                ));
            }
            let message = (request.into_inner(), Encoding::Identity, Format::Protobuf);
            match store(&app, tenant, signal, message).await {
                Ok(partial) => Ok(tonic::Response::new(
                    answer::response(partial.as_ref(), signal, Format::Protobuf).into(),
                )),
                Err(failure) => Err(status_of(&failure)),
            }
        }
        .boxed()
    }
}

/// Messages as they are.
#[derive(Debug, Clone, Copy)]
struct Whole;

impl Codec for Whole {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Whole {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl Decoder for Whole {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(message.copy_to_bytes(message.remaining())))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}
