//! What pages and the HTTP API see.

use model::{AlertPhase, format_fingerprint};

use crate::engine::Alerting;
use crate::engine::group::GroupRun;
use crate::rules::judge::Alert;
use crate::rules::{Action, Rule};
use crate::view::{AlertChange, AlertNews, AlertView, GroupView, RuleKind, RuleView};

impl Alerting {
    /// The step of subqueries that name none (`[5m:]`), in milliseconds: the time between evaluations that is configured, as
    /// with Prometheus; for queries too, so that a rule's expression answers alike there.
    pub fn subquery_step_ms(&self) -> i64 {
        self.force().subquery_step_ms
    }

    /// Every rule group, in the order of files and groups.
    pub fn groups(&self) -> Vec<GroupView> {
        self.force()
            .groups
            .iter()
            .map(|run| self.group_view(run))
            .collect()
    }

    /// Every alert that is pending or fires, and those resolved of late: firing first, then pending, most severe first.
    pub fn alerts(&self) -> Vec<AlertView> {
        let mut alerts = Vec::new();
        for run in &self.force().groups {
            let state = run.state();
            for (rule, known) in run.group.rules.iter().zip(&state.rules) {
                let views = known
                    .alerts
                    .iter()
                    .map(|(id, alert)| self.alert_view(run, rule, *id, alert));
                alerts.extend(views);
            }
        }
        alerts.sort_by_cached_key(|alert| {
            (
                phase_rank(alert.state),
                severity_rank(&alert.severity),
                std::cmp::Reverse(alert.active_at_ms),
                alert.fingerprint.clone(),
            )
        });
        alerts
    }

    /// The newest steps of alerts, newest first, at most `limit` and never more than 200.
    pub fn recent_changes(&self, limit: usize) -> Vec<AlertChange> {
        self.board.lock().changes(limit)
    }

    /// How many alerts there are.
    pub fn counts(&self) -> AlertNews {
        let mut news = AlertNews::default();
        for run in &self.force().groups {
            for alert in run.state().rules.iter().flat_map(|rule| rule.alerts.values()) {
                match alert.life.phase {
                    AlertPhase::Pending => news.pending += 1,
                    AlertPhase::Firing => {
                        let severity = alert.labels.get("severity").unwrap_or_default().to_owned();
                        *news.firing.entry(severity).or_default() += 1;
                    }
                    AlertPhase::Inactive | AlertPhase::Resolved => {}
                }
            }
        }
        news
    }

    /// Offers the counts where they changed.
    pub(super) fn offer_news(&self) {
        let news = self.counts();
        self.telemetry.alerts_pending.set(news.pending as i64);
        self.telemetry
            .alerts_firing
            .set(news.firing.values().sum::<usize>() as i64);
        let mut last = self.last_news.lock();
        if last.as_ref() != Some(&news) {
            *last = Some(news.clone());
            self.news.offer(news);
        }
    }

    fn group_view(&self, run: &GroupRun) -> GroupView {
        let state = run.state();
        let rules = run.group.rules.iter().enumerate().map(|(index, rule)| {
            let known = state.rules.get(index).cloned().unwrap_or_default();
            let live = known
                .alerts
                .iter()
                .filter(|(_, alert)| alert.life.phase != AlertPhase::Resolved);
            let alerts: Vec<AlertView> = live
                .map(|(id, alert)| self.alert_view(run, rule, *id, alert))
                .collect();
            let (kind, for_ms, keep_firing_for_ms, annotations) = match &rule.action {
                Action::Record { .. } => (RuleKind::Recording, 0, 0, model::Labels::empty()),
                Action::Alert(alert) => (
                    RuleKind::Alerting,
                    alert.for_ms,
                    alert.keep_firing_for_ms,
                    alert.annotations.clone(),
                ),
            };
            RuleView {
                kind,
                name: rule.name().to_owned(),
                query: rule.text.clone(),
                for_ms,
                keep_firing_for_ms,
                labels: rule.labels.clone(),
                annotations,
                state: alerts
                    .iter()
                    .map(|alert| alert.state)
                    .max()
                    .unwrap_or(AlertPhase::Inactive),
                alerts,
                health: known.health,
                last_error: known.last_error,
                evaluation_seconds: known.evaluation_seconds,
                last_evaluation_ms: state.last_evaluation_ms,
            }
        });
        GroupView {
            name: run.group.name.clone(),
            file: run.group.file.clone(),
            interval_ms: run.interval_ms,
            limit: run.group.limit as u64,
            rules: rules.collect(),
            last_evaluation_ms: state.last_evaluation_ms,
            evaluation_seconds: state.evaluation_seconds,
        }
    }

    fn alert_view(&self, run: &GroupRun, rule: &Rule, fingerprint: u64, alert: &Alert) -> AlertView {
        let label = |name: &str| alert.labels.get(name).unwrap_or_default().to_owned();
        let annotation = |name: &str| alert.annotations.get(name).unwrap_or_default().to_owned();
        let life = &alert.life;
        AlertView {
            fingerprint: format_fingerprint(fingerprint),
            name: rule.name().to_owned(),
            state: life.phase,
            severity: label("severity"),
            summary: annotation("summary"),
            description: annotation("description"),
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            value: (!life.value.is_nan()).then_some(life.value),
            active_at_ms: life.active_at_ms,
            firing_at_ms: life.fired_at_ms,
            resolved_at_ms: life.resolved_at_ms,
            keep_firing_since_ms: life.keep_firing_since_ms,
            group: run.group.name.clone(),
            expr: rule.text.clone(),
            for_ms: match &rule.action {
                Action::Alert(alert) => alert.for_ms,
                Action::Record { .. } => 0,
            },
            notifications: self.board.lock().messages_about(fingerprint),
        }
    }
}

fn phase_rank(phase: AlertPhase) -> u8 {
    match phase {
        AlertPhase::Firing => 0,
        AlertPhase::Pending => 1,
        AlertPhase::Resolved => 2,
        AlertPhase::Inactive => 3,
    }
}

fn severity_rank(severity: &str) -> u8 {
    match severity {
        "critical" | "page" => 0,
        "error" => 1,
        "warning" => 2,
        "info" => 3,
        _ => 4,
    }
}
