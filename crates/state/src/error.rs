//! What can go wrong with the database of small facts.

use std::path::PathBuf;

/// Why the state could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder or file cannot be made or written.
    #[error(
        "cannot open the state database {path}; check that the folder exists, is writable and has free space"
    )]
    Open {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The folder cannot be made.
    #[error("cannot make the folder {path} for the state database; check its owner and permissions")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a database or is damaged.
    #[error(
        "the state database {path} is damaged ({reason}); move it and its -wal and -shm files aside and start again: \
         alert states and unsent notifications in it are lost, metrics are not"
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What the integrity check said.
        reason: String,
    },
    /// The tables could not be brought to this version's form.
    #[error("cannot bring the state database {path} to this version's form; it may be from a newer version")]
    Migrate {
        /// The database file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// A question to the database failed.
    #[error("cannot {operation} in the state database")]
    Query {
        /// What was tried.
        operation: &'static str,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// A row cannot be read back.
    #[error("a row of table {table} in the state database cannot be read: {reason}")]
    BadRow {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Another process does the work now.
    #[error("the lease {name} was lost: another process does this work now")]
    LeaseLost {
        /// The work.
        name: String,
    },
    /// A segment of log lines that should be replaced is not in the catalog.
    #[error("log segment {id} is not in the catalog any more; another process has merged or removed it")]
    LogSegmentGone {
        /// The segment.
        id: ulid::Ulid,
    },
    /// Too much is waiting to be written.
    #[error("the state database has {waiting_max} writes waiting and takes no more")]
    Busy {
        /// The limit.
        waiting_max: usize,
    },
    /// The state is closed or its runtime is gone.
    #[error("the state database is closed")]
    Closed,
}

impl Error {
    /// Names the operation that failed.
    pub(crate) fn query(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Query { operation, source }
    }
}
