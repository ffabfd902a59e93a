//! What pages and the HTTP API see of rules and alerts. All times are milliseconds since the Unix epoch.

use std::collections::BTreeMap;

use model::{AlertPhase, Labels};

/// One rule group, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupView {
    /// The group's name.
    pub name: String,
    /// The file it comes from; `builtin` for the rules that come with the program.
    pub file: String,
    /// How often it is evaluated, in milliseconds.
    pub interval_ms: i64,
    /// The most alerts or series one rule may produce; 0 is no limit.
    pub limit: u64,
    /// Its rules, in order.
    pub rules: Vec<RuleView>,
    /// When it was last evaluated.
    pub last_evaluation_ms: Option<i64>,
    /// How long the last evaluation took, in seconds.
    pub evaluation_seconds: f64,
}

/// One rule, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleView {
    /// What it makes.
    pub kind: RuleKind,
    /// The alert's name or the recorded metric's name.
    pub name: String,
    /// The PromQL expression.
    pub query: String,
    /// How long the condition must hold, in milliseconds.
    pub for_ms: i64,
    /// How long it fires on after the condition is over, in milliseconds.
    pub keep_firing_for_ms: i64,
    /// Labels added to what it makes.
    pub labels: Labels,
    /// Annotations as written, templates unexpanded.
    pub annotations: Labels,
    /// The most advanced phase of its alerts; inactive for recording rules.
    pub state: AlertPhase,
    /// Its pending and firing alerts.
    pub alerts: Vec<AlertView>,
    /// How its last evaluation went.
    pub health: Health,
    /// Why its last evaluation failed.
    pub last_error: Option<String>,
    /// How long its last evaluation took, in seconds.
    pub evaluation_seconds: f64,
    /// When it was last evaluated.
    pub last_evaluation_ms: Option<i64>,
}

/// What a rule makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleKind {
    /// Alerts.
    Alerting,
    /// Series.
    Recording,
}

/// How a rule's last evaluation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// Not evaluated yet.
    #[default]
    Unknown,
    /// It went well.
    Ok,
    /// It failed.
    Err,
}

impl Health {
    /// The word of the HTTP API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Err => "err",
        }
    }
}

/// One alert, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertView {
    /// 16 hexadecimal digits.
    pub fingerprint: String,
    /// The alert's name.
    pub name: String,
    /// Pending, firing or resolved.
    pub state: AlertPhase,
    /// The value of the label `severity`, or empty.
    pub severity: String,
    /// The annotation `summary`, or empty.
    pub summary: String,
    /// The annotation `description`, or empty.
    pub description: String,
    /// All labels.
    pub labels: Labels,
    /// Annotations, templates expanded.
    pub annotations: Labels,
    /// The value last judged; `None` where there is none.
    pub value: Option<f64>,
    /// Since when the condition holds.
    pub active_at_ms: i64,
    /// Since when it fires.
    pub firing_at_ms: Option<i64>,
    /// When it was over.
    pub resolved_at_ms: Option<i64>,
    /// Since when it fires only because it is kept firing.
    pub keep_firing_since_ms: Option<i64>,
    /// The rule group's name.
    pub group: String,
    /// The PromQL expression.
    pub expr: String,
    /// How long the condition must hold, in milliseconds.
    pub for_ms: i64,
    /// Who was told, newest first.
    pub notifications: Vec<NotificationView>,
}

/// One message about an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct NotificationView {
    /// The receiver's name.
    pub receiver: String,
    /// Which of its channels.
    pub channel: String,
    /// Pending, sent or failed.
    pub status: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was sent.
    pub sent_at_ms: Option<i64>,
    /// Why the last try failed.
    pub error: Option<String>,
    /// When the next try is due.
    pub next_attempt_ms: Option<i64>,
}

/// One step of an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertChange {
    /// When.
    pub at_ms: i64,
    /// 16 hexadecimal digits.
    pub fingerprint: String,
    /// The alert's name.
    pub name: String,
    /// The value of the label `severity`, or empty.
    pub severity: String,
    /// The phase before.
    pub from: AlertPhase,
    /// The phase after.
    pub to: AlertPhase,
    /// The value that was judged; `None` where there was none.
    pub value: Option<f64>,
    /// All labels.
    pub labels: Labels,
}

/// How many alerts there are; offered whenever it changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertNews {
    /// Firing alerts by severity; alerts without that label count under the empty string.
    pub firing: BTreeMap<String, usize>,
    /// Alerts whose condition holds, not yet for long enough.
    pub pending: usize,
}

impl AlertNews {
    /// Firing alerts of one severity.
    pub fn firing_of(&self, severity: &str) -> usize {
        self.firing.get(severity).copied().unwrap_or_default()
    }
}
