//! Puts a configuration and rules in force: what did not change keeps its state.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{AlertEvent, AlertPhase, fingerprint, format_fingerprint};
use state::{AlertStateRow, Commit, NotificationLogRow};
use stdx::HumanDuration;

use crate::builtin;
use crate::channels::{self, Channel};
use crate::config::Config;
use crate::engine::Alerting;
use crate::engine::group::GroupRun;
use crate::engine::ledger::Ledger;
use crate::error::Error;
use crate::lifecycle::Life;
use crate::limits;
use crate::notify::Notice;
use crate::notify::plan::{Book, Input, Policy};
use crate::rules::evaluate::{self, GroupState, RuleState};
use crate::rules::judge::Alert;
use crate::rules::{RuleFile, RuleGroup};

/// What is in force.
#[derive(Debug)]
pub(super) struct Force {
    pub(super) policy: Policy,
    pub(super) groups: Vec<Arc<GroupRun>>,
    pub(super) channels: Vec<Arc<Outgoing>>,
    /// Whether anything was put in force yet.
    begun: bool,
}

/// What shall be in force.
#[derive(Debug)]
pub(super) struct Wanted {
    config: Config,
    files: Vec<RuleFile>,
    interval_ms: i64,
}

/// What is known at the start: rows of the database, alerts of the book, what was told.
type Remembered = (
    Option<Vec<AlertStateRow>>,
    BTreeMap<u64, Notice>,
    BTreeMap<String, NotificationLogRow>,
);

/// A channel in force.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) receiver: String,
    pub(super) name: String,
    pub(super) channel: Box<dyn Channel>,
}

impl Force {
    pub(super) fn nothing() -> Self {
        Self {
            policy: Policy::compile(&Config::default(), Vec::new(), ""),
            groups: Vec::new(),
            channels: Vec::new(),
            begun: false,
        }
    }
}

impl Alerting {
    /// Takes a validated configuration and rules; they are in force as soon as [`Alerting::run`] has taken over the
    /// alerts that are known. `evaluation_interval` is the interval of groups that name none.
    ///
    /// Groups whose text did not change go on undisturbed; rules that stay keep their alerts.
    pub fn apply(
        &self,
        config: Config,
        files: Vec<RuleFile>,
        evaluation_interval: impl Into<Option<HumanDuration>>,
    ) {
        let interval_ms = evaluation_interval
            .into()
            .map(HumanDuration::as_millis_i64)
            .filter(|ms| *ms > 0);
        *self.wanted.lock() = Some(Wanted {
            config,
            files,
            interval_ms: interval_ms.unwrap_or(limits::EVALUATION_INTERVAL_MS),
        });
        self.generation
            .send_modify(|generation| *generation = generation.wrapping_add(1));
    }

    /// Puts what is wanted in force. On failure what was in force stays so.
    pub(super) async fn enforce(&self, wanted: &Wanted) -> Result<(), Error> {
        let Wanted {
            config,
            files,
            interval_ms,
        } = wanted;
        let mut groups: Vec<RuleGroup> = files
            .iter()
            .flat_map(|file| file.groups.iter().cloned())
            .collect();
        let mut inhibitions = Vec::new();
        if config.builtin_rules {
            // The text is part of the program and its tests read it.
            groups.extend(builtin::rule_file().map(|file| file.groups).unwrap_or_default());
            inhibitions = builtin::inhibitions();
        }
        let policy = Policy::compile(config, inhibitions, &self.external_url);
        let channels = make_channels(&policy)?;
        let mut ledger = self.ledger.lock().await;
        let before = self.force();
        let (restored, mut book_alerts, log) = self.remembered(&before, &ledger).await?;
        let runs = make_runs(groups, *interval_ms, &before, restored.as_ref());
        let orphans = orphans(&before, &runs, restored.as_ref());
        for run in &runs {
            self.collect_notices(run, &mut book_alerts, restored.is_some());
        }
        let now_ms = self.clock.now_ms();
        let kept: Vec<Arc<GroupRun>> = runs.clone();
        let book = Book::rebuild(book_alerts, log, &policy, now_ms);
        let book_before = std::mem::replace(&mut ledger.book, book);
        *self.force.lock() = Arc::new(Force {
            policy,
            groups: runs,
            channels,
            begun: true,
        });
        if let Err(error) = self.resolve_orphans(&mut ledger, &orphans, now_ms).await {
            *self.force.lock() = before;
            ledger.book = book_before;
            return Err(error);
        }
        // Under the ledger's lock: an evaluation that is under way sees it before it could commit.
        for run in &before.groups {
            if !kept.iter().any(|kept| Arc::ptr_eq(kept, run)) {
                run.stop.cancel();
            }
        }
        drop(ledger);
        self.end_orphan_series(&before, &kept, now_ms);
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
    fn collect_notices(&self, run: &GroupRun, alerts: &mut BTreeMap<u64, Notice>, from_database: bool) {
        let state = run.state();
        for (rule, known) in run.group.rules.iter().zip(&state.rules) {
            for (fingerprint, alert) in &known.alerts {
                let resolved = alert.life.phase == AlertPhase::Resolved;
                // In memory, resolved alerts that are not in the book have been told.
                if resolved && !from_database {
                    continue;
                }
                if let Some(notice) = self.notice(*fingerprint, alert, rule) {
                    alerts.insert(*fingerprint, notice);
                }
            }
        }
    }

    /// Alerts of rules that are no more are over.
    async fn resolve_orphans(
        &self,
        ledger: &mut Ledger,
        orphans: &[AlertStateRow],
        now_ms: i64,
    ) -> Result<(), Error> {
        let mut commit = Commit::default();
        let mut notices = Vec::new();
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
            if to == AlertPhase::Resolved {
                notices.push(Notice {
                    fingerprint: id,
                    labels: row.labels.clone(),
                    annotations: row.annotations.clone(),
                    starts_at_ms: row.fired_at_ms.unwrap_or(row.active_at_ms),
                    ends_at_ms: Some(now_ms),
                    generator_url: self.external_url.as_str().into(),
                });
            }
        }
        self.decide(ledger, &Input::Alerts(&notices), commit).await
    }

    fn end_orphan_series(&self, before: &Force, kept: &[Arc<GroupRun>], now_ms: i64) {
        for run in &before.groups {
            let goes_on = kept
                .iter()
                .any(|kept| kept.group.file == run.group.file && kept.group.name == run.group.name);
            if goes_on {
                continue;
            }
            if let Err(error) = evaluate::end_series(&run.state(), &*self.writer, now_ms) {
                tracing::warn!(group = run.group.name, %error, "series of a removed group were not ended");
            }
        }
    }
}

fn make_channels(policy: &Policy) -> Result<Vec<Arc<Outgoing>>, Error> {
    let mut made = Vec::new();
    for receiver in &policy.receivers {
        for integration in &receiver.integrations {
            if let Some(channel) = channels::make(integration, &receiver.name)? {
                made.push(Arc::new(Outgoing {
                    receiver: receiver.name.clone(),
                    name: integration.channel(),
                    channel,
                }));
            }
        }
    }
    Ok(made)
}

/// The groups to run: unchanged ones go on, changed ones take over the state of rules that stayed.
fn make_runs(
    groups: Vec<RuleGroup>,
    default_ms: i64,
    before: &Force,
    restored: Option<&Vec<AlertStateRow>>,
) -> Vec<Arc<GroupRun>> {
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
    groups
        .into_iter()
        .map(|group| {
            let interval_ms = group.interval_ms.unwrap_or(default_ms);
            let same = before
                .groups
                .iter()
                .find(|run| run.group.digest == group.digest && run.interval_ms == interval_ms);
            if let Some(run) = same {
                return Arc::clone(run);
            }
            let rules = group
                .rules
                .iter()
                .map(|rule| by_rule.get(&rule.key).cloned().unwrap_or_default())
                .collect();
            let state = GroupState {
                rules,
                ..GroupState::default()
            };
            Arc::new(GroupRun::new(group, interval_ms, Arc::new(state)))
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
