//! No bytes make the reader of InfluxDB's line protocol panic, and it counts what it writes.

#![no_main]

use ingest::push::influx::{Frame, Precision, read};
use libfuzzer_sys::fuzz_target;
use model::{SeriesBatch, TenantId};

fuzz_target!(|bytes: &[u8]| {
    let frame = Frame {
        precision: Precision::Seconds,
        now_ms: 1_000,
        database: "db",
    };
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    let Ok(outcome) = read(bytes, &frame, &mut batch) else {
        return;
    };
    assert_eq!(batch.sample_count() as u64, outcome.samples);
    assert!(outcome.faults.len() as u64 <= outcome.lines_refused);
});
