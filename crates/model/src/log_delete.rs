//! Lines that are to be deleted: which ones, and the door to the store that does it.

use std::fmt::Debug;
use std::sync::Arc;

use crate::batch::TenantId;
use crate::labels::Labels;
use crate::matcher::Matcher;

/// Which lines a query means, one by one.
pub trait LineFilter: Send + Sync + Debug {
    /// What the labels of a stream must meet; all must hold.
    fn matchers(&self) -> &[Matcher];

    /// Whether lines and their metadata are looked at; where not, all lines of the streams are meant.
    fn needs_lines(&self) -> bool;

    /// Who judges lines.
    fn judge(&self) -> Box<dyn LineJudge>;
}

/// Judges lines of one stream after the other.
pub trait LineJudge: Send {
    /// The lines that follow are of a stream with these labels, which meet the matchers.
    fn start_stream(&mut self, stream: &Labels);

    /// Whether a line is meant.
    fn means(&mut self, at_ns: i64, line: &str, metadata: &[(&str, &str)]) -> bool;
}

/// Reads a query; what is wrong with it is told.
pub type ReadLineFilter = fn(&str) -> Result<Arc<dyn LineFilter>, String>;

/// A store that can delete lines.
///
/// Calls block on the disk: async callers go through a blocking task.
pub trait LogDelete: Send + Sync + Debug {
    /// Takes in a request to delete lines. When it returns, they are in no answer any more, also after a crash.
    fn delete(&self, wanted: &NewDeletion, now_ms: i64) -> Result<String, DeleteError>;

    /// The requests of a tenant, oldest first.
    fn deletions(&self, tenant: TenantId) -> Result<Vec<Deletion>, DeleteError>;

    /// Takes a request back that was not begun yet: its lines answer again. Tells whether there was one.
    fn cancel_deletion(&self, tenant: TenantId, id: &str, now_ms: i64) -> Result<bool, DeleteError>;
}

/// Lines that are to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeletion {
    /// Whose lines.
    pub tenant: TenantId,
    /// Which ones: a selector of streams, perhaps with a pipeline that lines must pass.
    pub query: String,
    /// The earliest time, in nanoseconds since the Unix epoch.
    pub from_ns: i64,
    /// The latest time.
    pub to_ns: i64,
}

/// A request to delete lines, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// Its name.
    pub id: String,
    /// What was asked for.
    pub wanted: NewDeletion,
    /// When, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When the last of its lines had left the disk.
    pub finished_ms: Option<i64>,
}

/// Why a request to delete lines was not taken in, or back.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DeleteError {
    /// The query cannot be read.
    #[error("{0}")]
    BadQuery(String),
    /// Too many are not done yet.
    #[error(
        "{max} requests to delete lines are not done yet, and there may be no more; wait, or cancel some"
    )]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// It is too late to take it back.
    #[error("request {id} is being processed, or is done, and cannot be cancelled any more")]
    TooLate {
        /// Its name.
        id: String,
    },
    /// It could not be kept.
    #[error("cannot keep the request: {reason}")]
    Store {
        /// What the database said.
        reason: String,
    },
}
