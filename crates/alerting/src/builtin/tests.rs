//! The built-in rules against a store in memory: when they fire, what they say, and when they keep silent.

use model::{Accepted, AlertPhase, Labels, MetricMetadata, SeriesBatch, SeriesWrite, TenantId, WriteError};
use testkit::MemorySeries;

use super::*;
use crate::rules::evaluate::{Environment, GroupState, evaluate_group};
use crate::rules::judge::Alert;

const MINUTE_MS: i64 = 60_000;

/// A store that takes nothing in.
#[derive(Debug)]
struct Full;

impl SeriesWrite for Full {
    fn append(&self, _: &SeriesBatch, _: i64) -> Result<Accepted, WriteError> {
        Err(WriteError::Log {
            reason: "no space left on device".to_owned(),
        })
    }

    fn describe(&self, _: TenantId, _: &[MetricMetadata]) -> Result<(), WriteError> {
        Ok(())
    }
}

#[test]
fn a_rule_of_the_owner_about_up_takes_the_place_of_the_built_in_one() {
    let names = |rule: &str, expects_vitals: bool| -> Vec<String> {
        let text = format!("groups: [{{name: own, rules: [{rule}]}}]");
        let own = parse_rule_file("own.yaml", &text, NameScheme::Utf8).unwrap();
        let groups = groups_for(&own.groups, expects_vitals);
        groups.into_iter().map(|group| group.name).collect()
    };
    let all = names("{alert: A, expr: 'rate(errors_total[5m]) > 1'}", true);
    assert!(all.iter().any(|name| name == TARGETS_GROUP), "{all:?}");
    let others: Vec<String> = all
        .iter()
        .filter(|name| *name != TARGETS_GROUP)
        .cloned()
        .collect();
    assert_eq!(
        names("{alert: A, expr: 'up{job=\"x\"} == 0 and on() vector(1)'}", true),
        others
    );
    assert_eq!(names("{record: 'job:up:sum', expr: sum(up)}", true), all);
    assert!(!names("{record: a, expr: b}", false).contains(&VITALS_GROUP.to_owned()));
}

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
        subquery_step_ms: promql::limits::SUBQUERY_STEP_MS,
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
    assert_eq!(alerts, 20);
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

/// Its own counter, every 15 s.
fn count(store: &MemorySeries, name: &str, more: (&str, &str), until_ms: i64, value: impl Fn(i64) -> f64) {
    let labels = [
        ("__name__", name),
        ("job", "watchkeeper"),
        ("instance", "127.0.0.1:9595"),
        more,
    ];
    fill(store, &labels, until_ms, value);
}

fn names(alerts: &[Alert]) -> Vec<(&str, &str)> {
    alerts
        .iter()
        .filter_map(|alert| Some((alert.labels.get("alertname")?, alert.labels.get("severity")?)))
        .collect()
}

#[test]
fn missing_vitals_are_told_after_a_minute_and_until_they_are_back() {
    let vitals = |gone_from_ms: i64, back_at_ms: i64, until_ms: i64| {
        let store = MemorySeries::new();
        let labels = [
            ("__name__", "system_uptime_seconds"),
            ("job", "host"),
            ("instance", "web-1"),
        ];
        let samples: Vec<(i64, f64)> = (0..=until_ms)
            .step_by(15_000)
            .filter(|at_ms| *at_ms <= gone_from_ms || *at_ms >= back_at_ms)
            .map(|at_ms| (at_ms, 1.0))
            .collect();
        store.add(&labels, &samples);
        firing(&store, until_ms)
    };
    let never = i64::MAX;
    assert_eq!(vitals(10 * MINUTE_MS, never, 10 * MINUTE_MS), Vec::new());
    assert_eq!(vitals(10 * MINUTE_MS, never, 10 * MINUTE_MS + 30_000), Vec::new());
    for missing_min in [2, 30, 120] {
        let found = vitals(10 * MINUTE_MS, never, (10 + missing_min) * MINUTE_MS);
        assert_eq!(
            names(&found),
            [("VitalsMissing", "critical")],
            "after {missing_min} min"
        );
    }
    let back = vitals(10 * MINUTE_MS, 30 * MINUTE_MS, 31 * MINUTE_MS);
    assert_eq!(back, Vec::new());
    assert_eq!(
        firing(&MemorySeries::new(), 5 * MINUTE_MS),
        Vec::new(),
        "there never were any"
    );
}

#[test]
fn failing_writes_rules_and_tasks_are_told_for_as_long_as_they_are_recent() {
    for (metric, alert, severity) in [
        ("watchkeeper_disk_log_busy_total", "StoreFailing", "warning"),
        (
            "watchkeeper_tsdb_maintenance_failures_total",
            "StoreFailing",
            "warning",
        ),
        (
            "watchkeeper_tsdb_append_failures_total",
            "StoreFailing",
            "critical",
        ),
        ("watchkeeper_disk_log_failures_total", "StoreFailing", "critical"),
        (
            "watchkeeper_alerting_rule_evaluation_failures_total",
            "RulesFailing",
            "warning",
        ),
        (
            "watchkeeper_alerting_commit_failures_total",
            "RulesFailing",
            "warning",
        ),
        ("watchkeeper_task_panics_total", "TaskBroken", "warning"),
    ] {
        let told = |until_min: i64| {
            let store = MemorySeries::new();
            // One failure, ten minutes in.
            count(&store, metric, ("task", "x"), until_min * MINUTE_MS, |at_ms| {
                f64::from(at_ms >= 10 * MINUTE_MS)
            });
            firing(&store, until_min * MINUTE_MS)
        };
        assert_eq!(told(9), Vec::new(), "{metric}");
        assert_eq!(names(&told(11)), [(alert, severity)], "{metric}");
        assert_eq!(told(27), Vec::new(), "{metric}");
    }
}

#[test]
fn a_metric_that_makes_series_without_end_is_named() {
    let store = MemorySeries::new();
    let labels = [
        ("__name__", "watchkeeper_tsdb_series_refused_total"),
        ("job", "watchkeeper"),
        ("instance", "w"),
        ("metric", "requests_total"),
    ];
    let samples: Vec<(i64, f64)> = (10 * MINUTE_MS..=11 * MINUTE_MS)
        .step_by(15_000)
        .map(|at_ms| (at_ms, 7.0))
        .collect();
    store.add(&labels, &samples);
    let found = firing(&store, 11 * MINUTE_MS);
    assert_eq!(names(&found), [("SeriesLimitReached", "warning")]);
    assert!(format!("{found:?}").contains("requests_total"));
}

#[test]
fn a_target_that_makes_series_without_end_is_named_with_its_metric() {
    let store = MemorySeries::new();
    let labels = [
        ("__name__", "watchkeeper_ingest_target_series_refused_total"),
        ("job", "watchkeeper"),
        ("instance", "w"),
        ("scrape_job", "shop"),
        ("target", "10.0.0.7:8080"),
        ("metric", "sessions_open"),
    ];
    let samples: Vec<(i64, f64)> = (10 * MINUTE_MS..=11 * MINUTE_MS)
        .step_by(15_000)
        .map(|at_ms| (at_ms, 7.0))
        .collect();
    store.add(&labels, &samples);
    let found = firing(&store, 11 * MINUTE_MS);
    assert_eq!(names(&found), [("TargetSeriesLimitReached", "warning")]);
    assert_eq!(
        found[0].annotations.get("summary"),
        Some("Target 10.0.0.7:8080 of job shop makes more series than it may, most of them sessions_open")
    );
}

#[test]
fn a_full_disk_is_told_while_it_is_full_and_damage_for_an_hour() {
    let told = |metric: &str, until_min: i64| {
        let store = MemorySeries::new();
        count(&store, metric, ("task", "x"), until_min * MINUTE_MS, |at_ms| {
            f64::from((10 * MINUTE_MS..=20 * MINUTE_MS).contains(&at_ms))
        });
        firing(&store, until_min * MINUTE_MS)
    };
    let full = "watchkeeper_store_low_on_space";
    assert_eq!(told(full, 9), Vec::new());
    assert_eq!(names(&told(full, 11)), [("StoreFull", "critical")]);
    assert_eq!(told(full, 21), Vec::new());
    let damage = "watchkeeper_tsdb_damage_total";
    assert_eq!(told(damage, 9), Vec::new());
    assert_eq!(names(&told(damage, 15)), [("StoreDamaged", "warning")]);
    assert_eq!(told(damage, 90), Vec::new());
}

#[test]
fn notifications_that_are_not_taken_or_lost_are_told() {
    let told = |metric: &str, failures: fn(i64) -> f64, until_min: i64| {
        let store = MemorySeries::new();
        let labels = [
            ("__name__", metric),
            ("job", "watchkeeper"),
            ("instance", "w"),
            ("receiver", "pager"),
            ("channel", "webhook[0]"),
        ];
        // Such a series begins with the first failure.
        let samples: Vec<(i64, f64)> = (10 * MINUTE_MS..=until_min * MINUTE_MS)
            .step_by(15_000)
            .map(|at_ms| (at_ms, failures(at_ms)))
            .collect();
        store.add(&labels, &samples);
        firing(&store, until_min * MINUTE_MS)
    };
    let failed = "watchkeeper_alerting_notifications_failed_total";
    let found = told(failed, |_| 1.0, 11);
    assert_eq!(names(&found), [("NotificationsFailing", "critical")]);
    assert_eq!(
        found[0].annotations.get("summary"),
        Some("Notifications to pager are lost")
    );
    assert_eq!(told(failed, |_| 1.0, 27), Vec::new(), "long ago");
    let retries = "watchkeeper_alerting_notification_retries_total";
    assert_eq!(told(retries, |_| 1.0, 13), Vec::new(), "once is nothing");
    let found = told(retries, |at_ms| (at_ms / MINUTE_MS) as f64, 17);
    assert_eq!(names(&found), [("NotificationsFailing", "warning")]);
}

#[test]
fn a_store_that_takes_nothing_keeps_no_alert_from_firing() {
    let store = MemorySeries::new();
    fill(
        &store,
        &[("__name__", "up"), ("instance", "db"), ("job", "node")],
        3 * MINUTE_MS,
        |_| 0.0,
    );
    let file = rule_file().unwrap();
    let group = file.groups.iter().find(|group| group.name == "targets").unwrap();
    let external = Labels::empty();
    let env = Environment {
        reader: &*store,
        writer: &Full,
        external_labels: &external,
        external_url: "",
        started_ms: 0,
        interval_ms: 30_000,
        subquery_step_ms: promql::limits::SUBQUERY_STEP_MS,
    };
    let mut state = GroupState::default();
    for at_ms in (0..=2 * MINUTE_MS).step_by(30_000) {
        let outcome = evaluate_group(group, &state, &env, at_ms);
        assert_eq!(outcome.failures, 1, "and it is counted");
        state = outcome.state;
    }
    let rule = &state.rules[0];
    assert!(
        rule.last_error.as_ref().unwrap().contains("no space left"),
        "{rule:?}"
    );
    let phases: Vec<AlertPhase> = rule.alerts.values().map(|alert| alert.life.phase).collect();
    assert_eq!(phases, [AlertPhase::Firing]);
}
