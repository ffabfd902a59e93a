//! Every float survives the codec, common shapes come out small, foreign bytes do no harm.

use model::{STALE_NAN, TimeRange};
use proptest::prelude::*;

use super::*;

fn check(at_ms: &[i64], values: &[f64]) -> usize {
    check_started(at_ms, values, &[])
}

fn check_started(at_ms: &[i64], values: &[f64], starts: &[i64]) -> usize {
    let mut wanted = Starts::default();
    wanted.extend(0, starts, values.len());
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let lengths = [Effort::Fast, Effort::Small].map(|effort| {
        let bytes = encode(at_ms, values, starts, effort);
        let started = starts.iter().any(|start_ms| *start_ms != NO_START);
        assert_eq!(bytes[0], if started { VERSION_STARTED } else { VERSION });
        let mut read = SampleColumns::default();
        decode(&bytes, &mut read).unwrap();
        assert_eq!(read.at_ms, at_ms);
        assert_eq!(bits(&read.values), bits(values));
        assert_eq!(read.starts, wanted);
        let (mut ready, mut again) = (SampleColumns::default(), SampleColumns::default());
        ReadyChunk::decode(&bytes).unwrap().read_all(&mut ready);
        ReadyChunk::of(&read).read_all(&mut again);
        for held in [ready, again] {
            assert_eq!((&held.at_ms, bits(&held.values)), (&read.at_ms, bits(values)));
            assert_eq!(held.starts, wanted);
        }
        bytes.len()
    });
    assert!(lengths[1] <= lengths[0]);
    lengths[1]
}

fn every_15_s(count: usize) -> Vec<i64> {
    (0..count as i64)
        .map(|number| 1_700_000_000_000 + number * 15_000)
        .collect()
}

/// A small deterministic stream of numbers below `bound`.
fn noise(count: usize, bound: u64) -> Vec<u64> {
    let mut state = 7_u64;
    (0..count)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        })
        .collect()
}

#[test]
fn the_strange_floats_read_back() {
    let strange = [
        0.0,
        -0.0,
        f64::NAN,
        STALE_NAN,
        f64::from_bits(0x7ff8_0000_0000_1234),
        f64::from_bits(0xfff0_0000_0000_0001),
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        f64::MAX,
        f64::MIN,
        9_007_199_254_740_993.0,
        9.3e18,
        -9.223_372_036_854_776e18,
        0.1,
        1e-17,
        1e22,
        123_456.789,
    ];
    check(&every_15_s(strange.len()), &strange);
    for value in strange {
        check(&[0], &[value]);
        check(&every_15_s(100), &[value; 100]);
        let mut mostly_plain = vec![1.5; 100];
        mostly_plain[40] = value;
        check(&every_15_s(100), &mostly_plain);
    }
    check(&[], &[]);
    check(&[i64::MIN, -1, 0, i64::MAX], &[1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn a_stretch_of_a_ready_chunk_is_what_lies_in_it() {
    let times = every_15_s(100);
    let mut values: Vec<f64> = noise(100, 10_000).iter().map(|&n| n as f64 / 100.0).collect();
    values[40] = STALE_NAN;
    let starts: Vec<i64> = times.iter().map(|at_ms| at_ms / 300_000 * 300_000).collect();
    let ready = ReadyChunk::decode(&encode(&times, &values, &starts, Effort::Small)).unwrap();
    for (from, to) in [(0, 99), (40, 40), (39, 41), (41, 60), (0, 0)] {
        let (mut read, mut before) = (SampleColumns::default(), SampleColumns::default());
        before.push(1, 1.0);
        // Between two times lies nothing.
        let range = TimeRange::new(times[from] - 1, times[to] + 14_999).unwrap();
        ready.read(range, &mut read);
        assert_eq!(read.at_ms, times[from..=to]);
        assert_eq!(read.starts.slice(0..100), &starts[from..=to]);
        let wanted: Vec<u64> = values[from..=to].iter().map(|v| v.to_bits()).collect();
        assert_eq!(
            read.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
            wanted
        );
        ready.read(range, &mut before);
        assert_eq!(before.len(), 1 + read.len());
        assert_eq!(
            (before.starts.get(0), before.starts.get(1)),
            (NO_START, starts[from])
        );
    }
    let mut all = SampleColumns::default();
    ready.read(TimeRange::ALL, &mut all);
    assert_eq!(all.at_ms, times);
}

#[test]
fn common_shapes_take_few_bytes() {
    let times = every_15_s(480);
    let size = |values: Vec<f64>| check(&times, &values) as f64 / 480.0;
    assert!(size(vec![42.5; 480]) < 0.1);
    assert!(size((0..480).map(|number| f64::from(number) * 512.0).collect()) < 0.1);
    // The codec study's measured figures, with some room: percentages, page counts, small integers.
    assert!(size(noise(480, 10_000).iter().map(|&n| n as f64 / 100.0).collect()) < 1.9);
    assert!(size(noise(480, 64).iter().map(|&n| n as f64 * 4096.0).collect()) < 0.9);
    assert!(size(noise(480, 16).iter().map(|&n| n as f64).collect()) < 0.6);
    let mut with_stale: Vec<f64> = (0..480).map(f64::from).collect();
    with_stale[479] = STALE_NAN;
    assert!(size(with_stale) < 0.1);
    // Nothing grows beyond eight bytes a value and the frame.
    assert!(
        size(
            noise(480, u64::MAX)
                .iter()
                .map(|&n| f64::from_bits(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
                .collect()
        ) < 8.1
    );
}

#[test]
fn starts_take_few_bytes() {
    let times = every_15_s(4320);
    let values: Vec<f64> = (0..4320).map(f64::from).collect();
    let plain = check(&times, &values);
    let more = |starts: Vec<i64>| check_started(&times, &values, &starts) - plain;
    // One start for all, that of the sample before as deltas have it, and one that changes now and then.
    assert!(more(vec![1_699_999_000_123; 4320]) < 16);
    assert!(more(times.iter().map(|at_ms| at_ms - 15_000).collect()) < 24);
    let days = |number: i64| number / 1000 * 15_000_000;
    let now_and_then: Vec<i64> = (0..4320).map(|number| 1_699_999_000_123 + days(number)).collect();
    assert!(more(now_and_then) < 600);
    let mut unknown = vec![1_699_999_000_123; 4320];
    unknown[..9].fill(NO_START);
    assert!(more(unknown) < 600);
    assert_eq!(check_started(&times, &values, &vec![NO_START; 4320]), plain);
}

#[test]
fn a_chunk_leans_on_one_with_the_same_starts() {
    let times = every_15_s(50);
    let mut base = SampleColumns::default();
    for &at_ms in &times {
        base.push_started(at_ms, 3.0, at_ms - 1);
    }
    let bytes = encode_beside(&base.values, &[4.0; 50]).unwrap();
    let mut read = SampleColumns::default();
    read.push(1, 1.0);
    decode_beside(&bytes, &base, &mut read).unwrap();
    assert_eq!((read.values[1], read.starts.get(0)), (4.0, NO_START));
    assert_eq!(read.starts.slice(1..51), base.starts.as_slice());
    let mut started = bytes;
    started[0] = VERSION_STARTED;
    assert!(decode_beside(&started, &base, &mut read).is_err());
}

#[test]
fn cut_chunks_are_refused_and_leave_nothing() {
    let bytes = encode(
        &every_15_s(50),
        &noise(50, 1000).iter().map(|&n| n as f64).collect::<Vec<_>>(),
        &noise(50, 9).iter().map(|&n| n as i64).collect::<Vec<_>>(),
        Effort::Small,
    );
    for length in 0..bytes.len() {
        let mut out = SampleColumns::default();
        assert!(decode(&bytes[..length], &mut out).is_err() && out.is_empty());
    }
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (-1_000_000_i64..1_000_000, 0..6_u32).prop_map(|(n, e)| n as f64 / 10_f64.powi(e as i32)),
        (0..5_u8).prop_map(f64::from),
        Just(STALE_NAN),
    ]
}

proptest! {
    #[test]
    fn every_float_reads_back(samples in proptest::collection::vec((any::<i64>(), float()), 0..300)) {
        let (times, values): (Vec<i64>, Vec<f64>) = samples.into_iter().unzip();
        check(&times, &values);
        // Any integers are times of a start.
        let starts: Vec<i64> = times.iter().rev().copied().collect();
        check_started(&times, &values, &starts);
    }

    #[test]
    fn smooth_columns_read_back(start in -1_000_000_i64..1_000_000, steps in proptest::collection::vec(-50_i64..5000, 1..400), exponent in 0..8) {
        let mut at = start;
        let times: Vec<i64> = steps.iter().map(|step| { at += step; at }).collect();
        let values: Vec<f64> = times.iter().map(|&time| time as f64 / 10_f64.powi(exponent)).collect();
        check(&times, &values);
    }

    #[test]
    fn any_bytes_decode_or_fail(mut bytes: Vec<u8>) {
        let mut out = SampleColumns::default();
        let _ = decode(&bytes, &mut out);
        for version in [VERSION, VERSION_STARTED] {
            if let Some(first) = bytes.first_mut() {
                *first = version;
            }
            let _ = decode(&bytes, &mut out);
        }
        prop_assert_eq!(out.at_ms.len(), out.values.len());
        prop_assert!(out.starts.as_slice().len() <= out.at_ms.len());
    }
}
