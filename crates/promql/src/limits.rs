//! Limits of the language and of one evaluation.

/// How far back an instant selector looks unless the options say otherwise: 5 minutes, as Prometheus.
pub const LOOKBACK_MS: i64 = 300_000;

/// How far apart two native histograms may be so that one tells of the other whether counts started again: 1 hour.
pub const HISTOGRAM_REACH_MS: i64 = 3_600_000;

/// Samples one query may hold in memory at one time unless the options say otherwise, as Prometheus.
pub const SAMPLES_MAX: usize = 50_000_000;

/// Bytes that the values of one query may take at one time unless the options say otherwise: 512 MiB.
pub const MEMORY_MAX: usize = 512 << 20;

/// The step of a subquery that names none unless the options say otherwise: 1 minute, as Prometheus.
pub const SUBQUERY_STEP_MS: i64 = 60_000;

/// Steps that one range query or subquery may have.
pub const STEPS_MAX: usize = 5_000_000;

/// Bytes of an expression, as it is written and as it is printed.
pub const EXPRESSION_BYTES_MAX: usize = 1 << 20;

/// Nested parts of an expression; keeps recursion far from the end of a thread's stack.
pub const NESTING_MAX: usize = 128;

/// The longest duration and offset that may be written, in seconds: what fits into 64 bits of nanoseconds.
pub const DURATION_SECONDS_MAX: f64 = 9_223_372_036.0;

/// The longest duration that may be written as a number, in milliseconds: the same.
pub const DURATION_MILLIS_MAX: i64 = 9_223_372_036_854;

/// Steps or series between two looks at the clock and at the cancel flag.
pub const CHECK_EVERY: usize = 256;

/// Operators of an expression; bounds its depth together with [`NESTING_MAX`].
pub const OPERATORS_MAX: usize = 200;

/// So many series are worth waking other cores for.
pub const PARALLEL_FROM: usize = 16;

/// A core takes at least so many series at a time.
pub const ITEMS_PER_TASK_MIN: usize = 4;

/// Series are made in batches of about so many values: 16 MB.
pub const BATCH_VALUES: usize = 1 << 21;

/// Equal parts are looked for in expressions of at most so many selectors.
pub const SHARED_PARTS_MAX: usize = 64;

/// Values of one series in the series notation: four weeks at a second, 60 MB.
pub const WRITTEN_VALUES_MAX: usize = 2_500_000;
