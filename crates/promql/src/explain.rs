//! What became of a query, part by part: what was computed how often, from what, and how long it took.

use std::time::Duration;

/// A part of a query and what computing it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The part in canonical form.
    pub part: String,
    /// How often it was computed: once, but for parts of subqueries that do not move.
    pub computed: u64,
    /// How often a value was used again that an equal part had computed.
    pub reused: u64,
    /// How long it took, the parts it is computed from included.
    pub took: Duration,
    /// Series of its value.
    pub series: u64,
    /// What it read of the store itself.
    pub read: Read,
    /// What it was computed from.
    pub parts: Vec<Self>,
}

/// What a part of a query read of the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Read {
    /// Series that its selector found.
    pub series: u64,
    /// Samples, or rollups in coarse tiers.
    pub samples: u64,
    /// Chunks that hold samples of the time that was asked for, in memory and in files.
    pub chunks: u64,
    /// Bytes of these chunks, as they are kept.
    pub bytes: u64,
    /// The coarsest tier, by its resolution in milliseconds; 0: samples as they were measured.
    pub resolution_ms: i64,
}
