//! The limits of the state database, each named with its unit.

/// Writes that may wait for the writer.
pub const WRITES_WAITING_MAX: usize = 1024;

/// Connections that read at the same time.
pub const READERS_MAX: u32 = 3;

/// How long a statement waits for a lock held by another process.
pub const LOCK_WAIT_MS_MAX: u64 = 5_000;

/// Steps of alerts that are kept; the oldest go first.
pub const ALERT_EVENTS_MAX: i64 = 100_000;

/// How long a step of an alert is kept: 90 days.
pub const ALERT_EVENTS_AGE_MS_MAX: i64 = 90 * 86_400_000;

/// How long an alert that is over is kept for receivers that were not told of its end yet: a day.
pub const ALERT_RESOLVED_AGE_MS_MAX: i64 = 86_400_000;

/// How long a finished notification is kept: 7 days.
pub const OUTBOX_FINISHED_AGE_MS_MAX: i64 = 7 * 86_400_000;

/// Finished notifications that are kept; the oldest go first.
pub const OUTBOX_FINISHED_MAX: i64 = 20_000;

/// Bytes of a receipt that are kept.
pub const RECEIPT_BYTES_MAX: usize = 1_024;

/// How long a request to delete log lines is kept after it is done: 30 days.
pub const LOG_DELETIONS_AGE_MS_MAX: i64 = 30 * 86_400_000;
