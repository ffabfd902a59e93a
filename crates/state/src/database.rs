//! The database file: opening, checking, the one writer and the few readers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};
use stdx::clock::SharedClock;
use tokio::sync::{mpsc, oneshot};
use ulid::{Generator, Ulid};

use crate::error::Error;
use crate::limits;

/// Work for the writer, run inside one `BEGIN IMMEDIATE` transaction that commits when it returns `Ok`.
type Work = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> WorkFuture<'c> + Send>;
/// What the writer awaits; the answer to the caller is sent after the commit.
pub(crate) type WorkFuture<'c> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'c>>;

struct Job {
    operation: &'static str,
    work: Work,
    done: oneshot::Sender<Result<(), Error>>,
}

/// The small facts of this installation. Cloning is cheap; all clones share one writer.
///
/// Once a writing call returns `Ok`, what it wrote survives a crash of process and machine.
#[derive(Clone)]
pub struct State {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    readers: SqlitePool,
    writer: mpsc::Sender<Job>,
    ids: Mutex<Generator>,
    clock: SharedClock,
}

impl State {
    /// Opens the database at `path`, makes it where there is none, checks it and brings its tables to this version's
    /// form. Must be called on a tokio runtime, which runs the writer from then on.
    ///
    /// # Errors
    /// Where the file cannot be made, is no database, is damaged, or comes from a newer version.
    pub async fn open(path: impl AsRef<Path>, clock: SharedClock) -> Result<Self, Error> {
        let path = path.as_ref().to_path_buf();
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|source| Error::Folder {
                path: folder.to_path_buf(),
                source,
            })?;
        }
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_millis(limits::LOCK_WAIT_MS_MAX));
        let mut connection = options
            .connect()
            .await
            .map_err(|source| open_error(&path, source))?;
        check_integrity(&path, &mut connection).await?;
        sqlx::migrate!("./migrations")
            .run_direct(None, &mut connection, false)
            .await
            .map_err(|source| Error::Migrate {
                path: path.clone(),
                source,
            })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(limits::READERS_MAX)
            .connect_with(options.clone().read_only(true).create_if_missing(false))
            .await
            .map_err(|source| open_error(&path, source))?;
        let (writer, jobs) = mpsc::channel(limits::WRITES_WAITING_MAX);
        tokio::spawn(write_all(connection, options, jobs));
        Ok(Self {
            inner: Arc::new(Inner {
                path,
                readers,
                writer,
                ids: Mutex::new(Generator::new()),
                clock,
            }),
        })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The time of this state's clock, milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.inner.clock.now_ms()
    }

    /// The next id; ids of one process are in the order they were drawn.
    pub(crate) fn next_id(&self) -> Ulid {
        let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(self.now_ms()).unwrap_or_default());
        let mut ids = self
            .inner
            .ids
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match ids.generate_from_datetime(now) {
            Ok(id) => id,
            Err(overflow) => overflow.commit_overflow_increment(),
        }
    }

    /// A connection for questions.
    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.inner.readers
    }

    /// Runs `work` in one transaction on the writer and waits until it is durable. The work goes on when the caller
    /// stops waiting.
    pub(crate) async fn write<F>(&self, operation: &'static str, work: F) -> Result<(), Error>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> WorkFuture<'c> + Send + 'static,
    {
        let (done, answer) = oneshot::channel();
        let job = Job {
            operation,
            work: Box::new(work),
            done,
        };
        self.inner.writer.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Busy {
                waiting_max: limits::WRITES_WAITING_MAX,
            },
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })?;
        answer.await.unwrap_or(Err(Error::Closed))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}

/// The one writer: job after job, each in its own transaction, until the last [`State`] is gone.
async fn write_all(
    mut connection: SqliteConnection,
    options: SqliteConnectOptions,
    mut jobs: mpsc::Receiver<Job>,
) {
    while let Some(job) = jobs.recv().await {
        let outcome = run_job(&mut connection, job.operation, job.work).await;
        if let Err(error) = &outcome {
            tracing::warn!(operation = job.operation, %error, "state write failed");
            replace_if_stuck(&mut connection, &options).await;
        }
        // The caller may have stopped waiting; the work is done all the same.
        let _ = job.done.send(outcome);
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "state database was not closed cleanly");
    }
}

/// Opens the database anew where the connection is still in a transaction after a failure: SQLite ends a transaction by
/// itself where the disk is full, the connection's own rollback then fails, and it would never begin another one.
async fn replace_if_stuck(connection: &mut SqliteConnection, options: &SqliteConnectOptions) {
    // A rollback may still be on its way to the connection's thread; the answer comes after it.
    if connection.ping().await.is_ok() && !connection.is_in_transaction() {
        return;
    }
    match options.connect().await {
        Ok(new) => {
            let stuck = std::mem::replace(connection, new);
            // It holds nothing that was promised to anybody.
            let _ = stuck.close_hard().await;
        }
        Err(error) => tracing::warn!(%error, "state database cannot be opened anew"),
    }
}

async fn run_job(
    connection: &mut SqliteConnection,
    operation: &'static str,
    work: Work,
) -> Result<(), Error> {
    let mut transaction = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(Error::query(operation))?;
    work(&mut transaction).await?;
    transaction.commit().await.map_err(Error::query(operation))
}

/// SQLite's own quick check: page structure, order of rows, missing index entries left to the full check.
async fn check_integrity(path: &Path, connection: &mut SqliteConnection) -> Result<(), Error> {
    let found: Vec<String> = sqlx::query_scalar("PRAGMA quick_check(5)")
        .fetch_all(connection)
        .await
        .map_err(|source| open_error(path, source))?;
    if found.iter().all(|line| line == "ok") {
        return Ok(());
    }
    Err(Error::Damaged {
        path: path.to_path_buf(),
        reason: found.join("; "),
    })
}

/// Tells a damaged file from one that cannot be opened.
fn open_error(path: &Path, source: sqlx::Error) -> Error {
    // Primary result codes: 11 SQLITE_CORRUPT, 26 SQLITE_NOTADB; extended codes keep them in the low byte.
    let damaged = source
        .as_database_error()
        .and_then(|error| error.code())
        .and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| matches!(code & 0xff, 11 | 26));
    if damaged {
        return Error::Damaged {
            path: path.to_path_buf(),
            reason: source.to_string(),
        };
    }
    Error::Open {
        path: path.to_path_buf(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::clock::SystemClock;

    async fn fill(state: &State, pages_max: u32) -> Result<(), Error> {
        state
            .write("fill", move |connection| {
                Box::pin(async move {
                    let full = |source| Error::query("fill")(source);
                    sqlx::query(sqlx::AssertSqlSafe(format!(
                        "PRAGMA max_page_count = {pages_max}"
                    )))
                    .execute(&mut *connection)
                    .await
                    .map_err(full)?;
                    for statement in [
                        "CREATE TABLE IF NOT EXISTS filler (bytes BLOB)",
                        "INSERT INTO filler VALUES (zeroblob(400000))",
                    ] {
                        sqlx::query(statement)
                            .execute(&mut *connection)
                            .await
                            .map_err(full)?;
                    }
                    Ok(())
                })
            })
            .await
    }

    #[tokio::test]
    async fn writing_goes_on_once_a_full_disk_has_room_again() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path().join("state.db"), SystemClock::shared())
            .await
            .unwrap();
        for _ in 0..3 {
            // A database that may not grow fails as on a full disk: SQLITE_FULL, and SQLite ends the transaction itself.
            fill(&state, 60).await.unwrap_err();
        }
        fill(&state, 10_000).await.unwrap();
    }
}
