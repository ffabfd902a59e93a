//! The life of one alert: inactive, pending, firing, resolved; one pure step.

use model::{AlertPhase, Verdict};

/// Where one alert stands. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Life {
    /// The phase; never inactive.
    pub phase: AlertPhase,
    /// Since when the condition holds.
    pub active_at_ms: i64,
    /// Since when it fires.
    pub fired_at_ms: Option<i64>,
    /// When it was over.
    pub resolved_at_ms: Option<i64>,
    /// Since when it fires only because it is kept firing.
    pub keep_firing_since_ms: Option<i64>,
    /// The value last judged while the condition held.
    pub value: f64,
    /// Whether it was read back after a start and its condition has not been seen to hold since.
    pub restored: bool,
}

/// How long things take for alerts of one rule, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// How long the condition must hold.
    pub for_ms: i64,
    /// How long it fires on after the condition is over.
    pub keep_firing_for_ms: i64,
    /// Until when a restored alert is not resolved by an absent result; milliseconds since the Unix epoch.
    pub grace_until_ms: i64,
    /// How long a resolved alert is remembered.
    pub resolved_retention_ms: i64,
}

/// What a step leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Where the alert stands now; `None` is inactive.
    pub life: Option<Life>,
    /// The phase before and after, where they differ.
    pub change: Option<(AlertPhase, AlertPhase)>,
}

/// One step of an alert (Prometheus' `AlertingRule.Eval`, with a grace period after a restart).
pub fn step(life: Option<&Life>, verdict: &Verdict, timing: &Timing, now_ms: i64) -> Step {
    let before = life.map_or(AlertPhase::Inactive, |life| life.phase);
    let next = if verdict.holds {
        Some(holding(life, verdict, timing, now_ms))
    } else {
        life.and_then(|life| ending(life, timing, now_ms))
    };
    let after = next.map_or(AlertPhase::Inactive, |life| life.phase);
    // A resolved alert that is forgotten has not changed: its story was over.
    let forgotten = before == AlertPhase::Resolved && after == AlertPhase::Inactive;
    Step {
        life: next,
        change: (before != after && !forgotten).then_some((before, after)),
    }
}

/// When the alert may change by the passing of time alone, milliseconds since the Unix epoch.
pub fn next_due_ms(life: &Life, timing: &Timing) -> Option<i64> {
    match (life.phase, life.keep_firing_since_ms) {
        (AlertPhase::Pending, _) => Some(life.active_at_ms.saturating_add(timing.for_ms)),
        (AlertPhase::Firing, Some(since_ms)) => Some(since_ms.saturating_add(timing.keep_firing_for_ms)),
        _ => None,
    }
}

fn holding(life: Option<&Life>, verdict: &Verdict, timing: &Timing, now_ms: i64) -> Life {
    let fresh = Life {
        phase: AlertPhase::Pending,
        active_at_ms: now_ms,
        fired_at_ms: None,
        resolved_at_ms: None,
        keep_firing_since_ms: None,
        value: verdict.value,
        restored: false,
    };
    let mut next = match life {
        Some(life) if life.phase != AlertPhase::Resolved => Life {
            value: verdict.value,
            keep_firing_since_ms: None,
            restored: false,
            ..*life
        },
        _ => fresh,
    };
    if next.phase == AlertPhase::Pending && now_ms.saturating_sub(next.active_at_ms) >= timing.for_ms {
        next.phase = AlertPhase::Firing;
        next.fired_at_ms = Some(now_ms);
    }
    next
}

fn ending(life: &Life, timing: &Timing, now_ms: i64) -> Option<Life> {
    if life.restored && life.phase != AlertPhase::Resolved && now_ms < timing.grace_until_ms {
        return Some(*life);
    }
    match life.phase {
        AlertPhase::Inactive | AlertPhase::Pending => None,
        AlertPhase::Firing if timing.keep_firing_for_ms > 0 => {
            let since_ms = life.keep_firing_since_ms.unwrap_or(now_ms);
            if now_ms.saturating_sub(since_ms) < timing.keep_firing_for_ms {
                return Some(Life {
                    keep_firing_since_ms: Some(since_ms),
                    ..*life
                });
            }
            Some(resolved(life, now_ms))
        }
        AlertPhase::Firing => Some(resolved(life, now_ms)),
        AlertPhase::Resolved => {
            let age_ms = now_ms.saturating_sub(life.resolved_at_ms.unwrap_or(now_ms));
            (age_ms <= timing.resolved_retention_ms).then_some(*life)
        }
    }
}

fn resolved(life: &Life, now_ms: i64) -> Life {
    Life {
        phase: AlertPhase::Resolved,
        resolved_at_ms: Some(now_ms),
        keep_firing_since_ms: None,
        restored: false,
        ..*life
    }
}

#[cfg(test)]
mod tests;
