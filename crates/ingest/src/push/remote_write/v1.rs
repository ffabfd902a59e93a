//! `prometheus.WriteRequest`: labels in full with every series.

use std::sync::Arc;

use model::{Exemplar, HistogramSample, LabelsBuilder, MetricKind, MetricMetadata, Sample, SampleColumns};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::super::protobuf::{Fields, Malformed, Value};
use super::{Request, Row, WalkError, histogram};

/// Is called with a series' labels as they lie in the message, its samples and its histograms.
pub(crate) type EachSeries<'e> = dyn FnMut(&[(&str, &str)], &SampleColumns, &[HistogramSample]) + 'e;

/// Walks a request once.
pub(super) fn walk(body: &[u8], seed: u64) -> Result<Request<'_>, WalkError> {
    let mut request = Request::default();
    // A series with one sample and a dozen labels takes about this much.
    request.series.reserve(body.len() / 300);
    request.samples.reserve(body.len() / 300);
    let mut fields = Fields::new(body);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => series(value.bytes()?, seed, &mut request)?,
            3 => request.metadata.extend(metadata(value.bytes()?)?),
            _ => {}
        }
    }
    Ok(request)
}

/// Calls `each` for every series of a request, with everything that stands in its message: labels, samples, histograms.
pub(super) fn each_series(body: &[u8], each: &mut EachSeries<'_>) -> Result<(), Malformed> {
    let mut fields = Fields::new(body);
    while let Some((number, value)) = fields.next_field()? {
        if number != 1 {
            continue;
        }
        let (mut pairs, mut samples, mut histograms) = (Vec::new(), SampleColumns::default(), Vec::new());
        let mut fields = Fields::new(value.bytes()?);
        while let Some((number, value)) = fields.next_field()? {
            match number {
                1 => pairs.push(pair(value.bytes()?)?),
                2 => {
                    let sample = sample(value.bytes()?)?;
                    samples.push(sample.at_ms, sample.value);
                }
                4 => histograms.push(histogram::decode(value.bytes()?)?),
                _ => {}
            }
        }
        each(&pairs, &samples, &histograms);
    }
    Ok(())
}

fn series<'a>(message: &'a [u8], seed: u64, request: &mut Request<'a>) -> Result<(), Malformed> {
    let mut fields = Fields::new(message);
    fields.pass_short(1);
    let mut labels_end = message.len() - fields.remaining();
    let mut labels_only = true;
    while let Some((number, value)) = fields.next_field()? {
        match number {
            // Labels that come after samples are not named by what lies before them: such a message is its own alias.
            1 if labels_only => labels_end = message.len() - fields.remaining(),
            1 => labels_end = message.len(),
            2 => {
                labels_only = false;
                request.samples.push(sample(value.bytes()?)?);
            }
            3 => {
                labels_only = false;
                let exemplar = exemplar(value.bytes()?)?;
                request.exemplars.push((request.series.len(), exemplar));
            }
            4 => {
                labels_only = false;
                let sample = histogram::decode(value.bytes()?)?;
                request.histograms.push((request.series.len(), sample));
            }
            _ => {}
        }
    }
    let named = message.get(..labels_end).unwrap_or_default();
    request.series.push(Row {
        alias: xxh3_128_with_seed(named, seed),
        message,
        samples_end: request.samples.len(),
        created_ms: 0,
    });
    Ok(())
}

pub(crate) fn sample(message: &[u8]) -> Result<Sample, Malformed> {
    let mut sample = Sample { at_ms: 0, value: 0.0 };
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => sample.value = value.double()?,
            2 => sample.at_ms = value.varint()? as i64,
            _ => {}
        }
    }
    Ok(sample)
}

/// Calls `set` for every label of a series.
pub(super) fn labels(message: &[u8], set: &mut impl FnMut(&str, &str)) -> Result<(), Malformed> {
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            let (name, value) = pair(value.bytes()?)?;
            set(name, value);
        }
    }
    Ok(())
}

fn pair(message: &[u8]) -> Result<(&str, &str), Malformed> {
    let (mut name, mut text) = ("", "");
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => name = value.text()?,
            2 => text = value.text()?,
            _ => {}
        }
    }
    Ok((name, text))
}

fn exemplar(message: &[u8]) -> Result<Exemplar, Malformed> {
    let mut builder = LabelsBuilder::default();
    let (mut measured, mut at_ms) = (0.0, 0);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => {
                let (name, value) = pair(value.bytes()?)?;
                builder.set(name, value);
            }
            2 => measured = value.double()?,
            3 => at_ms = value.varint()? as i64,
            _ => {}
        }
    }
    Ok(Exemplar {
        labels: builder.build(),
        value: measured,
        at_ms,
    })
}

fn metadata(message: &[u8]) -> Result<Option<MetricMetadata>, Malformed> {
    let (mut kind, mut name, mut help, mut unit) = (0, "", "", "");
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match (number, value) {
            (1, value) => kind = value.varint()?,
            (2, value) => name = value.text()?,
            (4, value) => help = value.text()?,
            (5, value) => unit = value.text()?,
            (_, Value::Bytes(_) | Value::Varint(_) | Value::Fixed32(_) | Value::Fixed64(_)) => {}
        }
    }
    Ok((!name.is_empty()).then(|| MetricMetadata {
        name: Arc::from(name),
        kind: metric_kind(kind),
        help: Arc::from(help),
        unit: Arc::from(unit),
    }))
}

/// `MetricMetadata.MetricType`, the same in both versions.
pub(crate) fn metric_kind(number: u64) -> MetricKind {
    match number {
        1 => MetricKind::Counter,
        2 => MetricKind::Gauge,
        3 => MetricKind::Histogram,
        4 => MetricKind::GaugeHistogram,
        5 => MetricKind::Summary,
        6 => MetricKind::Info,
        7 => MetricKind::StateSet,
        _ => MetricKind::Unknown,
    }
}
