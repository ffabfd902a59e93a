//! What each group of alerts has last been told about, by receiver: the memory behind "do not repeat".

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;
use ulid::Ulid;

use crate::database::State;
use crate::error::Error;

/// What one receiver was last told about one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationLogRow {
    /// The receiver's channel and the group.
    pub lane: String,
    /// Fingerprints that fired then, sorted.
    pub firing: Vec<u64>,
    /// Fingerprints that were resolved then, sorted.
    pub resolved: Vec<u64>,
    /// When, milliseconds since the Unix epoch.
    pub notified_ms: i64,
}

impl State {
    /// The whole log.
    pub async fn notification_log(&self) -> Result<Vec<NotificationLogRow>, Error> {
        let rows =
            sqlx::query("SELECT lane, firing, resolved, notified_ms FROM notification_log ORDER BY lane")
                .fetch_all(self.readers())
                .await
                .map_err(Error::query("read the notification log"))?;
        rows.iter()
            .map(|row| {
                Ok(NotificationLogRow {
                    lane: row.get("lane"),
                    firing: fingerprints_from_text("notification_log", row.get("firing"))?,
                    resolved: fingerprints_from_text("notification_log", row.get("resolved"))?,
                    notified_ms: row.get("notified_ms"),
                })
            })
            .collect()
    }
}

pub(crate) async fn upsert(connection: &mut SqliteConnection, row: &NotificationLogRow) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO notification_log (lane, firing, resolved, notified_ms) VALUES (?, ?, ?, ?) \
         ON CONFLICT (lane) DO UPDATE SET firing = excluded.firing, resolved = excluded.resolved, \
             notified_ms = excluded.notified_ms",
    )
    .bind(&row.lane)
    .bind(fingerprints_to_text(&row.firing))
    .bind(fingerprints_to_text(&row.resolved))
    .bind(row.notified_ms)
    .execute(connection)
    .await
    .map_err(Error::query("write the notification log"))?;
    Ok(())
}

pub(crate) async fn delete(connection: &mut SqliteConnection, lane: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM notification_log WHERE lane = ?")
        .bind(lane)
        .execute(connection)
        .await
        .map_err(Error::query("prune the notification log"))?;
    Ok(())
}

/// Forgets a lane whose newest message is `id`.
pub(crate) async fn delete_before(
    connection: &mut SqliteConnection,
    lane: &str,
    id: Ulid,
) -> Result<(), Error> {
    sqlx::query(
        "DELETE FROM notification_log WHERE lane = ? \
         AND NOT EXISTS (SELECT 1 FROM outbox WHERE lane = ? AND id > ?)",
    )
    .bind(lane)
    .bind(lane)
    .bind(id.to_string())
    .execute(connection)
    .await
    .map_err(Error::query("prune the notification log"))?;
    Ok(())
}

/// Fingerprints in hexadecimal, separated by commas.
pub(crate) fn fingerprints_to_text(fingerprints: &[u64]) -> String {
    let texts: Vec<String> = fingerprints.iter().map(|one| format!("{one:016x}")).collect();
    texts.join(",")
}

pub(crate) fn fingerprints_from_text(table: &'static str, text: String) -> Result<Vec<u64>, Error> {
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| {
            u64::from_str_radix(part, 16).map_err(|error| Error::BadRow {
                table,
                reason: format!("{part:?} is no fingerprint: {error}"),
            })
        })
        .collect()
}
