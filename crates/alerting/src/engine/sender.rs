//! Sends what the outbox holds for one channel: in order within a lane, some at once, for as long as it matters.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use state::{OutboxRow, OutboxStatus};
use stdx::Backoff;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

use crate::channels::Delivery;
use crate::engine::Alerting;
use crate::engine::prepare::Outgoing;
use crate::limits;
use crate::telemetry::ChannelLabels;

const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(limits::RETRY_FIRST_MS),
    ceiling: Duration::from_millis(limits::RETRY_MS_MAX),
};

/// How long to wait where nothing is due: also the time after which a failed question is asked again.
const IDLE: Duration = Duration::from_secs(5);

/// Messages that are on their way, by id.
pub(super) type InFlight = Arc<Mutex<HashSet<Ulid>>>;

/// The right to send one message, until it is dropped.
struct Claim {
    in_flight: InFlight,
    id: Ulid,
}

impl Claim {
    fn new(in_flight: &InFlight, id: Ulid) -> Option<Self> {
        let fresh = in_flight.lock().insert(id);
        fresh.then(|| Self {
            in_flight: Arc::clone(in_flight),
            id,
        })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.in_flight.lock().remove(&self.id);
    }
}

impl Alerting {
    /// Sends the messages of one channel until it is stopped.
    pub(super) async fn run_sender(self: Arc<Self>, outgoing: Arc<Outgoing>, stop: CancellationToken) {
        let mut news = self.outbox.subscribe();
        let mut tasks: JoinSet<()> = JoinSet::new();
        loop {
            news.mark_unchanged();
            let wait = self.start_due(&outgoing, &mut tasks).await;
            tokio::select! {
                () = stop.cancelled() => break,
                changed = news.changed() => if changed.is_err() { break },
                Some(done) = tasks.join_next(), if !tasks.is_empty() => if let Err(error) = done {
                    // The message of a broken task is due again as before.
                    tracing::error!(%error, "a sender broke");
                },
                () = tokio::time::sleep(wait) => {}
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Starts what is due and says how long nothing else will be.
    async fn start_due(self: &Arc<Self>, outgoing: &Arc<Outgoing>, tasks: &mut JoinSet<()>) -> Duration {
        let heads = match self
            .state
            .outbox_heads(&outgoing.receiver, &outgoing.name, 256)
            .await
        {
            Ok(heads) => heads,
            Err(error) => {
                tracing::warn!(%error, "outbox could not be read");
                return IDLE;
            }
        };
        let now_ms = self.clock.now_ms();
        for row in heads {
            if tasks.len() >= limits::SENDS_AT_ONCE_MAX {
                break;
            }
            if row.next_attempt_ms > now_ms {
                let wait_ms = (row.next_attempt_ms - now_ms).unsigned_abs();
                return Duration::from_millis(wait_ms).min(IDLE);
            }
            // Whoever sent it before a change of the configuration may still be at it, or has just ended.
            let Some(claim) = Claim::new(&self.in_flight, row.id) else {
                continue;
            };
            if !self.state.outbox_is_pending(row.id).await.unwrap_or(false) {
                continue;
            }
            tasks.spawn(Arc::clone(self).deliver(Arc::clone(outgoing), row, claim));
        }
        IDLE
    }

    /// Tries one message once and records what became of it.
    async fn deliver(self: Arc<Self>, outgoing: Arc<Outgoing>, row: OutboxRow, _claim: Claim) {
        let key = &row.message.idempotency_key;
        let delivery = outgoing.channel.send(&row.message.payload, key).await;
        let now_ms = self.clock.now_ms();
        let labels = ChannelLabels {
            receiver: outgoing.receiver.clone(),
            channel: outgoing.name.clone(),
        };
        let recorded = match delivery {
            Delivery::Sent(receipt) => {
                self.telemetry.sent.get_or_create(&labels).inc();
                self.telemetry
                    .delivery_seconds
                    .observe((now_ms - row.created_ms) as f64 / 1000.0);
                self.finish(&row, OutboxStatus::Sent, &receipt, now_ms).await
            }
            Delivery::Refused(reason) => self.finish(&row, OutboxStatus::Failed, &reason, now_ms).await,
            Delivery::Retry(reason) => match self.gives_up(&row, now_ms).await {
                Some(why) => {
                    let why = format!("{why}; last: {reason}");
                    self.finish(&row, OutboxStatus::Failed, &why, now_ms).await
                }
                None => {
                    self.telemetry.retries.get_or_create(&labels).inc();
                    self.postpone(&row, &reason, now_ms).await
                }
            },
        };
        if let Err(error) = recorded {
            // The message stays pending: it is sent again with the same key.
            tracing::error!(%error, receiver = labels.receiver, "the fate of a message was not recorded");
            tokio::time::sleep(Duration::from_millis(limits::RETRY_FIRST_MS)).await;
        }
    }

    /// Why a message that cannot be sent now does not matter any more.
    async fn gives_up(&self, row: &OutboxRow, now_ms: i64) -> Option<&'static str> {
        let age_ms = now_ms.saturating_sub(row.created_ms);
        if age_ms > limits::MESSAGE_AGE_MS_MAX {
            return Some("given up after a day");
        }
        let may_yield = age_ms > limits::SUPERSEDE_AFTER_MS;
        let superseded = may_yield && self.state.outbox_has_newer(row).await.unwrap_or(false);
        superseded.then_some("superseded by a newer message about the same group")
    }

    pub(super) async fn finish(
        &self,
        row: &OutboxRow,
        status: OutboxStatus,
        receipt: &str,
        now_ms: i64,
    ) -> Result<(), state::Error> {
        if status == OutboxStatus::Failed {
            let labels = ChannelLabels {
                receiver: row.message.receiver.clone(),
                channel: row.message.channel.clone(),
            };
            self.telemetry.failed.get_or_create(&labels).inc();
            tracing::error!(
                receiver = labels.receiver,
                channel = labels.channel,
                receipt,
                "notification failed"
            );
            // Held so that nothing newer is decided about the lane meanwhile.
            let mut ledger = self.ledger.lock().await;
            if self.state.outbox_failed(row, receipt).await? {
                ledger
                    .book
                    .untold(&row.message.lane, &self.force().policy, now_ms);
                self.timers.notify_one();
            }
        } else {
            self.state.outbox_sent(row.id, receipt).await?;
        }
        self.board
            .lock()
            .update_message(&row.message.idempotency_key, |view| {
                status.as_str().clone_into(&mut view.status);
                view.next_attempt_ms = None;
                view.sent_at_ms = (status == OutboxStatus::Sent).then_some(now_ms);
                view.error = (status == OutboxStatus::Failed).then(|| receipt.to_owned());
            });
        Ok(())
    }

    async fn postpone(&self, row: &OutboxRow, reason: &str, now_ms: i64) -> Result<(), state::Error> {
        let wait = BACKOFF.wait(row.attempts, row.id.0 as u64);
        let next_ms = now_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        tracing::warn!(
            receiver = row.message.receiver,
            channel = row.message.channel,
            attempts = row.attempts + 1,
            reason,
            "notification not taken, trying again"
        );
        self.state.outbox_retry(row.id, next_ms, reason).await?;
        self.board
            .lock()
            .update_message(&row.message.idempotency_key, |view| {
                view.next_attempt_ms = Some(next_ms);
                view.error = Some(reason.to_owned());
            });
        Ok(())
    }
}
