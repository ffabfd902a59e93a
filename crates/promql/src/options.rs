//! How a query is to be evaluated, and what it may cost.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use model::TenantId;

use crate::limits;

/// How to evaluate a query.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose series.
    pub tenant: TenantId,
    /// How far back an instant selector looks for the newest sample, in milliseconds.
    pub lookback_ms: i64,
    /// The most samples that may be held in memory at one time.
    pub samples_max: usize,
    /// The most bytes that values may take in memory at one time.
    pub memory_max: usize,
    /// When to give up.
    pub deadline: Option<Instant>,
    /// Set to true by the asker to stop the evaluation.
    pub cancel: Option<Arc<AtomicBool>>,
    /// Whether a sample exactly at the start of a window belongs to it.
    pub windows: Windows,
    /// Whether the starts of samples say when a counter started again.
    pub starts: Starts,
    /// The step of a subquery that names none (`[5m:]`), in milliseconds.
    pub subquery_step_ms: i64,
    /// Whether to tell what became of every part of the query.
    pub explain: bool,
}

/// Whether the start of a window belongs to it; the end always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Windows {
    /// `(start, end]`, as Prometheus does since 3.0.
    #[default]
    LeftOpen,
    /// `[start, end]`, as Prometheus 2 did; for comparison with answers of that time.
    Closed,
}

/// What counters are judged by beside their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Starts {
    /// By the starts of their samples too, as Prometheus does with `use-start-timestamps`: where counting started again, and
    /// since when a series' first sample in a window has counted.
    #[default]
    Used,
    /// By nothing else: for comparison, and where senders tell wrong starts.
    Ignored,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tenant: TenantId::DEFAULT,
            lookback_ms: limits::LOOKBACK_MS,
            samples_max: limits::SAMPLES_MAX,
            memory_max: limits::MEMORY_MAX,
            deadline: None,
            cancel: None,
            windows: Windows::default(),
            starts: Starts::default(),
            subquery_step_ms: limits::SUBQUERY_STEP_MS,
            explain: false,
        }
    }
}
