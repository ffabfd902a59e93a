//! No query takes more than it may, and whoever asks is told which limit it was.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use logql::{EvalError, Expr, Options, Value};
use model::{Direction, Labels, MemoryLogs};

const SECOND: i64 = 1_000_000_000;

fn store(lines: i64) -> Arc<MemoryLogs> {
    let store = MemoryLogs::new();
    let stream = Labels::from_pairs([("app", "a")]);
    for place in 0..lines {
        let line = format!("n={place} text={}", "x".repeat(50));
        store.add(&stream, place * SECOND, &line, &[]);
    }
    store
}

fn ask(query: &str, options: &Options) -> Result<Value, EvalError> {
    let expr = logql::parse(query).unwrap();
    let store = store(2_000);
    let answer = match &expr {
        Expr::Log(log) => logql::lines(
            log,
            store.as_ref(),
            (0, 9_000 * SECOND),
            Direction::Backward,
            1_500,
            options,
        ),
        _ => logql::range(&expr, store.as_ref(), (0, 2_000 * SECOND), 60 * SECOND, options),
    };
    answer.map(|answer| answer.value)
}

const MANY: &str = r#"count_over_time({app="a"} | logfmt [1h])"#;

#[test]
fn an_answer_has_so_many_series_and_no_more() {
    let error = ask(MANY, &Options::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("maximum of series (500) reached for a single query, this one has 1981"),
        "{error}"
    );
    let options = Options {
        series_max: 2_000,
        ..Options::default()
    };
    assert!(ask(MANY, &options).is_ok());
    assert!(ask(&format!("sum({MANY})"), &Options::default()).is_ok());
}

#[test]
fn memory_is_counted_while_lines_are_read() {
    let options = Options {
        memory_max: 20_000,
        ..Options::default()
    };
    for query in [
        MANY,
        r#"{app="a"}"#,
        r#"quantile_over_time(0.5, {app="a"} | logfmt | unwrap n [1h])"#,
    ] {
        let error = ask(query, &options).unwrap_err();
        assert!(
            matches!(error, EvalError::TooMuchMemory { .. }),
            "{query}: {error}"
        );
    }
    assert!(ask(r#"sum(count_over_time({app="a"} | logfmt [1h]))"#, &options).is_ok());
}

/// The labels that JSON lines have got, by their names and values.
fn json_labels(lines: &[String]) -> Result<Vec<String>, EvalError> {
    let store = MemoryLogs::new();
    let stream = Labels::from_pairs([("app", "a")]);
    for (place, line) in (0..).zip(lines) {
        store.add(&stream, place, line, &[]);
    }
    let Expr::Log(log) = logql::parse(r#"{app="a"} | json"#).unwrap() else {
        panic!("no log expression")
    };
    let options = Options::default();
    let window = (0, SECOND);
    let answer = logql::lines(&log, store.as_ref(), window, Direction::Forward, 1_000, &options)?;
    let Value::Streams(streams) = answer.value else {
        panic!("no streams")
    };
    Ok(streams.iter().map(|stream| stream.parsed.to_string()).collect())
}

#[test]
fn a_long_name_within_json_costs_its_bytes_once() {
    let many: Vec<String> = (0..10_000).map(|place| format!("\"{place:x}\":1")).collect();
    let within = |name_bytes: usize, inside: &str| {
        let line = format!(r#"{{"{}":{{{inside}}},"last":1}}"#, "k".repeat(name_bytes));
        json_labels(&[line]).unwrap()
    };
    let near = within(1024, "\"a\":1");
    assert!(near[0].contains("k_a=\"1\", last"), "{near:?}");
    assert_eq!(within(1025, "\"a\":1"), [r#"{last="1"}"#]);
    assert_eq!(within(60_000, &many.join(",")), [r#"{last="1"}"#]);
}

#[test]
fn names_of_labels_take_so_many_bytes_and_no_more() {
    let line = |place: usize| format!(r#"{{"a{place}_{}":1}}"#, "k".repeat(100_000));
    let lines: Vec<String> = (0..400).map(line).collect();
    assert_eq!(json_labels(&lines[..100]).unwrap().len(), 100);
    let error = json_labels(&lines).unwrap_err();
    assert!(
        matches!(error, EvalError::TooManyNames { .. }) && error.to_string().contains("64MiB"),
        "{error}"
    );
}

#[test]
fn deadlines_and_leaving_askers_end_a_query() {
    let late = Options {
        deadline: Some(Instant::now()),
        ..Options::default()
    };
    let left = Options {
        cancel: Some(Arc::new(AtomicBool::new(true))),
        ..Options::default()
    };
    for query in [MANY, r#"{app="a"}"#, "vector(1)"] {
        let is_log = query.starts_with('{');
        assert!(
            matches!(ask(query, &late), Err(EvalError::Timeout)),
            "{query} {is_log}"
        );
        assert!(matches!(ask(query, &left), Err(EvalError::Cancelled)), "{query}");
    }
}

#[test]
fn steps_and_times_are_bounded() {
    let expr = logql::parse("vector(1)").unwrap();
    let store = store(0);
    let ask = |window, step| logql::range(&expr, store.as_ref(), window, step, &Options::default());
    let error = ask((0, 86_400 * SECOND), SECOND).unwrap_err();
    assert!(
        error.to_string().contains("86401 steps, the limit is 11000"),
        "{error}"
    );
    let EvalError::TooManySteps { step_ns_min, .. } = error else {
        panic!("{error}")
    };
    assert!(ask((0, 86_400 * SECOND), step_ns_min).is_ok());
    assert!(ask((0, 1), 0).is_err());
    assert!(ask((1, 0), 1).is_err());
    assert!(ask((i64::MIN, i64::MAX), i64::MAX).is_err());
}

#[test]
fn far_times_are_no_fault() {
    let store = store(10);
    for query in [
        r#"count_over_time({app="a"}[200y])"#,
        r#"count_over_time({app="a"}[292y] offset 292y)"#,
        r#"count_over_time({app="a"}[1ns] offset -292y)"#,
        r#"rate_counter({app="a"} | logfmt | drop text | unwrap n [292y] offset -200y)"#,
    ] {
        let expr = logql::parse(query).unwrap();
        for (window, step) in [
            ((0, 5 * SECOND), SECOND),
            ((-(1 << 62), 1 << 62), 1 << 60),
            ((1 << 61, 1 << 62), 1 << 59),
        ] {
            let options = Options::default();
            assert!(
                logql::range(&expr, store.as_ref(), window, step, &options).is_ok(),
                "{query}"
            );
            assert!(
                logql::instant(&expr, store.as_ref(), window.1, &options).is_ok(),
                "{query}"
            );
        }
    }
}

#[test]
fn a_packed_line_is_unpacked_though_no_label_of_it_is_needed() {
    let store = MemoryLogs::new();
    let stream = Labels::from_pairs([("app", "a")]);
    store.add(&stream, 5, r#"{"x": "y", "_entry": "level=warn"}"#, &[]);
    let expr =
        logql::parse(r#"sum(count_over_time({app="a"} | unpack | logfmt | level="warn" [1s]))"#).unwrap();
    let answer = logql::instant(&expr, store.as_ref(), SECOND, &Options::default()).unwrap();
    assert!(matches!(answer.value, Value::Vector(samples) if samples.len() == 1));
}

#[test]
fn lines_come_newest_first_and_as_many_as_are_asked_for() {
    let Expr::Log(log) = logql::parse(r#"{app="a"} | logfmt | n > 10 | drop text"#).unwrap() else {
        panic!("no log expression")
    };
    let store = store(100);
    let times = |direction, limit| {
        let window = (0, 50 * SECOND);
        let options = Options::default();
        let answer = logql::lines(&log, store.as_ref(), window, direction, limit, &options).unwrap();
        let Value::Streams(streams) = answer.value else {
            panic!("no streams")
        };
        let mut times: Vec<i64> = streams
            .iter()
            .flat_map(|stream| stream.lines.iter().map(|line| line.at_ns / SECOND))
            .collect();
        times.sort_unstable();
        times
    };
    assert_eq!(times(Direction::Backward, 3), [47, 48, 49]);
    assert_eq!(times(Direction::Forward, 3), [11, 12, 13]);
    assert_eq!(times(Direction::Forward, 0), [0_i64; 0]);
    assert_eq!(times(Direction::Backward, 1_000).len(), 39);
}

#[test]
fn lines_say_where_their_labels_come_from() {
    let Expr::Log(log) = logql::parse(r#"{app="a"} | logfmt | label_format z="" "#).unwrap() else {
        panic!("no log expression")
    };
    let store = MemoryLogs::new();
    let stream = Labels::from_pairs([("app", "a"), ("zone", "eu")]);
    store.add(
        &stream,
        5,
        "level=warn zone=x",
        &[("trace", "t1"), ("level", "info")],
    );
    let options = Options::default();
    let answer = logql::lines(&log, store.as_ref(), (0, 10), Direction::Forward, 10, &options).unwrap();
    let Value::Streams(streams) = answer.value else {
        panic!("no streams")
    };
    let found: Vec<String> = streams
        .iter()
        .map(|stream| format!("{} {} {}", stream.stream, stream.metadata, stream.parsed))
        .collect();
    let expected = r#"{app="a", zone="eu"} {level="info", trace="t1"} {level_extracted="warn", z="", zone_extracted="x"}"#;
    assert_eq!(found, [expected]);
}
