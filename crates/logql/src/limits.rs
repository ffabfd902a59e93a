//! Limits of the language and of one evaluation.

/// Bytes of an expression: 128 KiB, as Loki.
pub const EXPRESSION_BYTES_MAX: usize = 128 << 10;

/// Functions within functions of an expression; keeps recursion far from the end of a thread's stack.
pub const NESTING_MAX: usize = 64;

/// Operators of an expression, those of label filters included; bounds its depth together with [`NESTING_MAX`]. As many parentheses may
/// be around an operand, for each operator is printed with its own.
pub const OPERATORS_MAX: usize = 400;

/// How deep objects of a JSON line are looked into.
pub const JSON_DEPTH_MAX: usize = 64;

/// Bytes of the names on the way to an object of a JSON line; what lies behind a longer way is left out.
pub const JSON_PATH_BYTES_MAX: usize = 1024;

/// Names of labels that the lines of one query may have.
pub const LABEL_NAMES_MAX: usize = 65_536;

/// Bytes of these names together, and of the keys that they are made of.
pub const LABEL_NAMES_BYTES_MAX: usize = 64 << 20;

/// Series that an answer may have unless the options say otherwise: 500, as Loki.
pub const SERIES_MAX: usize = 500;

/// Bytes that one query may hold in memory at one time unless the options say otherwise: 512 MiB.
pub const MEMORY_MAX: usize = 512 << 20;

/// Which part of a query's memory is left for what the store takes while it reads and for what an allocator rounds up.
pub const READING_PART: usize = 8;

/// Steps that one range query may have: 11,000, as Loki.
pub const STEPS_MAX: usize = 11_000;

/// How far from the Unix epoch times may be, in nanoseconds: 146 years, so that differences never overflow.
pub const TIME_NS_MAX: i64 = 1 << 62;

/// Lines between two looks at the clock and at the cancel flag.
pub const CHECK_EVERY: usize = 1024;
