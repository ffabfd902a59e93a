//! Series as OpenMetrics 1.0 text: a time stamp on every sample, `# EOF` at the end; names beyond the legacy set in quotes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use model::names::{is_legacy_label_name, is_legacy_metric_name};
use model::number::format_float;
use model::{Labels, METRIC_NAME, MetricKind, MetricMetadata, SampleColumns, is_stale};

/// Writes one text. Series come in order of their labels.
#[derive(Debug, Default)]
pub struct OpenMetricsWriter {
    described: BTreeMap<String, MetricMetadata>,
    /// Families whose kind and help stand in the text already.
    told: BTreeSet<String>,
    last_metric: String,
    /// Samples that were written.
    pub samples: u64,
    /// Series that were written.
    pub series: u64,
    /// Markers that end a series, which the format cannot express.
    pub markers_left_out: u64,
    /// Native histograms, which the format cannot express.
    pub histograms_left_out: u64,
}

/// What is added to a family's name for its samples (OpenMetrics 1.0, section "Metric Types").
const SUFFIXES: [&str; 6] = ["_total", "_bucket", "_count", "_sum", "_created", "_info"];

impl OpenMetricsWriter {
    /// A text that also says what is known of metrics.
    pub fn new(metadata: Vec<MetricMetadata>) -> Self {
        let described = metadata.into_iter().map(|entry| (entry.name.to_string(), entry));
        Self {
            described: described.collect(),
            ..Self::default()
        }
    }

    /// Appends a series to `out`, and counts the histograms that it cannot express.
    pub fn add(&mut self, labels: &Labels, samples: &SampleColumns, histograms: usize, out: &mut String) {
        self.histograms_left_out += histograms as u64;
        let series = series_text(labels);
        let mut written = 0;
        for sample in samples.iter() {
            if is_stale(sample.value) {
                self.markers_left_out += 1;
                continue;
            }
            if written == 0 {
                self.describe(labels.metric_name(), out);
            }
            written += 1;
            out.push_str(&series);
            out.push(' ');
            out.push_str(&format_float(sample.value));
            out.push(' ');
            put_seconds(sample.at_ms, out);
            out.push('\n');
        }
        self.samples += written;
        self.series += u64::from(written > 0);
    }

    /// Appends the end of the text.
    pub fn finish(&self, out: &mut String) {
        out.push_str("# EOF\n");
    }

    /// Says what is known of a metric's family, once.
    fn describe(&mut self, metric: &str, out: &mut String) {
        if self.last_metric == metric {
            return;
        }
        metric.clone_into(&mut self.last_metric);
        let stripped = SUFFIXES.iter().filter_map(|suffix| metric.strip_suffix(suffix));
        let mut candidates = std::iter::once(metric).chain(stripped);
        let Some(entry) = candidates.find_map(|name| self.described.get(name)) else {
            return;
        };
        // Exporters of the older text format give the name of the sample as that of the family.
        let family = match entry.kind {
            MetricKind::Counter => entry.name.strip_suffix("_total").unwrap_or(&entry.name),
            _ => &entry.name,
        };
        if !self.told.insert(family.to_owned()) {
            return;
        }
        let name = if is_legacy_metric_name(family) {
            family.to_owned()
        } else {
            quoted(family)
        };
        let _ = writeln!(out, "# TYPE {name} {}", entry.kind);
        let unit = &entry.unit;
        let fits = family
            .strip_suffix(&**unit)
            .is_some_and(|before| before.ends_with('_'));
        if !unit.is_empty() && fits {
            let _ = writeln!(out, "# UNIT {name} {unit}");
        }
        if !entry.help.is_empty() {
            let _ = writeln!(out, "# HELP {name} {}", escaped(&entry.help));
        }
    }
}

/// Name and labels as they stand before the value.
fn series_text(labels: &Labels) -> String {
    let metric = labels.metric_name();
    let mut parts = Vec::new();
    let mut text = String::new();
    if is_legacy_metric_name(metric) {
        text.push_str(metric);
    } else {
        parts.push(quoted(metric));
    }
    for (name, value) in labels.iter().filter(|(name, _)| *name != METRIC_NAME) {
        let name = if is_legacy_label_name(name) {
            name.to_owned()
        } else {
            quoted(name)
        };
        parts.push(format!("{name}={}", quoted(value)));
    }
    if !parts.is_empty() {
        let _ = write!(text, "{{{}}}", parts.join(","));
    }
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Seconds with a fraction. Readers multiply by 1000 and cut off what is left, so half a microsecond is added where the
/// nearest float lies below the millisecond.
fn put_seconds(at_ms: i64, out: &mut String) {
    let sign = if at_ms < 0 { "-" } else { "" };
    let (seconds, millis) = (at_ms.unsigned_abs() / 1000, at_ms.unsigned_abs() % 1000);
    let text = match millis {
        0 => format!("{sign}{seconds}"),
        _ => format!("{sign}{seconds}.{millis:03}"),
    };
    let exact = |text: &str| {
        text.parse::<f64>()
            .is_ok_and(|read| (read * 1000.0) as i64 == at_ms)
    };
    out.push_str(&text);
    if !exact(&text) && millis != 0 {
        out.push_str("0005");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ingest::exposition::{Entry, Exposition, Format, LabelPairs, parse_series};
    use model::STALE_NAN;
    use proptest::prelude::*;

    use super::*;

    fn text_of(series: &[(Labels, Vec<(i64, f64)>)], metadata: Vec<MetricMetadata>) -> String {
        let mut writer = OpenMetricsWriter::new(metadata);
        let mut out = String::new();
        for (labels, samples) in series {
            let mut columns = SampleColumns::default();
            for (at_ms, value) in samples {
                columns.push(*at_ms, *value);
            }
            writer.add(labels, &columns, 0, &mut out);
        }
        writer.finish(&mut out);
        out
    }

    #[test]
    fn a_text_is_written() {
        let metadata = |name: &str, kind| MetricMetadata {
            name: Arc::from(name),
            kind,
            help: Arc::from("a \"help\"\nof two lines"),
            unit: Arc::from("seconds"),
        };
        let labels = |name: &str, le: &str| Labels::from_pairs([("__name__", name), ("le", le)]);
        let text = text_of(
            &[
                (
                    labels("a_seconds_bucket", "1"),
                    vec![(1500, 2.0), (2000, STALE_NAN)],
                ),
                (labels("a_seconds_sum", ""), vec![(-1500, f64::INFINITY)]),
                (labels("b_total", ""), vec![(0, f64::NAN)]),
                (labels("c", ""), vec![(0, STALE_NAN)]),
                (labels("d.e", "\"\\\n"), vec![(1, -0.0)]),
            ],
            vec![
                metadata("a_seconds", MetricKind::Histogram),
                metadata("b_total", MetricKind::Counter),
                metadata("c", MetricKind::Gauge),
            ],
        );
        let help = r#"a \"help\"\nof two lines"#;
        assert_eq!(
            text,
            format!(
                "# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n# HELP a_seconds {help}\n\
                 a_seconds_bucket{{le=\"1\"}} 2 1.500\na_seconds_sum +Inf -1.500\n# TYPE b counter\n# HELP b {help}\n\
                 b_total NaN 0\n{{\"d.e\",le=\"\\\"\\\\\\n\"}} -0 0.001\n# EOF\n"
            )
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_with_the_same_times(
            name in "[a-z.]{1,5}", value in "\\PC*", at_ms in -1_000_000_000_000_i64..4_000_000_000_000, number: f64,
        ) {
            let labels = Labels::from_pairs([("__name__", name.as_str()), ("größe", value.as_str())]);
            let text = text_of(&[(labels.clone(), vec![(at_ms, number)])], Vec::new());
            let mut entries = Exposition::new(Format::OpenMetrics, &text);
            let Some(Ok(Entry::Sample(sample))) = entries.next() else {
                panic!("{text}");
            };
            let mut pairs = LabelPairs::new();
            parse_series(sample.series, Format::OpenMetrics, &mut pairs).unwrap();
            prop_assert_eq!(Labels::from_pairs(pairs), labels);
            prop_assert_eq!(sample.at_ms, Some(at_ms));
            prop_assert!(sample.value.to_bits() == number.to_bits() || number.is_nan());
            prop_assert!(entries.next().is_none());
        }
    }
}
