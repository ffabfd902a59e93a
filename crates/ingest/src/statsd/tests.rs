//! Lines and what becomes of them, and the bounds of what is added up.

use std::collections::BTreeMap;

use model::SeriesBatch;
use proptest::prelude::*;

use super::line::{Event, Value};
use super::*;

fn read(line: &str) -> (Vec<Event<'_>>, Option<&'static str>) {
    let mut events = Vec::new();
    let result = line::read(line, |event| events.push(event));
    (events, result.err().map(|refused| refused.reason))
}

fn config(yaml: &str) -> Config {
    let config: Config = serde_saphyr::from_str(yaml).unwrap();
    assert_eq!(config.validate(), Vec::<String>::new());
    config
}

/// Takes lines in at one time.
fn hear(state: &mut State, lines: &str, now_ms: i64) -> Vec<&'static str> {
    let mut refused = Vec::new();
    for line in lines.lines() {
        let read = line::read(line, |event| refused.extend(state.take(&event, now_ms).err()));
        refused.extend(read.err().map(|refused| refused.reason));
    }
    refused
}

fn rows(batch: &SeriesBatch) -> BTreeMap<String, Vec<(i64, f64)>> {
    let mut rows: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
    for (series, samples) in batch.iter() {
        let own = rows.entry(series.labels().to_string()).or_default();
        own.extend(samples.iter().map(|sample| (sample.at_ms, sample.value)));
    }
    rows
}

#[test]
fn what_stands_behind_many_values_is_read_once() {
    // Read for each value, the sections of this line are 250 billion bytes.
    let line = format!("a:{}1|c{}|#x:y", "1:".repeat(500_000), "|".repeat(500_000));
    let mut count = 0;
    line::read(&line, |event| {
        assert_eq!((event.value, event.tags), (Value::Count(1.0), "x:y"));
        count += 1;
    })
    .unwrap();
    assert_eq!(count, 500_001);
}

#[test]
fn what_is_turned_away_is_judged_once_for_the_values_of_a_line() {
    let mut state = State::new(&config("{labels: {}}"), 0);
    // Judged for each value, the tags of this line are made into 25 million labels.
    let tags: Vec<String> = (0..5000).map(|tag| format!("a{tag}:b")).collect();
    let line = format!("a:{}1|c|#{},le:1", "1:".repeat(5000), tags.join(","));
    let refused = hear(&mut state, &line, 0);
    assert_eq!(refused.len(), 5001);
    assert!(refused.iter().all(|reason| *reason == "reserved_tag"));
    assert_eq!(hear(&mut state, "a:1|c", 0), Vec::<&str>::new());
}

#[test]
fn lines_are_read_in_every_form() {
    let one = |line: &'static str| match read(line) {
        (events, None) if events.len() == 1 => {
            (events[0].name, events[0].value, events[0].rate, events[0].tags)
        }
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(one("a.b:1|c"), ("a.b", Value::Count(1.0), 1.0, ""));
    assert_eq!(one("a:1|c|@0.1"), ("a", Value::Count(10.0), 0.1, ""));
    assert_eq!(one("a:3.5|g"), ("a", Value::Set(3.5), 1.0, ""));
    assert_eq!(one("a:-3|g|#x:y,z"), ("a", Value::Move(-3.0), 1.0, "x:y,z"));
    assert_eq!(one("a:+3|g"), ("a", Value::Move(3.0), 1.0, ""));
    assert_eq!(one("a:320|ms|@0.5"), ("a", Value::Time(320.0), 0.5, ""));
    assert_eq!(one("a:0.2|h|#t:1|@0.5"), ("a", Value::Observe(0.2), 0.5, "t:1"));
    assert_eq!(one("a:7|d|c:container-id"), ("a", Value::Observe(7.0), 1.0, ""));
    assert_eq!(one("a:user:7|s|#x:y"), ("a", Value::Member("user:7"), 1.0, "x:y"));

    let values = |line: &'static str| -> Vec<Value<'static>> {
        let (events, refused) = read(line);
        assert_eq!(refused, None, "{line}");
        events.iter().map(|event| event.value).collect()
    };
    assert_eq!(
        values("a:1:2:3|c|#t:x"),
        [Value::Count(1.0), Value::Count(2.0), Value::Count(3.0)]
    );
    assert_eq!(
        values("a:1|c:2|g:3|ms|@0.1"),
        [Value::Count(1.0), Value::Set(2.0), Value::Time(3.0)]
    );
    assert_eq!(values("a:1|c|@0.5:2|c"), [Value::Count(2.0), Value::Count(2.0)]);
    assert_eq!(values("a:1:2|d|c:x|e:y|card:low").len(), 2);
}

#[test]
fn what_is_no_line_is_refused_by_reason() {
    for (line, reason) in [
        ("", "malformed"),
        ("a", "malformed"),
        (":1|c", "malformed"),
        ("a:1", "malformed"),
        ("a:1|c|x", "malformed"),
        ("a:1|q", "unknown_type"),
        ("a:x|c", "bad_value"),
        ("a:NaN|g", "bad_value"),
        ("a:inf|g", "bad_value"),
        ("a:|s", "bad_value"),
        ("a:1|c|@0", "bad_sample_rate"),
        ("a:0|ms|@1e-320", "bad_sample_rate"),
        ("a:1e300|c|@1e-9", "bad_value"),
        ("a:1|c|@2", "bad_sample_rate"),
        ("a:-1|c", "negative_counter"),
        ("a:1|g|T1656581400", "timestamped"),
        ("_e{1,1}:a|b", "event"),
        ("_sc|redis|0", "service_check"),
    ] {
        assert_eq!(read(line), (Vec::new(), Some(reason)), "{line}");
    }
    // What is good in a line of several values counts.
    let (events, refused) = read("a:1:x:3|c");
    assert_eq!((events.len(), refused), (2, Some("bad_value")));
}

#[test]
fn counters_and_gauges_are_added_up() {
    let mut state = State::new(&config("{labels: {job: s}}"), 0);
    let refused = hear(
        &mut state,
        "api.hits:2|c|#path:/a\napi.hits:1|c|@0.5|#path:/a\n1st:5|g\n1st:-2|g\n1st:+1|g",
        500,
    );
    assert_eq!(refused, Vec::<&str>::new());
    let found = rows(&state.flush(1_000));
    // What is counted began with nothing when the interval began.
    assert_eq!(found[r#"api_hits{job="s", path="/a"}"#], [(0, 0.0), (1_000, 4.0)]);
    assert_eq!(found[r#"_1st{job="s"}"#], [(1_000, 4.0)]);
    hear(&mut state, "api.hits:1|c|#path:/a", 1_500);
    assert_eq!(
        rows(&state.flush(2_000))[r#"api_hits{job="s", path="/a"}"#],
        [(2_000, 5.0)]
    );
    assert_eq!(
        hear(&mut state, "1st:1|c\na:1|c|#le:5\na:1|c|#__name__:x", 2_500),
        ["conflicting_type", "reserved_tag", "reserved_tag"]
    );
}

#[test]
fn times_become_summaries_or_histograms() {
    let lines = "t:100|ms\nt:200|ms\nt:300|ms|@0.5";
    let mut state = State::new(&config("{labels: {}, quantiles: [0.5, 1.0]}"), 0);
    hear(&mut state, lines, 500);
    let found = rows(&state.flush(1_000));
    assert_eq!(found["t_count{}"], [(0, 0.0), (1_000, 4.0)]);
    assert!((found["t_sum{}"][1].1 - 0.9).abs() < 1e-9);
    let near = |row: &str, value: f64| {
        let (at_ms, found) = found[row][0];
        assert!(
            at_ms == 1_000 && (found / value - 1.0).abs() < 0.012,
            "{row}: {found}"
        );
    };
    near(r#"t{quantile="0.5"}"#, 0.2);
    near(r#"t{quantile="1.0"}"#, 0.3);

    let mut state = State::new(
        &config("{labels: {}, observations: histogram, buckets: [0.1, 0.25]}"),
        0,
    );
    hear(&mut state, lines, 500);
    let found: BTreeMap<String, f64> = rows(&state.flush(1_000))
        .into_iter()
        .map(|(row, samples)| (row, samples[1].1))
        .collect();
    assert!((found["t_sum{}"] - 0.9).abs() < 1e-9);
    assert_eq!(found[r#"t_bucket{le="0.1"}"#], 1.0);
    assert_eq!(found[r#"t_bucket{le="0.25"}"#], 2.0);
    assert_eq!(found[r#"t_bucket{le="+Inf"}"#], 4.0);
    assert_eq!(found["t_count{}"], 4.0);
}

#[test]
fn quantiles_forget_what_is_older_than_their_window() {
    let mut state = State::new(&config("{labels: {}, quantiles: [1.0], quantile_window: 20s}"), 0);
    let max = |state: &mut State, now_ms| {
        rows(&state.flush(now_ms))[r#"t{quantile="1.0"}"#]
            .last()
            .unwrap()
            .1
    };
    hear(&mut state, "t:9|h", 500);
    assert!(max(&mut state, 10_000) > 8.0);
    hear(&mut state, "t:1|h", 10_500);
    assert!(max(&mut state, 20_000) > 8.0);
    hear(&mut state, "t:1|h", 20_500);
    assert!(max(&mut state, 30_000) < 2.0);
}

#[test]
fn sets_are_counted_by_interval() {
    let mut state = State::new(&config("{labels: {}}"), 0);
    hear(&mut state, "u:a|s\nu:b|s\nu:a|s", 500);
    assert_eq!(rows(&state.flush(1_000))["u{}"], [(1_000, 2.0)]);
    hear(&mut state, "u:a|s", 1_500);
    assert_eq!(rows(&state.flush(2_000))["u{}"], [(2_000, 1.0)]);
    assert_eq!(rows(&state.flush(3_000))["u{}"], [(3_000, 0.0)]);
}

#[test]
fn metrics_are_bounded_and_end_when_they_are_idle() {
    let mut state = State::new(&config("{labels: {}, metrics_max: 2, idle_after: 10s}"), 0);
    let refused = hear(&mut state, "a:1|c\nb:1|c\nc:1|c\nc:1|c\na:1|c", 0);
    assert_eq!(refused, ["too_many_metrics", "too_many_metrics"]);
    state.flush(1_000);
    hear(&mut state, "a:1|c", 9_000);
    let found = rows(&state.flush(10_000));
    assert_eq!(state.metric_count(), 1);
    assert!(model::is_stale(found["b{}"][0].1));
    assert_eq!(found["a{}"], [(10_000, 3.0)]);
    assert_eq!(hear(&mut state, "c:1|c", 11_000), Vec::<&str>::new());
}

#[test]
fn a_section_that_makes_no_sense_is_refused() {
    let check = |yaml: &str, expected: &str| {
        let faults = serde_saphyr::from_str::<Config>(yaml).unwrap().validate();
        assert!(faults.len() == 1 && faults[0].contains(expected), "{faults:?}");
    };
    check("{flush_interval: 10ms}", "statsd.flush_interval");
    check("{quantiles: [99]}", "statsd.quantiles");
    check("{buckets: [2, 1]}", "statsd.buckets");
    check("{metrics_max: 0}", "statsd.metrics_max");
    check("{quantile_window: 1s}", "statsd.quantile_window");
    check("{idle_after: 1s}", "statsd.idle_after");
    check("{labels: {a-b: x}}", "statsd.labels");
    assert!(serde_saphyr::from_str::<Config>("{listen: x}").is_err());
}

proptest! {
    #[test]
    fn no_line_panics(line in ".{0,100}") {
        let mut state = State::new(&Config::default(), 0);
        hear(&mut state, &line, 0);
        state.flush(1_000);
    }

    #[test]
    fn no_near_miss_panics_and_memory_is_bounded(parts in proptest::collection::vec(
        prop_oneof![
            Just("a"), Just(":"), Just("|"), Just("c"), Just("g"), Just("ms"), Just("s"), Just("h"), Just("1"), Just("-"),
            Just("@0.1"), Just("#t:v"), Just("\n"), Just(","), Just("ü"), Just("T1"), Just("b"), Just("|c\n"), Just(":1"),
        ], 0..80,
    )) {
        let config = Config { metrics_max: 3, ..Config::default() };
        let mut state = State::new(&config, 0);
        hear(&mut state, &parts.concat(), 0);
        prop_assert!(state.metric_count() <= 3);
        for (series, samples) in state.flush(1_000).iter() {
            prop_assert!(model::names::is_legacy_metric_name(series.labels().metric_name()));
            prop_assert!(!samples.is_empty());
        }
    }

    #[test]
    fn counters_hold_the_sum_of_what_was_sent(counts in proptest::collection::vec((0..3_u8, 0..1_000_u32), 0..60)) {
        let mut state = State::new(&config("{labels: {}}"), 0);
        let mut sums = [0_u32; 3];
        for (which, count) in &counts {
            hear(&mut state, &format!("m:{count}|c|#w:{which}"), 0);
            sums[usize::from(*which)] += count;
        }
        let found = rows(&state.flush(1_000));
        for (which, sum) in sums.into_iter().enumerate() {
            let row = found.get(&format!("m{{w=\"{which}\"}}")).and_then(|samples| samples.last());
            prop_assert_eq!(row.map_or(0.0, |sample| sample.1), f64::from(sum));
        }
    }
}
