//! The ledger of alerts: every step with what it was decided on, kept for a bounded time.

use model::{AlertEvent, format_fingerprint};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use ulid::Ulid;

use crate::alert_states::{labels_from_text, labels_to_text, phase_from_text};
use crate::database::State;
use crate::error::Error;
use crate::limits;

/// One step of an alert, as kept.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertEventRow {
    /// Its id, in order of being decided.
    pub id: Ulid,
    /// What happened.
    pub event: AlertEvent,
}

impl State {
    /// The newest steps, newest first, at most `limit`.
    pub async fn recent_alert_events(&self, limit: u32) -> Result<Vec<AlertEventRow>, Error> {
        let rows = sqlx::query("SELECT * FROM alert_events ORDER BY id DESC LIMIT ?")
            .bind(i64::from(limit))
            .fetch_all(self.readers())
            .await
            .map_err(Error::query("read alert events"))?;
        rows.iter().map(from_row).collect()
    }

    /// Drops what is older than the retention and what is beyond the count, of steps and of finished notifications.
    pub async fn prune(&self) -> Result<(), Error> {
        let now_ms = self.now_ms();
        self.write("prune history", move |connection| {
            Box::pin(async move {
                prune(connection, now_ms).await?;
                crate::alert_states::prune(connection, now_ms).await?;
                crate::outbox::prune(connection, now_ms).await
            })
        })
        .await
    }
}

pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    id: Ulid,
    event: &AlertEvent,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO alert_events (id, at_ms, rule_group, name, fingerprint, labels, from_phase, to_phase, value) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(id.to_string())
    .bind(event.at_ms)
    .bind(event.group.as_ref())
    .bind(event.name.as_ref())
    .bind(format_fingerprint(event.fingerprint))
    .bind(labels_to_text(&event.labels))
    .bind(event.from.as_str())
    .bind(event.to.as_str())
    .bind(event.value)
    .execute(connection)
    .await
    .map_err(Error::query("write an alert event"))?;
    Ok(())
}

async fn prune(connection: &mut SqliteConnection, now_ms: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM alert_events WHERE at_ms < ?")
        .bind(now_ms.saturating_sub(limits::ALERT_EVENTS_AGE_MS_MAX))
        .execute(&mut *connection)
        .await
        .map_err(Error::query("prune alert events"))?;
    sqlx::query("DELETE FROM alert_events WHERE id <= (SELECT id FROM alert_events ORDER BY id DESC LIMIT 1 OFFSET ?)")
        .bind(limits::ALERT_EVENTS_MAX)
        .execute(connection)
        .await
        .map_err(Error::query("prune alert events"))?;
    Ok(())
}

fn from_row(row: &SqliteRow) -> Result<AlertEventRow, Error> {
    const TABLE: &str = "alert_events";
    let bad = |reason: String| Error::BadRow { table: TABLE, reason };
    let id: String = row.get("id");
    let fingerprint: String = row.get("fingerprint");
    Ok(AlertEventRow {
        id: Ulid::from_string(&id).map_err(|error| bad(error.to_string()))?,
        event: AlertEvent {
            at_ms: row.get("at_ms"),
            group: row.get::<String, _>("rule_group").into(),
            name: row.get::<String, _>("name").into(),
            labels: labels_from_text(TABLE, row.get("labels"))?,
            fingerprint: u64::from_str_radix(&fingerprint, 16).map_err(|error| bad(error.to_string()))?,
            from: phase_from_text(TABLE, &row.get::<String, _>("from_phase"))?,
            to: phase_from_text(TABLE, &row.get::<String, _>("to_phase"))?,
            value: row.get::<Option<f64>, _>("value").unwrap_or(f64::NAN),
        },
    })
}
