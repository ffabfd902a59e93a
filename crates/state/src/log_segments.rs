//! The catalog of the store of log lines: which segments answer, and which files are left over.
//!
//! A file is in one of three states: left over (being written, or given up), in the catalog, or neither, which is how files from before
//! the catalog, or from a backup, are told.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use ulid::Ulid;

use crate::database::State;
use crate::error::Error;
use crate::leases::{self, Lease};

const TABLE: &str = "log_segments";
const ULID_BYTES: usize = 16;

/// What is known of a segment without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSegmentRow {
    /// Its name.
    pub id: Ulid,
    /// Whose lines.
    pub tenant: u32,
    /// The version of its form.
    pub version: u8,
    /// How many lines.
    pub rows: u64,
    /// How many streams.
    pub streams: u64,
    /// How many bytes of lines.
    pub line_bytes: u64,
    /// How many bytes the file has.
    pub file_bytes: u64,
    /// The time of the earliest line, in nanoseconds since the Unix epoch.
    pub min_ns: i64,
    /// The time of the latest line.
    pub max_ns: i64,
    /// Where its table of contents lies.
    pub contents_offset: u64,
    /// How many bytes that has.
    pub contents_length: u32,
    /// The CRC-32 of these bytes.
    pub contents_crc: u32,
    /// The tenant's lines in segments of the log before this one are sealed.
    pub log_before: u64,
    /// When the newest of the batches came whose keys it names, in milliseconds since the Unix epoch.
    pub keys_until_ms: Option<i64>,
    /// The segments that it stands for.
    pub sources: Vec<Ulid>,
    /// The labels of its streams, in the store's own form.
    pub labels: Vec<u8>,
}

/// What becomes of the catalog in one transaction.
#[derive(Debug, Clone, Default)]
pub struct LogSegmentChange {
    /// Segments that answer from now on; they are left over no more.
    pub added: Vec<LogSegmentRow>,
    /// Segments that do not answer any more and are left over now. All of them must be in the catalog.
    pub gone: Vec<Ulid>,
    /// The lease under which it is done, where it needs one: lost, nothing changes.
    pub lease: Option<Lease>,
}

impl State {
    /// The whole catalog, in the order of the segments' names.
    pub async fn log_segments(&self) -> Result<Vec<LogSegmentRow>, Error> {
        let rows = sqlx::query("SELECT * FROM log_segments ORDER BY id")
            .fetch_all(self.readers())
            .await
            .map_err(Error::query("read the catalog of log segments"))?;
        rows.iter().map(from_row).collect()
    }

    /// Which of these segments are in the catalog.
    pub async fn known_log_segments(&self, ids: &[Ulid]) -> Result<Vec<Ulid>, Error> {
        let mut known = Vec::new();
        for id in ids {
            let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM log_segments WHERE id = ?")
                .bind(id.to_string())
                .fetch_optional(self.readers())
                .await
                .map_err(Error::query("look into the catalog of log segments"))?;
            known.extend(found.map(|_| *id));
        }
        Ok(known)
    }

    /// Changes the catalog.
    ///
    /// # Errors
    /// [`Error::LeaseLost`], and [`Error::LogSegmentGone`] where a segment that should go is not there; nothing has changed then.
    pub async fn change_log_segments(&self, change: LogSegmentChange) -> Result<(), Error> {
        let now_ms = self.now_ms();
        self.write("change the catalog of log segments", move |connection| {
            Box::pin(async move {
                if let Some(lease) = &change.lease {
                    leases::check(connection, lease).await?;
                }
                for id in &change.gone {
                    remove(connection, *id, now_ms).await?;
                }
                for row in &change.added {
                    insert(connection, row).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Puts these segments in the place of the whole catalog; what was left over stays so, unless it is among them.
    pub async fn replace_log_segments(&self, rows: Vec<LogSegmentRow>) -> Result<(), Error> {
        self.write("rebuild the catalog of log segments", move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM log_segments")
                    .execute(&mut *connection)
                    .await
                    .map_err(Error::query("empty the catalog of log segments"))?;
                for row in &rows {
                    insert(connection, row).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Files of segments that do not answer.
    pub async fn log_leftovers(&self) -> Result<Vec<Ulid>, Error> {
        let rows = sqlx::query("SELECT id FROM log_leftovers ORDER BY id")
            .fetch_all(self.readers())
            .await
            .map_err(Error::query("read what is left over of log segments"))?;
        rows.iter().map(|row| ulid(row.get("id"))).collect()
    }

    /// Remembers the names of files that are about to be written: until they are in the catalog they are left over.
    pub async fn add_log_leftovers(&self, ids: Vec<Ulid>) -> Result<(), Error> {
        let now_ms = self.now_ms();
        self.write("announce a log segment", move |connection| {
            Box::pin(async move {
                for id in &ids {
                    leave_over(connection, *id, now_ms).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Forgets what was left over and is removed.
    pub async fn forget_log_leftovers(&self, ids: Vec<Ulid>) -> Result<(), Error> {
        self.write("forget a log segment", move |connection| {
            Box::pin(async move {
                for id in &ids {
                    forget(connection, *id).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

async fn insert(connection: &mut SqliteConnection, row: &LogSegmentRow) -> Result<(), Error> {
    forget(connection, row.id).await?;
    let sources: Vec<u8> = row.sources.iter().flat_map(|id| id.to_bytes()).collect();
    sqlx::query(
        "INSERT INTO log_segments (id, tenant, version, rows, streams, line_bytes, file_bytes, min_ns, max_ns, \
         contents_offset, contents_length, contents_crc, log_before, keys_until_ms, sources, labels) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.id.to_string())
    .bind(i64::from(row.tenant))
    .bind(i64::from(row.version))
    .bind(signed(row.rows))
    .bind(signed(row.streams))
    .bind(signed(row.line_bytes))
    .bind(signed(row.file_bytes))
    .bind(row.min_ns)
    .bind(row.max_ns)
    .bind(signed(row.contents_offset))
    .bind(i64::from(row.contents_length))
    .bind(i64::from(row.contents_crc))
    .bind(signed(row.log_before))
    .bind(row.keys_until_ms)
    .bind(sources)
    .bind(row.labels.as_slice())
    .execute(connection)
    .await
    .map_err(Error::query("add a log segment"))?;
    Ok(())
}

async fn remove(connection: &mut SqliteConnection, id: Ulid, now_ms: i64) -> Result<(), Error> {
    let done = sqlx::query("DELETE FROM log_segments WHERE id = ?")
        .bind(id.to_string())
        .execute(&mut *connection)
        .await
        .map_err(Error::query("remove a log segment"))?;
    if done.rows_affected() == 0 {
        return Err(Error::LogSegmentGone { id });
    }
    leave_over(connection, id, now_ms).await
}

async fn leave_over(connection: &mut SqliteConnection, id: Ulid, now_ms: i64) -> Result<(), Error> {
    sqlx::query("INSERT INTO log_leftovers (id, since_ms) VALUES (?, ?) ON CONFLICT (id) DO NOTHING")
        .bind(id.to_string())
        .bind(now_ms)
        .execute(connection)
        .await
        .map_err(Error::query("leave over a log segment"))?;
    Ok(())
}

async fn forget(connection: &mut SqliteConnection, id: Ulid) -> Result<(), Error> {
    sqlx::query("DELETE FROM log_leftovers WHERE id = ?")
        .bind(id.to_string())
        .execute(connection)
        .await
        .map_err(Error::query("forget a log segment"))?;
    Ok(())
}

fn from_row(row: &SqliteRow) -> Result<LogSegmentRow, Error> {
    let sources: Vec<u8> = row.get("sources");
    let (sources, rest) = sources.as_chunks::<ULID_BYTES>();
    if !rest.is_empty() {
        return Err(Error::BadRow {
            table: TABLE,
            reason: "sources are cut off".to_owned(),
        });
    }
    Ok(LogSegmentRow {
        id: ulid(row.get("id"))?,
        tenant: number(row, "tenant")?,
        version: number(row, "version")?,
        rows: number(row, "rows")?,
        streams: number(row, "streams")?,
        line_bytes: number(row, "line_bytes")?,
        file_bytes: number(row, "file_bytes")?,
        min_ns: row.get("min_ns"),
        max_ns: row.get("max_ns"),
        contents_offset: number(row, "contents_offset")?,
        contents_length: number(row, "contents_length")?,
        contents_crc: number(row, "contents_crc")?,
        log_before: number(row, "log_before")?,
        keys_until_ms: row.get("keys_until_ms"),
        sources: sources.iter().map(|bytes| Ulid::from_bytes(*bytes)).collect(),
        labels: row.get("labels"),
    })
}

fn number<N: TryFrom<i64>>(row: &SqliteRow, column: &str) -> Result<N, Error> {
    let value: i64 = row.get(column);
    N::try_from(value).map_err(|_| Error::BadRow {
        table: TABLE,
        reason: format!("{column} is {value}"),
    })
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn ulid(text: &str) -> Result<Ulid, Error> {
    Ulid::from_string(text).map_err(|error| Error::BadRow {
        table: TABLE,
        reason: format!("{text:?} is no name of a segment: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use stdx::SystemClock;

    use super::*;

    fn row(id: u128) -> LogSegmentRow {
        LogSegmentRow {
            id: Ulid::from(id),
            tenant: 3,
            version: 1,
            rows: 10,
            streams: 2,
            line_bytes: 1000,
            file_bytes: 300,
            min_ns: -5,
            max_ns: 7,
            contents_offset: 200,
            contents_length: 76,
            contents_crc: u32::MAX,
            log_before: 4,
            keys_until_ms: Some(9),
            sources: vec![Ulid::from(90), Ulid::from(91)],
            labels: vec![1, 2, 3],
        }
    }

    async fn state(folder: &tempfile::TempDir) -> State {
        State::open(folder.path().join("state.db"), SystemClock::shared())
            .await
            .unwrap()
    }

    fn change(added: &[u128], gone: &[u128]) -> LogSegmentChange {
        LogSegmentChange {
            added: added.iter().map(|id| row(*id)).collect(),
            gone: gone.iter().map(|id| Ulid::from(*id)).collect(),
            lease: None,
        }
    }

    #[tokio::test]
    async fn segments_are_announced_added_and_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(&folder).await;
        state.add_log_leftovers(vec![Ulid::from(1)]).await.unwrap();
        assert_eq!(state.log_leftovers().await.unwrap(), [Ulid::from(1)]);
        state.change_log_segments(change(&[1, 2], &[])).await.unwrap();
        assert_eq!(state.log_leftovers().await.unwrap(), []);
        assert_eq!(state.log_segments().await.unwrap(), [row(1), row(2)]);
        state.change_log_segments(change(&[3], &[1, 2])).await.unwrap();
        assert_eq!(state.log_segments().await.unwrap(), [row(3)]);
        let known = state.known_log_segments(&[Ulid::from(1), Ulid::from(3)]).await;
        assert_eq!(known.unwrap(), [Ulid::from(3)]);
        assert_eq!(
            state.log_leftovers().await.unwrap(),
            [Ulid::from(1), Ulid::from(2)]
        );
        state.forget_log_leftovers(vec![Ulid::from(1)]).await.unwrap();
        assert_eq!(state.log_leftovers().await.unwrap(), [Ulid::from(2)]);
    }

    #[tokio::test]
    async fn a_change_whose_inputs_went_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(&folder).await;
        state.change_log_segments(change(&[1, 2], &[])).await.unwrap();
        let error = state
            .change_log_segments(change(&[3], &[1, 7]))
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::LogSegmentGone { id } if id == Ulid::from(7)),
            "{error}"
        );
        assert_eq!(state.log_segments().await.unwrap(), [row(1), row(2)]);
        assert_eq!(state.log_leftovers().await.unwrap(), []);
    }

    #[tokio::test]
    async fn who_lost_the_lease_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(&folder).await;
        let old = state.acquire_lease("logs", "a", -1).await.unwrap().unwrap();
        let new = state.acquire_lease("logs", "b", 60_000).await.unwrap().unwrap();
        let under = |lease: &Lease| LogSegmentChange {
            lease: Some(lease.clone()),
            ..change(&[1], &[])
        };
        let error = state.change_log_segments(under(&old)).await.unwrap_err();
        assert!(matches!(error, Error::LeaseLost { .. }), "{error}");
        assert_eq!(state.log_segments().await.unwrap(), []);
        state.change_log_segments(under(&new)).await.unwrap();
        assert_eq!(state.log_segments().await.unwrap(), [row(1)]);
    }
}
