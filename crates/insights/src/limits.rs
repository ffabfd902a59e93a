//! Limits of what is kept, and of what is looked at.

/// Templates that one state keeps unless told otherwise. The ones not seen for longest go first, and are counted.
pub const TEMPLATES_MAX: usize = 100_000;

/// Bytes of a line that are looked at; what follows them is one wildcard.
pub const LINE_BYTES_MAX: usize = 4096;

/// Words and wildcards of a line that are told apart; what follows them is one wildcard.
pub const LINE_WORDS_MAX: usize = 128;

/// Masked lines whose template is remembered, in each of two generations.
pub const KNOWN_LINES_MAX: usize = 1 << 17;

/// Templates of the same shape that a new line is compared with.
pub const CANDIDATES_MAX: usize = 64;

/// Retired ids that still lead to the template that took them in, for each template that may be kept.
pub const RETIRED_IDS_PER_TEMPLATE: usize = 2;

/// Bytes of a saved state that are read.
pub const SAVED_BYTES_MAX: usize = 1 << 30;

/// Pairs of a template and a step that one [`PatternCounts`](crate::PatternCounts) keeps.
pub const COUNTED_STEPS_MAX: usize = 4_000_000;
/// Lines, and templates that went, that one state counts: a million a second for nine years. What comes then is not counted.
pub const LINES_COUNTED_MAX: u64 = 1 << 48;
