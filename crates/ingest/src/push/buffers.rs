//! Buffers that bodies are unpacked into, kept for the next body.

use parking_lot::Mutex;

use super::{Encoding, PushError};
use crate::limits::{PUSH_BUFFER_BYTES_KEPT, PUSH_BUFFERS_KEPT, PUSH_BYTES_MAX};

/// A few buffers.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    kept: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    /// Unpacks a body and hands it to `work`.
    pub(crate) fn unpacked<T>(
        &self,
        body: &[u8],
        encoding: Encoding,
        work: impl FnOnce(&[u8]) -> Result<T, PushError>,
    ) -> Result<T, PushError> {
        let mut buffer = self.kept.lock().pop().unwrap_or_default();
        let result = encoding
            .unpack(body, PUSH_BYTES_MAX, &mut buffer)
            .and_then(|()| work(&buffer));
        if buffer.capacity() <= PUSH_BUFFER_BYTES_KEPT {
            let mut kept = self.kept.lock();
            if kept.len() < PUSH_BUFFERS_KEPT {
                kept.push(buffer);
            }
        }
        result
    }
}
