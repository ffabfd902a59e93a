//! Loki pushes of both encodings, and the labels of streams in them: any bytes are taken or refused.
#![no_main]

use ingest::push::loki::Format;
use ingest::push::{Encoding, Origin};
use ingest::{Logs, LogsTelemetry};
use libfuzzer_sys::fuzz_target;
use model::MemoryLogs;

fuzz_target!(|bytes: &[u8]| {
    let logs = Logs::new(MemoryLogs::new(), LogsTelemetry::default());
    let _ = logs.loki_push(bytes, Encoding::Identity, Format::Json, Origin::alone(0));
    // Snappy with one literal, so that the walk is reached without luck.
    let mut packed = Vec::new();
    let mut length = bytes.len();
    while length >= 0x80 {
        packed.push(length as u8 | 0x80);
        length >>= 7;
    }
    packed.push(length as u8);
    for chunk in bytes.chunks(60) {
        packed.push((chunk.len() as u8 - 1) << 2);
        packed.extend_from_slice(chunk);
    }
    let _ = logs.loki_push(&packed, Encoding::Snappy, Format::Protobuf, Origin::alone(0));
    let _ = ingest::logs::stream_labels::read(&String::from_utf8_lossy(bytes));
});
