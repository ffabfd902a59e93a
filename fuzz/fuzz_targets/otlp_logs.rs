//! OTLP logs in protobuf and JSON: any bytes are taken or refused.
#![no_main]

use ingest::push::otlp::Format;
use ingest::push::{Encoding, Origin};
use ingest::{Logs, LogsTelemetry};
use libfuzzer_sys::fuzz_target;
use model::MemoryLogs;

fuzz_target!(|bytes: &[u8]| {
    let logs = Logs::new(MemoryLogs::new(), LogsTelemetry::default());
    for format in [Format::Protobuf, Format::Json] {
        let _ = logs.otlp_logs(bytes, Encoding::Identity, format, Origin::alone(0));
    }
});
