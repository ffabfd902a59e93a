//! Runs everything: groups, timers, senders, nudges and pruning, until told to stop.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use state::{Commit, OutboxStatus};
use stdx::outlet::{Inlet, News};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::engine::group::GroupRun;
use crate::engine::{Alerting, Nudge};
use crate::error::Error;
use crate::limits;
use crate::notify::plan::Input;

/// The tasks of one run.
#[derive(Default)]
struct Tasks {
    helpers: JoinSet<()>,
    groups: JoinSet<()>,
    running: Vec<Arc<GroupRun>>,
    senders: JoinSet<()>,
    senders_stop: CancellationToken,
}

impl Tasks {
    async fn stop_groups(&mut self) {
        self.running.iter().for_each(|run| run.stop.cancel());
        while self.groups.join_next().await.is_some() {}
    }

    /// Waits until a task panics, and gives that back; tasks that end by themselves are as they should be.
    async fn first_panic(&mut self) -> Box<dyn Any + Send> {
        loop {
            let ended = tokio::select! {
                Some(ended) = self.helpers.join_next() => ended,
                Some(ended) = self.groups.join_next() => ended,
                Some(ended) = self.senders.join_next() => ended,
                else => std::future::pending().await,
            };
            if let Err(ended) = ended
                && let Ok(panic) = ended.try_into_panic()
            {
                return panic;
            }
        }
    }

    /// Lets the senders finish what is on its way and start nothing more.
    fn stop_senders(&mut self) {
        self.senders_stop.cancel();
        self.senders_stop = CancellationToken::new();
    }
}

impl Alerting {
    /// Runs until `stop`; then evaluates no more and gives messages that are waiting a few seconds to go out.
    /// May be run again after it broke.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut tasks = Tasks::default();
        tasks
            .helpers
            .spawn(Arc::clone(&self).run_nudges(self.nudges.inlet()));
        tasks.helpers.spawn(Arc::clone(&self).run_timers());
        tasks.helpers.spawn(Arc::clone(&self).run_pruning());
        let mut generation = self.generation.subscribe();
        generation.mark_changed();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                changed = generation.changed() => if changed.is_err() { break },
                broken = tasks.first_panic() => std::panic::resume_unwind(broken),
            }
            if let Err(error) = self.take_over().await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "configuration was not put in force, trying again"
                );
                generation.mark_changed();
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(Duration::from_secs(1)) => continue,
                }
            }
            self.start(&mut tasks).await;
        }
        tasks.stop_groups().await;
        tasks.helpers.shutdown().await;
        self.drain().await;
        tasks.senders.shutdown().await;
    }

    /// Puts in force what is wanted. It is wanted until that is done: also after a failure, and after a panic.
    async fn take_over(&self) -> Result<(), Error> {
        let wanted = self.wanted.lock().clone();
        let Some(wanted) = wanted else {
            return Ok(());
        };
        self.enforce(&wanted).await?;
        // A newer wish that came meanwhile stays.
        self.wanted.lock().take_if(|newest| Arc::ptr_eq(newest, &wanted));
        Ok(())
    }

    /// Starts what is in force and does not run yet.
    async fn start(self: &Arc<Self>, tasks: &mut Tasks) {
        tasks.stop_senders();
        let force = self.force();
        if !force.begun {
            // Nothing is known of receivers yet, so nothing may be said of their messages.
            return;
        }
        for outgoing in &force.channels {
            let stop = tasks.senders_stop.clone();
            tasks
                .senders
                .spawn(Arc::clone(self).run_sender(Arc::clone(outgoing), stop));
        }
        self.fail_unaddressed().await;
        tasks.running.retain(|run| !run.stop.is_cancelled());
        for run in &force.groups {
            if tasks.running.iter().any(|known| Arc::ptr_eq(known, run)) {
                continue;
            }
            tasks.running.push(Arc::clone(run));
            tasks.groups.spawn(Arc::clone(self).run_group(Arc::clone(run)));
        }
    }

    async fn drain(&self) {
        let waiting = async {
            while let Ok(pending) = self.state.outbox_pending().await {
                if pending.is_empty() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let limit = Duration::from_millis(limits::DRAIN_MS_MAX);
        if tokio::time::timeout(limit, waiting).await.is_err() {
            tracing::warn!("messages are left in the outbox and will be sent after the next start");
        }
    }

    /// Messages for channels that are no more will never be sent: they fail now, visibly.
    async fn fail_unaddressed(&self) {
        let force = self.force();
        let Ok(pending) = self.state.outbox_pending().await else {
            return;
        };
        for (receiver, channel, _) in pending {
            if force
                .channels
                .iter()
                .any(|known| known.receiver == receiver && known.name == channel)
            {
                continue;
            }
            loop {
                let heads = self
                    .state
                    .outbox_heads(&receiver, &channel, 256)
                    .await
                    .unwrap_or_default();
                if heads.is_empty() {
                    break;
                }
                for row in heads {
                    let now_ms = self.clock.now_ms();
                    let why = "the receiver is no longer configured";
                    if self
                        .finish(&row, OutboxStatus::Failed, why, now_ms)
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
            }
        }
    }

    /// Looks at groups of alerts when their time has come.
    async fn run_timers(self: Arc<Self>) {
        loop {
            let due_ms = self.ledger.lock().await.book.next_due_ms();
            let now_ms = self.clock.now_ms();
            let wait_ms = due_ms.map_or(3_600_000, |due_ms| (due_ms - now_ms).clamp(0, 3_600_000));
            tokio::select! {
                () = self.timers.notified() => continue,
                () = tokio::time::sleep(Duration::from_millis(wait_ms.unsigned_abs())) => {}
            }
            let mut ledger = self.ledger.lock().await;
            let decided = self.decide(&mut ledger, &Input::Tick, Commit::default()).await;
            drop(ledger);
            if let Err(error) = decided {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "notifications were not committed, trying again"
                );
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    async fn run_nudges(self: Arc<Self>, mut nudges: Inlet<Nudge>) {
        while let Some(news) = nudges.next().await {
            let force = self.force();
            match news {
                News::Item(nudge) => {
                    let asked = force.groups.iter().filter(|run| run.asks_for(&nudge.metric));
                    asked.for_each(|run| run.nudge.notify_one());
                }
                News::Gap(count) => {
                    // What was lost may have concerned any group.
                    self.telemetry.nudges_dropped.inc_by(count);
                    force.groups.iter().for_each(|run| run.nudge.notify_one());
                }
            }
        }
    }

    async fn run_pruning(self: Arc<Self>) {
        loop {
            if let Err(error) = self.state.prune().await {
                tracing::warn!(%error, "history was not pruned");
            }
            tokio::time::sleep(Duration::from_millis(limits::PRUNE_EVERY_MS)).await;
        }
    }
}
