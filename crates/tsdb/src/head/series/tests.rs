//! A series in memory: any order of samples, flushes that race with them, retirement.

use model::Labels;

use super::*;

fn series() -> MemSeries {
    MemSeries::new(
        TenantId::DEFAULT,
        Series::new(Labels::from_pairs([("__name__", "a")])),
        SeriesNumber {
            slot: 0,
            generation: 1,
        },
    )
}

fn put(series: &MemSeries, at_ms: i64) -> Verdict {
    let sample = Sample {
        at_ms,
        value: at_ms as f64,
    };
    series.insert(sample, start_of(at_ms))
}

/// Some samples have no start, the others one for a hundred milliseconds.
fn start_of(at_ms: i64) -> i64 {
    if at_ms % 7 == 0 { NO_START } else { at_ms / 100 }
}

fn take_all(series: &MemSeries, times: &[i64], size: usize) -> i64 {
    let values: Vec<f64> = times.iter().map(|&at_ms| at_ms as f64).collect();
    let starts: Vec<i64> = times.iter().map(|&at_ms| start_of(at_ms)).collect();
    series.take(times, &values, &starts, size)
}

fn read(series: &MemSeries) -> Vec<i64> {
    let mut columns = SampleColumns::default();
    series.gather(TimeRange::ALL, &mut columns);
    settle(&mut columns, 0, TimeRange::ALL);
    for (place, sample) in columns.iter().enumerate() {
        assert_eq!(sample.at_ms as f64, sample.value);
        assert_eq!(columns.starts.get(place), start_of(sample.at_ms));
    }
    columns.at_ms
}

#[test]
fn samples_in_any_order_read_back_in_order() {
    let series = series();
    put(&series, 100_000);
    // A permutation of 0..10_007, a prime.
    let mut expected: Vec<i64> = (0..5000).map(|n| n * 7919 % 10_007).collect();
    for &at_ms in &expected {
        assert_eq!(put(&series, at_ms), Verdict::Store);
    }
    expected.push(100_000);
    expected.sort_unstable();
    assert_eq!(read(&series), expected);
    assert!(series.kept.lock().late_sealed.len() <= LATE_CHUNKS_MAX + 1);
    for &at_ms in &expected {
        assert_eq!(put(&series, at_ms), Verdict::Same);
        let other = series.insert(Sample { at_ms, value: -1.0 }, 1);
        assert_eq!(other, Verdict::Refuse(Refusal::DuplicateTimestamp));
    }
}

#[test]
fn small_chunks_become_whole_ones_unless_they_are_being_flushed() {
    let series = series();
    let take = |from: i64, count: i64| {
        let times: Vec<i64> = (from..from + count).collect();
        take_all(&series, &times, 40)
    };
    let counts = || -> Vec<u32> {
        let kept = series.kept.lock();
        kept.sealed.iter().map(|chunk| chunk.count).collect()
    };
    let mut grown = take(0, 120);
    assert_eq!(counts(), [40, 40]);
    grown += take(120, 120);
    assert_eq!(counts(), [160, 40]);
    let memory: u64 = series
        .kept
        .lock()
        .sealed
        .iter()
        .map(HeadChunk::memory_bytes)
        .sum();
    assert_eq!(grown, memory as i64);
    assert!(series.begin_flush(200));
    assert_eq!(series.flushing().chunks.len(), 2);
    take(240, 200);
    let of_flush = counts();
    assert_eq!(
        of_flush.get(..2),
        Some(&[160, 40][..]),
        "being flushed: {of_flush:?}"
    );
    assert_eq!(read(&series), (0..440).collect::<Vec<i64>>());
    series.end_flush(true);
    assert_eq!(read(&series), (200..440).collect::<Vec<i64>>());
}

#[test]
fn what_arrives_during_a_flush_stays() {
    let series = series();
    for at_ms in 0..1000 {
        put(&series, at_ms * 2);
    }
    assert!(series.begin_flush(500));
    let flushing = series.flushing().chunks;
    assert!(flushing.iter().all(|chunk| chunk.max_ms < 500));
    let mut columns = SampleColumns::default();
    for chunk in &flushing {
        chunk.decode(&mut columns);
    }
    assert_eq!(columns.at_ms, (0..250).map(|n| n * 2).collect::<Vec<_>>());
    put(&series, 101);
    put(&series, 3000);
    series.end_flush(true);
    let expected: Vec<i64> = [101]
        .into_iter()
        .chain((250..1000).map(|n| n * 2))
        .chain([3000])
        .collect();
    assert_eq!(read(&series), expected);
}

#[test]
fn a_failed_flush_changes_nothing() {
    let series = series();
    (0..500).for_each(|at_ms| assert_eq!(put(&series, at_ms), Verdict::Store));
    assert!(series.begin_flush(300));
    series.end_flush(false);
    assert!(series.flushing().chunks.is_empty());
    assert_eq!(read(&series), (0..500).collect::<Vec<_>>());
    assert!(series.begin_flush(300));
    let counts = series.flushing().chunks.into_iter().map(|chunk| chunk.count);
    assert_eq!(counts.sum::<u32>(), 300);
}

#[test]
fn runs_go_in_whole_and_doubled_samples_once() {
    let series = series();
    let times: Vec<i64> = (0..1000).collect();
    take_all(&series, &times[..700], HEAD_CHUNK_SAMPLES);
    take_all(&series, &times[500..], HEAD_CHUNK_SAMPLES);
    let starts = [2000, 2000, 2001].map(start_of);
    series.take(
        &[2000, 2000, 2001],
        &[2000.0, -1.0, 2001.0],
        &starts,
        HEAD_CHUNK_SAMPLES,
    );
    let expected: Vec<i64> = (0..1000).chain([2000, 2001]).collect();
    assert_eq!(read(&series), expected);
}

#[test]
fn far_apart_times_fit() {
    let series = series();
    for at_ms in [i64::MIN / 4, -1, 0, 1 << 40, i64::MAX / 4] {
        assert_eq!(put(&series, at_ms), Verdict::Store);
    }
    assert_eq!(read(&series).len(), 5);
}
