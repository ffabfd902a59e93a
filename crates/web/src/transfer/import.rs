//! Taking in: a body of any length is read as it comes, on a blocking thread, and goes to blocks of its days.

use std::io::{self, Read};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use ingest::import::{ImportError, Wanted};
use ingest::push::Origin;
use model::{Backfill, SeriesBatch, WriteError};
use tokio::sync::mpsc;

use super::{ImportAnswer, take_place, wanted};
use crate::app::App;
use crate::limits::{TRANSFER_IDLE_MAX, TRANSFER_PIECES_WAITING};
use crate::params::Params;
use crate::prometheus::answer::{ApiError, Success};
use crate::tenancy::tenant_of;

/// `POST /api/v1/import/openmetrics`: a text with a time stamp on every sample, `# EOF` at its end, packed by gzip or not.
pub(super) async fn openmetrics(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let tenant = tenant_of(&request);
    take(&app, request, move |push, body, wanted, into| {
        let (reading, described) =
            ingest::import::openmetrics::import("body", body, wanted, into, &mut |_| ())?;
        push.write(&SeriesBatch::new(tenant), &described.metadata(), 0)?;
        Ok(reading)
    })
    .await
}

/// `POST /api/v1/import/series`: what `watchkeeper import prometheus --url` sends.
pub(super) async fn series(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    take(&app, request, |_, body, wanted, into| {
        ingest::import::frames::import(body, wanted, into, &mut |_| ())
    })
    .await
}

async fn take(
    app: &Arc<App>,
    request: Request,
    read: impl FnOnce(
        &ingest::Push,
        Body,
        &Wanted,
        &mut dyn Backfill,
    ) -> Result<ingest::import::Reading, ImportError>
    + Send
    + 'static,
) -> Result<Response, ApiError> {
    let place = take_place(app)?;
    let tenant = tenant_of(&request);
    let query = request.uri().query().unwrap_or_default();
    let wanted = wanted(&Params::decode(b"", query))?;
    let now_ms = app.deps.clock.now_ms();
    let push = Arc::clone(&app.deps.push);
    let mut into = push
        .backfill(Origin { tenant, now_ms })
        .ok_or_else(|| ApiError::execution("this store takes no old samples".to_owned()))?;
    let (sender, receiver) = mpsc::channel(TRANSFER_PIECES_WAITING);
    let work = tokio::task::spawn_blocking(move || {
        let _place = place;
        let body = Body {
            pieces: receiver,
            piece: Bytes::new(),
        };
        let reading = read(&push, body, &wanted, &mut *into)?;
        let stored = into.finish()?;
        Ok::<_, ImportError>(ImportAnswer::new(reading, &stored))
    });
    pump(app, request.into_body(), sender).await;
    match work.await {
        Ok(Ok(answer)) => {
            let warnings = Vec::new();
            Ok(Success {
                data: answer,
                warnings,
            }
            .into_response())
        }
        Ok(Err(error)) => Err(refusal(&error)),
        Err(error) => {
            tracing::error!(%error, "import panicked");
            app.deps.telemetry.panics.inc();
            Err(ApiError::internal(
                "the import ended in a fault of the program, which was logged".to_owned(),
            ))
        }
    }
}

/// Hands the body on piece by piece until it ends, breaks off, or nobody wants it any more.
async fn pump(app: &App, mut body: axum::body::Body, sender: mpsc::Sender<io::Result<Bytes>>) {
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(TRANSFER_IDLE_MAX, body.frame()) => next,
            () = app.stop.cancelled() => {
                let _ = sender.send(Err(io::Error::other("the server is stopping"))).await;
                return;
            }
        };
        let piece = match next {
            Ok(None) => return,
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => Ok(data),
                Err(_trailers) => continue,
            },
            Ok(Some(Err(error))) => Err(io::Error::other(error)),
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
        };
        let broken = piece.is_err();
        if sender.send(piece).await.is_err() || broken {
            return;
        }
    }
}

fn refusal(error: &ImportError) -> ApiError {
    match error {
        ImportError::Malformed { .. } => ApiError::bad_data(format!(
            "{error}; what came before it may be stored: mend it and send all of it again"
        )),
        ImportError::Store(WriteError::Closed) => ApiError::unavailable("the server is stopping".to_owned()),
        ImportError::Store(reason) => ApiError::internal(format!("{error}: {reason}")),
        ImportError::File { .. } => ApiError::internal(error.to_string()),
    }
}

/// A body that comes piece by piece, read on a blocking thread.
#[derive(Debug)]
pub(super) struct Body {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let count = self.piece.len().min(out.len());
        let taken = self.piece.split_to(count);
        if let Some(place) = out.get_mut(..count) {
            place.copy_from_slice(&taken);
        }
        Ok(count)
    }
}
