//! Moves series in from elsewhere: Prometheus' own blocks and OpenMetrics files become old samples of a store.
//!
//! In: files that others wrote, or a stream of [`frames`].  Out: samples to a [`model::Backfill`], counts and faults to the caller.
//! Owns: nothing; files are only read.
//! Invariants: what Prometheus' tools wrote reads back sample by sample (`tests/import_prometheus.rs` of the binary); no bytes
//! make a decoder panic (`prometheus::tests`, `frames::tests`).
//! Not here: which blocks of ours the samples go to (`tsdb`), the command line and HTTP around it.
//! Start at: [`prometheus::import`] and [`openmetrics::import`].

pub mod frames;
pub mod openmetrics;
pub mod prometheus;

use std::path::{Path, PathBuf};

use model::{HistogramSample, Labels, Matcher, TimeRange, WriteError};

use crate::limits::IMPORT_FAULTS_TOLD;

/// Which series, and of what time.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Series that meet all matchers of any of these selectors; every series where there is none.
    pub any_of: Vec<Vec<Matcher>>,
    /// Samples of this time.
    pub range: TimeRange,
}

/// What was read; told while it goes on and at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Blocks or files that were read to their end.
    pub sources: u64,
    /// Series with samples that were wanted; one that several blocks hold counts in each.
    pub series: u64,
    /// Samples that were handed on.
    pub samples: u64,
    /// Native histograms that were handed on.
    pub histograms: u64,
    /// Samples that were left out because the source holds them as deleted.
    pub deleted: u64,
    /// Exemplars that were left out.
    pub exemplars_left_out: u64,
    /// Things that cannot be read: a chunk, a series, a block.
    pub fault_count: u64,
    /// The first of them: file, series, offset, and what is wrong.
    pub faults: Vec<String>,
    /// What the operator should know although nothing is wrong.
    pub notes: Vec<String>,
}

/// Why an import ended early. What was written until then stays; the same import again completes it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read at all.
    #[error("cannot read {path}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: std::io::Error,
    },
    /// The folder or file is not what it was said to be.
    #[error("{place}: {reason}")]
    Malformed {
        /// The file, and the place in it.
        place: String,
        /// What is wrong, and what would help.
        reason: String,
    },
    /// The store took nothing more.
    #[error("the store takes no old samples")]
    Store(#[from] WriteError),
}

// === impl Wanted ===

impl Wanted {
    /// Every sample of every series.
    pub fn everything() -> Self {
        Self {
            any_of: Vec::new(),
            range: TimeRange::ALL,
        }
    }

    /// Whether a series is wanted.
    pub fn wants(&self, labels: &Labels) -> bool {
        let meets = |matcher: &Matcher| matcher.matches_labels(labels);
        self.any_of.is_empty() || self.any_of.iter().any(|all| all.iter().all(meets))
    }
}

// === impl Reading ===

impl Reading {
    /// Counts a fault, and remembers the first ones.
    pub(crate) fn fault(&mut self, text: String) {
        self.fault_count += 1;
        if self.faults.len() < IMPORT_FAULTS_TOLD {
            self.faults.push(text);
        }
    }

    /// The histograms that are ones; the others are faults.
    pub(crate) fn sound(
        &mut self,
        labels: &Labels,
        histograms: impl IntoIterator<Item = HistogramSample>,
    ) -> Vec<HistogramSample> {
        let sound = histograms.into_iter().filter(|sample| {
            // The marker that ends a series is nothing else.
            let verdict = if sample.value.is_stale() {
                Ok(())
            } else {
                sample.value.validate()
            };
            verdict
                .map_err(|error| self.fault(format!("{labels} at {} ms: {error}", sample.at_ms)))
                .is_ok()
        });
        sound.collect()
    }
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> ImportError {
    let path = path.to_owned();
    move |source| ImportError::File { path, source }
}
