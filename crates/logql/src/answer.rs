//! What a query is answered with.

use model::Searched;

use crate::label_set::LabelSet;

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The value.
    pub value: Value,
    /// What the answer cost.
    pub statistics: Statistics,
}

/// The value of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One number.
    Scalar {
        /// The time it was asked for, in nanoseconds since the Unix epoch.
        at_ns: i64,
        /// The number.
        value: f64,
    },
    /// One number a series: sorted by labels, or as `sort` sorted them.
    Vector(Vec<VectorSample>),
    /// Numbers of series over time, sorted by labels.
    Matrix(Vec<MatrixSeries>),
    /// Lines, sorted by labels.
    Streams(Vec<LogStream>),
}

/// The number of a series at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    /// The labels of the series.
    pub labels: LabelSet,
    /// The time that was asked for, in nanoseconds since the Unix epoch.
    pub at_ns: i64,
    /// The number.
    pub value: f64,
}

/// The numbers of a series over time.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSeries {
    /// The labels of the series.
    pub labels: LabelSet,
    /// Times in nanoseconds since the Unix epoch, and numbers.
    pub samples: Vec<(i64, f64)>,
}

/// Lines with the same labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogStream {
    /// The labels that are those of the stream.
    pub stream: LabelSet,
    /// The labels that are metadata of the lines.
    pub metadata: LabelSet,
    /// The labels that the expression made, errors included.
    pub parsed: LabelSet,
    /// The lines, in the order that was asked for.
    pub lines: Vec<LogLine>,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, in nanoseconds since the Unix epoch.
    pub at_ns: i64,
    /// The line, as the expression made it.
    pub line: String,
}

impl LogStream {
    /// All labels together.
    pub fn labels(&self) -> LabelSet {
        let all = self
            .stream
            .iter()
            .chain(self.metadata.iter())
            .chain(self.parsed.iter());
        LabelSet::from_pairs(all)
    }
}

/// What an answer cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Lines that were read.
    pub lines_read: u64,
    /// Bytes of these lines.
    pub bytes_read: u64,
    /// What the store looked through for them.
    pub searched: Searched,
    /// Bytes of files that were read for them.
    pub file_bytes_read: u64,
    /// Lines that no filter left out.
    pub lines_kept: u64,
    /// The most bytes that were held in memory at one time, roughly.
    pub memory_max: u64,
}
