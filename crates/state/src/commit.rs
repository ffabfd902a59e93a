//! One decision, committed whole: new alert states, the steps that led there, and what follows to be told.

use model::AlertEvent;
use ulid::Ulid;

use crate::alert_states::AlertStateRow;
use crate::database::State;
use crate::error::Error;
use crate::notification_log::NotificationLogRow;
use crate::outbox::NewOutboxRow;
use crate::{alert_events, alert_states, notification_log, outbox};

/// What one decision changes. Everything in it is durable together or not at all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Commit {
    /// Alert states that are new or changed.
    pub states: Vec<AlertStateRow>,
    /// Alerts that went inactive, as (rule key, fingerprint).
    pub gone: Vec<(String, String)>,
    /// Steps for the ledger.
    pub events: Vec<AlertEvent>,
    /// Messages to send.
    pub outbox: Vec<NewOutboxRow>,
    /// What receivers have now been told about.
    pub notified: Vec<NotificationLogRow>,
    /// Lanes whose group is empty and that need no memory any more.
    pub forgotten: Vec<String>,
}

impl Commit {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
            && self.gone.is_empty()
            && self.events.is_empty()
            && self.outbox.is_empty()
            && self.notified.is_empty()
            && self.forgotten.is_empty()
    }
}

impl State {
    /// Writes one decision in one synced transaction.
    pub async fn commit(&self, commit: Commit) -> Result<(), Error> {
        if commit.is_empty() {
            return Ok(());
        }
        let now_ms = self.now_ms();
        let event_ids: Vec<Ulid> = commit.events.iter().map(|_| self.next_id()).collect();
        let outbox_ids: Vec<Ulid> = commit.outbox.iter().map(|_| self.next_id()).collect();
        self.write("commit a decision", move |connection| {
            Box::pin(async move {
                for row in &commit.states {
                    alert_states::upsert(connection, row).await?;
                }
                for (rule_key, fingerprint) in &commit.gone {
                    alert_states::delete(connection, rule_key, fingerprint).await?;
                }
                for (id, event) in event_ids.into_iter().zip(&commit.events) {
                    alert_events::insert(connection, id, event).await?;
                }
                for (id, message) in outbox_ids.into_iter().zip(&commit.outbox) {
                    outbox::insert(connection, id, message, now_ms).await?;
                }
                for row in &commit.notified {
                    notification_log::upsert(connection, row).await?;
                }
                for lane in &commit.forgotten {
                    notification_log::delete(connection, lane).await?;
                }
                Ok(())
            })
        })
        .await
    }
}
