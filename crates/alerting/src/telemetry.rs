//! What this room counts about itself.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Which channel of which receiver.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ChannelLabels {
    /// The receiver's name.
    pub receiver: String,
    /// The channel, for example `webhook-90ab12cd`.
    pub channel: String,
}

/// The metrics of rules, alerts and notifications. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Telemetry {
    pub(crate) evaluations: Counter,
    pub(crate) evaluation_failures: Counter,
    pub(crate) evaluations_missed: Counter,
    pub(crate) evaluation_seconds: Histogram,
    pub(crate) template_failures: Counter,
    pub(crate) samples_refused: Counter,
    pub(crate) commit_failures: Counter,
    pub(crate) nudges_dropped: Counter,
    pub(crate) transitions: Counter,
    pub(crate) alerts_firing: Gauge,
    pub(crate) alerts_pending: Gauge,
    pub(crate) suppressed: Counter,
    pub(crate) groups_refused: Counter,
    pub(crate) sent: Family<ChannelLabels, Counter>,
    pub(crate) failed: Family<ChannelLabels, Counter>,
    pub(crate) retries: Family<ChannelLabels, Counter>,
    pub(crate) delivery_seconds: Histogram,
}

impl Telemetry {
    /// Fresh metrics, all zero.
    pub fn new() -> Self {
        let seconds = || {
            Histogram::new([
                0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0,
            ])
        };
        Self {
            evaluations: Counter::default(),
            evaluation_failures: Counter::default(),
            evaluations_missed: Counter::default(),
            evaluation_seconds: seconds(),
            template_failures: Counter::default(),
            samples_refused: Counter::default(),
            commit_failures: Counter::default(),
            nudges_dropped: Counter::default(),
            transitions: Counter::default(),
            alerts_firing: Gauge::default(),
            alerts_pending: Gauge::default(),
            suppressed: Counter::default(),
            groups_refused: Counter::default(),
            sent: Family::default(),
            failed: Family::default(),
            retries: Family::default(),
            delivery_seconds: seconds(),
        }
    }

    /// Makes the metrics visible under `watchkeeper_alerting_…`.
    pub fn register(&self, registry: &mut Registry) {
        let r = registry.sub_registry_with_prefix("watchkeeper_alerting");
        r.register("rule_evaluations", "Rules evaluated", self.evaluations.clone());
        r.register(
            "rule_evaluation_failures",
            "Rules whose evaluation failed",
            self.evaluation_failures.clone(),
        );
        r.register(
            "group_evaluations_missed",
            "Evaluations of groups that were due while one ran",
            self.evaluations_missed.clone(),
        );
        r.register(
            "group_evaluation_seconds",
            "Time to evaluate a group",
            self.evaluation_seconds.clone(),
        );
        r.register(
            "template_failures",
            "Templates that could not be expanded",
            self.template_failures.clone(),
        );
        r.register(
            "rule_samples_refused",
            "Samples of rules that the store refused",
            self.samples_refused.clone(),
        );
        r.register(
            "commit_failures",
            "Decisions that could not be made durable and were tried again",
            self.commit_failures.clone(),
        );
        r.register(
            "nudges_dropped",
            "News of changed metrics lost because there was too much",
            self.nudges_dropped.clone(),
        );
        r.register(
            "transitions",
            "Steps of alerts from one phase to another",
            self.transitions.clone(),
        );
        r.register(
            "alerts_firing",
            "Alerts that fire now",
            self.alerts_firing.clone(),
        );
        r.register(
            "alerts_pending",
            "Alerts that are pending now",
            self.alerts_pending.clone(),
        );
        self.register_notifications(r);
    }

    fn register_notifications(&self, r: &mut Registry) {
        r.register(
            "notifications_suppressed",
            "Alerts left out of a message because they were inhibited or muted",
            self.suppressed.clone(),
        );
        r.register(
            "groups_refused",
            "Alerts not grouped because there are too many groups",
            self.groups_refused.clone(),
        );
        r.register(
            "notifications_sent",
            "Messages taken by receivers",
            self.sent.clone(),
        );
        r.register("notifications_failed", "Messages given up", self.failed.clone());
        r.register(
            "notification_retries",
            "Tries to send that failed and will be repeated",
            self.retries.clone(),
        );
        r.register(
            "notification_delivery_seconds",
            "Time from decision to receipt",
            self.delivery_seconds.clone(),
        );
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}
