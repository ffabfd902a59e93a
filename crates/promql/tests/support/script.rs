//! Runs scripts in the language of promqltest: `load`, `clear`, `eval instant`, `eval range`, `expect …`.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    Histogram, HistogramSample, Labels, NO_START, Sample, SeriesBatch, SeriesWrite, TenantId, is_stale,
};
use promql::histogram::{FloatHistogram, buckets};
use promql::series_notation::{self, WrittenValue};
use promql::{Annotations, Answer, EvalError, Options, Point, Value};
use testkit::MemorySeries;

use super::{is_close, nhcb, starts};

/// One `eval` and what came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) line: usize,
    pub(crate) query: String,
    pub(crate) result: Result<(), String>,
}

#[derive(Debug, Clone, Copy)]
enum When {
    Instant(i64),
    Range(i64, i64, i64),
}

#[derive(Debug, Default)]
struct Expected {
    lines: Vec<String>,
    expectations: Vec<String>,
}

/// Runs a whole script; one outcome for every `eval`.
pub(crate) fn run(text: &str) -> Vec<Outcome> {
    let lines: Vec<&str> = text.lines().collect();
    let mut store = MemorySeries::new();
    let mut outcomes = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let head = line.trim();
        let start = at;
        at += 1;
        if head.is_empty() || head.starts_with('#') {
            continue;
        }
        let mut body = Vec::new();
        while let Some(line) = lines.get(at).map(|line| line.trim()) {
            if line.is_empty() {
                break;
            }
            if !line.starts_with('#') {
                body.push(line.to_owned());
            }
            at += 1;
        }
        if head == "clear" {
            store = MemorySeries::new();
        } else if let Some(step) = head.strip_prefix("load ") {
            load(&store, millis(step), &body, false);
        } else if let Some(step) = head.strip_prefix("load_with_nhcb ") {
            load(&store, millis(step), &body, true);
        } else if head.starts_with("eval") {
            let (query, result) = eval(&store, head, body);
            outcomes.push(Outcome {
                line: start + 1,
                query,
                result,
            });
        } else {
            let result = Err("unknown command".to_owned());
            outcomes.push(Outcome {
                line: start + 1,
                query: head.to_owned(),
                result,
            });
        }
    }
    outcomes
}

fn millis(text: &str) -> i64 {
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(seconds) => (seconds * 1000.0) as i64,
        Err(_) => stdx::HumanDuration::parse(text).map_or(0, stdx::HumanDuration::as_millis_i64),
    }
}

fn load(store: &Arc<MemorySeries>, step_ms: i64, body: &[String], with_nhcb: bool) {
    // A series that stands twice in one load is the one that stands last.
    let mut lines: BTreeMap<Labels, Vec<Option<WrittenValue>>> = BTreeMap::new();
    let mut starts: BTreeMap<Labels, Vec<Option<i64>>> = BTreeMap::new();
    for line in body {
        match starts::parse(line) {
            Some(Ok((labels, distances))) => drop(starts.insert(labels, distances)),
            Some(Err(reason)) => panic!("{line}: {reason}"),
            None => {
                if let Ok(parsed) = series_notation::parse(line) {
                    lines.insert(parsed.labels, parsed.values);
                }
            }
        }
    }
    if with_nhcb {
        lines.extend(nhcb::converted(&lines));
    }
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    for (labels, values) in lines {
        let distances = starts.remove(&labels).unwrap_or_default();
        let series = model::Series::new(labels);
        for (place, value) in values.into_iter().enumerate() {
            let at_ms = place as i64 * step_ms;
            let distance = distances.get(place).copied().flatten();
            let start_ms = distance.map_or(NO_START, |distance| at_ms + distance);
            match value {
                Some(WrittenValue::Float(value)) => {
                    batch.push_started(series.clone(), &[Sample { at_ms, value }], &[start_ms]);
                }
                Some(WrittenValue::Histogram { histogram: value, .. }) => {
                    let sample = HistogramSample {
                        at_ms,
                        value,
                        start_ms,
                    };
                    batch.push_histograms(series.clone(), vec![sample]);
                }
                None => {}
            }
        }
    }
    store.append(&batch, 0).unwrap();
}

fn eval(store: &Arc<MemorySeries>, head: &str, body: Vec<String>) -> (String, Result<(), String>) {
    let (command, rest) = head.split_once(' ').unwrap_or((head, ""));
    let (expectations, lines): (Vec<_>, Vec<_>) =
        body.into_iter().partition(|line| line.starts_with("expect "));
    let mut expected = Expected { lines, expectations };
    if let Some(old_form) = command.strip_prefix("eval_") {
        expected.expectations.push(format!("expect {old_form}"));
    }
    let Some((when, query)) = when(rest) else {
        return (rest.to_owned(), Err("cannot read the command".to_owned()));
    };
    (query.to_owned(), check(store, when, query, &expected))
}

fn when(rest: &str) -> Option<(When, &str)> {
    if let Some(rest) = rest.strip_prefix("instant at ") {
        let (at, query) = rest.split_once(' ')?;
        return Some((When::Instant(millis(at)), query.trim()));
    }
    let rest = rest.strip_prefix("range from ")?;
    let (from, rest) = rest.split_once(" to ")?;
    let (to, rest) = rest.split_once(" step ")?;
    let (step, query) = rest.split_once(' ')?;
    Some((When::Range(millis(from), millis(to), millis(step)), query.trim()))
}

fn evaluate(store: &Arc<MemorySeries>, when: When, query: &str) -> Result<Answer, String> {
    let expr = promql::parse(query).map_err(|error| error.to_string())?;
    let options = Options::default();
    let answer = match when {
        When::Instant(at_ms) => promql::instant(&expr, store.as_ref(), at_ms, &options),
        When::Range(from_ms, to_ms, step_ms) => {
            promql::range(&expr, store.as_ref(), from_ms, to_ms, step_ms, &options)
        }
    };
    answer.map_err(|error: EvalError| error.to_string())
}

fn check(store: &Arc<MemorySeries>, when: When, query: &str, expected: &Expected) -> Result<(), String> {
    let answer = evaluate(store, when, query);
    let fails = expected.expectations.iter().find(|line| is_about(line, "fail"));
    let answer = match (answer, fails) {
        (Err(error), Some(line)) => return fits(line, "fail", [error.as_str()].into_iter()),
        (Ok(answer), Some(_)) => return Err(format!("should fail, gave {:?}", answer.value)),
        (Err(error), None) => return Err(error),
        (Ok(answer), None) => answer,
    };
    check_annotations(&answer.annotations, expected)?;
    if let Some(text) = expected
        .expectations
        .iter()
        .find_map(|line| line.strip_prefix("expect string "))
    {
        return match &answer.value {
            Value::String { value, .. } if *value == text.trim_matches(['"', '`']) => Ok(()),
            other => Err(format!("expected the string {text}, got {other:?}")),
        };
    }
    let range_vector = expected
        .expectations
        .iter()
        .find_map(|line| when_of_range_vector(line));
    let is_ordered = expected.expectations.iter().any(|line| is_about(line, "ordered"));
    compare(
        &answer.value,
        range_vector.unwrap_or(when),
        &expected.lines,
        is_ordered,
    )?;
    Ok(())
}

fn when_of_range_vector(line: &str) -> Option<When> {
    when(&format!(
        "{} query",
        line.strip_prefix("expect range vector")?
            .replacen(" from", "range from", 1)
    ))
    .map(|(when, _)| when)
}

fn is_about(line: &str, kind: &str) -> bool {
    line.strip_prefix("expect ")
        .and_then(|rest| rest.strip_prefix(kind))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Whether one of the texts fits an expectation: any, a given text, or a pattern.
fn fits<'a>(line: &str, kind: &str, texts: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let rest = line
        .strip_prefix("expect ")
        .and_then(|rest| rest.strip_prefix(kind))
        .unwrap_or_default()
        .trim();
    let texts: Vec<&str> = texts.collect();
    let found = if let Some(wanted) = rest.strip_prefix("msg:") {
        texts.iter().any(|text| text.contains(wanted.trim()))
    } else if let Some(pattern) = rest.strip_prefix("regex:") {
        let pattern = regex::Regex::new(pattern.trim()).map_err(|error| error.to_string())?;
        texts.iter().any(|text| pattern.is_match(text))
    } else {
        !texts.is_empty()
    };
    if found {
        Ok(())
    } else {
        Err(format!("{line}: got {texts:?}"))
    }
}

fn check_annotations(annotations: &Annotations, expected: &Expected) -> Result<(), String> {
    for line in &expected.expectations {
        if is_about(line, "warn") {
            fits(line, "warn", annotations.warnings.iter().map(String::as_str))?;
        } else if is_about(line, "info") {
            fits(line, "info", annotations.infos.iter().map(String::as_str))?;
        } else if is_about(line, "no_warn") && !annotations.warnings.is_empty() {
            return Err(format!("unexpected {:?}", annotations.warnings));
        } else if is_about(line, "no_info") && !annotations.infos.is_empty() {
            return Err(format!("unexpected {:?}", annotations.infos));
        }
    }
    Ok(())
}

type Points = Vec<(i64, WrittenValue)>;

/// What came out, series by series, and whether it is one number.
fn series_of(value: &Value) -> Result<(Vec<(Labels, Points)>, bool), String> {
    Ok(match value {
        Value::Scalar { at_ms, value } => (
            vec![(Labels::empty(), vec![(*at_ms, WrittenValue::Float(*value))])],
            true,
        ),
        Value::String { value, .. } => return Err(format!("got the string {value:?}")),
        Value::Vector(samples) => (
            samples
                .iter()
                .map(|s| (s.labels.clone(), vec![(s.at_ms, written(&s.value))]))
                .collect(),
            false,
        ),
        Value::Matrix(series) => {
            let points = |s: &promql::MatrixSeries| -> Points {
                let numbers = s.samples.iter().map(|s| (s.at_ms, WrittenValue::Float(s.value)));
                let histograms = s.histograms.iter();
                let histograms = histograms.map(|s| {
                    (
                        s.at_ms,
                        WrittenValue::Histogram {
                            histogram: Arc::clone(&s.value),
                            says_resets: true,
                        },
                    )
                });
                let mut points: Points = numbers.chain(histograms).collect();
                points.sort_by_key(|(at_ms, _)| *at_ms);
                points
            };
            (
                series.iter().map(|s| (s.labels.clone(), points(s))).collect(),
                false,
            )
        }
    })
}

fn compare(value: &Value, when: When, lines: &[String], is_ordered: bool) -> Result<(), String> {
    let (got, is_scalar) = series_of(value)?;
    let mut wanted: Vec<(Labels, Points)> = Vec::new();
    for line in lines {
        let number = model::number::parse_float(line);
        if let (true, Some(number)) = (is_scalar, number) {
            let (at_ms, _) = start_and_step(when);
            wanted.push((Labels::empty(), vec![(at_ms, WrittenValue::Float(number))]));
            continue;
        }
        let parsed = series_notation::parse(line)?;
        let (start_ms, step_ms) = start_and_step(when);
        let points = parsed.values.iter().enumerate();
        let points =
            points.filter_map(|(place, value)| Some((start_ms + step_ms * place as i64, value.clone()?)));
        wanted.push((
            parsed.labels,
            points
                .filter(|(_, value)| !matches!(value, WrittenValue::Float(value) if is_stale(*value)))
                .collect(),
        ));
    }
    wanted.retain(|(_, points)| !points.is_empty());
    if got.len() != wanted.len() {
        return Err(format!("expected {} series, got {got:?}", wanted.len()));
    }
    for (place, (labels, points)) in wanted.iter().enumerate() {
        let found = if is_ordered {
            got.get(place).filter(|(found, _)| found == labels)
        } else {
            got.iter().find(|(found, _)| found == labels)
        };
        let Some((_, found)) = found else {
            return Err(format!("expected {labels} at place {place}, got {got:?}"));
        };
        let equal = found.len() == points.len()
            && found
                .iter()
                .zip(points)
                .all(|(found, point)| found.0 == point.0 && is_same(&found.1, &point.1));
        if !equal {
            return Err(format!("{labels}: expected {points:?}, got {found:?}"));
        }
    }
    Ok(())
}

fn start_and_step(when: When) -> (i64, i64) {
    match when {
        When::Instant(at_ms) => (at_ms, 1),
        When::Range(from_ms, _, step_ms) => (from_ms, step_ms),
    }
}

fn written(point: &Point) -> WrittenValue {
    match point {
        Point::Float(value) => WrittenValue::Float(*value),
        Point::Histogram(histogram) => WrittenValue::Histogram {
            histogram: Arc::clone(histogram),
            says_resets: true,
        },
    }
}

fn is_same(found: &WrittenValue, wanted: &WrittenValue) -> bool {
    match (found, wanted) {
        (WrittenValue::Float(found), WrittenValue::Float(wanted)) => is_close(*found, *wanted),
        (
            WrittenValue::Histogram { histogram: found, .. },
            WrittenValue::Histogram {
                histogram: wanted,
                says_resets,
            },
        ) => (!says_resets || found.reset_hint == wanted.reset_hint) && is_same_histogram(found, wanted),
        _ => false,
    }
}

/// Empty buckets left out, numbers to 1e-6 relative.
fn is_same_histogram(found: &Histogram, wanted: &Histogram) -> bool {
    let compact = |histogram: &Histogram| -> Histogram {
        let mut tally = FloatHistogram::from(histogram);
        tally.compact();
        tally.into()
    };
    let (found, wanted) = (compact(found), compact(wanted));
    let (found_buckets, wanted_buckets) = (buckets(&found), buckets(&wanted));
    found.schema == wanted.schema
        && found.custom_bounds == wanted.custom_bounds
        && found.zero_threshold == wanted.zero_threshold
        && is_close(found.zero_count, wanted.zero_count)
        && is_close(found.count, wanted.count)
        && is_close(found.sum, wanted.sum)
        && found_buckets.len() == wanted_buckets.len()
        && found_buckets
            .iter()
            .zip(&wanted_buckets)
            .all(|(found, wanted)| found.upper == wanted.upper && is_close(found.count, wanted.count))
}
