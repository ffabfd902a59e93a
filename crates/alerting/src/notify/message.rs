//! The message about a group: Alertmanager's webhook payload, version 4.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{Labels, fingerprint, format_fingerprint};
use serde::{Deserialize, Serialize};

use crate::notify::Notice;

/// What a receiver gets (alertmanager/notify/webhook `Message`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The receiver's name.
    pub receiver: String,
    /// `firing` while any alert fires, else `resolved`.
    pub status: String,
    /// The alerts.
    pub alerts: Vec<MessageAlert>,
    /// The labels that name the group.
    pub group_labels: BTreeMap<String, String>,
    /// Labels that all alerts share.
    pub common_labels: BTreeMap<String, String>,
    /// Annotations that all alerts share.
    pub common_annotations: BTreeMap<String, String>,
    /// Where this program can be reached.
    #[serde(rename = "externalURL")]
    pub external_url: String,
    /// The form's version.
    pub version: String,
    /// The group's key.
    pub group_key: String,
    /// How many alerts were left out because of `max_alerts`.
    pub truncated_alerts: u64,
}

/// One alert of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageAlert {
    /// `firing` or `resolved`.
    pub status: String,
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations, templates expanded.
    pub annotations: BTreeMap<String, String>,
    /// RFC 3339.
    pub starts_at: String,
    /// RFC 3339; the year 1 while it fires.
    pub ends_at: String,
    /// A link to the expression.
    #[serde(rename = "generatorURL")]
    pub generator_url: String,
    /// 16 hexadecimal digits, of the labels as they are sent.
    pub fingerprint: String,
}

/// What a message is about, beside its alerts.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The receiver's name.
    pub receiver: &'a str,
    /// The labels that name the group.
    pub group_labels: &'a Labels,
    /// The group's key.
    pub group_key: &'a str,
    /// Where this program can be reached.
    pub external_url: &'a str,
    /// The most alerts a message may hold; 0 is no limit.
    pub alerts_max: usize,
}

/// Go's zero time, which Alertmanager sends for alerts that have not ended.
const NOT_ENDED: &str = "0001-01-01T00:00:00Z";

/// Composes the message about `notices`, sorted as Alertmanager does: by job, instance, then all labels.
pub fn compose(envelope: Envelope<'_>, notices: &[&Notice]) -> Message {
    let mut sorted = notices.to_vec();
    let rank = |notice: &Notice, name: &str| notice.labels.get(name).unwrap_or_default().to_owned();
    sorted.sort_by_cached_key(|notice| {
        (
            rank(notice, "job"),
            rank(notice, "instance"),
            notice.labels.clone(),
        )
    });
    let firing = sorted.iter().any(|notice| !notice.is_resolved());
    let common_labels = common(sorted.iter().map(|notice| &notice.labels));
    let common_annotations = common(sorted.iter().map(|notice| &notice.annotations));
    let total = sorted.len();
    if envelope.alerts_max > 0 {
        sorted.truncate(envelope.alerts_max);
    }
    Message {
        receiver: envelope.receiver.to_owned(),
        status: status(!firing),
        truncated_alerts: (total - sorted.len()) as u64,
        alerts: sorted.into_iter().map(message_alert).collect(),
        group_labels: to_map(envelope.group_labels),
        common_labels,
        common_annotations,
        external_url: envelope.external_url.to_owned(),
        version: "4".to_owned(),
        group_key: envelope.group_key.to_owned(),
    }
}

fn message_alert(notice: &Notice) -> MessageAlert {
    MessageAlert {
        status: status(notice.is_resolved()),
        labels: to_map(&notice.labels),
        annotations: to_map(&notice.annotations),
        starts_at: rfc3339(notice.starts_at_ms),
        ends_at: notice.ends_at_ms.map_or_else(|| NOT_ENDED.to_owned(), rfc3339),
        generator_url: notice.generator_url.to_string(),
        fingerprint: format_fingerprint(fingerprint(&notice.labels)),
    }
}

fn status(resolved: bool) -> String {
    if resolved { "resolved" } else { "firing" }.to_owned()
}

fn rfc3339(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| NOT_ENDED.to_owned(), |at| at.to_string())
}

fn to_map(labels: &Labels) -> BTreeMap<String, String> {
    labels
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn common<'a>(mut sets: impl Iterator<Item = &'a Labels>) -> BTreeMap<String, String> {
    let mut shared = sets.next().map(to_map).unwrap_or_default();
    for set in sets {
        shared.retain(|name, value| set.get(name) == Some(value));
    }
    shared
}
