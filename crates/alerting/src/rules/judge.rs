//! The pure judgement of one alerting rule: what its answer means for each of its alerts.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::labels::METRIC_NAME;
use model::{AlertEvent, AlertPhase, Labels, Verdict, fingerprint};

use crate::lifecycle::{self, Life, Timing};

/// One alert of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// All labels, the name included.
    pub labels: Labels,
    /// Annotations, templates expanded.
    pub annotations: Labels,
    /// Where it stands.
    pub life: Life,
}

/// A sample of the rule's answer, with labels and annotations expanded.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// All labels, the name included.
    pub labels: Labels,
    /// Annotations, templates expanded.
    pub annotations: Labels,
    /// The sample's value.
    pub value: f64,
}

/// What a rule's answer leads to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judgement {
    /// The alerts that are not inactive, by fingerprint.
    pub alerts: BTreeMap<u64, Alert>,
    /// The steps that were taken.
    pub events: Vec<AlertEvent>,
}

/// Judges the whole answer of a rule. Alerts without a candidate are taken as not holding. `timing` gives the times of
/// an alert by its fingerprint.
pub fn judge(
    group: &Arc<str>,
    name: &Arc<str>,
    alerts: &BTreeMap<u64, Alert>,
    candidates: Vec<Candidate>,
    timing: impl Fn(u64) -> Timing,
    now_ms: i64,
) -> Judgement {
    let mut inputs: BTreeMap<u64, (Alert, Verdict)> = BTreeMap::new();
    let verdict = |holds, value| Verdict {
        holds,
        value,
        observed_at_ms: now_ms,
    };
    for (fingerprint, alert) in alerts {
        inputs.insert(*fingerprint, (alert.clone(), verdict(false, f64::NAN)));
    }
    for candidate in candidates {
        let id = fingerprint(&candidate.labels);
        let alert = Alert {
            labels: candidate.labels,
            annotations: candidate.annotations,
            // Only read where the alert is known; a new one begins without a life.
            life: alerts.get(&id).map_or_else(|| unborn(now_ms), |alert| alert.life),
        };
        inputs.insert(id, (alert, verdict(true, candidate.value)));
    }
    let mut judgement = Judgement::default();
    for (id, (alert, verdict)) in inputs {
        let life = alerts.get(&id).map(|known| &known.life);
        let step = lifecycle::step(life, &verdict, &timing(id), now_ms);
        if let Some((from, to)) = step.change {
            judgement.events.push(AlertEvent {
                at_ms: now_ms,
                group: Arc::clone(group),
                name: Arc::clone(name),
                labels: alert.labels.clone(),
                fingerprint: id,
                from,
                to,
                value: verdict.value,
            });
        }
        if let Some(life) = step.life {
            judgement.alerts.insert(id, Alert { life, ..alert });
        }
    }
    judgement
}

/// The series `ALERTS` and `ALERTS_FOR_STATE` of the alerts that are pending or firing.
pub fn alert_series(alerts: &BTreeMap<u64, Alert>) -> Vec<(Labels, f64)> {
    let mut series = Vec::new();
    for alert in alerts.values() {
        if !matches!(alert.life.phase, AlertPhase::Pending | AlertPhase::Firing) {
            continue;
        }
        let mut labels = alert.labels.to_builder();
        labels.set(METRIC_NAME, "ALERTS_FOR_STATE");
        series.push((labels.build(), alert.life.active_at_ms.div_euclid(1000) as f64));
        let mut labels = alert.labels.to_builder();
        labels.set(METRIC_NAME, "ALERTS");
        labels.set("alertstate", alert.life.phase.as_str());
        series.push((labels.build(), 1.0));
    }
    series
}

fn unborn(now_ms: i64) -> Life {
    Life {
        phase: AlertPhase::Inactive,
        active_at_ms: now_ms,
        fired_at_ms: None,
        resolved_at_ms: None,
        keep_firing_since_ms: None,
        value: f64::NAN,
        restored: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_label_set_lives_its_own_life() {
        let (group, name): (Arc<str>, Arc<str>) = ("g".into(), "Down".into());
        let candidate = |instance: &str| Candidate {
            labels: Labels::from_pairs([("alertname", "Down"), ("instance", instance)]),
            annotations: Labels::empty(),
            value: 0.0,
        };
        let timing = |_| Timing {
            resolved_retention_ms: 1_000,
            ..Timing::default()
        };
        let none = BTreeMap::new();
        let first = judge(
            &group,
            &name,
            &none,
            vec![candidate("a"), candidate("b")],
            timing,
            1_000,
        );
        assert_eq!(first.events.len(), 2);
        assert!(first.events.iter().all(|event| event.to == AlertPhase::Firing));
        let second = judge(&group, &name, &first.alerts, vec![candidate("a")], timing, 2_000);
        assert_eq!(second.events.len(), 1);
        assert_eq!(second.events[0].labels.get("instance"), Some("b"));
        assert_eq!(second.events[0].to, AlertPhase::Resolved);
        assert_eq!(alert_series(&second.alerts).len(), 2);
        let same = judge(&group, &name, &first.alerts, vec![candidate("a")], timing, 2_000);
        // Compared as text: the value of an absent result is no number, and that is not equal to itself.
        assert_eq!(format!("{second:?}"), format!("{same:?}"));
    }
}
