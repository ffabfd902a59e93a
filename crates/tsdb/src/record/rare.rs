//! Records of what is rare beside plain samples: native histograms and exemplars.

use model::{Exemplar, HistogramSample, Labels, TenantId};

use super::{VERSION, expect_version, put_labels, put_part, take_labels, take_part};
use crate::chunk::{Effort, histograms};
use crate::limits::{HISTOGRAMS_PER_CHUNK_MAX, RARE_BYTES_MAX};
use crate::room::Room;
use pack::bytes::{Malformed, Reader, put_signed, put_varint};

/// What a record of histograms and exemplars says; series by their labels, since they are few.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RareBody {
    /// Whose.
    pub tenant: TenantId,
    /// When they were taken in.
    pub now_ms: i64,
    /// Histograms by series, in any order of time.
    pub histograms: Vec<(Labels, Vec<HistogramSample>)>,
    /// Exemplars by series.
    pub exemplars: Vec<(Labels, Exemplar)>,
}

impl RareBody {
    /// The memory that it takes once it is read; above [`RARE_BYTES_MAX`] it is not.
    pub fn read_bytes(&self) -> usize {
        let of_series = |(labels, samples): &(Labels, Vec<HistogramSample>)| {
            let samples = samples.iter().map(|sample| histograms::read_bytes(&sample.value));
            series_bytes(labels).saturating_add(samples.sum())
        };
        let histograms = self.histograms.iter().map(of_series);
        let exemplars = self.exemplars.iter();
        let exemplars = exemplars.map(|(labels, exemplar)| exemplar_bytes(labels, exemplar));
        histograms.chain(exemplars).sum()
    }
}

/// What a series with histograms takes beside them.
fn series_bytes(labels: &Labels) -> usize {
    size_of::<(Labels, Vec<HistogramSample>)>() + labels.heap_bytes()
}

fn exemplar_bytes(labels: &Labels, exemplar: &Exemplar) -> usize {
    size_of::<(Labels, Exemplar)>() + labels.heap_bytes() + exemplar.labels.heap_bytes()
}

/// Writes a record of histograms and exemplars.
pub fn encode_rare(body: &RareBody) -> Vec<u8> {
    let mut part = Vec::new();
    put_varint(&mut part, body.histograms.len() as u64);
    for (labels, samples) in &body.histograms {
        put_labels(&mut part, labels);
        put_varint(&mut part, samples.len().div_ceil(HISTOGRAMS_PER_CHUNK_MAX) as u64);
        for samples in samples.chunks(HISTOGRAMS_PER_CHUNK_MAX) {
            let chunk = histograms::encode(samples, Effort::Fast);
            put_varint(&mut part, chunk.len() as u64);
            part.extend_from_slice(&chunk);
        }
    }
    put_varint(&mut part, body.exemplars.len() as u64);
    for (labels, exemplar) in &body.exemplars {
        put_labels(&mut part, labels);
        put_labels(&mut part, &exemplar.labels);
        put_signed(&mut part, exemplar.at_ms);
        part.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
    }
    let mut out = vec![VERSION];
    put_varint(&mut out, u64::from(body.tenant.0));
    put_signed(&mut out, body.now_ms);
    put_part(&mut out, &part);
    out
}

/// Reads a record of histograms and exemplars.
pub fn decode_rare(bytes: &[u8]) -> Result<RareBody, Malformed> {
    let mut reader = Reader::new(bytes);
    expect_version(&mut reader)?;
    let mut body = RareBody {
        tenant: TenantId(u32::try_from(reader.varint()?).map_err(|_| Malformed("tenant"))?),
        now_ms: reader.signed()?,
        ..RareBody::default()
    };
    let part = take_part(&mut reader)?;
    reader.end()?;
    let mut part = Reader::new(&part);
    let mut room = Room::of(RARE_BYTES_MAX);
    for _ in 0..part.count(part.remaining())? {
        let labels = take_labels(&mut part)?;
        room.take(series_bytes(&labels))?;
        let mut samples = Vec::new();
        for _ in 0..part.count(part.remaining())? {
            let length = part.count(part.remaining())?;
            histograms::decode_within(part.take(length)?, &mut room, &mut samples)?;
        }
        body.histograms.push((labels, samples));
    }
    for _ in 0..part.count(part.remaining())? {
        let labels = take_labels(&mut part)?;
        let exemplar = Exemplar {
            labels: take_labels(&mut part)?,
            at_ms: part.signed()?,
            value: f64::from_bits(part.long()?),
        };
        room.take(exemplar_bytes(&labels, &exemplar))?;
        body.exemplars.push((labels, exemplar));
    }
    part.end()?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::BUCKETS_PER_SIDE_MAX;

    use super::*;

    #[test]
    fn histograms_and_exemplars_read_back() {
        let labels = Labels::from_pairs([("__name__", "d")]);
        let sample = |at_ms| {
            HistogramSample::new(
                at_ms,
                Arc::new(model::Histogram {
                    count: at_ms as f64,
                    ..model::Histogram::default()
                }),
            )
        };
        let exemplar = Exemplar {
            labels: Labels::from_pairs([("trace_id", "1")]),
            value: 0.25,
            at_ms: 9,
        };
        let body = RareBody {
            tenant: TenantId(4),
            now_ms: 77,
            histograms: vec![(labels.clone(), (0..300).map(sample).collect())],
            exemplars: vec![(labels, exemplar)],
        };
        assert_eq!(decode_rare(&encode_rare(&body)), Ok(body));
    }

    #[test]
    fn a_few_packed_bytes_do_not_stand_for_more_than_a_record_may_hold() {
        // One series without labels, with one chunk: 256 histograms of one layout without runs, with all the buckets that there may
        // be, every column of them seven zeros.
        let mut chunk = vec![1];
        put_varint(&mut chunk, HISTOGRAMS_PER_CHUNK_MAX as u64);
        chunk.extend([0; 4]);
        put_varint(&mut chunk, HISTOGRAMS_PER_CHUNK_MAX as u64);
        chunk.extend([0; 11]);
        for _ in 0..2 {
            chunk.push(0);
            put_varint(&mut chunk, BUCKETS_PER_SIDE_MAX as u64);
        }
        chunk.resize(chunk.len() + 7 * (3 + 2 * BUCKETS_PER_SIDE_MAX), 0);
        let mut part = vec![1, 0, 1];
        put_varint(&mut part, chunk.len() as u64);
        part.extend(chunk);
        part.push(0);
        let mut out = vec![VERSION, 0, 0];
        put_part(&mut out, &part);
        assert!(out.len() < 200, "{}", out.len());
        assert_eq!(
            decode_rare(&out),
            Err(Malformed("more than may be read into memory"))
        );
    }

    #[test]
    fn what_may_be_written_is_read_back_and_nothing_beyond() {
        let labels = Labels::from_pairs([("__name__", "d".repeat(8 << 10))]);
        let exemplar = |at_ms| Exemplar {
            labels: labels.clone(),
            value: 0.0,
            at_ms,
        };
        let each = exemplar_bytes(&labels, &exemplar(0));
        let body = |count: usize| RareBody {
            exemplars: (0..count as i64)
                .map(|at_ms| (labels.clone(), exemplar(at_ms)))
                .collect(),
            ..RareBody::default()
        };
        let fitting = body(RARE_BYTES_MAX / each);
        assert!(fitting.read_bytes() <= RARE_BYTES_MAX);
        assert!(decode_rare(&encode_rare(&fitting)).is_ok());
        let beyond = body(RARE_BYTES_MAX / each + 1);
        assert!(beyond.read_bytes() > RARE_BYTES_MAX);
        assert!(decode_rare(&encode_rare(&beyond)).is_err());
    }
}
