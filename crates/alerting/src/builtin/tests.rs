//! The built-in rules against a store in memory: when they fire, what they say, and when they keep silent.

use model::{AlertPhase, Labels};
use testkit::MemorySeries;

use super::*;
use crate::rules::evaluate::{Environment, GroupState, evaluate_group};
use crate::rules::judge::Alert;

const MINUTE_MS: i64 = 60_000;

/// Evaluates all groups every 30 s up to `until_ms` and returns the alerts that fire then.
fn firing(store: &MemorySeries, until_ms: i64) -> Vec<Alert> {
    let file = rule_file().unwrap();
    let mut states: Vec<GroupState> = file.groups.iter().map(|_| GroupState::default()).collect();
    let external = Labels::empty();
    let env = Environment {
        reader: store,
        writer: store,
        external_labels: &external,
        external_url: "http://localhost",
        started_ms: 0,
        interval_ms: 30_000,
    };
    for at_ms in (0..=until_ms).step_by(30_000) {
        for (group, state) in file.groups.iter().zip(&mut states) {
            let outcome = evaluate_group(group, state, &env, at_ms);
            assert_eq!(
                (outcome.failures, outcome.template_failures),
                (0, 0),
                "{:?}",
                outcome.state
            );
            *state = outcome.state;
        }
    }
    let alerts = states
        .into_iter()
        .flat_map(|state| state.rules)
        .flat_map(|rule| rule.alerts.into_values());
    alerts
        .filter(|alert| alert.life.phase == AlertPhase::Firing)
        .collect()
}

fn fill(store: &MemorySeries, labels: &[(&str, &str)], until_ms: i64, value: impl Fn(i64) -> f64) {
    let samples: Vec<(i64, f64)> = (0..=until_ms)
        .step_by(15_000)
        .map(|at_ms| (at_ms, value(at_ms)))
        .collect();
    store.add(labels, &samples);
}

#[test]
fn the_rules_are_sound() {
    let file = rule_file().unwrap();
    let alerts: usize = file.groups.iter().map(|group| group.rules.len()).sum();
    assert_eq!(alerts, 9);
    assert_eq!(inhibitions().len(), 1);
}

#[test]
fn a_full_disk_is_told_in_words_a_person_understands() {
    let store = MemorySeries::new();
    let disk = [
        ("__name__", "system_filesystem_utilization_ratio"),
        ("instance", "web-1"),
        ("mountpoint", "/"),
        ("device", "/dev/sda1"),
        ("type", "ext4"),
    ];
    fill(&store, &disk, 3 * MINUTE_MS, |_| 0.912);
    let found = firing(&store, 3 * MINUTE_MS);
    assert_eq!(found.len(), 2, "a warning and a critical one");
    for alert in &found {
        assert_eq!(
            alert.annotations.get("summary"),
            Some("Disk / on web-1 is 91 % full")
        );
    }
}

#[test]
fn cpu_and_memory_need_five_minutes() {
    let store = MemorySeries::new();
    for name in ["system_cpu_utilization_ratio", "system_memory_utilization_ratio"] {
        fill(
            &store,
            &[("__name__", name), ("instance", "web-1")],
            10 * MINUTE_MS,
            |_| 0.8,
        );
    }
    assert_eq!(firing(&store, 4 * MINUTE_MS), Vec::new());
    let found = firing(&store, 6 * MINUTE_MS);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found
            .iter()
            .all(|alert| alert.labels.get("severity") == Some("warning"))
    );
}

#[test]
fn a_forecast_needs_half_an_hour_of_past() {
    let filling = |until_min: i64| {
        let store = MemorySeries::new();
        let free = [
            ("__name__", "system_filesystem_usage_bytes"),
            ("instance", "web-1"),
            ("mountpoint", "/"),
            ("device", "/dev/sda1"),
            ("type", "ext4"),
            ("state", "free"),
        ];
        // Full in ten hours.
        fill(&store, &free, until_min * MINUTE_MS, |at_ms| {
            36e9 - at_ms as f64 * 1e3
        });
        firing(&store, until_min * MINUTE_MS)
    };
    assert_eq!(filling(29), Vec::new());
    let found = filling(60);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        found[0].annotations.get("summary"),
        Some("Disk / on web-1 will be full within 24 h")
    );
}

#[test]
fn a_target_that_does_not_answer_is_told_after_a_minute() {
    let store = MemorySeries::new();
    fill(
        &store,
        &[("__name__", "up"), ("instance", "db:9100"), ("job", "node")],
        3 * MINUTE_MS,
        |_| 0.0,
    );
    assert_eq!(firing(&store, 30_000), Vec::new());
    assert_eq!(firing(&store, 2 * MINUTE_MS).len(), 1);
}
