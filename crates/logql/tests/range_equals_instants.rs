//! The value at a step of a range query is that of an instant query at the step's time; and what is printed asks the same.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use logql::{Options, Value};
use model::{Labels, MemoryLogs};
use proptest::prelude::*;

const QUERIES: [&str; 28] = [
    r#"count_over_time({app=~"a|b"}[45s])"#,
    r#"rate({app="a"} |= "x=1" [10s] offset 7s)"#,
    r#"bytes_over_time({app="a"} | logfmt | x > 2 [1m])"#,
    r#"bytes_rate({app=~".+"} | line_format "{{.app}}" [33s])"#,
    r#"sum by (x) (count_over_time({app=~".+"} | logfmt [20s]))"#,
    r#"sum without (x, y) (rate({app=~".+"} | logfmt [1m]))"#,
    r#"sum(sum_over_time({app=~".+"} | logfmt | unwrap y [1m]))"#,
    r#"avg_over_time({app=~".+"} | logfmt | unwrap y [25s]) by (app)"#,
    r#"min_over_time({app=~".+"} | logfmt | unwrap y [25s]) without (x)"#,
    r#"max_over_time({app=~".+"} | logfmt | drop x | unwrap y [40s])"#,
    r#"stddev_over_time({app=~".+"} | logfmt | unwrap y [90s]) by (app)"#,
    r#"quantile_over_time(0.7, {app=~".+"} | logfmt | unwrap y [90s]) by ()"#,
    r#"first_over_time({app=~".+"} | logfmt | unwrap y | y > 1 [50s]) by (app)"#,
    r#"last_over_time({app=~".+"} | logfmt | unwrap y [50s]) by (app)"#,
    r#"rate_counter({app=~".+"} | logfmt | drop x | unwrap y [50s])"#,
    r#"absent_over_time({app="a"} |= "x=3" [15s])"#,
    r#"topk(2, count_over_time({app=~".+"} | logfmt [30s]))"#,
    r#"bottomk by (app) (1, count_over_time({app=~".+"} | logfmt [30s]))"#,
    r#"count(count_over_time({app=~".+"} | logfmt [30s])) by (x)"#,
    r#"count_over_time({app="a"}[30s]) / ignoring (app) count_over_time({app="b"}[30s])"#,
    r#"count_over_time({app=~".+"}[30s]) > 2"#,
    r#"1 - rate({app="b"}[30s])"#,
    r#"count_over_time({app="a"}[9s]) or on () count_over_time({app="b"}[9s])"#,
    r#"count_over_time({app=~".+"}[9s]) unless count_over_time({app="b"}[20s])"#,
    r#"sum by (app) (count_over_time({app=~".+"} | logfmt [30s])) * on (app) group_right sum by (app, x) (rate({app=~".+"} | logfmt [30s]))"#,
    r#"label_replace(count_over_time({app=~".+"}[30s]), "z", "$1$1", "app", "(.*)")"#,
    r#"vector(2) + on () count_over_time({app="a"}[30s])"#,
    r#"sum by (x) (count_over_time({app=~".+"} | logfmt --keep-empty | x="" [30s]))"#,
];

/// Same labels, same numbers; sums in another order may differ in their last digits.
fn same(left: &[(String, f64)], right: &[(String, f64)]) -> bool {
    let close = |a: f64, b: f64| {
        a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3)
    };
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(left, right)| left.0 == right.0 && close(left.1, right.1))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_step_is_an_instant(
        lines in proptest::collection::vec((0i64..300, 0i64..5, -2i64..9, 0usize..3), 1..60),
        from in 0i64..200,
        step in 1i64..60,
        query in prop::sample::select(QUERIES.to_vec()),
    ) {
        let store = MemoryLogs::new();
        for (at, x, y, which) in &lines {
            let stream = Labels::from_pairs([("app", ["a", "b", "c"][*which])]);
            let x = if *x == 4 { String::new() } else { x.to_string() };
            store.add(&stream, at * 1_000_000_000, &format!("x={x} y={y}"), &[]);
        }
        let expr = logql::parse(query).unwrap();
        prop_assert_eq!(&logql::parse(&expr.to_string()).unwrap(), &expr);
        prop_assert_eq!(&logql::parse(&expr.pretty_within(20)).unwrap(), &expr);
        let options = Options::default();
        let seconds = 1_000_000_000;
        let (from, step) = (from * seconds, step * seconds);
        let answer = logql::range(&expr, store.as_ref(), (from, from + 7 * step), step, &options);
        let Ok(answer) = answer else {
            // What fails over a range fails at one of its steps.
            let fails = (0..8).any(|place| logql::instant(&expr, store.as_ref(), from + place * step, &options).is_err());
            prop_assert!(fails, "{query}: {answer:?}");
            return Ok(());
        };
        let Value::Matrix(matrix) = answer.value else { panic!("a range query gives a matrix") };
        for place in 0..8 {
            let at = from + place * step;
            let Value::Vector(vector) = logql::instant(&expr, store.as_ref(), at, &options).unwrap().value else {
                panic!("not a vector")
            };
            let mut wanted: Vec<(String, f64)> = vector.iter().map(|s| (s.labels.to_string(), s.value)).collect();
            wanted.sort_by(|left, right| left.0.cmp(&right.0));
            let mut got: Vec<(String, f64)> = matrix
                .iter()
                .filter_map(|series| {
                    let sample = series.samples.iter().find(|(found, _)| *found == at)?;
                    Some((series.labels.to_string(), sample.1))
                })
                .collect();
            got.sort_by(|left, right| left.0.cmp(&right.0));
            prop_assert!(same(&got, &wanted), "{} at {}: {:?} and {:?}", query, at, got, wanted);
        }
    }
}
