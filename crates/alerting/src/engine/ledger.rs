//! Makes decisions durable before they count: one transaction for states, steps, messages and what was told.

use std::sync::Arc;

use model::{AlertEvent, AlertPhase, format_fingerprint};
use state::{AlertStateRow, Commit};

use crate::engine::Alerting;
use crate::engine::group::GroupRun;
use crate::error::Error;
use crate::notify::Notice;
use crate::notify::plan::{self, Book, Input};
use crate::rules::Rule;
use crate::rules::evaluate::{GroupState, Outcome};
use crate::rules::judge::Alert;

/// What is known of notifications; follows the database.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) book: Book,
}

impl Alerting {
    /// Commits what an evaluation decided, and then lets it count. When this fails, the group stays as it was, and
    /// its next evaluation decides the same again.
    pub(super) async fn commit_evaluation(&self, run: &GroupRun, outcome: Outcome) -> Result<(), Error> {
        let before = run.state();
        let mut notices = self.notices(run, &before, &outcome);
        let mut commit = Commit::default();
        for (index, event) in &outcome.events {
            let Some(rule) = run.group.rules.get(*index) else {
                continue;
            };
            commit.events.push(event.clone());
            record_alert(rule, *index, event, &outcome.state, &mut commit);
        }
        let forgotten = record_keeping(run, &before, &outcome.state, &mut commit);
        let changed = !commit.is_empty() || !notices.is_empty() || !forgotten.is_empty();
        if changed {
            let mut ledger = self.ledger.lock().await;
            // A group that was stopped meanwhile was resolved by whoever stopped it.
            if run.stop.is_cancelled() {
                return Ok(());
            }
            // A receiver that still waits to hear of the end must be able to hear of it after a restart too.
            let told = forgotten.into_iter().filter(|(_, id)| !ledger.book.holds(*id));
            commit
                .gone
                .extend(told.map(|(rule_key, id)| (rule_key, format_fingerprint(id))));
            let force = self.force();
            notices = notices
                .into_iter()
                .map(|notice| notice.carrying(&force.external_labels))
                .collect();
            self.decide(&mut ledger, &Input::Alerts(&notices), commit).await?;
            run.set_state(outcome.state);
        } else {
            run.set_state(outcome.state);
        }
        if changed {
            self.timers.notify_one();
            self.offer_news();
        }
        Ok(())
    }

    /// Decides about notifications, commits that together with `commit`, and applies it.
    pub(super) async fn decide(
        &self,
        ledger: &mut Ledger,
        input: &Input<'_>,
        mut commit: Commit,
    ) -> Result<(), Error> {
        let now_ms = self.clock.now_ms();
        let force = self.force();
        let mut decision = plan::step(&ledger.book, &force.policy, input, now_ms);
        self.telemetry.suppressed.inc_by(decision.suppressed);
        self.telemetry.groups_refused.inc_by(decision.refused);
        let messages = std::mem::take(&mut decision.messages);
        commit.outbox.clone_from(&messages);
        commit.notified.extend_from_slice(&decision.notified);
        commit.forgotten.extend_from_slice(&decision.forgotten);
        let events = commit.events.clone();
        if let Err(source) = self.state.commit(commit).await {
            self.telemetry.commit_failures.inc();
            return Err(Error::State {
                operation: "commit a decision",
                source,
            });
        }
        ledger.book.apply(&decision);
        self.post(&events, &messages, now_ms);
        Ok(())
    }

    fn post(&self, events: &[AlertEvent], messages: &[state::NewOutboxRow], now_ms: i64) {
        self.telemetry.transitions.inc_by(events.len() as u64);
        let mut board = self.board.lock();
        for event in events {
            board.add_change(event);
        }
        for message in messages {
            board.add_message(message, now_ms);
        }
        drop(board);
        if !messages.is_empty() {
            self.outbox.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// What receivers may have to hear: alerts that began to fire, were resolved, or fire with other annotations.
    fn notices(&self, run: &GroupRun, before: &GroupState, outcome: &Outcome) -> Vec<Notice> {
        let mut notices = Vec::new();
        for (index, rule) in run.group.rules.iter().enumerate() {
            let Some(now) = outcome.state.rules.get(index) else {
                continue;
            };
            for (fingerprint, alert) in &now.alerts {
                let known = before
                    .rules
                    .get(index)
                    .and_then(|rule| rule.alerts.get(fingerprint));
                let same = known.is_some_and(|known| {
                    known.life.phase == alert.life.phase && known.annotations == alert.annotations
                });
                if !same {
                    notices.extend(self.notice(*fingerprint, alert, rule));
                }
            }
        }
        notices
    }

    /// The alert as receivers see it; `None` while it is pending.
    pub(super) fn notice(&self, fingerprint: u64, alert: &Alert, rule: &Rule) -> Option<Notice> {
        let ends_at_ms = match alert.life.phase {
            AlertPhase::Firing => None,
            AlertPhase::Resolved => alert.life.resolved_at_ms,
            AlertPhase::Pending | AlertPhase::Inactive => return None,
        };
        Some(Notice {
            fingerprint,
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            starts_at_ms: alert.life.fired_at_ms.unwrap_or(alert.life.active_at_ms),
            ends_at_ms,
            generator_url: self.generator_url(&rule.text),
        })
    }

    fn generator_url(&self, expr: &str) -> Arc<str> {
        let query: String = url::form_urlencoded::byte_serialize(expr.as_bytes()).collect();
        format!("{}/graph?g0.expr={query}&g0.tab=1", self.external_url).into()
    }
}

/// The row of an alert as it stands.
pub(super) fn state_row(rule_key: &str, fingerprint: u64, alert: &Alert, now_ms: i64) -> AlertStateRow {
    AlertStateRow {
        rule_key: rule_key.to_owned(),
        fingerprint: format_fingerprint(fingerprint),
        labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        phase: alert.life.phase,
        value: alert.life.value,
        active_at_ms: alert.life.active_at_ms,
        fired_at_ms: alert.life.fired_at_ms,
        resolved_at_ms: alert.life.resolved_at_ms,
        keep_firing_since_ms: alert.life.keep_firing_since_ms,
        updated_at_ms: now_ms,
    }
}

fn record_alert(rule: &Rule, index: usize, event: &AlertEvent, now: &GroupState, commit: &mut Commit) {
    let alert = now
        .rules
        .get(index)
        .and_then(|rule| rule.alerts.get(&event.fingerprint));
    match alert {
        Some(alert) => commit
            .states
            .push(state_row(&rule.key, event.fingerprint, alert, event.at_ms)),
        None => commit
            .gone
            .push((rule.key.clone(), format_fingerprint(event.fingerprint))),
    }
}

/// What changes without a step: an alert that is only kept firing. Gives back the resolved ones that the group forgets,
/// as (rule key, fingerprint).
fn record_keeping(
    run: &GroupRun,
    before: &GroupState,
    now: &GroupState,
    commit: &mut Commit,
) -> Vec<(String, u64)> {
    let mut forgotten = Vec::new();
    let at_ms = now.last_evaluation_ms.unwrap_or_default();
    for (index, rule) in run.group.rules.iter().enumerate() {
        let (Some(old), Some(new)) = (before.rules.get(index), now.rules.get(index)) else {
            continue;
        };
        for (fingerprint, known) in &old.alerts {
            match new.alerts.get(fingerprint) {
                None if known.life.phase == AlertPhase::Resolved => {
                    forgotten.push((rule.key.clone(), *fingerprint));
                }
                Some(alert)
                    if alert.life.phase == known.life.phase
                        && alert.life.keep_firing_since_ms != known.life.keep_firing_since_ms =>
                {
                    commit
                        .states
                        .push(state_row(&rule.key, *fingerprint, alert, at_ms));
                }
                _ => {}
            }
        }
    }
    forgotten
}
