//! What can be wrong with an expression, and what can go wrong while it is evaluated.

use std::fmt;

use model::ReadError;
use stdx::HumanBytes;

/// An expression that cannot be read, with the place of the fault.
///
/// Prints as Prometheus does: `1:5: parse error: unexpected end of input`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Line of the fault, from 1.
    pub line: usize,
    /// Column of the fault in bytes, from 1.
    pub column: usize,
    /// Byte offset of the fault in the expression.
    pub offset: usize,
    /// What is wrong, without the place.
    pub message: String,
}

/// Why an expression has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EvalError {
    /// The deadline passed before the answer was complete.
    #[error("query timed out in expression evaluation; ask for a shorter range or a larger step")]
    Timeout,
    /// The asker left.
    #[error("query was canceled in expression evaluation")]
    Cancelled,
    /// The query would hold more samples in memory than it may.
    #[error(
        "query processing would load too many samples into memory (limit {samples_max}); ask for a shorter range, a larger step or fewer series"
    )]
    TooManySamples {
        /// The limit of [`crate::Options::samples_max`].
        samples_max: usize,
    },
    /// The query would hold more memory than it may; met on the way.
    #[error(
        "query processing needs more memory than it may take (limit {}, server.query_memory_max); ask for a shorter range, a larger step or fewer series",
        HumanBytes(*memory_max as u64)
    )]
    TooMuchMemory {
        /// The limit of [`crate::Options::memory_max`], in bytes.
        memory_max: usize,
    },
    /// Too much memory or too many samples, foreseen from how many series were found.
    #[error(
        "query would hold about {} of memory: {series} series at {steps} steps, {} samples; the limit is {limit}. With these series {steps_max} steps would pass, with these steps {series_max} series; a sum by few labels holds no series at all",
        HumanBytes(*needed as u64),
        series.saturating_mul(*steps)
    )]
    WouldNotFit {
        /// What it would hold, in bytes.
        needed: usize,
        /// The limit that is met first, and its key.
        limit: String,
        /// How many series were found.
        series: usize,
        /// At how many steps they are to be computed.
        steps: usize,
        /// So many steps of so many series would pass.
        steps_max: usize,
        /// So many series at so many steps would pass.
        series_max: usize,
    },
    /// The query asks for what cannot be computed, such as a vector with two samples of one label set.
    #[error("{0}")]
    Execution(String),
    /// The store failed.
    #[error("cannot read series")]
    Storage(#[source] ReadError),
}

impl EvalError {
    /// An execution error with a text.
    pub(crate) fn execution(text: impl Into<String>) -> Self {
        Self::Execution(text.into())
    }

    /// A short name for counters and logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::TooManySamples { .. } => "too_many_samples",
            Self::TooMuchMemory { .. } | Self::WouldNotFit { .. } => "too_much_memory",
            Self::Execution(_) => "execution",
            Self::Storage(_) => "storage",
        }
    }
}

impl ParseError {
    /// A fault at byte `offset` of `text`.
    pub(crate) fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let (line, column) = line_and_column(text, offset);
        Self {
            line,
            column,
            offset,
            message: message.into(),
        }
    }
}

/// The line and column, both from 1, of byte `offset` in `text`.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    let mut lines = before.split(|byte| *byte == b'\n');
    let last = lines.next_back().unwrap_or_default();
    (lines.count() + 1, last.len() + 1)
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: parse error: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ParseError {}
