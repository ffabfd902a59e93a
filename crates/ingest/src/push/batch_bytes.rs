//! How much a body has become, kept below the one bound of all protocols.

use super::PushError;
use crate::limits::PUSH_BATCH_BYTES_MAX;

/// The bytes of samples and labels that a body became so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BatchBytes {
    bytes: usize,
}

impl BatchBytes {
    /// Counts what is about to be made.
    ///
    /// # Errors
    /// The body becomes more than one may.
    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), PushError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > PUSH_BATCH_BYTES_MAX {
            return Err(PushError::TooMany {
                what: "bytes of samples and labels",
                max: PUSH_BATCH_BYTES_MAX,
            });
        }
        Ok(())
    }
}
