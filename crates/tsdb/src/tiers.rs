//! The tiers: how coarse they are, how long they are kept, into how large blocks they are merged.

use model::RAW;

use crate::limits::{BLOCK_MS_MAX, DAY_MS};

/// The resolution of rollups over a minute, in milliseconds.
pub const MINUTES: i64 = 60_000;
/// The resolution of rollups over an hour, in milliseconds.
pub const HOURS: i64 = 3_600_000;
/// The resolutions of all tiers in milliseconds, finest first.
pub const RESOLUTIONS: [i64; 3] = [RAW, MINUTES, HOURS];

/// The blocks of a coarse tier are merged into blocks of so many milliseconds, aligned to the epoch, one size after the
/// other; the largest has 4320 rollups a series, as a raw block has samples at 20 s.
pub(crate) fn merged_spans(resolution_ms: i64) -> &'static [i64] {
    match resolution_ms {
        MINUTES => &[3 * DAY_MS],
        HOURS => &[12 * DAY_MS, 60 * DAY_MS, BLOCK_MS_MAX],
        _ => &[],
    }
}

/// How long and how large a tier may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TierKeep {
    /// In milliseconds.
    pub(crate) resolution_ms: i64,
    /// In milliseconds.
    pub(crate) keep_ms: i64,
    /// Of its blocks.
    pub(crate) bytes_max: Option<u64>,
}
