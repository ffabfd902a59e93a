//! The forms of an exposition, and how samples are written in each.

use std::fmt::Write as _;

use ingest::exposition::protobuf::wire::{
    Bucket, BucketSpan, Histogram, LabelPair, Metric, MetricFamily, MetricType, Untyped,
};
use ingest::exposition::protobuf::write_delimited;
use model::histogram::CUSTOM_BUCKETS;
use model::names::{is_legacy_label_name, is_legacy_metric_name};
use model::number::format_float;
use model::{Buckets, HistogramSample, ResetHint, Sample};

/// A form that samples can be asked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Prometheus' text format; names that are no legacy names as they are (1.0.0) or with underscores (0.0.4).
    Text { utf8: bool },
    /// OpenMetrics 1.0, names likewise.
    OpenMetrics { utf8: bool },
    /// Delimited protobuf.
    Protobuf { utf8: bool },
}

/// The newest of a series.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Measured {
    Float(Sample),
    Histogram(HistogramSample),
}

impl Form {
    /// What an `Accept` header prefers (RFC 9110 section 12.5.1); the text format where it names nothing known.
    pub(super) fn negotiate(accept: &str) -> Self {
        let mut best = (Self::Text { utf8: false }, 0.0);
        for entry in accept.split(',') {
            let mut parts = entry.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let parts: Vec<&str> = parts.collect();
            let has = |wanted: &str| {
                parts
                    .iter()
                    .any(|part| part.replace(' ', "").eq_ignore_ascii_case(wanted))
            };
            let weight = parts
                .iter()
                .find_map(|part| part.strip_prefix("q="))
                .map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
            let utf8 = has("escaping=allow-utf-8");
            let form = match kind.as_str() {
                "application/vnd.google.protobuf"
                    if has("proto=io.prometheus.client.MetricFamily") && has("encoding=delimited") =>
                {
                    Self::Protobuf { utf8 }
                }
                "application/openmetrics-text" => Self::OpenMetrics {
                    utf8: utf8 && has("version=1.0.0"),
                },
                "text/plain" => Self::Text {
                    utf8: utf8 && has("version=1.0.0"),
                },
                _ => continue,
            };
            if weight > best.1 {
                best = (form, weight);
            }
        }
        best.0
    }

    /// The `Content-Type` of the answer.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Text { utf8: false } => "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            Self::Text { utf8: true } => "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
            Self::OpenMetrics { utf8: false } => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            }
            Self::OpenMetrics { utf8: true } => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
            Self::Protobuf { utf8: false } => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; \
                 escaping=underscores"
            }
            Self::Protobuf { utf8: true } => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; \
                 escaping=allow-utf-8"
            }
        }
    }

    fn is_utf8(self) -> bool {
        match self {
            Self::Text { utf8 } | Self::OpenMetrics { utf8 } | Self::Protobuf { utf8 } => utf8,
        }
    }
}

/// A body while it is written. Samples of one name must follow each other.
#[derive(Debug)]
pub(super) struct Exposition {
    form: Form,
    body: Vec<u8>,
    /// The name that was written last, in the text forms.
    last_name: Option<String>,
    /// The family that is being gathered, in protobuf.
    family: Option<MetricFamily>,
}

impl Exposition {
    pub(super) fn new(form: Form) -> Self {
        Self {
            form,
            body: Vec::new(),
            last_name: None,
            family: None,
        }
    }

    /// Adds a sample.
    pub(super) fn add<'l>(
        &mut self,
        name: &str,
        labels: impl Iterator<Item = (&'l str, &'l str)>,
        measured: &Measured,
    ) {
        let utf8 = self.form.is_utf8();
        let name = if utf8 {
            name.to_owned()
        } else {
            escaped(name, true)
        };
        let labels = labels.map(|(label, value)| {
            let label = if utf8 {
                label.to_owned()
            } else {
                escaped(label, false)
            };
            (label, value)
        });
        match (self.form, measured) {
            (Form::Protobuf { .. }, _) => self.add_message(&name, labels, measured),
            (_, Measured::Float(sample)) => self.add_line(&name, labels, sample),
            // The text forms have no native histograms.
            (_, Measured::Histogram(_)) => {}
        }
    }

    /// The whole body.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if let Some(family) = self.family.take() {
            write_delimited(&family, &mut self.body);
        }
        if matches!(self.form, Form::OpenMetrics { .. }) {
            self.body.extend_from_slice(b"# EOF\n");
        }
        self.body
    }

    fn add_line<'l>(&mut self, name: &str, labels: impl Iterator<Item = (String, &'l str)>, sample: &Sample) {
        let mut line = String::new();
        let legacy = is_legacy_metric_name(name);
        let open_metrics = matches!(self.form, Form::OpenMetrics { .. });
        if self.last_name.as_deref() != Some(name) {
            line.push_str("# TYPE ");
            if legacy {
                line.push_str(name);
            } else {
                quote(&mut line, name);
            }
            line.push_str(if open_metrics { " unknown\n" } else { " untyped\n" });
            self.last_name = Some(name.to_owned());
        }
        let mut separator = "{";
        if legacy {
            line.push_str(name);
        } else {
            line.push('{');
            quote(&mut line, name);
            separator = ",";
        }
        for (label, value) in labels {
            line.push_str(separator);
            if is_legacy_label_name(&label) {
                line.push_str(&label);
            } else {
                quote(&mut line, &label);
            }
            line.push('=');
            quote(&mut line, value);
            separator = ",";
        }
        if separator == "," {
            line.push('}');
        }
        let value = format_float(sample.value);
        // Writing into a string cannot fail.
        let _ = if open_metrics {
            writeln!(line, " {value} {}", seconds(sample.at_ms))
        } else {
            writeln!(line, " {value} {}", sample.at_ms)
        };
        self.body.extend_from_slice(line.as_bytes());
    }

    fn add_message<'l>(
        &mut self,
        name: &str,
        labels: impl Iterator<Item = (String, &'l str)>,
        measured: &Measured,
    ) {
        let mut metric = Metric {
            label: labels
                .map(|(name, value)| LabelPair {
                    name,
                    value: value.to_owned(),
                })
                .collect(),
            ..Metric::default()
        };
        let kind = match measured {
            Measured::Float(sample) => {
                metric.timestamp_ms = sample.at_ms;
                metric.untyped = Some(Untyped { value: sample.value });
                MetricType::Untyped
            }
            Measured::Histogram(sample) => {
                metric.timestamp_ms = sample.at_ms;
                metric.histogram = Some(histogram(&sample.value));
                if sample.value.reset_hint == ResetHint::Gauge {
                    MetricType::GaugeHistogram
                } else {
                    MetricType::Histogram
                }
            }
        };
        let same = |family: &MetricFamily| family.name == name && family.r#type() == kind;
        if !self.family.as_ref().is_some_and(same) {
            let next = MetricFamily {
                name: name.to_owned(),
                r#type: kind as i32,
                ..MetricFamily::default()
            };
            if let Some(done) = self.family.replace(next) {
                write_delimited(&done, &mut self.body);
            }
        }
        if let Some(family) = &mut self.family {
            family.metric.push(metric);
        }
    }
}

/// A native histogram with float counts; one with listed bounds as a classic one, the only form that its bounds fit.
fn histogram(histogram: &model::Histogram) -> Histogram {
    let mut message = Histogram {
        sample_count_float: histogram.count,
        sample_sum: histogram.sum,
        ..Histogram::default()
    };
    if histogram.schema == CUSTOM_BUCKETS {
        message.bucket = classic_buckets(histogram);
        return message;
    }
    message.schema = i32::from(histogram.schema);
    message.zero_threshold = histogram.zero_threshold;
    message.zero_count_float = histogram.zero_count;
    message.negative_span = spans(&histogram.negative);
    message.negative_count.clone_from(&histogram.negative.counts);
    message.positive_span = spans(&histogram.positive);
    message.positive_count.clone_from(&histogram.positive.counts);
    if message.positive_span.is_empty() && message.negative_span.is_empty() {
        // Without any run a reader would take it for a classic histogram.
        message.positive_span.push(BucketSpan::default());
    }
    message
}

fn spans(buckets: &Buckets) -> Vec<BucketSpan> {
    let span = |span: &model::Span| BucketSpan {
        offset: span.offset,
        length: span.length,
    };
    buckets.spans.iter().map(span).collect()
}

fn classic_buckets(histogram: &model::Histogram) -> Vec<Bucket> {
    let counts: Vec<(i32, f64)> = histogram.positive.iter().collect();
    let bounds = histogram.custom_bounds.iter().copied().chain([f64::INFINITY]);
    let mut cumulative = 0.0;
    (0_i32..)
        .zip(bounds)
        .map(|(index, upper_bound)| {
            let own = counts.iter().find(|(place, _)| *place == index);
            cumulative += own.map_or(0.0, |(_, count)| *count);
            Bucket {
                cumulative_count_float: cumulative,
                upper_bound,
                ..Bucket::default()
            }
        })
        .collect()
}

/// Seconds with as many decimals as milliseconds need.
fn seconds(at_ms: i64) -> String {
    let (sign, amount) = if at_ms < 0 {
        ("-", at_ms.unsigned_abs())
    } else {
        ("", at_ms.unsigned_abs())
    };
    match amount % 1_000 {
        0 => format!("{sign}{}", amount / 1_000),
        millis => format!("{sign}{}.{millis:03}", amount / 1_000),
    }
}

/// A name whose foreign characters are underscores (prometheus/common, `EscapeName` with underscores).
fn escaped(name: &str, is_metric: bool) -> String {
    let legacy = if is_metric {
        is_legacy_metric_name(name)
    } else {
        is_legacy_label_name(name)
    };
    if legacy {
        return name.to_owned();
    }
    let fits = |(place, char): (usize, char)| {
        let letter = char.is_ascii_alphabetic() || char == '_' || (char == ':' && is_metric);
        if letter || (char.is_ascii_digit() && place > 0) {
            char
        } else {
            '_'
        }
    };
    name.chars().enumerate().map(fits).collect()
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            char => out.push(char),
        }
    }
    out.push('"');
}
