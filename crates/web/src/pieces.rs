//! Answers of any length, written on a blocking thread while the client reads.

use std::io;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use ingest::import::frames::FrameTooLarge;
use model::ReadError;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::limits::{TRANSFER_IDLE_MAX, TRANSFER_PIECES_WAITING};

/// Why an answer ended early.
pub(crate) enum Stopped {
    /// The client is gone, or reads no more.
    Left,
    /// The store cannot be read.
    Read(ReadError),
    /// Something in the store cannot be written in the form that was asked for.
    TooLarge(FrameTooLarge),
}

impl From<FrameTooLarge> for Stopped {
    fn from(error: FrameTooLarge) -> Self {
        Self::TooLarge(error)
    }
}

impl From<ReadError> for Stopped {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// The way of pieces to the client.
pub(crate) struct Pieces {
    sender: mpsc::Sender<Bytes>,
    runtime: Handle,
}

impl Pieces {
    /// Sends a piece once there is room for it. A client that takes nothing for [`TRANSFER_IDLE_MAX`] is given up, so that it does not
    /// keep the thread and the place of others.
    pub(crate) fn send(&self, piece: Vec<u8>) -> Result<(), Stopped> {
        if piece.is_empty() {
            return Ok(());
        }
        let sent = self.sender.send_timeout(piece.into(), TRANSFER_IDLE_MAX);
        self.runtime.block_on(sent).map_err(|_| Stopped::Left)
    }
}

/// The answer whose body is what `write` sends. Where that ends early, the connection breaks off, so that nobody takes a part for the
/// whole.
pub(crate) fn streamed(
    content_type: &'static str,
    write: impl FnOnce(&Pieces) -> Result<(), Stopped> + Send + 'static,
) -> Response {
    let (sender, mut receiver) = mpsc::channel(TRANSFER_PIECES_WAITING);
    let pieces = Pieces {
        sender,
        runtime: Handle::current(),
    };
    let written = tokio::task::spawn_blocking(move || match write(&pieces) {
        Ok(()) => Ok(()),
        Err(Stopped::Left) => Err(io::Error::other("the client did not read on")),
        Err(Stopped::Read(error)) => {
            tracing::warn!(%error, content_type, "an answer ended early");
            Err(io::Error::other(error))
        }
        Err(Stopped::TooLarge(error)) => {
            tracing::warn!(%error, content_type, "an answer ended early");
            Err(io::Error::other(error))
        }
    });
    let body = Body::from_stream(async_stream::stream! {
        while let Some(piece) = receiver.recv().await {
            yield Ok(piece);
        }
        if let Err(error) = written.await.unwrap_or_else(|panic| Err(io::Error::other(panic))) {
            yield Err(error);
        }
    });
    let mut response = body.into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
