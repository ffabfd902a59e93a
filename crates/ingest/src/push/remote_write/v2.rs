//! `io.prometheus.write.v2.Request`: every text once, in a table of symbols.

use std::sync::Arc;

use model::{Exemplar, LabelsBuilder, METRIC_NAME, MetricMetadata, NO_START};
use xxhash_rust::xxh3::{Xxh3, xxh3_128_with_seed};

use super::super::batch_bytes::BatchBytes;
use super::super::protobuf::{Fields, Malformed, Value, packed_varints};
use super::v1::{metric_kind, sample};
use super::{Request, Row, WalkError, histogram};

/// `Sample.start_timestamp`.
const SAMPLE_START: u32 = 3;
/// `Histogram.start_timestamp`.
const HISTOGRAM_START: u32 = 17;

/// Walks a request: first the symbols, wherever they lie, then the series.
pub(super) fn walk(body: &[u8], seed: u64) -> Result<Request<'_>, WalkError> {
    let mut request = Request::default();
    let mut fields = Fields::new(body);
    while let Some((number, value)) = fields.next_field()? {
        if number == 4 {
            request.symbols.push(value.text()?);
        }
    }
    let hashes: Vec<u128> = request
        .symbols
        .iter()
        .map(|symbol| xxh3_128_with_seed(symbol.as_bytes(), seed))
        .collect();
    let mut fields = Fields::new(body);
    while let Some((number, value)) = fields.next_field()? {
        if number == 5 {
            series(value.bytes()?, seed, &hashes, &mut request)?;
        }
    }
    Ok(request)
}

fn series<'a>(
    message: &'a [u8],
    seed: u64,
    hashes: &[u128],
    request: &mut Request<'a>,
) -> Result<(), WalkError> {
    let (place, samples_start) = (request.series.len(), request.samples.len());
    let mut alias = Xxh3::with_seed(seed);
    let mut unknown = None;
    let mut described = None;
    // First for the whole series, and in later drafts of the specification with every sample.
    let mut created_ms = 0;
    let mut first_start_ms = None;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => packed_varints(value, |symbol| match symbol_at(hashes, symbol) {
                Some(hash) => alias.update(&hash.to_le_bytes()),
                None => unknown = Some(symbol),
            })?,
            2 => {
                let message = value.bytes()?;
                let start_ms = start_ms(message, SAMPLE_START)?;
                request.starts.push(request.samples.len(), start_ms);
                request.samples.push(sample(message)?);
                first_start_ms.get_or_insert(start_ms);
            }
            3 => {
                let message = value.bytes()?;
                let mut sample = histogram::decode(message)?;
                sample.start_ms = start_ms(message, HISTOGRAM_START)?;
                first_start_ms.get_or_insert(sample.start_ms);
                request.histograms.push((place, sample));
            }
            4 => {
                let message = value.bytes()?;
                request.bytes.add(label_bytes(message, &request.symbols)?)?;
                let exemplar = exemplar(message, &request.symbols)?;
                request.exemplars.push((place, exemplar));
            }
            5 => described = Some(value.bytes()?),
            6 => created_ms = value.varint()? as i64,
            _ => {}
        }
    }
    if let Some(symbol) = unknown {
        return Err(WalkError::Symbol {
            place,
            symbol,
            count: hashes.len(),
        });
    }
    fill_starts(request, samples_start, created_ms);
    request.series.push(Row {
        alias: alias.digest128(),
        message,
        samples_end: request.samples.len(),
        created_ms: match created_ms {
            NO_START => first_start_ms.unwrap_or(NO_START),
            created_ms => created_ms,
        },
    });
    if let Some(message_of_metadata) = described {
        let entry = metadata(message_of_metadata, message, &request.symbols, &mut request.bytes)?;
        request.metadata.extend(entry);
    }
    Ok(())
}

/// What is told of the whole series, the last one so far, is told of those of its samples that say nothing themselves.
fn fill_starts(request: &mut Request<'_>, samples_start: usize, created_ms: i64) {
    let place = request.series.len();
    request
        .starts
        .fill(samples_start..request.samples.len(), created_ms);
    let own = request.histograms.iter_mut().rev();
    for (_, sample) in own.take_while(|(of, _)| *of == place) {
        if sample.start_ms == NO_START {
            sample.start_ms = created_ms;
        }
    }
}

/// When what a sample counts began; 0 where it does not say.
fn start_ms(message: &[u8], field: u32) -> Result<i64, Malformed> {
    let mut at_ms = 0;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        if number == field {
            at_ms = value.varint()? as i64;
        }
    }
    Ok(at_ms)
}

/// The bytes of the labels of a series or an exemplar: few bytes of a message can name long symbols.
pub(super) fn label_bytes(message: &[u8], symbols: &[&str]) -> Result<usize, Malformed> {
    let mut bytes = 0_usize;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            packed_varints(value, |symbol| {
                bytes = bytes.saturating_add(symbol_at(symbols, symbol).map_or(0, str::len));
            })?;
        }
    }
    Ok(bytes)
}

/// Calls `set` for every label of a series.
pub(super) fn labels<'a>(
    message: &[u8],
    symbols: &[&'a str],
    set: &mut impl FnMut(&'a str, &'a str),
) -> Result<(), Malformed> {
    let mut fields = Fields::new(message);
    let mut name = None;
    let mut missing = false;
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            packed_varints(value, |symbol| match (name.take(), symbol_at(symbols, symbol)) {
                (None, Some(text)) => name = Some(text),
                (Some(name), Some(text)) => set(name, text),
                (_, None) => missing = true,
            })?;
        }
    }
    if missing || name.is_some() {
        return Err(Malformed);
    }
    Ok(())
}

fn symbol_at<T: Copy>(symbols: &[T], place: u64) -> Option<T> {
    symbols.get(usize::try_from(place).ok()?).copied()
}

fn exemplar(message: &[u8], symbols: &[&str]) -> Result<Exemplar, Malformed> {
    let mut builder = LabelsBuilder::default();
    let (mut measured, mut at_ms) = (0.0, 0);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            2 => measured = value.double()?,
            3 => at_ms = value.varint()? as i64,
            _ => {}
        }
    }
    labels(message, symbols, &mut |name, value| {
        builder.set(name, value);
    })?;
    Ok(Exemplar {
        labels: builder.build(),
        value: measured,
        at_ms,
    })
}

/// What a series says of its metric; nothing where it says nothing.
fn metadata(
    message: &[u8],
    series: &[u8],
    symbols: &[&str],
    bytes: &mut BatchBytes,
) -> Result<Option<MetricMetadata>, WalkError> {
    let (mut kind, mut help, mut unit) = (0, "", "");
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        let text = |value: Value<'_>| symbol_at(symbols, value.varint()?).ok_or(Malformed);
        match number {
            1 => kind = value.varint()?,
            3 => help = text(value)?,
            4 => unit = text(value)?,
            _ => {}
        }
    }
    if kind == 0 && help.is_empty() && unit.is_empty() {
        return Ok(None);
    }
    let mut metric = None;
    labels(series, symbols, &mut |name, value| {
        if name == METRIC_NAME {
            metric = Some(value);
        }
    })?;
    let Some(name) = metric else {
        return Ok(None);
    };
    bytes.add(name.len() + help.len() + unit.len())?;
    Ok(Some(MetricMetadata {
        name: Arc::from(name),
        kind: metric_kind(kind),
        help: Arc::from(help),
        unit: Arc::from(unit),
    }))
}
