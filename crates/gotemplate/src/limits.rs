//! Limits of templates.

/// Bytes of one template.
pub const BYTES_MAX: usize = 64 * 1024;

/// How deep a template's blocks, parentheses and calls may be nested.
pub const DEPTH_MAX: usize = 48;

/// How many `{{else if}}` and `{{else with}}` may follow each other, all open ones together.
pub const CHAINED_MAX: usize = 256;

/// Nodes and loop turns that one expansion may walk.
pub const STEPS_MAX: usize = 100_000;

/// Bytes that one expansion may produce where its host sets no limit of its own.
pub const OUTPUT_BYTES_MAX: usize = 1024 * 1024;

/// The texts that functions make in one expansion have at most so many times the bytes that it may produce, all together.
pub const MADE_FACTOR: usize = 16;
