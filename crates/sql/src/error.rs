//! Why a statement has no answer.

use std::time::Duration;

use datafusion::common::{DataFusionError, SchemaError};
use model::ReadError;

/// Why a statement has no answer, in words for who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// The statement cannot be understood, or names what is not there.
    #[error("{0}")]
    Statement(String),
    /// The statement would change something, or reach beyond the tables.
    #[error("{0}; only questions are answered here: SELECT, EXPLAIN, SHOW TABLES, DESCRIBE")]
    NotAQuestion(String),
    /// More memory or disk is needed than a statement may take.
    #[error(
        "the statement needs more memory than it may take ({reason}); ask for a shorter time, fewer columns or groups, or raise {mend}"
    )]
    TooMuch {
        /// What did not fit.
        reason: String,
        /// The setting.
        mend: &'static str,
    },
    /// More would have to be read than a statement may read.
    #[error("{0}")]
    TooManyBytes(String),
    /// The time was up.
    #[error("the statement took longer than {}; ask for a shorter time, or raise server.query_timeout", stdx::HumanDuration(*.0))]
    Timeout(Duration),
    /// Who asked has left.
    #[error("the statement was cancelled")]
    Cancelled,
    /// The store could not be read.
    #[error("{0}")]
    Store(String),
    /// A fault of the program.
    #[error("the statement ended in a fault of the program: {0}")]
    Fault(String),
}

impl SqlError {
    /// A word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Statement(_) | Self::NotAQuestion(_) => "bad_data",
            Self::TooMuch { .. } | Self::TooManyBytes(_) => "limit",
            Self::Timeout(_) => "timeout",
            Self::Cancelled => "canceled",
            Self::Store(_) => "execution",
            Self::Fault(_) => "internal",
        }
    }

    /// What the engine said, taken apart.
    pub(crate) fn from_engine(error: DataFusionError) -> Self {
        match error {
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
                Self::from_engine(*inner)
            }
            DataFusionError::Shared(inner) => Self::from_shared(&inner),
            DataFusionError::Collection(errors) => {
                let mut errors = errors.into_iter();
                errors.next().map_or_else(
                    || Self::Fault("no reason was given".to_owned()),
                    Self::from_engine,
                )
            }
            DataFusionError::External(inner) => match inner.downcast::<Self>() {
                Ok(own) => *own,
                Err(inner) => match inner.downcast::<DataFusionError>() {
                    Ok(inner) => Self::from_engine(*inner),
                    Err(inner) => Self::Fault(inner.to_string()),
                },
            },
            other => Self::from_shared(&other),
        }
    }

    /// The same for what several hold.
    fn from_shared(error: &DataFusionError) -> Self {
        match error {
            DataFusionError::Shared(inner) => Self::from_shared(inner),
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
                Self::from_shared(inner)
            }
            DataFusionError::External(inner) => inner
                .downcast_ref::<Self>()
                .cloned()
                .unwrap_or_else(|| Self::Fault(inner.to_string())),
            DataFusionError::SQL(parser, _) => Self::Statement(parser.to_string()),
            DataFusionError::SchemaError(schema, _) => Self::Statement(missing_column(schema)),
            DataFusionError::Plan(reason)
            | DataFusionError::NotImplemented(reason)
            | DataFusionError::Execution(reason)
            | DataFusionError::Configuration(reason) => Self::Statement(reason.clone()),
            DataFusionError::ArrowError(arrow, _) => Self::Statement(arrow.to_string()),
            DataFusionError::ResourcesExhausted(reason) => Self::TooMuch {
                reason: first_line(reason),
                mend: "server.query_memory_max",
            },
            other => Self::Fault(other.strip_backtrace()),
        }
    }
}

impl From<SqlError> for DataFusionError {
    fn from(error: SqlError) -> Self {
        Self::External(Box::new(error))
    }
}

impl From<ReadError> for SqlError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Limit { .. } => Self::TooMuch {
                reason: error.to_string(),
                mend: "server.query_memory_max",
            },
            ReadError::TooMuch { .. } => Self::TooManyBytes(error.to_string()),
            ReadError::Interrupted => Self::Cancelled,
            other => Self::Store(other.to_string()),
        }
    }
}

fn missing_column(error: &SchemaError) -> String {
    let hint = "; labels are columns of their own where lines have them, and every label is in labels['name'], metadata in metadata['name']";
    match error {
        SchemaError::FieldNotFound { .. } => format!("{error}{hint}"),
        other => other.to_string(),
    }
}

fn first_line(reason: &str) -> String {
    reason.lines().next().unwrap_or_default().to_owned()
}
