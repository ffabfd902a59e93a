//! Restored alerts wait for their own series, and for no others.

use model::{Labels, STALE_NAN, fingerprint};
use testkit::MemorySeries;

use super::*;
use crate::lifecycle::Life;
use crate::rules::{Action, NameScheme, parse_rule_file};

/// When the process started; samples are given relative to it.
const START_MS: i64 = 100_000_000;
const LEAST_MS: i64 = START_MS + limits::RESTORE_GRACE_MS_MIN;
const LAST_MS: i64 = LEAST_MS + promql::limits::LOOKBACK_MS;

fn restored(labels: &[(&str, &str)]) -> Alert {
    let life = Life {
        phase: AlertPhase::Firing,
        active_at_ms: START_MS - 60_000,
        fired_at_ms: Some(START_MS - 60_000),
        resolved_at_ms: None,
        keep_firing_since_ms: None,
        value: 0.0,
        restored: true,
    };
    let labels = labels
        .iter()
        .copied()
        .chain([("alertname", "Down"), ("severity", "page")]);
    Alert {
        labels: Labels::from_pairs(labels),
        annotations: Labels::empty(),
        life,
    }
}

/// Whether the alert with these labels is kept a minute after the start, by the series of `store`.
fn is_kept(expr: &str, store: &MemorySeries, labels: &[(&str, &str)]) -> bool {
    let text = format!(
        "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: {expr}\n    labels: {{severity: page}}\n"
    );
    let file = parse_rule_file("r.yml", &text, NameScheme::Utf8).unwrap();
    let rule = &file.groups[0].rules[0];
    let Action::Alert(alert_rule) = &rule.action else {
        unreachable!("the rule above is an alert");
    };
    let alert = restored(labels);
    let id = fingerprint(&alert.labels);
    let known = BTreeMap::from([(id, alert)]);
    let external = Labels::empty();
    let env = Environment {
        reader: store,
        writer: store,
        external_labels: &external,
        external_url: "",
        started_ms: START_MS,
        interval_ms: 5_000,
        subquery_step_ms: promql::limits::SUBQUERY_STEP_MS,
    };
    let at_ms = START_MS + 60_000;
    let graces = until_ms(rule, alert_rule, &known, &[], &env, at_ms);
    assert!([LEAST_MS, LAST_MS].contains(&graces[&id]), "{graces:?}");
    graces[&id] > at_ms
}

fn add(store: &MemorySeries, labels: &[(&str, &str)], samples: &[(i64, f64)]) {
    let samples: Vec<(i64, f64)> = samples
        .iter()
        .map(|(at_ms, value)| (START_MS + at_ms, *value))
        .collect();
    store.add(labels, &samples);
}

#[test]
fn the_samples_of_others_say_nothing() {
    let store = MemorySeries::new();
    add(
        &store,
        &[("__name__", "up"), ("instance", "a")],
        &[(-90_000, 0.0), (20_000, 1.0)],
    );
    add(
        &store,
        &[("__name__", "up"), ("instance", "b")],
        &[(-90_000, 0.0)],
    );
    assert!(!is_kept("up == 0", &store, &[("instance", "a")]));
    assert!(
        is_kept("up == 0", &store, &[("instance", "b")]),
        "b was not heard of since"
    );
    assert!(
        is_kept("up == 0", &store, &[("instance", "c")]),
        "c was never heard of"
    );
}

#[test]
fn an_aggregate_waits_for_all_of_its_series() {
    let store = MemorySeries::new();
    let series = |job, instance| [("__name__", "up"), ("job", job), ("instance", instance)];
    add(&store, &series("x", "1"), &[(-90_000, 0.0), (20_000, 1.0)]);
    add(&store, &series("x", "2"), &[(-90_000, 0.0)]);
    add(&store, &series("y", "1"), &[(-90_000, 0.0), (20_000, 1.0)]);
    add(&store, &series("y", "2"), &[(-90_000, 0.0), (-60_000, STALE_NAN)]);
    assert!(is_kept("sum by (job) (up) < 1", &store, &[("job", "x")]));
    assert!(
        !is_kept("sum by (job) (up) < 1", &store, &[("job", "y")]),
        "a series that had ended is not awaited"
    );
    assert!(is_kept("sum(up) < 1", &store, &[]));
}

#[test]
fn every_selector_counts_and_a_range_needs_two_samples() {
    let store = MemorySeries::new();
    add(&store, &[("__name__", "up"), ("instance", "a")], &[(10_000, 0.0)]);
    assert!(!is_kept("up == 0", &store, &[("instance", "a")]));
    assert!(is_kept("rate(up[5m]) == 0", &store, &[("instance", "a")]));
    assert!(is_kept(
        "up == 0 and on () gate == 1",
        &store,
        &[("instance", "a")]
    ));
    add(&store, &[("__name__", "up"), ("instance", "a")], &[(25_000, 0.0)]);
    add(&store, &[("__name__", "gate")], &[(10_000, 0.0)]);
    assert!(!is_kept("rate(up[5m]) == 0", &store, &[("instance", "a")]));
    assert!(
        !is_kept("up == 0 and on () gate == 1", &store, &[("instance", "a")]),
        "a series without the alert's labels may be behind it"
    );
}

#[test]
fn labels_that_the_rule_sets_do_not_name_series() {
    let store = MemorySeries::new();
    let series = [("__name__", "up"), ("instance", "a"), ("severity", "low")];
    add(&store, &series, &[(10_000, 0.0)]);
    assert!(!is_kept("up == 0", &store, &[("instance", "a")]));
}
