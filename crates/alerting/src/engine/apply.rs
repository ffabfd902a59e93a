//! Puts a configuration and rules in force: what did not change keeps its state.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use model::{
    AlertEvent, AlertPhase, Labels, STALE_NAN, Series, SeriesBatch, TenantId, fingerprint, format_fingerprint,
};
use state::{AlertStateRow, Commit, NotificationLogRow};

use crate::config::Config;
use crate::engine::Alerting;
use crate::engine::group::GroupRun;
use crate::engine::ledger::Ledger;
use crate::engine::prepare::{Outgoing, Prepared};
use crate::error::Error;
use crate::lifecycle::Life;
use crate::notify::Notice;
use crate::notify::plan::{Book, Input, Policy};
use crate::rules::evaluate::{GroupState, RuleState};
use crate::rules::judge::Alert;

/// What is in force.
#[derive(Debug)]
pub(super) struct Force {
    pub(super) policy: Policy,
    pub(super) groups: Vec<Arc<GroupRun>>,
    pub(super) channels: Vec<Arc<Outgoing>>,
    /// What notifications carry beyond an alert's own labels.
    pub(super) external_labels: Labels,
    /// The step of subqueries that name none, in milliseconds.
    pub(super) subquery_step_ms: i64,
    /// Whether anything was put in force yet.
    pub(super) begun: bool,
}

/// What is known at the start: rows of the database, alerts of the book, what was told.
type Remembered = (
    Option<Vec<AlertStateRow>>,
    BTreeMap<u64, Notice>,
    BTreeMap<String, NotificationLogRow>,
);

impl Force {
    pub(super) fn nothing() -> Self {
        Self {
            policy: Policy::compile(&Config::default(), Vec::new(), ""),
            groups: Vec::new(),
            channels: Vec::new(),
            external_labels: Labels::empty(),
            subquery_step_ms: promql::limits::SUBQUERY_STEP_MS,
            begun: false,
        }
    }
}

impl Alerting {
    /// Puts what is wanted in force. On failure what was in force stays so.
    pub(super) async fn enforce(&self, wanted: &Prepared) -> Result<(), Error> {
        let before = self.force();
        // What a superseded group is about to write and commit is seen below; nothing of it comes later.
        let mut turns = Vec::new();
        for run in &before.groups {
            if !wanted.goes_on(run) {
                turns.push(run.turn.lock().await);
            }
        }
        let mut ledger = self.ledger.lock().await;
        let (restored, mut book_alerts, log) = self.remembered(&before, &ledger).await?;
        let runs = make_runs(wanted, &before, restored.as_ref());
        let orphans = orphans(&before, &runs, restored.as_ref());
        for run in &runs {
            self.collect_notices(run, &wanted.external_labels, &mut book_alerts, restored.is_some());
        }
        for notice in orphans.iter().filter_map(|row| self.notice_of_orphan(row)) {
            let notice = notice.carrying(&wanted.external_labels);
            book_alerts.entry(notice.fingerprint).or_insert(notice);
        }
        let now_ms = self.clock.now_ms();
        let rebuilt = Book::rebuild(book_alerts, log, &wanted.policy, now_ms);
        let book_before = std::mem::replace(&mut ledger.book, rebuilt.book);
        let commit = Commit {
            notified: rebuilt.notified,
            forgotten: rebuilt.forgotten,
            ..Commit::default()
        };
        let force = Arc::new(Force {
            policy: wanted.policy.clone(),
            groups: runs,
            channels: wanted.channels.clone(),
            external_labels: wanted.external_labels.clone(),
            subquery_step_ms: wanted.subquery_step_ms,
            begun: true,
        });
        *self.force.lock() = Arc::clone(&force);
        if let Err(error) = self.resolve_orphans(&mut ledger, &orphans, commit, now_ms).await {
            *self.force.lock() = Arc::clone(&before);
            ledger.book = book_before;
            return Err(error);
        }
        for run in before.groups.iter().filter(|run| !wanted.goes_on(run)) {
            run.stop.cancel();
        }
        drop(ledger);
        self.end_left_series(&before, &force, now_ms).await;
        drop(turns);
        self.timers.notify_one();
        self.offer_news();
        Ok(())
    }

    /// What is known of alerts and of what was told: from the database at the start, from memory later.
    async fn remembered(&self, before: &Force, ledger: &Ledger) -> Result<Remembered, Error> {
        if before.begun {
            return Ok((None, ledger.book.alerts.clone(), ledger.book.log.clone()));
        }
        let failed = |operation| move |source| Error::State { operation, source };
        let rows = self
            .state
            .alert_states()
            .await
            .map_err(failed("read alert states"))?;
        let log = self
            .state
            .notification_log()
            .await
            .map_err(failed("read what was told"))?;
        let events = self
            .state
            .recent_alert_events(200)
            .await
            .map_err(failed("read history"))?;
        let sent = self
            .state
            .outbox_recent(500)
            .await
            .map_err(failed("read the outbox"))?;
        self.board
            .lock()
            .restore(events.into_iter().map(|row| row.event), sent);
        let log = log.into_iter().map(|row| (row.lane.clone(), row)).collect();
        Ok((Some(rows), BTreeMap::new(), log))
    }

    /// Adds the alerts of a group that receivers have to hear of.
    fn collect_notices(
        &self,
        run: &GroupRun,
        external_labels: &Labels,
        alerts: &mut BTreeMap<u64, Notice>,
        from_database: bool,
    ) {
        let state = run.state();
        for (rule, known) in run.group.rules.iter().zip(&state.rules) {
            for (fingerprint, alert) in &known.alerts {
                let resolved = alert.life.phase == AlertPhase::Resolved;
                // In memory, resolved alerts that are not in the book have been told.
                if resolved && !from_database {
                    continue;
                }
                if let Some(notice) = self.notice(*fingerprint, alert, rule) {
                    alerts.insert(*fingerprint, notice.carrying(external_labels));
                }
            }
        }
    }

    /// Alerts of rules that are no more are over.
    async fn resolve_orphans(
        &self,
        ledger: &mut Ledger,
        orphans: &[AlertStateRow],
        mut commit: Commit,
        now_ms: i64,
    ) -> Result<(), Error> {
        let mut notices = Vec::new();
        let force = self.force();
        for row in orphans {
            commit.gone.push((row.rule_key.clone(), row.fingerprint.clone()));
            let id = fingerprint(&row.labels);
            let to = match row.phase {
                AlertPhase::Firing => AlertPhase::Resolved,
                AlertPhase::Pending => AlertPhase::Inactive,
                AlertPhase::Resolved | AlertPhase::Inactive => continue,
            };
            commit.events.push(AlertEvent {
                at_ms: now_ms,
                group: row.rule_key.as_str().into(),
                name: row.labels.get("alertname").unwrap_or_default().into(),
                labels: row.labels.clone(),
                fingerprint: id,
                from: row.phase,
                to,
                value: f64::NAN,
            });
            if let Some(mut notice) = self.notice_of_orphan(row) {
                notice.ends_at_ms = Some(now_ms);
                notices.push(notice.carrying(&force.external_labels));
            }
        }
        self.decide(ledger, &Input::Alerts(&notices), commit).await
    }

    /// What receivers know of an alert whose rule is no more, where it fired.
    fn notice_of_orphan(&self, row: &AlertStateRow) -> Option<Notice> {
        (row.phase == AlertPhase::Firing).then(|| Notice {
            fingerprint: fingerprint(&row.labels),
            labels: row.labels.clone(),
            annotations: row.annotations.clone(),
            starts_at_ms: row.fired_at_ms.unwrap_or(row.active_at_ms),
            ends_at_ms: None,
            generator_url: self.external_url.as_str().into(),
        })
    }

    /// Ends the series of rules that are no more. Those of rules that stay are known to their next evaluation.
    async fn end_left_series(&self, before: &Force, now: &Force, now_ms: i64) {
        let rules = now.groups.iter().flat_map(|run| &run.group.rules);
        let stays: HashSet<&str> = rules.map(|rule| rule.key.as_str()).collect();
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        for run in &before.groups {
            let at_ms = now_ms.saturating_sub(run.group.query_offset_ms.unwrap_or_default());
            let state = run.state();
            let gone = run.group.rules.iter().zip(&state.rules);
            let gone = gone.filter(|(rule, _)| !stays.contains(rule.key.as_str()));
            for labels in gone.flat_map(|(_, known)| &known.written) {
                batch.push_one(Series::new(labels.clone()), at_ms, STALE_NAN);
            }
        }
        if batch.is_empty() {
            return;
        }
        let writer = Arc::clone(&self.writer);
        let ended = tokio::task::spawn_blocking(move || writer.append(&batch, now_ms)).await;
        let error = match ended {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => error.to_string(),
            Err(panic) => panic.to_string(),
        };
        tracing::warn!(error, "series of removed rules were not ended");
    }
}

impl Prepared {
    /// Whether a group that runs is wanted exactly as it is.
    fn goes_on(&self, run: &GroupRun) -> bool {
        self.groups.iter().any(|group| run.is_of(group, self.interval_ms))
    }
}

/// The groups to run: unchanged ones go on, changed ones take over the state of rules that stayed.
fn make_runs(wanted: &Prepared, before: &Force, restored: Option<&Vec<AlertStateRow>>) -> Vec<Arc<GroupRun>> {
    let mut by_rule: HashMap<String, RuleState> = HashMap::new();
    for run in &before.groups {
        let state = run.state();
        for (rule, known) in run.group.rules.iter().zip(&state.rules) {
            by_rule.insert(rule.key.clone(), known.clone());
        }
    }
    for row in restored.into_iter().flatten() {
        let state = by_rule.entry(row.rule_key.clone()).or_default();
        state.alerts.insert(fingerprint(&row.labels), restored_alert(row));
    }
    let groups = wanted.groups.iter();
    groups
        .map(|group| {
            let is_same = |run: &&Arc<GroupRun>| run.is_of(group, wanted.interval_ms);
            if let Some(run) = before.groups.iter().find(is_same) {
                return Arc::clone(run);
            }
            let interval_ms = group.interval_ms.unwrap_or(wanted.interval_ms);
            let rules = group
                .rules
                .iter()
                .map(|rule| by_rule.get(&rule.key).cloned().unwrap_or_default())
                .collect();
            let state = GroupState {
                rules,
                ..GroupState::default()
            };
            Arc::new(GroupRun::new(group.clone(), interval_ms, Arc::new(state)))
        })
        .collect()
}

/// Alerts of rules that are no more, from memory or from the database.
fn orphans(
    before: &Force,
    runs: &[Arc<GroupRun>],
    restored: Option<&Vec<AlertStateRow>>,
) -> Vec<AlertStateRow> {
    let exists = |key: &str| {
        runs.iter()
            .flat_map(|run| &run.group.rules)
            .any(|rule| rule.key == key)
    };
    let mut rows: Vec<AlertStateRow> = restored.cloned().unwrap_or_default();
    for run in &before.groups {
        let state = run.state();
        for (rule, known) in run.group.rules.iter().zip(&state.rules) {
            for (fingerprint, alert) in &known.alerts {
                rows.push(super::ledger::state_row(&rule.key, *fingerprint, alert, 0));
            }
        }
    }
    rows.retain(|row| !exists(&row.rule_key));
    debug_assert!(
        rows.iter()
            .all(|row| row.fingerprint == format_fingerprint(fingerprint(&row.labels)))
    );
    rows
}

fn restored_alert(row: &AlertStateRow) -> Alert {
    Alert {
        labels: row.labels.clone(),
        annotations: row.annotations.clone(),
        life: Life {
            phase: row.phase,
            active_at_ms: row.active_at_ms,
            fired_at_ms: row.fired_at_ms,
            resolved_at_ms: row.resolved_at_ms,
            keep_firing_since_ms: row.keep_firing_since_ms,
            value: row.value,
            restored: true,
        },
    }
}
