//! What a query holds, has read and has to tell, counted by all threads that work on it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use stdx::HumanBytes;

use super::{Evaluator, Grid};
use crate::answer::{Annotations, Statistics};
use crate::error::EvalError;

/// What a value at one step takes.
const SAMPLE_BYTES: usize = size_of::<f64>();

/// The running totals of one query.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Samples held now, and the most there were.
    held: AtomicUsize,
    held_max: AtomicUsize,
    series_selected: AtomicU64,
    samples_read: AtomicU64,
    resolution_ms_max: AtomicI64,
    pub(super) annotations: Mutex<Annotations>,
    /// Names of files that lost something of what was read, which is no part's of the expression.
    pub(super) damaged_files: Mutex<BTreeSet<String>>,
}

impl Account {
    pub(super) fn statistics(&self) -> Statistics {
        Statistics {
            series_selected: self.series_selected.load(Ordering::Relaxed),
            samples_read: self.samples_read.load(Ordering::Relaxed),
            samples_held_max: self.held_max.load(Ordering::Relaxed) as u64,
            resolution_ms_max: self.resolution_ms_max.load(Ordering::Relaxed),
        }
    }

    /// What is to be told with the answer.
    pub(super) fn told(self) -> Annotations {
        let mut annotations = self.annotations.into_inner();
        let lost = self.damaged_files.into_inner().into_iter().map(|file| {
            format!(
                "storage warning: a part of {file} is damaged, its samples may be missing from this answer"
            )
        });
        annotations.warnings.extend(lost);
        annotations
    }

    pub(super) fn note_selected(&self, series: usize) {
        self.series_selected.fetch_add(series as u64, Ordering::Relaxed);
    }

    pub(super) fn note_read(&self, samples: usize) {
        self.samples_read.fetch_add(samples as u64, Ordering::Relaxed);
    }

    pub(super) fn note_tier(&self, resolution_ms: i64) {
        self.resolution_ms_max.fetch_max(resolution_ms, Ordering::Relaxed);
    }
}

impl Evaluator<'_> {
    /// Counts samples that are held from now on.
    pub(crate) fn hold(&self, samples: usize) -> Result<(), EvalError> {
        let before = self.account.held.fetch_add(samples, Ordering::Relaxed);
        let held = before.saturating_add(samples);
        self.account.held_max.fetch_max(held, Ordering::Relaxed);
        self.check_room(0)
    }

    /// How many samples are held.
    pub(super) fn held(&self) -> usize {
        self.account.held.load(Ordering::Relaxed)
    }

    /// Whether so many samples more could be held.
    pub(crate) fn check_room(&self, samples: usize) -> Result<(), EvalError> {
        let held = self.account.held.load(Ordering::Relaxed).saturating_add(samples);
        if held > self.options.samples_max {
            return Err(EvalError::TooManySamples {
                samples_max: self.options.samples_max,
            });
        }
        if held.saturating_mul(SAMPLE_BYTES) > self.options.memory_max {
            return Err(EvalError::TooMuchMemory {
                memory_max: self.options.memory_max,
            });
        }
        Ok(())
    }

    /// Whether so many series could be held whole; looked at before the first of them is read.
    pub(super) fn check_fits(&self, series: usize, grid: Grid) -> Result<(), EvalError> {
        let (samples_max, memory_max) = (self.options.samples_max, self.options.memory_max);
        let of_memory = memory_max / SAMPLE_BYTES;
        let held = self.account.held.load(Ordering::Relaxed);
        let room = samples_max.min(of_memory).saturating_sub(held);
        let needed = series.saturating_mul(grid.steps);
        if needed <= room {
            return Ok(());
        }
        let limit = if samples_max < of_memory {
            format!("{samples_max} samples (server.query_samples_max)")
        } else {
            format!("{} (server.query_memory_max)", HumanBytes(memory_max as u64))
        };
        let bytes = needed.saturating_mul(SAMPLE_BYTES);
        Err(EvalError::WouldNotFit {
            needed: bytes.saturating_add(1).next_multiple_of(1 << 20),
            limit,
            series,
            steps: grid.steps,
            steps_max: room / series.max(1),
            series_max: room / grid.steps.max(1),
        })
    }

    /// Counts samples that are let go.
    pub(crate) fn release(&self, samples: usize) {
        let less = |held: usize| Some(held.saturating_sub(samples));
        // Always changes it.
        let _ = self
            .account
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}
