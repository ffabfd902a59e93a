//! What opening the store found and did.

/// What was found when the store was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Records read from the log.
    pub records: u64,
    /// Samples read from the log into memory.
    pub samples: u64,
    /// Series in memory after that.
    pub series: u64,
    /// Blocks found whole.
    pub blocks: u64,
    /// Damage found, one text each: file, record or section, offset, what was done and what the operator can do.
    pub damage: Vec<String>,
}
