//! Requests to delete log lines, and which of them are done.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::database::State;
use crate::error::Error;
use crate::limits;

/// A request to delete lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDeletionRow {
    /// Its name.
    pub id: String,
    /// Whose lines.
    pub tenant: u32,
    /// Which ones.
    pub query: String,
    /// Their earliest and latest time, in nanoseconds since the Unix epoch.
    pub from_ns: i64,
    /// The latest time.
    pub to_ns: i64,
    /// When it came, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When the last of its lines had left the disk.
    pub finished_ms: Option<i64>,
}

impl State {
    /// All requests, oldest first.
    pub async fn log_deletions(&self) -> Result<Vec<LogDeletionRow>, Error> {
        let rows = sqlx::query("SELECT * FROM log_deletions ORDER BY created_ms, id")
            .fetch_all(self.readers())
            .await
            .map_err(Error::query("read the requests to delete lines"))?;
        rows.iter().map(from_row).collect()
    }

    /// Takes in a request; those that were done long ago are forgotten.
    pub async fn add_log_deletion(&self, row: LogDeletionRow) -> Result<(), Error> {
        let forgotten_ms = row.created_ms.saturating_sub(limits::LOG_DELETIONS_AGE_MS_MAX);
        self.write("keep a request to delete lines", move |connection| {
            Box::pin(async move {
                let failed = Error::query("keep a request to delete lines");
                sqlx::query(
                    "INSERT INTO log_deletions (id, tenant, query, from_ns, to_ns, created_ms, finished_ms) \
                     VALUES (?, ?, ?, ?, ?, ?, ?)",
                )
                .bind(row.id)
                .bind(i64::from(row.tenant))
                .bind(row.query)
                .bind(row.from_ns)
                .bind(row.to_ns)
                .bind(row.created_ms)
                .bind(row.finished_ms)
                .execute(&mut *connection)
                .await
                .map_err(failed)?;
                sqlx::query("DELETE FROM log_deletions WHERE finished_ms < ?")
                    .bind(forgotten_ms)
                    .execute(connection)
                    .await
                    .map_err(Error::query("forget requests to delete lines"))?;
                Ok(())
            })
        })
        .await
    }

    /// A request is done.
    pub async fn finish_log_deletion(&self, id: &str, finished_ms: i64) -> Result<(), Error> {
        let id = id.to_owned();
        self.write("finish a request to delete lines", move |connection| {
            Box::pin(async move {
                sqlx::query("UPDATE log_deletions SET finished_ms = ? WHERE id = ?")
                    .bind(finished_ms)
                    .bind(id)
                    .execute(connection)
                    .await
                    .map_err(Error::query("finish a request to delete lines"))?;
                Ok(())
            })
        })
        .await
    }

    /// Forgets a request.
    pub async fn remove_log_deletion(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.write("cancel a request to delete lines", move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM log_deletions WHERE id = ?")
                    .bind(id)
                    .execute(connection)
                    .await
                    .map_err(Error::query("cancel a request to delete lines"))?;
                Ok(())
            })
        })
        .await
    }
}

fn from_row(row: &SqliteRow) -> Result<LogDeletionRow, Error> {
    let tenant: i64 = row.get("tenant");
    Ok(LogDeletionRow {
        id: row.get("id"),
        tenant: u32::try_from(tenant).map_err(|_| Error::BadRow {
            table: "log_deletions",
            reason: format!("tenant is {tenant}"),
        })?,
        query: row.get("query"),
        from_ns: row.get("from_ns"),
        to_ns: row.get("to_ns"),
        created_ms: row.get("created_ms"),
        finished_ms: row.get("finished_ms"),
    })
}

#[cfg(test)]
mod tests {
    use stdx::SystemClock;

    use super::*;

    #[tokio::test]
    async fn requests_are_kept_finished_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path().join("state.db"), SystemClock::shared())
            .await
            .unwrap();
        let row = |id: &str, created_ms: i64| LogDeletionRow {
            id: id.to_owned(),
            tenant: 4,
            query: r#"{app="shop"}"#.to_owned(),
            from_ns: -1,
            to_ns: i64::MAX,
            created_ms,
            finished_ms: None,
        };
        state.add_log_deletion(row("a", 1)).await.unwrap();
        state.add_log_deletion(row("b", 2)).await.unwrap();
        state.finish_log_deletion("a", 5).await.unwrap();
        let finished = LogDeletionRow {
            finished_ms: Some(5),
            ..row("a", 1)
        };
        assert_eq!(state.log_deletions().await.unwrap(), [finished, row("b", 2)]);
        let later = 6 + limits::LOG_DELETIONS_AGE_MS_MAX;
        state.add_log_deletion(row("c", later)).await.unwrap();
        state.remove_log_deletion("b").await.unwrap();
        assert_eq!(state.log_deletions().await.unwrap(), [row("c", later)]);
    }
}
