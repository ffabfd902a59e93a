//! What was expected against what was found; the texts are promtool's.

use model::Labels;
use promql::{Point, Value, series_notation};

use super::file::{AlertTest, ExpectedSample, ExprTest, UnitTest};
use super::text;

/// Labels and annotations of an alert.
type LabelledAlert = (Labels, Labels);
type LabelledPoint = (Labels, Point);

/// Compares the alerts of one name that fire.
pub(super) fn check_alerts(
    test: &UnitTest,
    case: &AlertTest,
    mut found: Vec<LabelledAlert>,
    diff: bool,
) -> Result<(), String> {
    let mut wanted: Vec<LabelledAlert> = case
        .exp_alerts
        .iter()
        .flatten()
        .map(|alert| {
            let mut labels = Labels::from_pairs(alert.exp_labels.clone().unwrap_or_default()).to_builder();
            labels.set("alertname", case.alertname.as_str());
            let annotations = Labels::from_pairs(alert.exp_annotations.clone().unwrap_or_default());
            (labels.build(), annotations)
        })
        .collect();
    found.sort();
    wanted.sort();
    if found == wanted {
        return Ok(());
    }
    let name = test.name.as_ref();
    let name = name
        .map(|name| format!("    name: {name},\n"))
        .unwrap_or_default();
    let head = format!(
        "{name}    alertname: {}, time: {}, \n",
        case.alertname, case.eval_time
    );
    if diff {
        let lines = |alerts: &[LabelledAlert]| -> Vec<String> {
            let alerts = alerts.iter();
            alerts
                .map(|(labels, annotations)| text::alert(labels, annotations).join(" "))
                .collect()
        };
        return Err(head + &difference(&lines(&wanted), &lines(&found)));
    }
    Err(format!(
        "{head}        exp:{}, \n        got:{}",
        alerts(&wanted),
        alerts(&found)
    ))
}

/// Compares the answer to an expression.
pub(super) fn check_expr(
    case: &ExprTest,
    answer: Result<Value, String>,
    is_fuzzy: bool,
    diff: bool,
) -> Result<(), String> {
    let head = format!("    expr: {:?}, time: {},", case.expr, case.eval_time);
    let found = answer.and_then(samples);
    let wanted = case
        .exp_samples
        .iter()
        .flatten()
        .map(expected)
        .collect::<Result<Vec<_>, _>>();
    let (mut found, mut wanted) = match (found, wanted) {
        (Err(error), _) | (Ok(_), Err(error)) => return Err(format!("{head} err: {error}")),
        (Ok(found), Ok(wanted)) => (found, wanted),
    };
    found.sort_by(|a, b| a.0.cmp(&b.0));
    wanted.sort_by(|a, b| a.0.cmp(&b.0));
    let mut pairs = found.iter().zip(&wanted);
    if found.len() == wanted.len() && pairs.all(|(a, b)| a.0 == b.0 && is_same(&a.1, &b.1, is_fuzzy)) {
        return Ok(());
    }
    let lines = |points: &[LabelledPoint]| -> Vec<String> {
        let points = points.iter();
        points
            .map(|(labels, point)| text::sample(labels, point))
            .collect()
    };
    let (wanted, found) = (lines(&wanted), lines(&found));
    if diff {
        return Err(format!("{head}\n{}", difference(&wanted, &found)));
    }
    let shown = |lines: Vec<String>| {
        if lines.is_empty() {
            "nil".to_owned()
        } else {
            lines.join(", ")
        }
    };
    Err(format!(
        "{head}\n        exp: {}\n        got: {}",
        shown(wanted),
        shown(found)
    ))
}

fn samples(value: Value) -> Result<Vec<LabelledPoint>, String> {
    match value {
        Value::Vector(samples) => {
            let samples = samples.into_iter();
            Ok(samples.map(|sample| (sample.labels, sample.value)).collect())
        }
        Value::Scalar { value, .. } => Ok(vec![(Labels::empty(), Point::Float(value))]),
        Value::String { .. } | Value::Matrix(_) => Err("rule result is not a vector or scalar".to_owned()),
    }
}

fn expected(sample: &ExpectedSample) -> Result<LabelledPoint, String> {
    let fault = |fault: String| format!("labels {:?}: {fault}", sample.labels);
    let labels = series_notation::parse_metric(&sample.labels).map_err(fault)?;
    let written = sample.histogram.as_deref().filter(|written| !written.is_empty());
    let Some(written) = written else {
        return Ok((labels, Point::Float(sample.value)));
    };
    let mut values = series_notation::parse_values(written).map_err(fault)?;
    match (values.pop(), values.len()) {
        (Some(Some(series_notation::WrittenValue::Histogram { histogram, .. })), 0) => {
            Ok((labels, Point::Histogram(histogram)))
        }
        _ => Err(fault(format!("expected one histogram, got {written}"))),
    }
}

/// Whether two values are the same; where it is fuzzy, to the last bit. NaN is NaN.
fn is_same(found: &Point, wanted: &Point, is_fuzzy: bool) -> bool {
    match (found, wanted) {
        (Point::Float(found), Point::Float(wanted)) => {
            found == wanted
                || (found.is_nan() && wanted.is_nan())
                || (is_fuzzy && (found.next_down() == *wanted || found.next_up() == *wanted))
        }
        (Point::Histogram(found), Point::Histogram(wanted)) => {
            series_notation::write_histogram(found) == series_notation::write_histogram(wanted)
        }
        _ => false,
    }
}

/// What is missing and what is too much.
fn difference(wanted: &[String], found: &[String]) -> String {
    let mut too_much: Vec<&String> = found.iter().collect();
    let mut lines = Vec::new();
    for line in wanted {
        match too_much.iter().position(|other| *other == line) {
            Some(at) => {
                too_much.remove(at);
            }
            None => lines.push(format!("          - {line}")),
        }
    }
    lines.extend(too_much.into_iter().map(|line| format!("          + {line}")));
    format!("        diff (- expected, + got):\n{}", lines.join("\n"))
}

fn alerts(alerts: &[LabelledAlert]) -> String {
    if alerts.is_empty() {
        return "[]".to_owned();
    }
    let entries: Vec<String> = alerts
        .iter()
        .enumerate()
        .map(|(index, (labels, annotations))| {
            let [labels, annotations] = text::alert(labels, annotations);
            format!("            {index}:\n              {labels}\n              {annotations}")
        })
        .collect();
    format!("[\n{}\n            ]", entries.join(",\n"))
}
