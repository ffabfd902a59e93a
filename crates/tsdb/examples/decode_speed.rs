//! How long it takes to decode a chunk of a block, to make one ready for reading, and to read an hour of a ready one.

#![allow(clippy::print_stdout, reason = "an example prints what it measured")]

use std::hint::black_box;
use std::time::Instant;

use model::{SampleColumns, TimeRange};
use tsdb::chunk::{self, Effort, ReadyChunk};

const SAMPLES: i64 = 4320;
const ROUNDS: u32 = 400;
const STEP_MS: i64 = 10_000;

fn main() {
    for (name, values) in shapes() {
        let times: Vec<i64> = (0..SAMPLES)
            .map(|place| 1_700_000_000_000 + place * STEP_MS)
            .collect();
        let bytes = chunk::encode(&times, &values, &[], Effort::Small);
        let mut columns = SampleColumns::default();
        let decode = measure(|| {
            columns.clear();
            black_box(chunk::decode(black_box(&bytes), &mut columns).is_ok());
        });
        let make_ready = measure(|| {
            black_box(ReadyChunk::decode(black_box(&bytes)).is_ok());
        });
        let Ok(ready) = ReadyChunk::decode(&bytes) else {
            continue;
        };
        let hour = TimeRange::at(1_700_000_000_000).union(&TimeRange::at(1_700_003_600_000));
        let read = measure(|| {
            columns.clear();
            ready.read(black_box(hour), &mut columns);
        });
        println!(
            "{name}: {:.2} bytes/sample, decode {decode:.2} ns/sample, make ready {make_ready:.2} ns/sample, read an hour {:.2} ns/sample",
            bytes.len() as f64 / SAMPLES as f64,
            read * SAMPLES as f64 / columns.len() as f64,
        );
    }
}

/// Nanoseconds for each sample of a chunk: the median of a few runs.
fn measure(mut work: impl FnMut()) -> f64 {
    let mut runs: Vec<f64> = (0..9)
        .map(|_| {
            let started = Instant::now();
            (0..ROUNDS).for_each(|_| work());
            started.elapsed().as_nanos() as f64 / f64::from(ROUNDS) / SAMPLES as f64
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    runs.get(runs.len() / 2).copied().unwrap_or_default()
}

/// A percentage that walks at random, a counter, and noise.
fn shapes() -> [(&'static str, Vec<f64>); 3] {
    let mut state = 7_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % 2001) as f64 - 1000.0
    };
    let mut walk = 5000.0;
    let percentage = (0..SAMPLES).map(|_| {
        walk = (walk + random() / 10.0_f64).round().clamp(0.0, 10_000.0);
        walk / 100.0
    });
    let percentage = percentage.collect();
    let mut total = 0.0;
    let counter = (0..SAMPLES).map(|place| {
        total += (((place * 7919) % 1543) * 311) as f64;
        total
    });
    let counter = counter.collect();
    let noise = (0..SAMPLES).map(|place| ((place * 7919) % 10_007) as f64 / 10.0);
    [
        ("percentage", percentage),
        ("counter", counter),
        ("noise", noise.collect()),
    ]
}
