//! Bodies of text: sample after sample, and classic histograms gathered where the job wants native ones.

use std::borrow::Cow;
use std::fmt::Write as _;

use model::labels::METRIC_NAME;
use model::{Labels, MetricKind, NO_START};

use super::{Found, Reader, Reading, created};
use crate::error::IngestError;
use crate::exposition::{Entry, Exposed, Exposition, Format, LabelPairs, exemplar_labels, parse_series};
use crate::histograms::Classic;

pub(super) fn read(reader: &mut Reader<'_>, format: Format, body: &str) -> Result<(), IngestError> {
    let mut exposition = Exposition::new(format, body);
    let mut gathering = Gathering::default();
    let mut births = created::Births::default();
    let converts = reader.rules.histograms.convert_classic;
    while let Some(entry) = exposition.next() {
        match entry? {
            Entry::Sample(sample) => {
                if format == Format::OpenMetrics {
                    births.note(reader, &sample);
                }
                let gathered = converts
                    && reader.kind == MetricKind::Histogram
                    && gathering.take(reader, &sample, format, &exposition)?;
                if !gathered || reader.rules.histograms.keep_classic {
                    take_line(reader, &sample, format, &exposition)?;
                }
            }
            metadata => {
                if let Entry::Kind { family, kind } = &metadata {
                    gathering.flush(reader, &exposition)?;
                    gathering.family.clone_from(family);
                    reader.kind = *kind;
                }
                reader.cache.families.note(&metadata);
            }
        }
    }
    gathering.flush(reader, &exposition)?;
    births.write(reader, body);
    Ok(())
}

fn take_line(
    reader: &mut Reader<'_>,
    sample: &Exposed<'_>,
    format: Format,
    exposition: &Exposition<'_>,
) -> Result<(), IngestError> {
    let found = Found {
        series: sample.series,
        format,
        at_ms: sample.at_ms,
        value: Reading::Float(sample.value),
        start_ms: NO_START,
    };
    let slot = reader.take(&found, |fault| exposition.error_here(fault).into())?;
    if let (Some(slot), Some(exemplar)) = (slot, &sample.exemplar) {
        let pairs = exemplar_labels(exemplar.labels).map_err(|fault| exposition.error_here(fault))?;
        reader.exemplar(slot, Labels::from_pairs(pairs), exemplar.value, exemplar.at_ms);
    }
    Ok(())
}

/// The classic histogram whose series are being read.
#[derive(Default)]
struct Gathering<'b> {
    family: Cow<'b, str>,
    /// Name and labels of the histogram, as one series.
    series: String,
    classic: Classic,
    at_ms: Option<i64>,
    exemplars: Vec<(Labels, f64, i64)>,
}

impl Gathering<'_> {
    /// Adds a sample to the histogram it belongs to; `false` where it belongs to none.
    fn take(
        &mut self,
        reader: &mut Reader<'_>,
        sample: &Exposed<'_>,
        format: Format,
        exposition: &Exposition<'_>,
    ) -> Result<bool, IngestError> {
        let mut pairs = LabelPairs::new();
        parse_series(sample.series, format, &mut pairs).map_err(|fault| exposition.error_here(fault))?;
        let bound = pairs
            .iter()
            .find(|(name, _)| name == "le")
            .and_then(|(_, value)| model::number::parse_float(value));
        let name = pairs.first().map(|(_, name)| name.as_ref()).unwrap_or_default();
        let part = name.strip_prefix(self.family.as_ref()).unwrap_or_default();
        if !matches!(
            (part, bound),
            ("_bucket", Some(_)) | ("_count" | "_sum" | "_created", _)
        ) {
            return Ok(false);
        }
        let mut series = String::with_capacity(sample.series.len() + 8);
        let others = pairs
            .iter()
            .filter(|(name, _)| name != METRIC_NAME && name != "le");
        quote_series(
            &mut series,
            &self.family,
            others.map(|(name, value)| (name.as_ref(), value.as_ref())),
        );
        if series != self.series {
            self.flush(reader, exposition)?;
            self.series = series;
        }
        self.at_ms = sample.at_ms;
        match (part, bound) {
            ("_bucket", Some(bound)) => self.classic.buckets.push((bound, sample.value)),
            ("_count", _) => self.classic.count = Some(sample.value),
            ("_sum", _) => self.classic.sum = sample.value,
            _ => {}
        }
        // Exemplars of native histograms without a time of their own say too little, and Prometheus drops them.
        if let Some((exemplar, at_ms)) = sample
            .exemplar
            .and_then(|exemplar| Some((exemplar, exemplar.at_ms?)))
        {
            let pairs = exemplar_labels(exemplar.labels).map_err(|fault| exposition.error_here(fault))?;
            self.exemplars
                .push((Labels::from_pairs(pairs), exemplar.value, at_ms));
        }
        Ok(true)
    }

    /// Hands the histogram on as a native one, and begins anew.
    fn flush(&mut self, reader: &mut Reader<'_>, exposition: &Exposition<'_>) -> Result<(), IngestError> {
        let series = std::mem::take(&mut self.series);
        let classic = std::mem::take(&mut self.classic);
        let mut exemplars = std::mem::take(&mut self.exemplars);
        let at_ms = self.at_ms.take();
        let native = classic.to_native().filter(|_| !series.is_empty());
        let Some(native) = native.and_then(|native| reader.fitted(native, &series)) else {
            return Ok(());
        };
        let found = Found {
            series: &series,
            format: Format::Text,
            at_ms,
            value: Reading::Histogram(&native),
            start_ms: NO_START,
        };
        let slot = reader.take(&found, |fault| exposition.error_here(fault).into())?;
        exemplars.sort_by_key(|(_, _, at_ms)| *at_ms);
        for (labels, value, at_ms) in exemplars.into_iter().filter(|_| slot.is_some()) {
            if let Some(slot) = slot {
                reader.exemplar(slot, labels, value, Some(at_ms));
            }
        }
        Ok(())
    }
}

/// Writes a series with everything in quotes, as the text format 1.0.0 allows.
pub(super) fn quote_series<'p>(
    out: &mut String,
    name: &str,
    labels: impl Iterator<Item = (&'p str, &'p str)>,
) {
    out.push('{');
    quote(out, name);
    for (name, value) in labels {
        out.push(',');
        quote(out, name);
        out.push('=');
        quote(out, value);
    }
    out.push('}');
}

pub(super) fn quote(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        // Writing into a string cannot fail.
        let _ = match char {
            '\\' => out.write_str("\\\\"),
            '"' => out.write_str("\\\""),
            '\n' => out.write_str("\\n"),
            char => out.write_char(char),
        };
    }
    out.push('"');
}
