//! Elasticsearch's bulk protocol and its documents: any bytes are taken or refused, and what is taken is stored.
#![no_main]

use ingest::push::{Encoding, Origin};
use ingest::{Logs, LogsTelemetry};
use libfuzzer_sys::fuzz_target;
use model::MemoryLogs;

fuzz_target!(|bytes: &[u8]| {
    let logs = Logs::new(MemoryLogs::new(), LogsTelemetry::default());
    if let Ok(outcome) = logs.elastic_bulk(bytes, Encoding::Identity, Some("i"), Origin::alone(0)) {
        let taken = outcome.items.iter().filter(|item| item.fault.is_none()).count();
        assert_eq!(taken as u64, outcome.lines.accepted.stored);
    }
});
