//! What a file says is played, and what differs is told as promtool tells it.

use std::fs;

use regex::Regex;

use super::*;

const RULES: &str = "
groups:
  - name: late
    rules:
      - record: job:up:sum
        expr: sum by (job) (instance:up)
  - name: early
    interval: 1h
    rules:
      - record: instance:up
        expr: up
      - record: up:count
        expr: count_over_time(up[2m:])
      - alert: Down
        expr: instance:up == 0
        for: 2m
        labels: { severity: page }
        annotations:
          summary: '{{ $labels.instance }} of {{ $externalLabels.site }}, {{ $externalURL }}'
";

/// Plays a file that names `rules.yml` beside it; `run` picks tests.
fn play(test: &str, options: &Options) -> FileReport {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yml"), RULES).unwrap();
    let path = folder.path().join("test.yml");
    fs::write(&path, test).unwrap();
    run_file(&path, options)
}

fn failures(test: &str) -> Vec<String> {
    let report = play(test, &Options::default());
    assert_eq!(report.faults, Vec::<String>::new());
    report.tests.into_iter().flat_map(|test| test.failures).collect()
}

const SERIES: &str = "
rule_files: ['rule*.yml']
group_eval_order: [early, late]
tests:
  - name: one is down
    input_series:
      - { series: 'up{job=\"node\", instance=\"a\"}', values: '1x3 0x3' }
      - { series: 'up{job=\"node\", instance=\"b\"}', values: '1x6' }
    external_labels: { site: here }
    external_url: http://watch
";

fn with_series(rest: &str) -> String {
    format!("{SERIES}{rest}")
}

#[test]
fn alerts_fire_after_their_time_with_labels_and_annotations() {
    let found = failures(&with_series(
        "
    alert_rule_test:
      - { eval_time: 5m59s, alertname: Down }
      - eval_time: 6m
        alertname: Down
        exp_alerts:
          - exp_labels: { job: node, instance: a, severity: page }
            exp_annotations: { summary: 'a of here, http://watch' }
",
    ));
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn groups_are_evaluated_in_the_order_that_is_given() {
    let found = failures(&with_series(
        "
    promql_expr_test:
      - { expr: 'job:up:sum', eval_time: 0, exp_samples: [{ labels: 'job:up:sum{job=\"node\"}', value: 2 }] }
      - { expr: 'job:up:sum', eval_time: 4m, exp_samples: [{ labels: 'job:up:sum{job=\"node\"}', value: 1 }] }
",
    ));
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn what_differs_is_told_as_promtool_tells_it() {
    let test = with_series(
        "
    alert_rule_test:
      - { eval_time: 0, alertname: Down, exp_alerts: [{ exp_labels: { job: x } }] }
    promql_expr_test:
      - { expr: 'sum(up)', eval_time: 4m, exp_samples: [{ value: 2 }] }
      - { expr: 'absent(up)', exp_samples: [{ labels: '{}', value: 1 }] }
      - { expr: 'up + on (job) up', exp_samples: [] }
",
    );
    let found = failures(&test);
    assert_eq!(
        found[0],
        "    name: one is down,\n    alertname: Down, time: 0s, \n        exp:[\n            0:\n              \
         Labels:{alertname=\"Down\", job=\"x\"}\n              Annotations:{}\n            ], \n        got:[]"
    );
    assert_eq!(
        found[1],
        "    expr: \"sum(up)\", time: 4m,\n        exp: {} 2E+00\n        got: {} 1E+00"
    );
    assert_eq!(
        found[2],
        "    expr: \"absent(up)\", time: 0s,\n        exp: {} 1E+00\n        got: nil"
    );
    assert!(found[3].contains("err: found duplicate series"), "{}", found[3]);
    let options = Options {
        diff: true,
        ..Options::default()
    };
    let report = play(&test, &options);
    assert_eq!(
        report.tests[0].failures[1],
        "    expr: \"sum(up)\", time: 4m,\n        diff (- expected, + got):\n          - {} 2E+00\n          + {} 1E+00"
    );
}

#[test]
fn what_is_yet_to_come_is_not_seen() {
    // The series goes on to 20 minutes; time stands at the last evaluation, which is at 10.
    let test = "
tests:
  - input_series:
      - { series: up, values: '1+1x20' }
    promql_expr_test:
      - { expr: 'up offset -10m', eval_time: 5m }
      - { expr: 'up @ 300', eval_time: 10m, exp_samples: [{ labels: up, value: 6 }] }
      - { expr: up, eval_time: 10m30s, exp_samples: [{ labels: up, value: 11 }] }
";
    assert_eq!(failures(test), Vec::<String>::new());
}

#[test]
fn a_test_may_start_at_a_moment_of_history() {
    for start in [
        "1609459200",
        "2021-01-01T00:00:00Z",
        "\"2021-01-01T01:00:00+01:00\"",
    ] {
        let test = format!(
            "
rule_files: [rules.yml]
evaluation_interval: 30s
tests:
  - start_timestamp: {start}
    interval: 15s
    input_series:
      - {{ series: up, values: '1x8' }}
    promql_expr_test:
      - {{ expr: 'year()', eval_time: 1m, exp_samples: [{{ value: 2021 }}] }}
      - {{ expr: 'timestamp(instance:up)', eval_time: 44s, exp_samples: [{{ value: 1609459230 }}] }}
      # The step of a subquery is that of the evaluations.
      - {{ expr: up:count, eval_time: 2m, exp_samples: [{{ labels: up:count, value: 4 }}] }}
"
        );
        assert_eq!(failures(&test), Vec::<String>::new(), "{start}");
    }
}

#[test]
fn histograms_and_numbers_compare_as_said() {
    let test = |is_fuzzy: bool| {
        format!(
            "
fuzzy_compare: {is_fuzzy}
tests:
  - input_series:
      - {{ series: low, values: '2.9999999999999996 stale' }}
      - {{ series: h, values: '{{{{count:2 buckets:[2]}}}}+{{{{count:1 buckets:[1]}}}}x2' }}
    promql_expr_test:
      - {{ expr: low, exp_samples: [{{ labels: low, value: 3 }}] }}
      - {{ expr: low, eval_time: 1m }}
      - {{ expr: 'h', eval_time: 1m, exp_samples: [{{ labels: h, histogram: '{{{{count:3 counter_reset_hint:not_reset buckets:[3]}}}}' }}] }}
      - {{ expr: '0 / 0', exp_samples: [{{ value: .nan }}] }}
      - {{ expr: '-1 / 0', exp_samples: [{{ value: -.Inf }}] }}
"
        )
    };
    assert_eq!(failures(&test(true)), Vec::<String>::new());
    let found = failures(&test(false));
    assert_eq!(
        found,
        [
            "    expr: \"low\", time: 0s,\n        exp: {__name__=\"low\"} 3E+00\n        got: {__name__=\"low\"} 2.9999999999999996E+00"
        ]
    );
}

#[test]
fn tests_are_picked_by_name() {
    let test = "
tests:
  - { name: first, promql_expr_test: [{ expr: 'vector(1)' }] }
  - { promql_expr_test: [{ expr: 'vector(1)' }] }
";
    let names = |run: Option<&str>| -> Vec<String> {
        let options = Options {
            run: run.map(|run| Regex::new(run).unwrap()),
            diff: false,
        };
        let report = play(test, &options);
        assert_eq!(report.passed(), report.tests.is_empty());
        report.tests.into_iter().map(|test| test.name).collect()
    };
    assert_eq!(names(None), ["first", "unnamed#1"]);
    assert_eq!(names(Some("^fir")), ["first"]);
    assert_eq!(names(Some("other")), Vec::<String>::new());
}

#[test]
fn what_cannot_be_played_is_a_fault() {
    let faults = |test: &str| play(test, &Options::default()).faults.join("\n");
    assert!(faults("tests: [{ intervall: 1m }]").contains("intervall"));
    assert!(faults("group_eval_order: [a, a]").contains("repeated in evaluation order: a"));
    assert!(faults("rule_files: [test.yml]\ntests: []").contains("test.yml:1: rule_files: unknown key"));
    let report = play("rule_files: [none.yml, 'none*.yml']", &Options::default());
    assert_eq!(report.warnings.len(), 2, "{report:?}");
    assert!(report.passed());
    let failures = |series: &str| failures(&format!("tests: [{{ input_series: [{series}] }}]")).join("\n");
    assert!(failures("{ series: 'up{', values: 1 }").contains("series: up{, err:"));
    assert!(failures("{ series: up, values: 1 up }").contains("bad value \"up\""));
}

#[test]
fn of_a_series_that_stands_twice_the_last_one_holds() {
    let test = "tests: [{ input_series: [{ series: up, values: 1 1 1 }, { series: up, values: _ 2 }], \
                promql_expr_test: [{ expr: up, eval_time: 1m, exp_samples: [{ labels: up, value: 2 }] }, \
                { expr: up @ 0, eval_time: 1m }] }]";
    assert_eq!(failures(test), Vec::<String>::new());
}
