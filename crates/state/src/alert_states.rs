//! Where every alert that is not inactive stands, so that a restart goes on where it was.

use model::{AlertPhase, Labels};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::database::State;
use crate::error::Error;
use crate::limits;

/// Where one alert of one rule stands. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertStateRow {
    /// Names the rule across restarts and reloads.
    pub rule_key: String,
    /// The alert's fingerprint, 16 hexadecimal digits.
    pub fingerprint: String,
    /// All labels.
    pub labels: Labels,
    /// The annotations as last expanded.
    pub annotations: Labels,
    /// The phase; never inactive.
    pub phase: AlertPhase,
    /// The value last judged; NaN where there was none.
    pub value: f64,
    /// Since when the condition holds.
    pub active_at_ms: i64,
    /// Since when it fires.
    pub fired_at_ms: Option<i64>,
    /// When it was over.
    pub resolved_at_ms: Option<i64>,
    /// Since when it fires only because it is kept firing.
    pub keep_firing_since_ms: Option<i64>,
    /// When this row was decided.
    pub updated_at_ms: i64,
}

impl State {
    /// Every alert that is not inactive.
    pub async fn alert_states(&self) -> Result<Vec<AlertStateRow>, Error> {
        let rows = sqlx::query("SELECT * FROM alert_states ORDER BY rule_key, fingerprint")
            .fetch_all(self.readers())
            .await
            .map_err(Error::query("read alert states"))?;
        rows.iter().map(from_row).collect()
    }
}

/// Drops alerts that have been over for so long that nobody waits to hear of it.
pub(crate) async fn prune(connection: &mut SqliteConnection, now_ms: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM alert_states WHERE phase = ? AND resolved_at_ms < ?")
        .bind(AlertPhase::Resolved.as_str())
        .bind(now_ms.saturating_sub(limits::ALERT_RESOLVED_AGE_MS_MAX))
        .execute(connection)
        .await
        .map_err(Error::query("prune alert states"))?;
    Ok(())
}

pub(crate) async fn upsert(connection: &mut SqliteConnection, row: &AlertStateRow) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO alert_states (rule_key, fingerprint, labels, annotations, phase, value, active_at_ms, fired_at_ms, \
             resolved_at_ms, keep_firing_ms, updated_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (rule_key, fingerprint) DO UPDATE SET labels = excluded.labels, annotations = excluded.annotations, \
             phase = excluded.phase, value = excluded.value, active_at_ms = excluded.active_at_ms, \
             fired_at_ms = excluded.fired_at_ms, resolved_at_ms = excluded.resolved_at_ms, \
             keep_firing_ms = excluded.keep_firing_ms, updated_at_ms = excluded.updated_at_ms",
    )
    .bind(&row.rule_key)
    .bind(&row.fingerprint)
    .bind(labels_to_text(&row.labels))
    .bind(labels_to_text(&row.annotations))
    .bind(row.phase.as_str())
    .bind(row.value)
    .bind(row.active_at_ms)
    .bind(row.fired_at_ms)
    .bind(row.resolved_at_ms)
    .bind(row.keep_firing_since_ms)
    .bind(row.updated_at_ms)
    .execute(connection)
    .await
    .map_err(Error::query("write an alert state"))?;
    Ok(())
}

pub(crate) async fn delete(
    connection: &mut SqliteConnection,
    rule_key: &str,
    fingerprint: &str,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM alert_states WHERE rule_key = ? AND fingerprint = ?")
        .bind(rule_key)
        .bind(fingerprint)
        .execute(connection)
        .await
        .map_err(Error::query("delete an alert state"))?;
    Ok(())
}

fn from_row(row: &SqliteRow) -> Result<AlertStateRow, Error> {
    let phase: String = row.get("phase");
    Ok(AlertStateRow {
        rule_key: row.get("rule_key"),
        fingerprint: row.get("fingerprint"),
        labels: labels_from_text("alert_states", row.get("labels"))?,
        annotations: labels_from_text("alert_states", row.get("annotations"))?,
        phase: phase_from_text("alert_states", &phase)?,
        value: row.get::<Option<f64>, _>("value").unwrap_or(f64::NAN),
        active_at_ms: row.get("active_at_ms"),
        fired_at_ms: row.get("fired_at_ms"),
        resolved_at_ms: row.get("resolved_at_ms"),
        keep_firing_since_ms: row.get("keep_firing_ms"),
        updated_at_ms: row.get("updated_at_ms"),
    })
}

/// Labels as a JSON array of pairs: keeps their order and reads well in any SQL shell.
pub(crate) fn labels_to_text(labels: &Labels) -> String {
    let pairs: Vec<(&str, &str)> = labels.iter().collect();
    serde_json::to_string(&pairs).unwrap_or_else(|_| "[]".to_owned())
}

pub(crate) fn labels_from_text(table: &'static str, text: String) -> Result<Labels, Error> {
    let pairs: Vec<(String, String)> = serde_json::from_str(&text).map_err(|error| Error::BadRow {
        table,
        reason: error.to_string(),
    })?;
    Ok(Labels::from_pairs(pairs))
}

pub(crate) fn phase_from_text(table: &'static str, text: &str) -> Result<AlertPhase, Error> {
    AlertPhase::parse(text).ok_or_else(|| Error::BadRow {
        table,
        reason: format!("no phase is called {text:?}"),
    })
}
