//! What a query is answered with.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::explain::Explained;
use model::{Histogram, HistogramSample, Labels, SampleColumns};

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The value.
    pub value: Value,
    /// What the asker should know about how the value came to be.
    pub annotations: Annotations,
    /// What the answer cost.
    pub statistics: Statistics,
    /// What became of every part of the query, where that was asked for.
    pub explained: Option<Explained>,
}

/// The value of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One number.
    Scalar {
        /// The time it was asked for, in milliseconds since the Unix epoch.
        at_ms: i64,
        /// The number.
        value: f64,
    },
    /// A text.
    String {
        /// The time it was asked for, in milliseconds since the Unix epoch.
        at_ms: i64,
        /// The text.
        value: String,
    },
    /// One sample a series, in the order that `sort` and `topk` gave them.
    Vector(Vec<VectorSample>),
    /// Samples of series over time, sorted by labels.
    Matrix(Vec<MatrixSeries>),
}

/// What a series has at one time: a number or a native histogram.
#[derive(Debug, Clone, PartialEq)]
pub enum Point {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

impl Point {
    /// The number, if it is one.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Histogram(_) => None,
        }
    }
}

/// One sample of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    /// The labels of the series.
    pub labels: Labels,
    /// The time the vector was asked for, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The value.
    pub value: Point,
}

/// One series of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSeries {
    /// The labels of the series.
    pub labels: Labels,
    /// Its samples.
    pub samples: SampleColumns,
    /// Its native histograms, at other times than its samples.
    pub histograms: Vec<HistogramSample>,
}

/// Hints about an answer, each once, sorted. Texts about the expression are Prometheus' own (util/annotations).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotations {
    /// The answer may be wrong: `PromQL warning: …`, or may lack what is damaged: `storage warning: …`.
    pub warnings: BTreeSet<String>,
    /// The question may be wrong: `PromQL info: …`.
    pub infos: BTreeSet<String>,
}

/// What an answer cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Series that selectors found.
    pub series_selected: u64,
    /// Samples that were read from the store.
    pub samples_read: u64,
    /// The coarsest tier that was read, by its resolution in milliseconds; 0: samples as they were measured.
    pub resolution_ms_max: i64,
    /// The most samples that were held in memory at one time.
    pub samples_held_max: u64,
}

impl Annotations {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.warnings.is_empty() && self.infos.is_empty()
    }
}
