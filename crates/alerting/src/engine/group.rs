//! One rule group while it is in force: when it is due, and its evaluation.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::engine::Alerting;
use crate::limits;
use crate::rules::RuleGroup;
use crate::rules::evaluate::{self, Environment, GroupState};

/// A group in force.
#[derive(Debug)]
pub(super) struct GroupRun {
    pub(super) group: RuleGroup,
    pub(super) interval_ms: i64,
    /// Ends the group's task.
    pub(super) stop: CancellationToken,
    /// Held by an evaluation until it is committed, and by who takes the group out of force.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// A metric that the group asks for changed.
    pub(super) nudge: Notify,
    /// Metrics whose change is of interest; `None` where any may be.
    metrics: Option<Vec<String>>,
    state: Mutex<Arc<GroupState>>,
}

impl GroupRun {
    pub(super) fn new(group: RuleGroup, interval_ms: i64, state: Arc<GroupState>) -> Self {
        let metrics = group
            .rules
            .iter()
            .map(|rule| rule.expr.metric_names())
            .collect::<Option<Vec<_>>>();
        Self {
            group,
            interval_ms: interval_ms.max(1),
            stop: CancellationToken::new(),
            turn: tokio::sync::Mutex::default(),
            nudge: Notify::new(),
            metrics: metrics.map(|names| names.concat()),
            state: Mutex::new(state),
        }
    }

    pub(super) fn state(&self) -> Arc<GroupState> {
        Arc::clone(&self.state.lock())
    }

    pub(super) fn set_state(&self, state: GroupState) {
        *self.state.lock() = Arc::new(state);
    }

    /// Whether this is that group, unchanged, where groups without an interval of their own have `default_ms`.
    pub(super) fn is_of(&self, group: &RuleGroup, default_ms: i64) -> bool {
        let interval_ms = group.interval_ms.unwrap_or(default_ms).max(1);
        self.group.digest == group.digest
            && self.group.query_offset_ms == group.query_offset_ms
            && self.interval_ms == interval_ms
    }

    pub(super) fn asks_for(&self, metric: &str) -> bool {
        self.metrics
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| name == metric))
    }

    /// When the group is due next: on its own grid, spread by its digest, or earlier where an alert's time is up.
    fn due_ms(&self, now_ms: i64) -> i64 {
        let offset_ms = (self.group.digest % u128::from(self.interval_ms.unsigned_abs())) as i64;
        let passed = (now_ms - offset_ms).div_euclid(self.interval_ms);
        let grid_ms = (passed + 1)
            .saturating_mul(self.interval_ms)
            .saturating_add(offset_ms);
        let state = self.state();
        let last_ms = state.last_evaluation_ms.unwrap_or(i64::MIN);
        let due = evaluate::next_due_ms(&self.group, &state);
        // What was due at the last evaluation and did not happen, waits for the grid.
        due.filter(|due_ms| *due_ms > last_ms)
            .map_or(grid_ms, |due_ms| due_ms.min(grid_ms))
    }
}

impl Alerting {
    /// Evaluates a group whenever it is due, until it is stopped.
    pub(super) async fn run_group(self: Arc<Self>, run: Arc<GroupRun>) {
        loop {
            let now_ms = self.clock.now_ms();
            let wait_ms = run.due_ms(now_ms).saturating_sub(now_ms).max(0);
            let wait = Duration::from_millis(wait_ms.unsigned_abs());
            tokio::select! {
                () = run.stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
                () = run.nudge.notified() => {
                    let last_ms = run.state().last_evaluation_ms.unwrap_or(i64::MIN);
                    let spacing_ms =
                        last_ms.saturating_add(limits::NUDGE_SPACING_MS).saturating_sub(self.clock.now_ms());
                    if spacing_ms > 0 {
                        tokio::select! {
                            () = run.stop.cancelled() => return,
                            () = tokio::time::sleep(Duration::from_millis(spacing_ms.unsigned_abs())) => {}
                        }
                    }
                }
            }
            if !self.evaluate(&run).await {
                // What was due is due still: without a pause, the same failure would come at once, for ever.
                tokio::select! {
                    () = run.stop.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_millis(limits::RETRY_FIRST_MS)) => {}
                }
            }
        }
    }

    /// Evaluates a group once, now; gives back whether what it decided counts. If not, the group is as it was.
    pub(super) async fn evaluate(self: &Arc<Self>, run: &Arc<GroupRun>) -> bool {
        let _turn = run.turn.lock().await;
        if run.stop.is_cancelled() {
            return true;
        }
        let at_ms = self.clock.now_ms();
        let state = run.state();
        if let Some(last_ms) = state.last_evaluation_ms {
            if at_ms <= last_ms {
                return true;
            }
            let missed = (at_ms - last_ms) / run.interval_ms - 1;
            self.telemetry
                .evaluations_missed
                .inc_by(u64::try_from(missed).unwrap_or_default());
        }
        let (alerting, task_run) = (Arc::clone(self), Arc::clone(run));
        let force = self.force();
        let outcome = tokio::task::spawn_blocking(move || {
            let env = Environment {
                reader: &*alerting.reader,
                writer: &*alerting.writer,
                external_labels: &force.external_labels,
                external_url: &alerting.external_url,
                started_ms: alerting.started_ms,
                interval_ms: task_run.interval_ms,
                subquery_step_ms: force.subquery_step_ms,
            };
            evaluate::evaluate_group(&task_run.group, &state, &env, at_ms)
        })
        .await;
        let group = &run.group.name;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                self.telemetry.evaluation_failures.inc();
                tracing::error!(group, %error, "rule group could not be evaluated");
                return false;
            }
        };
        self.telemetry.evaluations.inc_by(run.group.rules.len() as u64);
        self.telemetry.evaluation_failures.inc_by(outcome.failures);
        self.telemetry.template_failures.inc_by(outcome.template_failures);
        self.telemetry.samples_refused.inc_by(outcome.samples_refused);
        self.telemetry
            .evaluation_seconds
            .observe(outcome.state.evaluation_seconds);
        let committed = self.commit_evaluation(run, outcome).await;
        if let Err(error) = &committed {
            tracing::error!(
                group,
                error = error as &dyn std::error::Error,
                "decision was not committed, trying again"
            );
        }
        committed.is_ok()
    }
}
