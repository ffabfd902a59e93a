//! Loki's push protocol: protobuf packed with snappy, and JSON.
//!
//! In: bodies of `POST /loki/api/v1/push`.  Out: a batch to [`Logs`], and which lines were refused and why.
//! Owns: nothing; senders' streams are remembered by [`Logs`].
//! Invariants: both encodings of a request become the same lines (`tests/loki_push.rs`); any bytes are taken or refused
//! (`tests/loki_push.rs`).
//! Not here: HTTP (`web`), limits and levels (`logs`).
//! Start at: [`Logs::loki_push`].
//!
//! Fuzz: loki_push

mod json;
mod wire;

use super::{Encoding, Origin, PushError};
use crate::limits::PUSH_BYTES_MAX;
use crate::logs::{LogOutcome, Logs, key_of};

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `logproto.PushRequest`, packed with snappy.
    Protobuf,
    /// JSON.
    Json,
}

impl Format {
    /// The format that a `Content-Type` header names, as Loki reads it: all that is not JSON is protobuf.
    pub fn of_content_type(header: &str) -> Self {
        let media_type = header.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else {
            Self::Protobuf
        }
    }
}

impl Logs {
    /// Takes in the body of a push. Lines that are refused are told in the outcome, the rest is stored; the same body once more
    /// stores nothing. Blocks on the store's disk: call it from a blocking task.
    ///
    /// `encoding` is that of the header. As with Loki, protobuf is packed with snappy whatever the header says, and once more where it
    /// names gzip, deflate or zstd; JSON that is said to be snappy is not packed.
    pub fn loki_push(
        &self,
        body: &[u8],
        encoding: Encoding,
        format: Format,
        origin: Origin,
    ) -> Result<LogOutcome, PushError> {
        let work = |bytes: &[u8]| {
            let mut gather = self.gather(origin);
            gather.reserve(bytes.len());
            match format {
                Format::Protobuf => wire::walk(bytes, &mut gather)?,
                Format::Json => json::walk(bytes, &mut gather)?,
            }
            self.store(gather, "loki", Some(key_of(body, origin)))
        };
        match (format, encoding) {
            (Format::Protobuf, Encoding::Identity | Encoding::Snappy) => {
                self.unpacked(body, Encoding::Snappy, work)
            }
            (Format::Protobuf, outer) => {
                let mut inner = Vec::new();
                outer.unpack(body, PUSH_BYTES_MAX, &mut inner)?;
                self.unpacked(&inner, Encoding::Snappy, work)
            }
            (Format::Json, Encoding::Snappy) => self.unpacked(body, Encoding::Identity, work),
            (Format::Json, encoding) => self.unpacked(body, encoding, work),
        }
    }
}

fn malformed(reason: String) -> PushError {
    PushError::Malformed {
        protocol: "Loki push request",
        reason,
    }
}
