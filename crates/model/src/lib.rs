//! The nouns every room speaks in (labels, samples, log lines, matchers, ranges, metadata), the doors to the engines, and the
//! simplest stores behind them.
//!
//! In: nothing; this is the ground floor.  Out: types, the traits [`SeriesWrite`], [`SeriesRead`], [`LogWrite`] and [`LogRead`],
//! [`MemorySeries`] and [`MemoryLogs`].
//! Owns: no file, no task; no state but what a memory store is given.
//! Invariants: labels are sorted, unique and never empty-valued (`labels::tests`); equal labels have equal
//! [`SeriesId`]s and the id of a given set never changes (`labels::tests::ids_are_fixed_for_ever`).
//! Not here: serialisation and I/O of any kind; wire forms live in the rooms that speak them.
//! Start at: [`Labels`].

pub mod alert;
pub mod anchored;
pub mod backfill;
pub mod batch;
pub mod doors;
pub mod go_regex;
pub mod histogram;
pub mod labels;
pub mod log;
pub mod log_delete;
pub mod log_rows;
pub mod matcher;
pub mod memory_logs;
pub mod memory_series;
pub mod metadata;
pub mod names;
pub mod number;
pub mod pattern;
pub mod quoting;
pub mod range;
pub mod read_budget;
pub mod regexes;
pub mod rollup;
pub mod sample;
pub mod start;

pub use alert::{AlertEvent, AlertPhase, Verdict, fingerprint, format_fingerprint};
pub use anchored::{AnchoredRegex, BadRegex};
pub use backfill::{Backfill, Backfilled};
pub use batch::{Accepted, NumberedSample, Refusal, SeriesBatch, SeriesNumber, TenantId};
pub use doors::{
    Extent, Mark, ReadError, SelectedSeries, Selector, SeriesRead, SeriesStatistics, SeriesWrite, Tier,
    WriteError,
};
pub use go_regex::{GoRegex, PATTERN_BYTES_MAX, PROGRAM_BYTES_MAX, PatternsSize, PatternsTooLarge};
pub use histogram::{
    BUCKETS_PER_SIDE_MAX, Buckets, Histogram, HistogramError, HistogramSample, ResetHint, Span,
};
pub use labels::{Labels, LabelsBuilder, METRIC_NAME, Series, SeriesId};
pub use log::{
    Direction, LogBatch, LogFlow, LogRead, LogSelection, MetadataColumn, Searched, StreamExtent,
    StreamSelection, TextColumn,
};
pub use log_delete::{DeleteError, Deletion, LineFilter, LineJudge, LogDelete, NewDeletion, ReadLineFilter};
pub use log_rows::{LogAccepted, LogRefusal, LogRow, LogRows, LogWrite};
pub use matcher::{Matcher, MatcherOp};
pub use memory_logs::MemoryLogs;
pub use memory_series::MemorySeries;
pub use metadata::{MetricKind, MetricMetadata};
pub use pattern::Pattern;
pub use range::TimeRange;
pub use read_budget::ReadBudget;
pub use regexes::Regexes;
pub use rollup::{RAW, Rollups, Statistic, stretch_end, tier_name};
pub use sample::{Exemplar, STALE_NAN, Sample, SampleColumns, is_stale};
pub use start::{Counted, NO_START, Starts};
