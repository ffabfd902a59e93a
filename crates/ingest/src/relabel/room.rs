//! How much the rules may make of one set of labels.

use crate::limits::{RELABEL_BYTES_MAX, RELABEL_LABELS_MAX};

/// Why relabelling of a target or series ended, and the mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "relabelling makes more than {RELABEL_LABELS_MAX} labels or {RELABEL_BYTES_MAX} bytes of text; look for rules that copy what \
     other rules copied, as several labelmap do, or for a replacement that repeats its source"
)]
pub struct TooMuchMade;

/// What is left.
#[derive(Debug)]
pub(super) struct Room {
    labels: usize,
    bytes: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            labels: RELABEL_LABELS_MAX,
            bytes: RELABEL_BYTES_MAX,
        }
    }
}

impl Room {
    /// Adds to a text.
    pub(super) fn push(&mut self, text: &mut String, piece: &str) -> Result<(), TooMuchMade> {
        self.bytes = self.bytes.checked_sub(piece.len()).ok_or(TooMuchMade)?;
        text.push_str(piece);
        Ok(())
    }

    /// Takes the room of a label.
    pub(super) fn add_label(&mut self) -> Result<(), TooMuchMade> {
        self.labels = self.labels.checked_sub(1).ok_or(TooMuchMade)?;
        Ok(())
    }
}
