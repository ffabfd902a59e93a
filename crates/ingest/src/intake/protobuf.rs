//! Bodies of protobuf messages: the series that Prometheus makes of them (model/textparse/protobufparse.go).

use std::borrow::Cow;

use model::{Labels, MetricKind, NO_START, ResetHint};

use super::lines::quote;
use super::{Found, Reader, Reading};
use crate::error::IngestError;
use crate::exposition::protobuf::wire::{self, FamilyHead, Timestamp};
use crate::exposition::protobuf::{Families, families, ordinary};
use crate::exposition::{Entry, Format, snippet};
use crate::histograms::{Classic, bound_text};
use crate::limits::{BATCH_BYTES_MAX, SERIES_BYTES_USUAL};
use crate::push::batch_bytes::BatchBytes;
use crate::series_cache::SlotIndex;

pub(super) fn read(reader: &mut Reader<'_>, body: &[u8]) -> Result<(), IngestError> {
    let mut messages = families(body);
    let mut bytes = BatchBytes::default();
    while let Some(family) = messages.next() {
        let family = family?;
        let head = &family.head;
        note_metadata(reader, head);
        reader.kind = head.kind();
        let mut series = SeriesText::of_family(&head.name);
        for metric in family.metrics() {
            let metric = metric?;
            let mut writer = MetricReader {
                name: &head.name,
                kind: reader.kind,
                labels: quoted_labels(&metric),
                own_ms: (metric.timestamp_ms != 0).then_some(metric.timestamp_ms),
                created_ms: None,
                series: &mut series,
                bytes: &mut bytes,
                messages: &messages,
                reader: &mut *reader,
            };
            writer.take(&metric)?;
        }
    }
    Ok(())
}

fn note_metadata(reader: &mut Reader<'_>, family: &FamilyHead) {
    let name = || Cow::Borrowed(family.name.as_str());
    let families = &mut reader.cache.families;
    families.note(&Entry::Kind {
        family: name(),
        kind: family.kind(),
    });
    families.note(&Entry::Help {
        family: name(),
        help: Cow::Borrowed(family.help.as_str()),
    });
    families.note(&Entry::Unit {
        family: name(),
        unit: family.unit.as_str(),
    });
}

/// The labels of a metric as they stand in quotes behind the name.
fn quoted_labels(metric: &wire::Metric) -> String {
    let mut labels = String::new();
    for pair in &metric.label {
        labels.push(',');
        quote(&mut labels, &pair.name);
        labels.push('=');
        quote(&mut labels, &pair.value);
    }
    labels
}

/// The series that is being taken, written as text. The family's name, which may be longer than all else, is written once.
struct SeriesText {
    text: String,
    name_end: usize,
}

impl SeriesText {
    fn of_family(name: &str) -> Self {
        let mut text = String::from("{");
        quote(&mut text, name);
        // The name may go on before its quotes end.
        text.pop();
        let name_end = text.len();
        Self { text, name_end }
    }

    fn set(&mut self, part: &str, labels: &str, bound: Option<(&str, f64)>) {
        let text = &mut self.text;
        text.truncate(self.name_end);
        text.push_str(part);
        text.push('"');
        text.push_str(labels);
        if let Some((label, value)) = bound {
            text.push(',');
            quote(text, label);
            text.push('=');
            quote(text, &bound_text(value));
        }
        text.push('}');
    }
}

/// One metric on its way into the batch.
struct MetricReader<'m, 'r> {
    name: &'m str,
    kind: MetricKind,
    labels: String,
    own_ms: Option<i64>,
    created_ms: Option<i64>,
    series: &'m mut SeriesText,
    /// What the long ones among the series of the body took: a name or label that is told once stands in many of them.
    bytes: &'m mut BatchBytes,
    messages: &'m Families<'m>,
    reader: &'m mut Reader<'r>,
}

impl MetricReader<'_, '_> {
    fn take(&mut self, metric: &wire::Metric) -> Result<(), IngestError> {
        match self.kind {
            MetricKind::Counter => {
                let counter = metric.counter.clone().unwrap_or_default();
                self.created_ms = counter.created_timestamp.map(Timestamp::at_ms);
                self.float("", None, counter.value, counter.exemplar.as_ref())
            }
            MetricKind::Gauge => {
                let value = metric.gauge.unwrap_or_default().value;
                self.float("", None, value, None)
            }
            MetricKind::Summary => self.summary(&metric.summary.clone().unwrap_or_default()),
            MetricKind::Histogram | MetricKind::GaugeHistogram => match &metric.histogram {
                Some(histogram) => self.histogram(histogram),
                None => self.histogram(&wire::Histogram::default()),
            },
            _ => {
                let value = metric.untyped.unwrap_or_default().value;
                self.float("", None, value, None)
            }
        }
    }

    fn summary(&mut self, summary: &wire::Summary) -> Result<(), IngestError> {
        self.created_ms = summary.created_timestamp.map(Timestamp::at_ms);
        self.float("_count", None, summary.sample_count as f64, None)?;
        self.float("_sum", None, summary.sample_sum, None)?;
        // Quantiles are no counts: nothing says that they began at 0.
        self.created_ms = None;
        for quantile in &summary.quantile {
            self.float("", Some(("quantile", quantile.quantile)), quantile.value, None)?;
        }
        Ok(())
    }

    fn histogram(&mut self, histogram: &wire::Histogram) -> Result<(), IngestError> {
        let rules = self.reader.rules.histograms;
        if self.kind == MetricKind::Histogram {
            self.created_ms = histogram.created_timestamp.map(Timestamp::at_ms);
        }
        if rules.scrape_native && histogram.is_native() {
            let native = histogram.native(self.kind).map_err(|reason| {
                let reason = format!("{}: {reason}", snippet(self.name));
                self.messages.error_here(reason)
            })?;
            self.native(native, histogram)?;
            if rules.keep_classic && !histogram.bucket.is_empty() {
                self.classic(histogram)?;
            }
            return Ok(());
        }
        let converts = rules.convert_classic && self.kind == MetricKind::Histogram;
        if converts && let Some(native) = gathered(histogram).to_native() {
            self.native(native, histogram)?;
        }
        if !converts || rules.keep_classic {
            self.classic(histogram)?;
        }
        Ok(())
    }

    fn native(&mut self, native: model::Histogram, histogram: &wire::Histogram) -> Result<(), IngestError> {
        self.series.set("", &self.labels, None);
        let gauge = native.reset_hint == ResetHint::Gauge;
        let Some(native) = self.reader.fitted(native, &self.series.text) else {
            return Ok(());
        };
        let Some(slot) = self.store(Reading::Histogram(&native), !gauge)? else {
            return Ok(());
        };
        let own = histogram.exemplars.iter();
        let of_buckets = histogram
            .bucket
            .iter()
            .filter_map(|bucket| bucket.exemplar.as_ref());
        let given: Vec<&wire::Exemplar> = if histogram.exemplars.is_empty() {
            of_buckets.collect()
        } else {
            own.collect()
        };
        // Without a time of its own an exemplar of a native histogram says too little, and Prometheus drops it.
        let mut timed: Vec<(i64, &wire::Exemplar)> = given
            .into_iter()
            .filter_map(|exemplar| Some((exemplar.timestamp?.at_ms(), exemplar)))
            .collect();
        timed.sort_by_key(|(at_ms, _)| *at_ms);
        for (_, exemplar) in timed {
            self.exemplar(slot, exemplar);
        }
        Ok(())
    }

    fn classic(&mut self, histogram: &wire::Histogram) -> Result<(), IngestError> {
        let count = histogram.observations();
        self.float("_count", None, count, None)?;
        self.float("_sum", None, histogram.sample_sum, None)?;
        let mut complete = false;
        for bucket in &histogram.bucket {
            complete |= bucket.upper_bound == f64::INFINITY;
            let bound = Some(("le", bucket.upper_bound));
            self.float("_bucket", bound, bucket.observations(), bucket.exemplar.as_ref())?;
        }
        if !complete {
            self.float("_bucket", Some(("le", f64::INFINITY)), count, None)?;
        }
        Ok(())
    }

    fn float(
        &mut self,
        part: &str,
        bound: Option<(&str, f64)>,
        value: f64,
        exemplar: Option<&wire::Exemplar>,
    ) -> Result<(), IngestError> {
        self.series.set(part, &self.labels, bound);
        let slot = self.store(Reading::Float(ordinary(value)), true)?;
        if let (Some(slot), Some(exemplar)) = (slot, exemplar) {
            self.exemplar(slot, exemplar);
        }
        Ok(())
    }

    fn store(&mut self, value: Reading<'_>, counts: bool) -> Result<Option<SlotIndex>, IngestError> {
        let long = self.series.text.len().saturating_sub(SERIES_BYTES_USUAL);
        if !self.bytes.fits(long) {
            let reason = format!(
                "{}: with its names and labels the series of the body have more than {BATCH_BYTES_MAX} bytes; shorten them",
                snippet(self.name)
            );
            return Err(self.messages.error_here(reason).into());
        }
        let found = Found {
            series: &self.series.text,
            format: Format::Text,
            at_ms: self.own_ms,
            value,
            start_ms: self.created_ms.filter(|_| counts).unwrap_or(NO_START),
        };
        let place = |fault| self.messages.error_here(fault).into();
        self.reader.take(&found, place)
    }

    fn exemplar(&mut self, slot: SlotIndex, exemplar: &wire::Exemplar) {
        let labels = Labels::from_pairs(
            exemplar
                .label
                .iter()
                .map(|pair| (pair.name.as_str(), pair.value.as_str())),
        );
        let own_ms = exemplar.timestamp.map(Timestamp::at_ms);
        self.reader
            .exemplar(slot, labels, ordinary(exemplar.value), own_ms);
    }
}

fn gathered(histogram: &wire::Histogram) -> Classic {
    Classic {
        buckets: histogram
            .bucket
            .iter()
            .map(|bucket| (bucket.upper_bound, bucket.observations()))
            .collect(),
        count: Some(histogram.observations()),
        sum: ordinary(histogram.sample_sum),
    }
}
