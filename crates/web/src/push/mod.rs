//! What others push: bodies are capped and counted against one budget of memory, then decoded and stored on blocking threads.
//!
//! In: requests of senders.  Out: what `ingest` made of them, in each protocol's own words.
//! Owns: the budget of bytes under way.
//! Invariants: bodies under way never hold more than the budget (`tests::bodies_wait_for_room_and_are_refused_without`).
//! Not here: what a body means (`ingest::push`).
//! Start at: [`routes`].

mod elastic;
mod influx;
mod lines;
mod loki;
pub(crate) mod otlp;
mod remote_write;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use ingest::PushError;
use ingest::push::{Encoding, Origin};
use model::{TenantId, WriteError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::limits::{BODY_READ_TIMEOUT, PUSH_BODY_BYTES_MAX, PUSH_BUDGET_BYTES};
use crate::tenancy::tenant_of;

/// Bytes of memory that one permit of the budget stands for.
const PERMIT_BYTES: usize = 1024;

/// What senders are told to wait after a refusal that will pass.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// The paths of all push protocols.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/write", post(remote_write::write))
        .merge(elastic::routes())
        .merge(influx::routes())
        .merge(lines::routes())
        .merge(loki::routes())
        .merge(otlp::routes())
}

/// The bytes of pushed bodies that may be under way.
#[derive(Debug)]
pub(crate) struct Budget {
    permits: Arc<Semaphore>,
    patience: Duration,
}

/// A body that arrived whole, and its share of the budget for as long as it lives.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) tenant: TenantId,
    pub(crate) body: Bytes,
    pub(crate) encoding: Encoding,
    _share: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Received {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

/// Why a request is answered without its body being looked at, or what became of it.
#[derive(Debug)]
pub(crate) struct PushRefusal {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

// === impl Budget ===

impl Budget {
    /// A budget whose senders wait for room so long.
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            patience,
            permits: Arc::new(Semaphore::new(PUSH_BUDGET_BYTES / PERMIT_BYTES)),
        }
    }

    /// Waits for room, but not for ever.
    async fn share(&self, bytes: usize) -> Result<OwnedSemaphorePermit, PushRefusal> {
        let permits = bytes
            .div_ceil(PERMIT_BYTES)
            .clamp(1, PUSH_BUDGET_BYTES / PERMIT_BYTES) as u32;
        let share = Arc::clone(&self.permits).acquire_many_owned(permits);
        match tokio::time::timeout(self.patience, share).await {
            Ok(Ok(share)) => Ok(share),
            _ => Err(PushRefusal {
                status: StatusCode::SERVICE_UNAVAILABLE,
                message: format!(
                    "bodies of {} MiB are under way already; try again shortly",
                    PUSH_BUDGET_BYTES >> 20
                ),
            }),
        }
    }
}

/// Reads a request's body whole.
pub(crate) async fn receive(app: &App, request: Request) -> Result<Received, PushRefusal> {
    if !app.deps.control.is_ready() {
        return Err(PushRefusal {
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: "the server is starting; try again shortly".to_owned(),
        });
    }
    let tenant = tenant_of(&request);
    let (parts, body) = request.into_parts();
    let named = parts
        .headers
        .get(header::CONTENT_ENCODING)
        .map_or(Ok(""), |value| value.to_str().map_err(|_| ()));
    let encoding = named.ok().and_then(Encoding::parse).ok_or_else(|| PushRefusal {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        message: "this Content-Encoding is not known; known are snappy, zstd, gzip, deflate and identity"
            .to_owned(),
    })?;
    let announced = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > PUSH_BODY_BYTES_MAX) {
        return Err(too_large());
    }
    // A body that does not say its size is reckoned as a large one.
    let share = app
        .push_budget
        .share(announced.unwrap_or(PUSH_BODY_BYTES_MAX / 8))
        .await?;
    let whole = tokio::time::timeout(
        BODY_READ_TIMEOUT,
        Limited::new(body, PUSH_BODY_BYTES_MAX).collect(),
    );
    match whole.await {
        Ok(Ok(whole)) => Ok(Received {
            headers: parts.headers,
            tenant,
            body: whole.to_bytes(),
            encoding,
            _share: share,
        }),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => Err(too_large()),
        Ok(Err(error)) => Err(PushRefusal {
            status: StatusCode::BAD_REQUEST,
            message: format!("the body did not arrive whole: {error}"),
        }),
        Err(_) => Err(PushRefusal {
            status: StatusCode::REQUEST_TIMEOUT,
            message: format!("the body did not arrive within {} s", BODY_READ_TIMEOUT.as_secs()),
        }),
    }
}

/// Runs the work on a body on a blocking thread.
pub(crate) async fn on_worker<T: Send + 'static>(
    app: &Arc<App>,
    tenant: TenantId,
    work: impl FnOnce(&ingest::Push, Origin) -> Result<T, PushError> + Send + 'static,
) -> Result<T, PushRefusal> {
    let push = Arc::clone(&app.deps.push);
    let origin = origin(app, tenant);
    blocking(app, move || work(&push, origin)).await
}

/// The same for lines.
pub(crate) async fn on_logs_worker<T: Send + 'static>(
    app: &Arc<App>,
    tenant: TenantId,
    work: impl FnOnce(&ingest::Logs, Origin) -> Result<T, PushError> + Send + 'static,
) -> Result<T, PushRefusal> {
    let Some(stores) = &app.deps.logs else {
        return Err(PushRefusal {
            status: StatusCode::NOT_FOUND,
            message: "no log lines are kept here".to_owned(),
        });
    };
    let logs = Arc::clone(&stores.intake);
    let origin = origin(app, tenant);
    blocking(app, move || work(&logs, origin)).await
}

fn origin(app: &App, tenant: TenantId) -> Origin {
    Origin {
        tenant,
        now_ms: app.deps.clock.now_ms(),
    }
}

async fn blocking<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> Result<T, PushError> + Send + 'static,
) -> Result<T, PushRefusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(PushRefusal::from),
        Err(error) => {
            tracing::error!(%error, "push panicked");
            app.deps.telemetry.panics.inc();
            Err(PushRefusal {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                message: "the request ended in a fault of the program, which was logged".to_owned(),
            })
        }
    }
}

fn too_large() -> PushRefusal {
    PushRefusal {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        message: format!(
            "the body has more than {} MiB; send smaller batches",
            PUSH_BODY_BYTES_MAX >> 20
        ),
    }
}

// === impl PushRefusal ===

impl PushRefusal {
    /// Whether the sender may try again with the same body.
    pub(crate) fn is_passing(&self) -> bool {
        self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS
    }
}

impl From<PushError> for PushRefusal {
    fn from(error: PushError) -> Self {
        let status = match &error {
            PushError::Encoding { .. } | PushError::Malformed { .. } => StatusCode::BAD_REQUEST,
            PushError::TooLarge { .. }
            | PushError::TooMany { .. }
            | PushError::Store(WriteError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            PushError::TooFast { .. } => StatusCode::TOO_MANY_REQUESTS,
            PushError::Store(WriteError::Log { .. }) => StatusCode::INTERNAL_SERVER_ERROR,
            PushError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self {
            status,
            message: error.to_string(),
        }
    }
}

impl IntoResponse for PushRefusal {
    fn into_response(self) -> Response {
        let passing = self.is_passing();
        let mut response = (self.status, format!("{}\n", self.message)).into_response();
        if passing {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

const _: () = assert!(PUSH_BODY_BYTES_MAX <= PUSH_BUDGET_BYTES);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_wait_for_room_and_are_refused_without() {
        let budget = Budget::new(Duration::from_millis(20));
        let all = budget.share(PUSH_BUDGET_BYTES * 2).await.unwrap();
        let refused = budget.share(1).await.unwrap_err();
        assert!(refused.is_passing());
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        drop(all);
        drop(budget.share(1).await.unwrap());
    }
}
