//! The door to PromQL: what the table function `promql()` asks.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use model::{Labels, TenantId};

/// Whoever evaluates PromQL. Calls block on CPU and disk.
pub trait Metrics: Send + Sync + Debug {
    /// Evaluates an expression at one moment or over a range. The error is text for who wrote the statement.
    fn answer(&self, question: &MetricsQuestion<'_>) -> Result<MetricsAnswer, String>;
}

/// A question in PromQL.
#[derive(Debug, Clone)]
pub struct MetricsQuestion<'a> {
    /// Whose series.
    pub tenant: TenantId,
    /// The expression.
    pub expr: &'a str,
    /// The first moment, in milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// The last moment; where it is the first too and no step is said, the question is about that moment alone.
    pub to_ms: i64,
    /// How far moments are apart, in milliseconds; `None`: one moment.
    pub step_ms: Option<i64>,
    /// Most bytes that values may take.
    pub memory_max: usize,
    /// When to give up.
    pub deadline: Instant,
    /// Set when nobody waits any more.
    pub cancel: Arc<AtomicBool>,
}

/// Series with their samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricsAnswer {
    /// The series.
    pub rows: Vec<MetricsRow>,
    /// Native histograms, which have no place in a column of numbers.
    pub histograms_left_out: u64,
    /// Why numbers may be wrong or missing.
    pub warnings: Vec<String>,
}

/// A series.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsRow {
    /// Its labels, with the metric's name as `__name__`.
    pub labels: Labels,
    /// When, in milliseconds since the Unix epoch.
    pub times_ms: Vec<i64>,
    /// The values, as many as times.
    pub values: Vec<f64>,
}
