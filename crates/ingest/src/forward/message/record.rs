//! Records of the queue: how many samples, and then a remote write 2.0 request with them, packed by Snappy
//! (docs/formats/remote-write-queue.md).

use model::{Exemplar, Labels, LabelsBuilder, MetricMetadata, Sample, Series, SeriesBatch, SeriesNumber};

use super::Row;
use super::v2::Request;
use crate::push::protobuf::{Fields, Malformed, packed_varints};
use crate::push::remote_write::{histogram, metric_kind, sample};

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::forward) enum Kind {
    /// Samples, histograms and exemplars.
    Series = 1,
    /// What is known of metrics.
    Metadata = 2,
}

/// The series that the store knows by number, by slot.
#[derive(Debug, Clone, Copy)]
pub(in crate::forward) struct Named<'n>(pub(in crate::forward) &'n [Option<(u32, Series)>]);

impl<'n> Named<'n> {
    pub(in crate::forward) fn find(self, number: SeriesNumber) -> Option<&'n Labels> {
        let (generation, series) = self.0.get(number.slot as usize)?.as_ref()?;
        (*generation == number.generation).then(|| series.labels())
    }
}

/// Bytes of the count in front of a record.
const COUNT_BYTES: usize = 8;

/// How many samples a record holds; `None` where it is none.
pub(in crate::forward) fn sample_count(record: &[u8]) -> Option<u64> {
    record.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// Snappy cannot say more than this many bytes with one: a copy of 64 bytes takes three (google/snappy, format_description).
/// Whoever claims more would have memory taken for nothing.
const SNAPPY_RATIO_MAX: usize = 22;

/// The body of a record with a batch.
pub(in crate::forward) fn encode(batch: &SeriesBatch, named: Named<'_>) -> Vec<u8> {
    let mut request = Request::new();
    for (series, samples) in batch.iter() {
        request.series(series.labels(), samples, &[], &[], None);
    }
    for (labels, samples) in runs(batch, named) {
        request.series(labels, &samples, &[], &[], None);
    }
    for (series, histograms) in batch.histograms() {
        request.series(series.labels(), &[], histograms, &[], None);
    }
    for (series, exemplar) in batch.exemplars() {
        request.series(series.labels(), &[], &[], std::slice::from_ref(exemplar), None);
    }
    pack(&request.finish())
}

/// Numbered samples by series, as far as those of one series follow each other.
fn runs<'n>(batch: &SeriesBatch, named: Named<'n>) -> Vec<(&'n Labels, Vec<Sample>)> {
    let mut runs: Vec<(&Labels, Vec<Sample>)> = Vec::new();
    let mut last = None;
    for numbered in batch.numbered() {
        let sample = Sample {
            at_ms: numbered.at_ms,
            value: numbered.value,
        };
        match runs.last_mut() {
            Some((_, samples)) if last == Some(numbered.series) => samples.push(sample),
            _ => runs.extend(named.find(numbered.series).map(|labels| (labels, vec![sample]))),
        }
        last = Some(numbered.series);
    }
    runs
}

/// The body of a record with metadata: rows without samples, named as the metrics are.
pub(in crate::forward) fn encode_metadata(metadata: &[MetricMetadata]) -> Vec<u8> {
    let names: Vec<Labels> = metadata
        .iter()
        .map(|metric| Labels::from_pairs([(model::METRIC_NAME, &*metric.name)]))
        .collect();
    let mut request = Request::new();
    for (metric, name) in metadata.iter().zip(&names) {
        request.series(name, &[], &[], &[], Some(metric));
    }
    pack(&request.finish())
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    // Only bodies above 4 GiB cannot be packed, and no record is so large.
    snap::raw::Encoder::new().compress_vec(bytes).unwrap_or_default()
}

/// Reads a record as it lies in the queue: its rows, and its metadata.
pub(in crate::forward) fn decode(record: &[u8]) -> Result<(Vec<Row>, Vec<MetricMetadata>), Malformed> {
    let packed = record.get(COUNT_BYTES..).ok_or(Malformed)?;
    let claimed = snap::raw::decompress_len(packed).map_err(|_| Malformed)?;
    if claimed > packed.len().saturating_mul(SNAPPY_RATIO_MAX) {
        return Err(Malformed);
    }
    let bytes = snap::raw::Decoder::new()
        .decompress_vec(packed)
        .map_err(|_| Malformed)?;
    let mut symbols = Vec::new();
    let mut fields = Fields::new(&bytes);
    while let Some((number, value)) = fields.next_field()? {
        if number == 4 {
            symbols.push(value.text()?);
        }
    }
    let (mut rows, mut described) = (Vec::new(), Vec::new());
    let mut fields = Fields::new(&bytes);
    while let Some((number, value)) = fields.next_field()? {
        if number == 5 {
            let (row, metadata) = series(value.bytes()?, &symbols)?;
            rows.extend(Some(row).filter(|row| !row.is_empty()));
            described.extend(metadata);
        }
    }
    Ok((rows, described))
}

fn series(message: &[u8], symbols: &[&str]) -> Result<(Row, Option<MetricMetadata>), Malformed> {
    let mut row = Row::default();
    let mut described = None;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => row.labels = labels(value, symbols)?,
            2 => row.samples.push(sample(value.bytes()?)?),
            3 => row.histograms.push(histogram::decode(value.bytes()?)?),
            4 => row.exemplars.push(exemplar(value.bytes()?, symbols)?),
            5 => described = Some(value.bytes()?),
            _ => {}
        }
    }
    let metadata = described.map(|message| metadata(message, row.labels.metric_name(), symbols));
    Ok((row, metadata.transpose()?))
}

fn symbol<'s>(symbols: &[&'s str], place: u64) -> Result<&'s str, Malformed> {
    let place = usize::try_from(place).map_err(|_| Malformed)?;
    symbols.get(place).copied().ok_or(Malformed)
}

fn labels(value: crate::push::protobuf::Value<'_>, symbols: &[&str]) -> Result<Labels, Malformed> {
    let mut references = Vec::new();
    packed_varints(value, |reference| references.push(reference))?;
    let mut builder = LabelsBuilder::default();
    for pair in references.chunks(2) {
        let [name, value] = pair else {
            return Err(Malformed);
        };
        builder.set(symbol(symbols, *name)?, symbol(symbols, *value)?);
    }
    Ok(builder.build())
}

fn exemplar(message: &[u8], symbols: &[&str]) -> Result<Exemplar, Malformed> {
    let mut exemplar = Exemplar {
        labels: Labels::empty(),
        value: 0.0,
        at_ms: 0,
    };
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => exemplar.labels = labels(value, symbols)?,
            2 => exemplar.value = value.double()?,
            3 => exemplar.at_ms = value.varint()? as i64,
            _ => {}
        }
    }
    Ok(exemplar)
}

fn metadata(message: &[u8], name: &str, symbols: &[&str]) -> Result<MetricMetadata, Malformed> {
    let (mut kind, mut help, mut unit) = (0, "", "");
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => kind = value.varint()?,
            3 => help = symbol(symbols, value.varint()?)?,
            4 => unit = symbol(symbols, value.varint()?)?,
            _ => {}
        }
    }
    Ok(MetricMetadata {
        name: name.into(),
        kind: metric_kind(kind),
        help: help.into(),
        unit: unit.into(),
    })
}
