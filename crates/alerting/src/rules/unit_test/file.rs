//! The form of a unit test file (promtool, "Unit testing for rules"); unknown keys are refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};
use stdx::HumanDuration;

/// How often rules are evaluated where the file does not say, in milliseconds.
const EVALUATION_INTERVAL_MS: i64 = 60_000;

/// A unit test file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnitFile {
    #[serde(default)]
    pub(super) rule_files: Vec<String>,
    evaluation_interval: Option<HumanDuration>,
    #[serde(default)]
    pub(super) fuzzy_compare: bool,
    #[serde(default)]
    pub(super) group_eval_order: Vec<String>,
    #[serde(default)]
    pub(super) tests: Vec<UnitTest>,
}

/// A test: series, and what is expected of them at some times.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnitTest {
    pub(super) name: Option<String>,
    interval: Option<HumanDuration>,
    /// Milliseconds since the Unix epoch; times of the test count from here.
    #[serde(default, rename = "start_timestamp", deserialize_with = "timestamp")]
    pub(super) start_ms: i64,
    #[serde(default)]
    pub(super) input_series: Vec<InputSeries>,
    #[serde(default)]
    pub(super) alert_rule_test: Vec<AlertTest>,
    #[serde(default)]
    pub(super) promql_expr_test: Vec<ExprTest>,
    #[serde(default)]
    pub(super) external_labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) external_url: String,
}

/// A series in series notation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputSeries {
    pub(super) series: String,
    #[serde(default)]
    pub(super) values: String,
}

/// The alerts of one name that fire at a time, all of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertTest {
    #[serde(default)]
    pub(super) eval_time: HumanDuration,
    #[serde(default)]
    pub(super) alertname: String,
    #[serde(default)]
    pub(super) exp_alerts: Option<Vec<ExpectedAlert>>,
}

/// An alert that fires. Its name is the test's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedAlert {
    #[serde(default)]
    pub(super) exp_labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) exp_annotations: Option<BTreeMap<String, String>>,
}

/// The answer to an expression at a time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExprTest {
    pub(super) expr: String,
    #[serde(default)]
    pub(super) eval_time: HumanDuration,
    #[serde(default)]
    pub(super) exp_samples: Option<Vec<ExpectedSample>>,
}

/// A sample of an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedSample {
    #[serde(default)]
    pub(super) labels: String,
    #[serde(default, deserialize_with = "number")]
    pub(super) value: f64,
    /// In series notation; where it stands, `value` says nothing.
    pub(super) histogram: Option<String>,
}

impl UnitFile {
    /// How often rules are evaluated, in milliseconds.
    pub(super) fn evaluation_interval_ms(&self) -> i64 {
        above_zero(self.evaluation_interval).unwrap_or(EVALUATION_INTERVAL_MS)
    }
}

impl UnitTest {
    /// How far apart the values of a series are, in milliseconds.
    pub(super) fn interval_ms(&self, file: &UnitFile) -> i64 {
        above_zero(self.interval).unwrap_or_else(|| file.evaluation_interval_ms())
    }

    /// The last time that something is expected at, in milliseconds from the start.
    pub(super) fn last_ms(&self) -> i64 {
        let alerts = self.alert_rule_test.iter().map(|case| case.eval_time);
        let exprs = self.promql_expr_test.iter().map(|case| case.eval_time);
        let last = alerts.chain(exprs).max().unwrap_or_default();
        last.as_millis_i64()
    }
}

fn above_zero(duration: Option<HumanDuration>) -> Option<i64> {
    duration
        .map(HumanDuration::as_millis_i64)
        .filter(|millis| *millis > 0)
}

/// RFC 3339, or seconds since the Unix epoch.
fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = String::deserialize(deserializer)?;
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok((seconds * 1000.0).round() as i64);
    }
    let time: Result<jiff::Timestamp, _> = text.parse();
    time.map(jiff::Timestamp::as_millisecond)
        .map_err(|_| de::Error::custom(format!("{text:?} is neither RFC 3339 nor seconds since 1970")))
}

/// A number as YAML writes it (`.inf`, `.nan`), or as Prometheus does.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let text = String::deserialize(deserializer)?.to_ascii_lowercase();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text.strip_prefix('+').unwrap_or(&text)),
    };
    let digits = match digits {
        ".inf" | ".nan" => digits.trim_start_matches('.'),
        _ => digits,
    };
    model::number::parse_float(digits)
        .map(|value| sign * value)
        .ok_or_else(|| de::Error::custom(format!("{text:?} is no number")))
}
