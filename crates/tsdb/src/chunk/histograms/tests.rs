//! Native histograms read back as written, and any bytes are read or refused.

use model::STALE_NAN;
use proptest::prelude::*;

use super::*;

fn histogram(schema: i8, buckets: &[(i32, f64)], sum: f64) -> Histogram {
    Histogram {
        schema,
        count: buckets.iter().map(|(_, count)| count).sum(),
        sum,
        positive: Buckets::from_sorted(buckets.iter().copied()),
        ..Histogram::default()
    }
}

proptest! {
    #[test]
    fn histograms_read_back(
        shapes in proptest::collection::vec((-4_i8..=8, proptest::collection::btree_map(-50_i32..50, 0_u32..1000, 0..12), any::<f64>()), 0..40)
    ) {
        let samples: Vec<HistogramSample> = shapes.iter().enumerate().map(|(place, (schema, buckets, sum))| {
            let buckets: Vec<(i32, f64)> = buckets.iter().map(|(index, count)| (*index, f64::from(*count))).collect();
            HistogramSample::new(place as i64 * 15_000, Arc::new(histogram(schema / 4, &buckets, if sum.is_nan() { 0.5 } else { *sum })))
        }).collect();
        let mut started = samples.clone();
        for sample in started.iter_mut().skip(1) {
            sample.start_ms = sample.at_ms - i64::from(sample.value.schema);
        }
        for (samples, effort) in [(&samples, Effort::Fast), (&samples, Effort::Small), (&started, Effort::Small)] {
            let mut read = Vec::new();
            let bytes = encode(samples, effort);
            decode(&bytes, &mut read).unwrap();
            prop_assert_eq!(&read, samples);
            let has_starts = samples.iter().any(|sample| sample.start_ms != NO_START);
            prop_assert_eq!(bytes[0], if has_starts { VERSION_STARTED } else { VERSION });
        }
    }

    #[test]
    fn any_bytes_decode_or_fail(mut bytes: Vec<u8>) {
        for version in [VERSION, VERSION_STARTED] {
            if let Some(first) = bytes.first_mut() {
                *first = version;
            }
            let _ = decode(&bytes, &mut Vec::new());
        }
    }
}

#[test]
fn a_chunk_needs_bytes_for_its_buckets_and_room_for_its_histograms() {
    let samples: Vec<HistogramSample> = (0..8)
        .map(|at_ms| HistogramSample::new(at_ms, Arc::new(histogram(0, &[(0, 1.0), (1, 2.0)], 3.0))))
        .collect();
    let bytes = encode(&samples, Effort::Fast);
    let needed: usize = samples.iter().map(|sample| read_bytes(&sample.value)).sum();
    let within = |bytes: &[u8], room| decode_within(bytes, &mut Room::of(room), &mut Vec::new());
    assert_eq!(within(&bytes, needed), Ok(()));
    assert!(within(&bytes, needed - 1).is_err());
    // 256 histograms without runs, with all the buckets that there may be, and no byte for them.
    let times = [0, 0, 0, 0];
    let mut head = vec![VERSION, 0x80, 2];
    head.extend(times);
    head.extend([0x80, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for _ in 0..2 {
        head.extend([0, 0x80, 0x80, 4]);
    }
    assert_eq!(
        decode(&head, &mut Vec::new()),
        Err(Malformed("more buckets than bytes"))
    );
}

#[test]
fn every_field_reads_back() {
    let custom = Histogram {
        reset_hint: ResetHint::Gauge,
        schema: model::histogram::CUSTOM_BUCKETS,
        custom_bounds: Arc::from([0.1, 0.5]),
        ..histogram(0, &[(0, 3.0), (2, 1.5)], 9.25)
    };
    let both = Histogram {
        zero_threshold: 1e-128,
        zero_count: 7.0,
        negative: Buckets::from_sorted([(-2, 1.0), (9, 4.0)]),
        ..histogram(3, &[(1, 2.0)], -1.0)
    };
    let samples: Vec<HistogramSample> = [custom.clone(), custom, both]
        .into_iter()
        .enumerate()
        .map(|(place, value)| HistogramSample::new(place as i64, Arc::new(value)))
        .collect();
    let mut read = Vec::new();
    decode(&encode(&samples, Effort::Small), &mut read).unwrap();
    assert_eq!(read, samples);
    let stale = HistogramSample::new(
        5,
        Arc::new(Histogram {
            sum: STALE_NAN,
            ..Histogram::default()
        }),
    );
    let mut read = Vec::new();
    decode(&encode(&[stale], Effort::Fast), &mut read).unwrap();
    assert!(read[0].value.is_stale());
}
