//! What can be wrong with an expression, and what can go wrong while it is evaluated.

use std::fmt;

use model::ReadError;
use stdx::HumanBytes;

/// An expression that cannot be read, with the place of the fault.
///
/// Prints as Loki does: `parse error at line 1, col 5: syntax error: unexpected ip`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Line and column of the fault, both from 1; nothing where the expression as a whole is wrong.
    pub place: Option<(usize, usize)>,
    /// What is wrong, without the place.
    pub message: String,
}

impl ParseError {
    /// A fault at byte `offset` of `text`.
    pub(crate) fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        Self {
            place: Some(line_and_column(text, offset)),
            message: message.into(),
        }
    }
}

/// The line and column, both from 1, of byte `offset` in `text`.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    let mut lines = before.split(|byte| *byte == b'\n');
    let last = lines.next_back().unwrap_or_default();
    (lines.count() + 1, last.len() + 1)
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => {
                write!(f, "parse error at line {line}, col {column}: {}", self.message)
            }
            None => write!(f, "parse error: {}", self.message),
        }
    }
}

impl std::error::Error for ParseError {}

/// Why an expression has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EvalError {
    /// The deadline passed before the answer was complete.
    #[error("query timed out; ask for a shorter range or fewer streams")]
    Timeout,
    /// The asker left.
    #[error("query was canceled")]
    Cancelled,
    /// The answer would have more series than it may.
    #[error(
        "maximum of series ({series_max}) reached for a single query, this one has {series}; a sum by few labels would pass, or a \
         selector or filter that leaves fewer"
    )]
    TooManySeries {
        /// How many there are.
        series: usize,
        /// The limit of [`crate::Options::series_max`].
        series_max: usize,
    },
    /// The query would hold more memory than it may.
    #[error(
        "query needs more memory than it may take (limit {}); ask for a shorter range, a larger step, fewer lines or a sum by few \
         labels",
        HumanBytes(*memory_max as u64)
    )]
    TooMuchMemory {
        /// The limit of [`crate::Options::memory_max`], in bytes.
        memory_max: usize,
    },
    /// The query would have more steps than it may.
    #[error("the query has {steps} steps, the limit is {steps_max}; a step of {step_ns_min} ns would pass")]
    TooManySteps {
        /// How many there are.
        steps: u64,
        /// The limit.
        steps_max: usize,
        /// The least step with which the range would pass, in nanoseconds.
        step_ns_min: i64,
    },
    /// The lines have more names of labels than may be told apart, or longer ones.
    #[error(
        "the lines have more than {names_max} names of labels, or names of more than {} together; name the fields that are needed, \
         as in `| json level`",
        HumanBytes(*bytes_max as u64)
    )]
    TooManyNames {
        /// The limit of their number.
        names_max: usize,
        /// The limit of their bytes.
        bytes_max: usize,
    },
    /// A stage of the pipeline is not what it must be.
    #[error("{0}")]
    Stage(String),
    /// A line has an error, and numbers are made of lines without any.
    #[error(
        "pipeline error: '{error}' for series: '{labels}'. Leave such lines out with | __error__=\"\", behind unwrap where it is \
         there that they fail"
    )]
    Pipeline {
        /// What `__error__` says.
        error: String,
        /// The labels of the line.
        labels: String,
    },
    /// The query asks for what cannot be computed, such as a match of two series with one.
    #[error("{0}")]
    Execution(String),
    /// The store failed.
    #[error("cannot read lines")]
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
            Self::TooManySeries { .. } => "too_many_series",
            Self::TooMuchMemory { .. } => "too_much_memory",
            Self::TooManySteps { .. } => "too_many_steps",
            Self::TooManyNames { .. } => "too_many_names",
            Self::Stage(_) => "stage",
            Self::Pipeline { .. } => "pipeline",
            Self::Execution(_) => "execution",
            Self::Storage(_) => "storage",
        }
    }
}
