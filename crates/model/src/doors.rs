//! The doors to the engines: what services and protocols see of a store of series.

use std::fmt::Debug;
use std::sync::Arc;

use crate::backfill::Backfill;
use crate::batch::{Accepted, Refusal, SeriesBatch, SeriesNumber, TenantId};
use crate::histogram::HistogramSample;
use crate::labels::{Labels, Series};
use crate::matcher::Matcher;
use crate::metadata::MetricMetadata;
use crate::range::TimeRange;
use crate::rollup::{Rollups, Statistic};
use crate::sample::{Exemplar, SampleColumns};

/// A store that takes series in.
///
/// Calls block (on a disk, at times for tens of milliseconds): async callers go through a blocking task.
pub trait SeriesWrite: Send + Sync + Debug {
    /// Takes in a batch. When it returns `Ok`, what it says is stored is durable and readable. `now_ms` is the time of
    /// ingestion.
    fn append(&self, batch: &SeriesBatch, now_ms: i64) -> Result<Accepted, WriteError>;

    /// The number by which the store knows a series, creating the series where it is new. `Ok(None)`: this store does not
    /// number series; name them. Numbers hold until [`WriteError::Forgotten`] says otherwise.
    fn number(&self, tenant: TenantId, series: &Series) -> Result<Option<SeriesNumber>, Refusal> {
        let _ = (tenant, series);
        Ok(None)
    }

    /// Up to when each of these series may have samples already, milliseconds since the Unix epoch: what is newer is new for sure.
    /// `None` where this store cannot tell, or does not know the number any more.
    fn newest_ms(&self, numbers: &[SeriesNumber]) -> Vec<Option<i64>> {
        vec![None; numbers.len()]
    }

    /// Begins to take in old samples in bulk: those that [`append`](Self::append) refuses as too old although they are still
    /// kept. `None`: this store cannot.
    fn backfill(&self, tenant: TenantId, now_ms: i64) -> Option<Box<dyn Backfill>> {
        let _ = (tenant, now_ms);
        None
    }

    /// Takes in what exporters say about their metrics; the newest word about a name wins.
    fn describe(&self, tenant: TenantId, metadata: &[MetricMetadata]) -> Result<(), WriteError>;
}

/// Why nothing of a batch was taken in. The caller may try again with the same batch.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The log could not be written or synced: disk full, I/O error.
    #[error("cannot write to the log: {reason}")]
    Log {
        /// What the disk said.
        reason: String,
    },
    /// The store has as much waiting as it may.
    #[error("too many writes are waiting, the limit is {waiting_max}")]
    Busy {
        /// The limit.
        waiting_max: usize,
    },
    /// The batch is larger than a record of the log may be: it will not be taken in however often it is sent.
    #[error("the batch has {got} bytes, and a batch may have {max}; send it in smaller ones")]
    TooLarge {
        /// Its size in bytes.
        got: usize,
        /// The limit.
        max: usize,
    },
    /// A number in the batch is not known any more: the series left memory. Name the series, or ask for numbers again.
    #[error("a series of the batch is no longer known by its number")]
    Forgotten,
    /// What came is more than may come now; the same batch may be taken later.
    #[error("not taken now: {reason}")]
    Later {
        /// What there is too much of, and the mend.
        reason: String,
    },
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

/// Which series, and of what time.
#[derive(Debug, Clone)]
pub struct Selector {
    /// Whose series.
    pub tenant: TenantId,
    /// All must hold. An empty list selects everything.
    pub matchers: Vec<Matcher>,
    /// Only series that may have samples in this range need be returned.
    pub range: TimeRange,
}

/// A store of series that can be asked.
///
/// Calls block on CPU and disk: async callers go through a blocking task.
pub trait SeriesRead: Send + Sync + Debug {
    /// The series that match, each once, sorted by labels. Samples are read later, series by series.
    fn select(&self, selector: &Selector) -> Result<Vec<Arc<dyn SelectedSeries>>, ReadError>;

    /// The tiers in which samples are kept, finest first; the first is that of what was measured.
    fn tiers(&self, tenant: TenantId) -> Result<Vec<Tier>, ReadError> {
        let _ = tenant;
        Ok(Vec::new())
    }

    /// A mark of this moment, for [`unchanged_before_ms`](Self::unchanged_before_ms). `None`: this store does not say what changes.
    fn mark(&self, tenant: TenantId) -> Option<Mark> {
        let _ = tenant;
        None
    }

    /// What is older than this, in milliseconds since the epoch, is for sure as it was at `mark`: nothing of it was written, deleted or
    /// given up since.
    fn unchanged_before_ms(&self, tenant: TenantId, mark: Mark) -> i64 {
        let _ = (tenant, mark);
        i64::MIN
    }

    /// The same as [`select`](Self::select), in the tier of that resolution: [`SelectedSeries::read`] gives the last sample of
    /// every stretch, at the stretch's end. What is not in the tier yet is rolled up from what was measured.
    fn select_in_tier(
        &self,
        selector: &Selector,
        resolution_ms: i64,
    ) -> Result<Vec<Arc<dyn SelectedSeries>>, ReadError> {
        let _ = resolution_ms;
        self.select(selector)
    }

    /// The label names of the series that match any of the `selectors`, sorted; of all series where there is none.
    fn label_names(
        &self,
        tenant: TenantId,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Result<Vec<String>, ReadError>;

    /// The values of one label on the series that match any of the `selectors`, sorted.
    fn label_values(
        &self,
        tenant: TenantId,
        name: &str,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Result<Vec<String>, ReadError>;

    /// The exemplars of the series that match any of the `selectors`, by series, in order of time.
    fn exemplars(
        &self,
        tenant: TenantId,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Result<Vec<(Labels, Vec<Exemplar>)>, ReadError> {
        let _ = (tenant, range, any_of);
        Ok(Vec::new())
    }

    /// What is known of a metric, or of all; sorted by name.
    fn metadata(&self, tenant: TenantId, metric: Option<&str>) -> Result<Vec<MetricMetadata>, ReadError>;

    /// Counts for people and for the status page; lists hold at most `limit` entries, largest first.
    fn statistics(&self, tenant: TenantId, limit: usize) -> Result<SeriesStatistics, ReadError>;
}

/// A moment in the life of a store, by how many changes there were before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub u64);

/// Samples of one coarseness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// The length of a stretch in milliseconds; 0: samples as they were measured.
    pub resolution_ms: i64,
    /// The time of the oldest one that is kept, in milliseconds since the epoch.
    pub since_ms: i64,
}

/// One series that was selected: its labels now, its samples when asked.
pub trait SelectedSeries: Send + Sync + Debug {
    /// The labels.
    fn labels(&self) -> &Labels;

    /// Appends all samples within `range` to `out`, in order of time, one per time stamp, stale markers included; of a series
    /// selected in a tier the last sample of each stretch ([`Statistic::Last`]).
    fn read(&self, range: TimeRange, out: &mut SampleColumns) -> Result<(), ReadError>;

    /// Appends the rollups that end within `range` to `out`, in order of time; of a series selected in a tier only.
    fn read_rollups(&self, range: TimeRange, out: &mut Rollups) -> Result<(), ReadError> {
        let _ = (range, out);
        Ok(())
    }

    /// The names of the files in which damage was met while this series was read: what the damaged parts held of it is missing from what
    /// was read.
    fn damaged_files(&self) -> Vec<String> {
        Vec::new()
    }

    /// How much the samples within `range` take where they are kept, whole chunks counted, and of rollups the chunks of these
    /// `statistics` alone; for those who want to know what a query reads.
    fn extent(&self, range: TimeRange, statistics: &[Statistic]) -> Extent {
        let _ = (range, statistics);
        Extent::default()
    }

    /// Whether there may be native histograms at all; where not, nobody need look for them.
    fn may_have_histograms(&self) -> bool {
        true
    }

    /// Appends all native histograms within `range` to `out`, in order of time, one per time stamp, stale markers included.
    fn read_histograms(&self, range: TimeRange, out: &mut Vec<HistogramSample>) -> Result<(), ReadError> {
        let _ = (range, out);
        Ok(())
    }
}

/// How much samples take where they are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Chunks.
    pub chunks: u64,
    /// Bytes of these chunks, as they are kept.
    pub bytes: u64,
}

impl Extent {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            chunks: self.chunks + other.chunks,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// Why a question has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// A file is damaged; it was set aside or is named so that it can be.
    #[error("cannot read {place}: {reason}")]
    Damaged {
        /// The file and place in it.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The disk or the remote store failed.
    #[error("cannot read {place}: {reason}")]
    Io {
        /// The file or address.
        place: String,
        /// What it said.
        reason: String,
    },
    /// A file was written in a form that this program does not know: by a newer one, most likely. It is left as it is.
    #[error(
        "cannot read {place}: it has version {found}, this program knows version {known}; use a newer program"
    )]
    Version {
        /// The file.
        place: String,
        /// Its version.
        found: u32,
        /// The newest version that is known.
        known: u32,
    },
    /// More of the files would have to be read than a question may.
    #[error(
        "more than {bytes_max} bytes of segments would have to be read for this; ask for a shorter time, for fewer streams or for a text \
         that fewer lines hold, or raise server.query_read_max"
    )]
    TooMuch {
        /// How many bytes may be read.
        bytes_max: u64,
    },
    /// The time was up, or who asked has left.
    #[error("the reading was interrupted")]
    Interrupted,
    /// A limit was hit.
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// What there is too much of.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

/// Counts of what a store holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesStatistics {
    /// Series that can take samples in memory now.
    pub head_series: u64,
    /// Chunks in memory.
    pub head_chunks: u64,
    /// Pairs of label name and value in memory.
    pub head_label_pairs: u64,
    /// The time of the oldest and the newest sample in memory.
    pub head_range: Option<TimeRange>,
    /// Files of sealed data.
    pub blocks: u64,
    /// Bytes on disk, log included.
    pub disk_bytes: u64,
    /// Series by metric name.
    pub series_by_metric: Vec<(String, u64)>,
    /// New series that were refused at a limit, by metric name.
    pub series_refused_by_metric: Vec<(String, u64)>,
    /// Distinct values by label name.
    pub values_by_label: Vec<(String, u64)>,
    /// Bytes of label values by label name.
    pub bytes_by_label: Vec<(String, u64)>,
    /// Series by `name=value`.
    pub series_by_label_pair: Vec<(String, u64)>,
}
