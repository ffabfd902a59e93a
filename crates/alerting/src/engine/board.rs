//! What pages show of the recent past, in memory and bounded: steps of alerts, and messages.

use std::collections::VecDeque;

use model::{AlertEvent, format_fingerprint};
use state::{NewOutboxRow, OutboxRow, OutboxStatus};

use crate::view::{AlertChange, NotificationView};

/// Steps that are shown at most.
const CHANGES_MAX: usize = 200;
/// Messages that are shown at most.
const MESSAGES_MAX: usize = 1_000;

/// The recent past, newest first.
#[derive(Debug, Default)]
pub(super) struct Board {
    changes: VecDeque<AlertChange>,
    messages: VecDeque<Posted>,
}

#[derive(Debug)]
struct Posted {
    key: String,
    fingerprints: Vec<u64>,
    view: NotificationView,
}

impl Board {
    /// The board of what the store remembers; both lists newest first.
    pub(super) fn restore(&mut self, events: impl Iterator<Item = AlertEvent>, rows: Vec<OutboxRow>) {
        self.changes = events.take(CHANGES_MAX).map(|event| change(&event)).collect();
        self.messages = rows.into_iter().take(MESSAGES_MAX).map(posted).collect();
    }

    pub(super) fn add_change(&mut self, event: &AlertEvent) {
        self.changes.push_front(change(event));
        self.changes.truncate(CHANGES_MAX);
    }

    pub(super) fn add_message(&mut self, message: &NewOutboxRow, now_ms: i64) {
        self.messages.push_front(Posted {
            key: message.idempotency_key.clone(),
            fingerprints: message.fingerprints.clone(),
            view: NotificationView {
                receiver: message.receiver.clone(),
                channel: message.channel.clone(),
                status: OutboxStatus::Pending.as_str().to_owned(),
                attempts: 0,
                sent_at_ms: None,
                error: None,
                next_attempt_ms: Some(now_ms),
            },
        });
        self.messages.truncate(MESSAGES_MAX);
    }

    /// Changes what is shown of a message.
    pub(super) fn update_message(&mut self, key: &str, update: impl FnOnce(&mut NotificationView)) {
        if let Some(posted) = self.messages.iter_mut().find(|posted| posted.key == key) {
            posted.view.attempts = posted.view.attempts.saturating_add(1);
            update(&mut posted.view);
        }
    }

    pub(super) fn changes(&self, limit: usize) -> Vec<AlertChange> {
        self.changes.iter().take(limit).cloned().collect()
    }

    pub(super) fn messages_about(&self, fingerprint: u64) -> Vec<NotificationView> {
        self.messages
            .iter()
            .filter(|posted| posted.fingerprints.contains(&fingerprint))
            .map(|posted| posted.view.clone())
            .collect()
    }
}

fn change(event: &AlertEvent) -> AlertChange {
    AlertChange {
        at_ms: event.at_ms,
        fingerprint: format_fingerprint(event.fingerprint),
        name: event.name.to_string(),
        severity: event.labels.get("severity").unwrap_or_default().to_owned(),
        from: event.from,
        to: event.to,
        value: (!event.value.is_nan()).then_some(event.value),
        labels: event.labels.clone(),
    }
}

fn posted(row: OutboxRow) -> Posted {
    let sent = row.status == OutboxStatus::Sent;
    Posted {
        key: row.message.idempotency_key,
        fingerprints: row.message.fingerprints,
        view: NotificationView {
            receiver: row.message.receiver,
            channel: row.message.channel,
            status: row.status.as_str().to_owned(),
            attempts: row.attempts,
            sent_at_ms: row.finished_ms.filter(|_| sent),
            error: row.receipt.filter(|_| !sent),
            next_attempt_ms: (row.status == OutboxStatus::Pending).then_some(row.next_attempt_ms),
        },
    }
}
