//! Answers of the HTTP API, as far as two of them can differ.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use super::http::Response;

/// Values are the same if they differ by no more than this part of the greater.
const RELATIVE_DIFFERENCE_MAX: f64 = 1e-9;

/// What a server said to a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// Why not.
    Refused(String),
    Given(Given),
}

/// The result of a query.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Given {
    /// `vector`, `matrix`, `scalar` or `string`.
    kind: String,
    /// By labels; the label sets in the order in which they came are `order`.
    series: BTreeMap<String, BTreeMap<i64, f64>>,
    order: Vec<String>,
    /// Of a string.
    text: Option<String>,
}

/// How two answers differ.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Difference {
    /// Only ours was refused, and why.
    OursRefused(String),
    /// Only theirs was refused, and why.
    TheirsRefused(String),
    /// Other types, or other texts.
    Kind,
    /// A time at which a series of either side has another value, or none.
    Points(Vec<Point>),
}

/// A value of one series at one time on both sides; absent where a side has none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub(super) labels: String,
    pub(super) at_ms: i64,
    pub(super) ours: Option<f64>,
    pub(super) theirs: Option<f64>,
}

#[derive(Deserialize)]
struct Envelope {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: Value,
}

#[derive(Deserialize)]
struct Element {
    metric: BTreeMap<String, String>,
    value: Option<Sample>,
    #[serde(default)]
    values: Vec<Sample>,
}

type Sample = (f64, String);

impl Answer {
    /// Reads a response; one that is neither a result nor a refusal is an error.
    pub(super) fn read(response: &Response) -> Result<Self> {
        let body = || {
            String::from_utf8_lossy(&response.body)
                .chars()
                .take(300)
                .collect::<String>()
        };
        let envelope: Envelope = serde_json::from_slice(&response.body)
            .with_context(|| format!("not understood, with status {}: {}", response.status, body()))?;
        match (envelope.status.as_str(), envelope.data) {
            ("success", Some(data)) => Given::read(data).map(Self::Given),
            ("error", _) if response.status < 500 => Ok(Self::Refused(envelope.error)),
            _ => bail!("an answer with status {}: {}", response.status, body()),
        }
    }

    /// Whether there is a result, and it has no series.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Given(given) if given.series.is_empty() && given.text.is_none())
    }

    /// How this answer differs from Prometheus'; nothing if it does not.
    pub(super) fn difference(&self, theirs: &Self) -> Option<Difference> {
        match (self, theirs) {
            (Self::Refused(_), Self::Refused(_)) => None,
            (Self::Refused(why), Self::Given(_)) => Some(Difference::OursRefused(why.clone())),
            (Self::Given(_), Self::Refused(why)) => Some(Difference::TheirsRefused(why.clone())),
            (Self::Given(ours), Self::Given(theirs)) => ours.difference(theirs),
        }
    }

    /// The values of a vector in the order in which they came.
    pub(super) fn in_order(&self) -> Vec<f64> {
        let Self::Given(given) = self else {
            return Vec::new();
        };
        let series = given.order.iter().filter_map(|labels| given.series.get(labels));
        series.flat_map(|series| series.values().copied()).collect()
    }

    /// For people, cut off after so many letters.
    pub(super) fn abbreviated(&self, letters_max: usize) -> String {
        let text = match self {
            Self::Refused(why) => format!("refused: {why}"),
            Self::Given(given) => given.shown(),
        };
        if text.chars().count() <= letters_max {
            return text;
        }
        let cut: String = text.chars().take(letters_max).collect();
        format!("{cut}…")
    }
}

impl Given {
    fn read(data: Data) -> Result<Self> {
        let mut given = Self::default();
        match data.kind.as_str() {
            "string" => {
                let (_, text): Sample = serde_json::from_value(data.result).context("not a string")?;
                given.text = Some(text);
            }
            "scalar" => {
                let sample: Sample = serde_json::from_value(data.result).context("not a scalar")?;
                given.put("{}".to_owned(), &[sample])?;
            }
            _ => {
                let elements: Vec<Element> = serde_json::from_value(data.result).context("not of series")?;
                for mut element in elements {
                    element.values.extend(element.value);
                    let labels = serde_json::to_string(&element.metric).context("labels are text")?;
                    given.put(labels, &element.values)?;
                }
            }
        }
        given.kind = data.kind;
        Ok(given)
    }

    fn put(&mut self, mut labels: String, samples: &[Sample]) -> Result<()> {
        // A label set that comes twice is no answer that could be equal to a right one.
        while self.series.contains_key(&labels) {
            labels.push_str(" again");
        }
        let values: Result<BTreeMap<i64, f64>> = samples
            .iter()
            .map(|(at_s, value)| {
                let number = value.parse().with_context(|| format!("`{value}` is no number"))?;
                Ok(((at_s * 1000.0).round() as i64, number))
            })
            .collect();
        self.order.push(labels.clone());
        self.series.insert(labels, values?);
        Ok(())
    }

    fn difference(&self, theirs: &Self) -> Option<Difference> {
        if self.kind != theirs.kind || self.text != theirs.text {
            return Some(Difference::Kind);
        }
        let mut points = Vec::new();
        let none = BTreeMap::new();
        let of_theirs = theirs
            .series
            .keys()
            .filter(|labels| !self.series.contains_key(*labels));
        for labels in self.series.keys().chain(of_theirs) {
            let ours = self.series.get(labels).unwrap_or(&none);
            let theirs = theirs.series.get(labels).unwrap_or(&none);
            let times = ours
                .keys()
                .chain(theirs.keys().filter(|at| !ours.contains_key(at)));
            points.extend(times.filter_map(|at_ms| {
                let (ours, theirs) = (ours.get(at_ms).copied(), theirs.get(at_ms).copied());
                let point = || Point {
                    labels: labels.clone(),
                    at_ms: *at_ms,
                    ours,
                    theirs,
                };
                (!is_same(ours, theirs)).then(point)
            }));
        }
        (!points.is_empty()).then_some(Difference::Points(points))
    }

    fn shown(&self) -> String {
        let mut shown = format!("{} of {}:", self.kind, self.series.len());
        shown.extend(self.text.iter().map(|text| format!(" {text:?}")));
        for (labels, values) in &self.series {
            let values: Vec<String> = values.iter().map(|(at, value)| format!("{value}@{at}")).collect();
            shown.extend([" ", labels, " ", &values.join(" ")]);
        }
        shown
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = |value: Option<f64>| value.map_or_else(|| "nothing".to_owned(), |value| value.to_string());
        let (ours, theirs) = (side(self.ours), side(self.theirs));
        write!(to, "{} at {}: {ours}, not {theirs}", self.labels, self.at_ms)
    }
}

fn is_same(ours: Option<f64>, theirs: Option<f64>) -> bool {
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return ours.is_none() && theirs.is_none();
    };
    if ours.is_nan() || theirs.is_nan() {
        return ours.is_nan() && theirs.is_nan();
    }
    // Infinities are equal or not; their difference is no number.
    ours == theirs || (ours - theirs).abs() <= RELATIVE_DIFFERENCE_MAX * finite_maximum(ours, theirs)
}

fn finite_maximum(one: f64, other: f64) -> f64 {
    let maximum = one.abs().max(other.abs());
    if maximum.is_finite() { maximum } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: &str, result: &str) -> Answer {
        let body =
            format!(r#"{{"status": "success", "data": {{"resultType": "{kind}", "result": {result}}}}}"#);
        Answer::read(&Response {
            status: 200,
            body: body.into_bytes(),
        })
        .unwrap()
    }

    fn vector(values: &[(&str, &str)]) -> Answer {
        let element = |(label, value): &(&str, &str)| {
            format!(r#"{{"metric": {{"a": "{label}"}}, "value": [1.701, "{value}"]}}"#)
        };
        let elements: Vec<String> = values.iter().map(element).collect();
        answer("vector", &format!("[{}]", elements.join(",")))
    }

    #[test]
    fn the_order_of_series_and_the_last_digits_do_not_matter() {
        let ours = vector(&[("x", "1.0000000000001"), ("y", "NaN"), ("z", "+Inf")]);
        let theirs = vector(&[("z", "+Inf"), ("y", "NaN"), ("x", "1")]);
        assert_eq!(ours.difference(&theirs), None);
        assert_eq!(theirs.in_order().last(), Some(&1.0));
    }

    #[test]
    fn other_values_missing_series_and_other_times_are_differences() {
        let theirs = vector(&[("x", "1")]);
        for ours in [
            vector(&[("x", "1.00000001")]),
            vector(&[("x", "NaN")]),
            vector(&[("x", "+Inf")]),
            vector(&[("y", "1")]),
            vector(&[("x", "1"), ("x", "1")]),
            vector(&[]),
            answer("vector", r#"[{"metric": {"a": "x"}, "value": [1.702, "1"]}]"#),
        ] {
            assert!(
                matches!(ours.difference(&theirs), Some(Difference::Points(_))),
                "{ours:?}"
            );
        }
        assert_eq!(
            answer("scalar", r#"[1.701, "1"]"#).difference(&theirs),
            Some(Difference::Kind)
        );
        assert_eq!(
            answer("string", r#"[1, "a"]"#).difference(&answer("string", r#"[1, "b"]"#)),
            Some(Difference::Kind)
        );
        assert!(!is_same(Some(f64::INFINITY), Some(f64::NEG_INFINITY)));
        assert!(!is_same(Some(f64::INFINITY), Some(1.0)));
    }

    #[test]
    fn refusals_are_alike_and_faults_of_the_server_are_none() {
        let refusal = |status, text: &str| {
            let body = format!(r#"{{"status": "error", "errorType": "bad_data", "error": "{text}"}}"#);
            Answer::read(&Response {
                status,
                body: body.into_bytes(),
            })
        };
        let (one, other) = (refusal(400, "one").unwrap(), refusal(422, "other").unwrap());
        assert_eq!(one.difference(&other), None);
        assert_eq!(
            one.difference(&vector(&[])),
            Some(Difference::OursRefused("one".to_owned()))
        );
        assert_eq!(
            vector(&[]).difference(&one),
            Some(Difference::TheirsRefused("one".to_owned()))
        );
        assert!(refusal(500, "panic").is_err());
    }
}
