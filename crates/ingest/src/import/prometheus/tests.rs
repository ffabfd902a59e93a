//! Decoders against bytes made by hand after the specification, and against any bytes.

use model::{TimeRange, is_stale};
use proptest::prelude::*;

use super::chunk::{Decoded, FLOAT_HISTOGRAM, HISTOGRAM, XOR, decode};
use super::file::crc32c;
use super::index::{ChunkRef, Symbols, decode_series};
use super::segments::Segments;
use super::tombstones::Tombstones;
use crate::limits::IMPORT_SAMPLES_PER_WALK;

/// Writes bits as Prometheus' `bstream` does.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    bits: usize,
}

impl Writer {
    fn put(&mut self, value: u64, count: u32) -> &mut Self {
        for place in (0..count).rev() {
            if self.bits.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = (value >> place & 1) as u8;
            *self.bytes.last_mut().unwrap() |= bit << (7 - self.bits % 8);
            self.bits += 1;
        }
        self
    }

    fn float(&mut self, value: f64) -> &mut Self {
        self.put(value.to_bits(), 64)
    }
}

#[test]
fn a_chunk_of_floats_is_read() {
    let mut w = Writer::default();
    w.put(5, 16);
    // 1000 ms as a zigzag varint of two bytes; then the value.
    w.put(0xd0, 8).put(0x0f, 8).float(1.0);
    // Delta 15000 as a varint; the same value.
    w.put(0x98, 8).put(0x75, 8).put(0, 1);
    // Delta of delta 0; a new window of 1 bit behind 1 leading zero.
    w.put(0, 1).put(0b11, 2).put(1, 5).put(1, 6).put(1, 1);
    // Delta of delta -1 in 14 bits; the window again.
    w.put(0b10, 2).put((1 << 14) - 1, 14).put(0b10, 2).put(1, 1);
    // Delta of delta 2^20 in 64 bits.
    w.put(0b1111, 4).put(1 << 20, 64).put(0, 1);
    let mut decoded = Decoded::default();
    decode(XOR, &w.bytes, &mut decoded).unwrap();
    assert_eq!(
        decoded.floats.at_ms,
        [1000, 16_000, 31_000, 45_999, 60_998 + (1 << 20)]
    );
    let flipped = f64::from_bits(1.0_f64.to_bits() ^ 1 << 62);
    assert_eq!(decoded.floats.values, [1.0, 1.0, flipped, 1.0, 1.0]);
}

#[test]
fn a_chunk_of_histograms_is_read() {
    let mut w = Writer::default();
    // Three histograms, no flags; a threshold of 2^-128; schema 3.
    w.put(3, 16).put(0, 8).put(116, 8).put(0b10, 2).put(3, 3);
    // One positive span of 2 buckets at index -1; no negative one.
    w.put(0b10, 2)
        .put(1, 3)
        .put(0b10, 2)
        .put(2, 3)
        .put(0b10, 2)
        .put(7, 3)
        .put(0, 1);
    // At 4 ms: count 7, zero count 1, sum 2.5, buckets 4 and 4 - 2.
    w.put(0b10, 2)
        .put(4, 3)
        .put(0b10, 2)
        .put(7, 3)
        .put(0b10, 2)
        .put(1, 3)
        .float(2.5);
    w.put(0b10, 2).put(4, 3).put(0b110, 3).put(64 - 2, 6);
    // 3 ms later: count + 2, zero count the same, sum the same, buckets + 1 and differences + 1.
    w.put(0b10, 2)
        .put(3, 3)
        .put(0b10, 2)
        .put(2, 3)
        .put(0, 1)
        .put(0, 1);
    w.put(0b10, 2).put(1, 3).put(0b10, 2).put(1, 3);
    // 3 ms later: the end of the series, which has no buckets.
    let changed = 2.5_f64.to_bits() ^ model::STALE_NAN.to_bits();
    w.put(0, 1).put(0, 1).put(0, 1);
    w.put(0b11, 2).put(0, 5).put(0, 6).put(changed, 64);
    let mut decoded = Decoded::default();
    decode(HISTOGRAM, &w.bytes, &mut decoded).unwrap();
    let [first, second, last] = &decoded.histograms[..] else {
        panic!("{decoded:?}");
    };
    assert_eq!((first.at_ms, second.at_ms, last.at_ms), (4, 7, 10));
    assert_eq!(first.value.validate(), Ok(()));
    assert_eq!(first.value.zero_threshold, 2_f64.powi(-128));
    assert_eq!(
        (first.value.schema, first.value.count, first.value.sum),
        (3, 7.0, 2.5)
    );
    let buckets: Vec<_> = first.value.positive.iter().collect();
    assert_eq!(buckets, [(-1, 4.0), (0, 2.0)]);
    let buckets: Vec<_> = second.value.positive.iter().collect();
    assert_eq!((second.value.count, buckets), (9.0, vec![(-1, 5.0), (0, 4.0)]));
    assert!(is_stale(last.value.sum) && last.value.positive.counts.is_empty());
}

#[test]
fn a_chunk_of_float_histograms_with_listed_bounds_is_read() {
    let mut w = Writer::default();
    // One gauge, threshold 0, schema -53 in 9 bits.
    w.put(1, 16).put(0b1100_0000, 8).put(0, 8);
    w.put(0b1110, 4).put(512 - 53, 9);
    // One span of 1 bucket at 1; bounds 0.5 (as 501 thousandths in 9 bits) and 1e9 (as a float).
    w.put(0b10, 2)
        .put(1, 3)
        .put(0b10, 2)
        .put(1, 3)
        .put(0b10, 2)
        .put(1, 3)
        .put(0, 1);
    w.put(0b10, 2)
        .put(2, 3)
        .put(0b1110, 4)
        .put(501, 9)
        .put(0, 1)
        .float(1e9);
    w.put(0b10, 2)
        .put(2, 3)
        .float(1.5)
        .float(0.0)
        .float(8.0)
        .float(1.5);
    let mut decoded = Decoded::default();
    decode(FLOAT_HISTOGRAM, &w.bytes, &mut decoded).unwrap();
    let histogram = &decoded.histograms[0];
    assert_eq!(histogram.value.validate(), Ok(()));
    assert_eq!(&*histogram.value.custom_bounds, [0.5, 1e9]);
    assert_eq!(histogram.value.reset_hint, model::ResetHint::Gauge);
    assert_eq!(
        (histogram.at_ms, histogram.value.count, histogram.value.sum),
        (2, 1.5, 8.0)
    );
}

#[test]
fn runs_without_buckets_are_not_kept_for_every_histogram() {
    let mut w = Writer::default();
    // Three histograms, no flags; threshold 0; schema 0.
    w.put(3, 16).put(0, 8).put(0, 8).put(0, 1);
    // Positive runs, length and offset: 0 at -1, 0 after 3, 1 after 1, 0 after 2; no negative one.
    w.put(0b110, 3).put(4, 6);
    w.put(0, 1).put(0b10, 2).put(7, 3);
    w.put(0, 1).put(0b10, 2).put(3, 3);
    w.put(0b10, 2).put(1, 3).put(0b10, 2).put(1, 3);
    w.put(0, 1).put(0b10, 2).put(2, 3);
    w.put(0, 1);
    // At 0 ms: count 1, zero count 0, sum 1, one bucket of 1; the others the same.
    w.put(0, 1).put(0b10, 2).put(1, 3).put(0, 1).float(1.0);
    w.put(0b10, 2).put(1, 3);
    w.put(0, 2 * 5);
    let mut decoded = Decoded::default();
    decode(HISTOGRAM, &w.bytes, &mut decoded).unwrap();
    assert_eq!(decoded.histograms.len(), 3);
    for sample in &decoded.histograms {
        assert_eq!(sample.value.validate(), Ok(()));
        assert_eq!(
            sample.value.positive.spans,
            [model::Span { offset: 3, length: 1 }]
        );
        assert_eq!(sample.value.positive.iter().collect::<Vec<_>>(), [(3, 1.0)]);
    }
}

#[test]
fn unknown_codings_say_what_would_help() {
    let told = |coding: u8| {
        decode(coding, &[], &mut Decoded::default())
            .unwrap_err()
            .to_string()
    };
    assert!(told(4).contains("xor2-encoding"), "{}", told(4));
    assert!(told(0xff).contains("Thanos"));
    assert!(told(9).contains("unknown"));
}

#[test]
fn a_series_of_the_index_is_read() {
    let mut table = 3_u32.to_be_bytes().to_vec();
    table.extend(b"\x01a\x08__name__\x01m");
    let symbols = Symbols::read(&table).unwrap();
    // Two labels; two chunks: from -1 to 4 at 8, then from 6 to 9 at 5.
    let body = [2, 0, 2, 1, 2, 2, 1, 5, 8, 2, 3, 5];
    let series = decode_series(&body, &symbols).unwrap();
    assert_eq!(series.labels.to_string(), r#"m{a="m"}"#);
    let chunk = |min_ms, max_ms, place| ChunkRef {
        min_ms,
        max_ms,
        place,
    };
    assert_eq!(series.chunks, [chunk(-1, 4, 8), chunk(6, 9, 5)]);
    assert_eq!(decode_series(&body[..9], &symbols), None);
    assert_eq!(
        decode_series(&[1, 0, 3, 0], &symbols),
        None,
        "there is no symbol 3"
    );
}

fn stones(body: &[u8]) -> Vec<u8> {
    let mut file = 0x0130_ba30_u32.to_be_bytes().to_vec();
    file.push(1);
    file.extend(body);
    file.extend(crc32c(&[body]).to_be_bytes());
    file
}

#[test]
fn deleted_samples_are_left_out() {
    // Series 9 from 2 to 3 and at 5.
    let tombstones = Tombstones::read(&stones(&[9, 4, 6, 9, 10, 10])).unwrap();
    let mut decoded = Decoded::default();
    (0..7).for_each(|at_ms| decoded.floats.push(at_ms, 0.0));
    assert_eq!(tombstones.apply(8, &mut decoded), 0);
    assert_eq!(tombstones.apply(9, &mut decoded), 3);
    assert_eq!(decoded.floats.at_ms, [0, 1, 4, 6]);
    let mut changed = stones(&[9, 4, 6]);
    changed[6] ^= 1;
    assert!(Tombstones::read(&changed).unwrap_err().contains("checksum"));
}

#[test]
fn large_blocks_are_walked_by_days() {
    let spanning = |samples: u64, min_ms: i64, max_ms: i64| super::Block {
        dir: std::path::PathBuf::new(),
        meta: super::Meta {
            version: 1,
            min_ms,
            max_ms,
            stats: super::Stats { num_samples: samples },
            thanos: None,
        },
    };
    let block = |samples: u64| spanning(samples, 10, 3 * super::DAY_MS);
    assert_eq!(
        block(9).walks(TimeRange::ALL, u64::MAX),
        [TimeRange::new(10, 3 * super::DAY_MS - 1).unwrap()]
    );
    let walks = block(u64::MAX).walks(TimeRange::new(0, super::DAY_MS + 7).unwrap(), u64::MAX);
    let day = super::DAY_MS;
    assert_eq!(
        walks,
        [
            TimeRange::new(10, day - 1).unwrap(),
            TimeRange::new(day, day + 7).unwrap()
        ]
    );
    // Whatever a block says of its times and samples, its chunks hold only so many.
    let walks = spanning(u64::MAX, i64::MIN, i64::MAX).walks(TimeRange::ALL, 3 * IMPORT_SAMPLES_PER_WALK);
    assert_eq!(walks.first().unwrap().from_ms(), i64::MIN);
    assert_eq!(walks.last().unwrap().to_ms(), i64::MAX - 1);
    assert!(walks.len() <= 7, "{}", walks.len());
    assert!(
        walks
            .windows(2)
            .all(|pair| pair[0].to_ms() + 1 == pair[1].from_ms())
    );
}

#[test]
fn a_chunk_that_an_index_names_again_and_again_is_read_once_in_a_walk() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = vec![0x85, 0xbd, 0x40, 0xdd, 1, 0, 0, 0];
    for value in [1.5, 2.5] {
        let mut bits = Writer::default();
        bits.put(1, 16).put(2, 8).float(value);
        let mut body = vec![XOR];
        body.extend(&bits.bytes);
        file.push(bits.bytes.len() as u8);
        file.extend(&body);
        file.extend(crc32c(&[&body]).to_be_bytes());
    }
    std::fs::create_dir(dir.path().join("chunks")).unwrap();
    std::fs::write(dir.path().join("chunks/000001"), &file).unwrap();
    let mut segments = Segments::of_block(dir.path()).unwrap();
    assert_eq!(segments.samples_max(), 4 * (file.len() as u64 - 8));
    let chunk = |place: usize| ChunkRef {
        min_ms: 1,
        max_ms: 1,
        place: place as u64,
    };
    let second = 8 + (file.len() - 8) / 2;
    for _ in 0..2 {
        segments.begin_walk();
        let mut decoded = Decoded::default();
        segments.read(chunk(8), &mut decoded).unwrap();
        segments.read(chunk(second), &mut decoded).unwrap();
        assert_eq!(decoded.floats.values, [1.5, 2.5]);
        let refused = segments.read(chunk(8), &mut decoded).unwrap_err();
        assert!(
            refused.contains("names chunks more often than there are"),
            "{refused}"
        );
        assert_eq!(decoded.floats.len(), 2);
    }
}

proptest! {
    #[test]
    fn any_chunk_is_read_or_refused(coding in 0_u8..6, data: Vec<u8>) {
        let _ = decode(coding, &data, &mut Decoded::default());
    }

    #[test]
    fn any_histograms_are_read_or_refused(coding in HISTOGRAM..=FLOAT_HISTOGRAM, count in 0_u8..9, data: Vec<u8>) {
        // Counts that the data can fill, so that decoders go on to the end.
        let mut bytes = vec![0, count, 0, 0];
        bytes.extend(data);
        let _ = decode(coding, &bytes, &mut Decoded::default());
    }

    #[test]
    fn any_series_is_read_or_refused(body: Vec<u8>, table: Vec<u8>) {
        let mut whole = 2_u32.to_be_bytes().to_vec();
        whole.extend(b"\x01a\x01b");
        let symbols = Symbols::read(&whole).unwrap();
        let _ = decode_series(&body, &symbols);
        let _ = Symbols::read(&table);
        let _ = Tombstones::read(&stones(&body));
    }
}
