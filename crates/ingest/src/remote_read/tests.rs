//! Chunks and frames against the decoders of imports, and requests against any bytes.

use std::sync::Arc;

use model::{Buckets, Histogram, MatcherOp, ResetHint, STALE_NAN, Span, TimeRange};
use proptest::prelude::*;

use super::*;
use crate::import::prometheus::chunk::{self, Decoded};
use crate::push::protobuf::Fields;

fn series(samples: &[(i64, f64)], histograms: Vec<HistogramSample>) -> ReadSeries {
    let mut columns = SampleColumns::default();
    for (at_ms, value) in samples {
        columns.push(*at_ms, *value);
    }
    ReadSeries {
        labels: Labels::from_pairs([("__name__", "m"), ("job", "a")]),
        samples: columns,
        histograms,
    }
}

/// Takes frames apart: the index of the query, and the one series of each.
fn frames(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let mut length = 0;
        for place in 0.. {
            let (byte, rest) = bytes.split_first().unwrap();
            bytes = rest;
            length |= usize::from(byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                break;
            }
        }
        let (sum, rest) = bytes.split_first_chunk::<4>().unwrap();
        let (message, rest) = rest.split_at(length);
        assert_eq!(u32::from_be_bytes(*sum), crc32c(&[message]));
        bytes = rest;
        let mut found = Vec::new();
        let mut index = 0;
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next_field().unwrap() {
            match number {
                1 => found.push(value.bytes().unwrap()),
                _ => index = value.varint().unwrap(),
            }
        }
        // Prometheus' reader takes the first series of a frame and no other.
        let [series] = found.as_slice() else {
            panic!("a frame has {} series", found.len());
        };
        all.push((index, *series));
    }
    all
}

/// What the chunks of each frame hold.
fn read_frames(bytes: &[u8]) -> Vec<(u64, Decoded)> {
    let read = |(index, series)| {
        let mut decoded = Decoded::default();
        for chunk in chunk_messages(series) {
            let mut fields = Fields::new(chunk);
            let (mut encoding, mut data) = (0, &[][..]);
            while let Some((number, value)) = fields.next_field().unwrap() {
                match number {
                    3 => encoding = value.varint().unwrap() as u8,
                    4 => data = value.bytes().unwrap(),
                    _ => {}
                }
            }
            chunk::decode(encoding, data, &mut decoded).unwrap();
        }
        (index, decoded)
    };
    frames(bytes).into_iter().map(read).collect()
}

/// The times that all chunks name, as they come.
fn chunk_times(bytes: &[u8]) -> Vec<(i64, i64)> {
    let mut times = Vec::new();
    for chunk in frames(bytes)
        .into_iter()
        .flat_map(|(_, series)| chunk_messages(series))
    {
        let (mut first_ms, mut last_ms) = (0, 0);
        let mut fields = Fields::new(chunk);
        while let Some((number, value)) = fields.next_field().unwrap() {
            match number {
                1 => first_ms = value.varint().unwrap() as i64,
                2 => last_ms = value.varint().unwrap() as i64,
                _ => {}
            }
        }
        times.push((first_ms, last_ms));
    }
    times
}

fn chunk_messages(series: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut fields = Fields::new(series);
    while let Some((number, value)) = fields.next_field().unwrap() {
        if number == 2 {
            found.push(value.bytes().unwrap());
        }
    }
    found
}

fn histogram(count: f64, offset: i32, hint: ResetHint) -> Arc<Histogram> {
    Arc::new(Histogram {
        reset_hint: hint,
        schema: 3,
        zero_threshold: 0.001,
        zero_count: 1.5,
        count: count + 1.5,
        sum: count * 2.0,
        positive: Buckets {
            spans: vec![Span { offset, length: 2 }],
            counts: vec![count / 4.0, count - count / 4.0],
        },
        ..Histogram::default()
    })
}

#[test]
fn histograms_are_cut_where_counts_fall_or_the_layout_changes() {
    let samples: Vec<HistogramSample> = [
        (10, histogram(4.0, -3, ResetHint::Unknown)),
        (20, histogram(8.5, -3, ResetHint::Unknown)),
        (31, histogram(3.0, -3, ResetHint::Unknown)),
        (40, histogram(3.0, 5, ResetHint::Unknown)),
        (50, histogram(2.0, 5, ResetHint::Gauge)),
        (60, histogram(1.0, 5, ResetHint::Gauge)),
    ]
    .into_iter()
    .map(|(at_ms, value)| HistogramSample::new(at_ms, value))
    .collect();
    let mut answer = ChunkedAnswer::default();
    answer.add(0, &series(&[], samples.clone()));
    let found = read_frames(&answer.take());
    let [(0, decoded)] = found.as_slice() else {
        panic!("{found:?}");
    };
    let hints: Vec<ResetHint> = decoded
        .histograms
        .iter()
        .map(|sample| sample.value.reset_hint)
        .collect();
    // Only within a chunk is it said that there was no reset.
    assert_eq!(
        hints,
        [
            ResetHint::Unknown,
            ResetHint::No,
            ResetHint::Unknown,
            ResetHint::Unknown,
            ResetHint::Gauge,
            ResetHint::Gauge
        ]
    );
    for (found, given) in decoded.histograms.iter().zip(&samples) {
        assert_eq!(found.at_ms, given.at_ms);
        let without_hint = |sample: &HistogramSample| Histogram {
            reset_hint: ResetHint::Unknown,
            ..(*sample.value).clone()
        };
        assert_eq!(without_hint(found), without_hint(given));
    }
}

#[test]
fn a_stale_marker_of_histograms_stands_alone() {
    let stale = Arc::new(Histogram {
        sum: STALE_NAN,
        ..Histogram::default()
    });
    let samples = vec![
        HistogramSample::new(1, histogram(1.0, 0, ResetHint::Unknown)),
        HistogramSample::new(2, stale),
    ];
    let mut answer = ChunkedAnswer::default();
    answer.add(0, &series(&[], samples));
    let found = read_frames(&answer.take());
    assert!(model::is_stale(found[0].1.histograms[1].value.sum));
}

#[test]
fn every_query_has_frames_of_its_own() {
    let mut answer = ChunkedAnswer::default();
    answer.add(0, &series(&[(1, 1.0)], Vec::new()));
    answer.add(0, &series(&[(2, 2.0)], Vec::new()));
    answer.add(3, &series(&[(3, 3.0)], Vec::new()));
    let frames: Vec<(u64, usize)> = read_frames(&answer.take())
        .iter()
        .map(|(index, decoded)| (*index, decoded.floats.len()))
        .collect();
    assert_eq!(frames, [(0, 1), (0, 1), (3, 1)]);
    assert!(answer.take().is_empty());
}

#[test]
fn a_long_series_is_cut_into_frames_in_order_of_time() {
    // Values whose bits all differ take about eight bytes each.
    let numbers: Vec<(i64, f64)> = (0..400_000_u64)
        .map(|i| {
            (
                i as i64 * 10,
                f64::from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2),
            )
        })
        .collect();
    let mut answer = ChunkedAnswer::default();
    answer.add(0, &series(&numbers, Vec::new()));
    let frames = read_frames(&answer.take());
    assert!(frames.len() >= 3, "{} frames", frames.len());
    let times = frames.iter().flat_map(|(_, decoded)| &decoded.floats.at_ms);
    assert!(times.copied().eq(numbers.iter().map(|(at_ms, _)| *at_ms)));
}

#[test]
fn chunks_of_numbers_and_of_histograms_take_turns() {
    let histograms = [(5, 1.0), (6, 2.0), (30, 3.0)]
        .map(|(at_ms, count)| HistogramSample::new(at_ms, histogram(count, 0, ResetHint::Unknown)));
    let given = series(&[(1, 1.0), (10, 2.0), (20, 3.0), (40, 4.0)], histograms.to_vec());
    let mut answer = ChunkedAnswer::default();
    answer.add(0, &given);
    let found = chunk_times(&answer.take());
    assert_eq!(found, [(1, 1), (5, 6), (10, 20), (30, 30), (40, 40)]);
}

/// A request in the words of the specification.
fn request(accepted: &[u64], kind: u64, value: &str) -> Vec<u8> {
    let mut message = Writer::default();
    message.nested(1, |query| {
        query.int(1, -5);
        query.int(2, 60_000);
        query.nested(3, |matcher| {
            matcher.uint(1, kind);
            matcher.text(2, "job");
            matcher.text(3, value);
        });
    });
    message.nested(2, |packed| accepted.iter().for_each(|kind| packed.varint(*kind)));
    message.bytes
}

#[test]
fn requests_say_what_and_in_which_form() {
    let read = decode(&request(&[1, 0], 2, "a|b")).unwrap();
    assert_eq!(read.answer, Answer::StreamedChunks);
    assert_eq!(read.queries[0].range, TimeRange::new(-5, 60_000).ok());
    let matcher = &read.queries[0].matchers[0];
    assert!(matches!(matcher.op(), MatcherOp::Matches(_)) && matcher.matches("b"));
    assert_eq!(decode(&request(&[], 0, "a")).unwrap().answer, Answer::Samples);
    assert_eq!(decode(&request(&[7, 0], 0, "a")).unwrap().answer, Answer::Samples);
    assert_eq!(
        decode(&request(&[7], 0, "a")).unwrap_err(),
        BadRequest::UnknownAnswer
    );
    assert!(decode(&request(&[], 2, "(")).is_err());
    assert!(decode(&request(&[], 9, "a")).is_err());
    // Each is well within its own bound, all together are not.
    let many = request(&[], 2, r"\pL{80}").repeat(8);
    let refused = decode(&many).unwrap_err().to_string();
    assert!(refused.contains("more than 16 MiB together"), "{refused}");
}

proptest! {
    #[test]
    fn chunks_read_back(
        steps in proptest::collection::vec((0_i64..5_000_000_000, any::<u64>()), 0..400),
        start in -1_000_000_000_000_i64..1_000_000_000_000,
    ) {
        let mut at_ms = start;
        let mut samples = Vec::new();
        for (step, bits) in steps {
            // Every third value repeats the one before, as measured values do.
            let value = if bits % 3 == 0 { samples.last().map_or(0.0, |(_, value)| *value) } else { f64::from_bits(bits) };
            samples.push((at_ms, value));
            at_ms += step + 1;
        }
        let mut answer = ChunkedAnswer::default();
        answer.add(0, &series(&samples, Vec::new()));
        let found = read_frames(&answer.take());
        if samples.is_empty() {
            prop_assert!(found.is_empty());
            return Ok(());
        }
        let read: Vec<(i64, u64)> = found[0].1.floats.iter().map(|s| (s.at_ms, s.value.to_bits())).collect();
        let given: Vec<(i64, u64)> = samples.iter().map(|(at_ms, value)| (*at_ms, value.to_bits())).collect();
        prop_assert_eq!(read, given);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }
}
