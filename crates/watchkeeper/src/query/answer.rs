//! An answer as the Prometheus HTTP API gives it, and its series ready to print.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

/// The envelope of every answer.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    pub(super) status: String,
    #[serde(default)]
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) data: Option<Data>,
    #[serde(default)]
    pub(super) warnings: Vec<String>,
    #[serde(default)]
    pub(super) infos: Vec<String>,
}

/// The result of a query.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum Data {
    Scalar((f64, String)),
    String((f64, String)),
    Vector(Vec<VectorRow>),
    Matrix(Vec<MatrixRow>),
}

type Metric = BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
pub(super) struct VectorRow {
    metric: Metric,
    value: Option<(f64, String)>,
    histogram: Option<(f64, Histogram)>,
}

#[derive(Debug, Deserialize)]
pub(super) struct MatrixRow {
    metric: Metric,
    #[serde(default)]
    values: Vec<(f64, String)>,
    #[serde(default)]
    histograms: Vec<(f64, Histogram)>,
}

/// A native histogram; numbers are texts there.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Histogram {
    count: String,
    sum: String,
    /// Which ends belong to the bucket, its lower and its upper bound, its count.
    #[serde(default)]
    buckets: Vec<(u8, String, String, String)>,
}

/// One series of an answer, ready to print.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) series: String,
    /// In order of time.
    pub(super) points: Vec<Point>,
}

/// A value and its time.
#[derive(Debug)]
pub(super) struct Point {
    /// Milliseconds since the Unix epoch.
    pub(super) at_ms: i64,
    /// The value as text: digits as the server gave them.
    pub(super) text: String,
    /// What a graph draws: the number, or how many observations a histogram has.
    pub(super) number: Option<f64>,
    pub(super) is_histogram: bool,
}

/// The series of an answer.
pub(super) fn rows_of(data: Data) -> Vec<Row> {
    match data {
        Data::Scalar(value) | Data::String(value) => vec![row(None, vec![value], Vec::new())],
        Data::Vector(rows) => rows
            .into_iter()
            .map(|found| {
                let (values, histograms) = (found.value.into_iter(), found.histogram.into_iter());
                row(Some(found.metric), values.collect(), histograms.collect())
            })
            .collect(),
        Data::Matrix(rows) => rows
            .into_iter()
            .map(|found| row(Some(found.metric), found.values, found.histograms))
            .collect(),
    }
}

fn row(metric: Option<Metric>, values: Vec<(f64, String)>, histograms: Vec<(f64, Histogram)>) -> Row {
    let numbers = values.into_iter().map(|(seconds, text)| Point {
        at_ms: millis(seconds),
        number: model::number::parse_float(&text),
        text,
        is_histogram: false,
    });
    let histograms = histograms.into_iter().map(|(seconds, histogram)| Point {
        at_ms: millis(seconds),
        number: model::number::parse_float(&histogram.count),
        text: histogram.text(),
        is_histogram: true,
    });
    let mut points: Vec<Point> = numbers.chain(histograms).collect();
    points.sort_by_key(|point| point.at_ms);
    Row {
        series: metric.map_or_else(String::new, |metric| {
            model::Labels::from_pairs(metric).to_string()
        }),
        points,
    }
}

fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

impl Histogram {
    /// `{count:4, sum:5, (0.5,1]:1, (1,2]:3}`, as Prometheus prints histograms.
    fn text(&self) -> String {
        let mut text = format!("{{count:{}, sum:{}", self.count, self.sum);
        for (ends, lower, upper, count) in &self.buckets {
            // Writing to a text cannot fail.
            let _ = write!(
                text,
                ", {}{lower},{upper}{}:{count}",
                if matches!(ends, 1 | 3) { '[' } else { '(' },
                if matches!(ends, 0 | 3) { ']' } else { ')' },
            );
        }
        text.push('}');
        text
    }
}

/// A time in RFC 3339, UTC.
pub(super) fn time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| at_ms.to_string(), |time| time.to_string())
}
