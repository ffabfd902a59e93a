//! What can go wrong in this room.

use thiserror::Error;

/// A fault of this room.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum InsightsError {
    /// Saved patterns that are not what this version writes. They can be left out: patterns are found again from lines.
    #[error("cannot read the saved patterns: at byte {at}: {what}")]
    BadSavedPatterns {
        /// Where, in bytes from the start.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
}
