//! How much a body has become, kept below the one bound of all protocols.

use super::PushError;
use crate::limits::BATCH_BYTES_MAX;

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
        if self.fits(bytes) {
            return Ok(());
        }
        Err(PushError::TooMany {
            what: "bytes of samples and labels",
            max: BATCH_BYTES_MAX,
        })
    }

    /// Counts what is about to be made, and tells whether the body may become that much.
    pub(crate) fn fits(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        self.bytes <= BATCH_BYTES_MAX
    }
}
