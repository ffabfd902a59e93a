//! Alerts as the page shows them: rows, counts, recent changes.

use std::cmp::Reverse;
use std::sync::Arc;

use alerting::{AlertChange, AlertNews, AlertView, NotificationView};
use axum::extract::State;
use axum::response::Response;
use model::{AlertPhase, Labels};
use serde::{Serialize, Serializer};

use crate::app::App;
use crate::json::LabelsJson;
use crate::limits::ALERT_CHANGES_MAX;
use crate::ui_api::answer::json;

/// `GET /api/ui/alerts`
pub(crate) async fn alerts(State(app): State<Arc<App>>) -> Response {
    let mut rows = app.deps.alerting.alerts();
    sort(&mut rows);
    let recent = app.deps.alerting.recent_changes(ALERT_CHANGES_MAX);
    json(&AlertList {
        now_ms: app.deps.clock.now_ms(),
        rows: rows.iter().map(AlertRow::new).collect(),
        recent: recent.iter().map(ChangeRow::new).collect(),
    })
}

/// Firing first, then pending, then resolved; within these the most severe first, then the longest.
pub(crate) fn sort(rows: &mut [AlertView]) {
    rows.sort_by(|a, b| {
        key(a)
            .cmp(&key(b))
            .then_with(|| a.name.cmp(&b.name))
            .then_with(|| a.labels.cmp(&b.labels))
    });
}

fn key(alert: &AlertView) -> (u8, Reverse<u8>, i64) {
    let phase = match alert.state {
        AlertPhase::Firing => 0,
        AlertPhase::Pending => 1,
        AlertPhase::Resolved => 2,
        AlertPhase::Inactive => 3,
    };
    (phase, Reverse(severity_rank(&alert.severity)), alert.active_at_ms)
}

fn severity_rank(severity: &str) -> u8 {
    match severity {
        "critical" | "page" => 3,
        "warning" => 2,
        "info" => 1,
        _ => 0,
    }
}

/// How many alerts fire, by severity, and how many are pending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct AlertCounts {
    critical: usize,
    warning: usize,
    info: usize,
    pending: usize,
}

impl AlertCounts {
    /// Counts rows. What fires under a severity that the page has no column for counts as a warning, so that it is
    /// never overlooked.
    pub(crate) fn of_rows(rows: &[AlertView]) -> Self {
        let mut counts = Self::default();
        for row in rows {
            match row.state {
                AlertPhase::Pending => counts.pending += 1,
                AlertPhase::Firing => counts.add_firing(&row.severity, 1),
                AlertPhase::Resolved | AlertPhase::Inactive => {}
            }
        }
        counts
    }

    /// The same from news.
    pub(crate) fn of_news(news: &AlertNews) -> Self {
        let mut counts = Self {
            pending: news.pending,
            ..Self::default()
        };
        for (severity, count) in &news.firing {
            counts.add_firing(severity, *count);
        }
        counts
    }

    fn add_firing(&mut self, severity: &str, count: usize) {
        let column = match severity_rank(severity) {
            3 => &mut self.critical,
            1 => &mut self.info,
            _ => &mut self.warning,
        };
        *column += count;
    }
}

#[derive(Debug, Serialize)]
struct AlertList<'a> {
    now_ms: i64,
    rows: Vec<AlertRow<'a>>,
    recent: Vec<ChangeRow<'a>>,
}

/// One alert.
#[derive(Debug, Serialize)]
pub(crate) struct AlertRow<'a> {
    fingerprint: &'a str,
    name: &'a str,
    state: &'static str,
    severity: &'a str,
    summary: &'a str,
    description: &'a str,
    #[serde(serialize_with = "labels")]
    labels: &'a Labels,
    #[serde(serialize_with = "labels")]
    annotations: &'a Labels,
    value: Option<f64>,
    active_at_ms: i64,
    firing_at_ms: Option<i64>,
    resolved_at_ms: Option<i64>,
    group: &'a str,
    expr: &'a str,
    for_ms: i64,
    notifications: Vec<Receipt<'a>>,
}

#[derive(Debug, Serialize)]
struct Receipt<'a> {
    receiver: &'a str,
    channel: &'a str,
    status: &'a str,
    attempts: u32,
    sent_at_ms: Option<i64>,
    error: Option<&'a str>,
    next_attempt_ms: Option<i64>,
}

#[derive(Debug, Serialize)]
struct ChangeRow<'a> {
    at_ms: i64,
    fingerprint: &'a str,
    name: &'a str,
    severity: &'a str,
    from: &'static str,
    to: &'static str,
    value: Option<f64>,
    #[serde(serialize_with = "labels")]
    labels: &'a Labels,
}

impl<'a> AlertRow<'a> {
    /// A row of an alert.
    pub(crate) fn new(alert: &'a AlertView) -> Self {
        Self {
            fingerprint: &alert.fingerprint,
            name: &alert.name,
            state: alert.state.as_str(),
            severity: &alert.severity,
            summary: &alert.summary,
            description: &alert.description,
            labels: &alert.labels,
            annotations: &alert.annotations,
            value: alert.value.filter(|value| value.is_finite()),
            active_at_ms: alert.active_at_ms,
            firing_at_ms: alert.firing_at_ms,
            resolved_at_ms: alert.resolved_at_ms,
            group: &alert.group,
            expr: &alert.expr,
            for_ms: alert.for_ms,
            notifications: alert.notifications.iter().map(Receipt::new).collect(),
        }
    }
}

impl<'a> Receipt<'a> {
    fn new(notification: &'a NotificationView) -> Self {
        Self {
            receiver: &notification.receiver,
            channel: &notification.channel,
            status: &notification.status,
            attempts: notification.attempts,
            sent_at_ms: notification.sent_at_ms,
            error: notification.error.as_deref(),
            next_attempt_ms: notification.next_attempt_ms,
        }
    }
}

impl<'a> ChangeRow<'a> {
    fn new(change: &'a AlertChange) -> Self {
        Self {
            at_ms: change.at_ms,
            fingerprint: &change.fingerprint,
            name: &change.name,
            severity: &change.severity,
            from: change.from.as_str(),
            to: change.to.as_str(),
            value: change.value.filter(|value| value.is_finite()),
            labels: &change.labels,
        }
    }
}

fn labels<S: Serializer>(labels: &&Labels, serializer: S) -> Result<S::Ok, S::Error> {
    LabelsJson(labels).serialize(serializer)
}
