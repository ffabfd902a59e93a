//! Bounds of the log, with their units.

/// A record's payload may have this many bytes.
pub const RECORD_BYTES_MAX: usize = 64 << 20;
/// So many appends may wait for the disk at a time.
pub const APPENDS_WAITING_MAX: usize = 4096;
/// So many bytes may wait for the disk at a time.
pub const BYTES_WAITING_MAX: usize = 256 << 20;
/// A segment is closed once it holds this many bytes.
pub const SEGMENT_BYTES: u64 = 32 << 20;
/// Segments found in a folder have numbers up to this one: so many more can follow.
pub const SEGMENT_NUMBER_MAX: u64 = u64::MAX / 2;
/// Quarantine keeps this many bytes of one damaged place.
pub const QUARANTINE_BYTES_MAX: usize = 64 << 20;
