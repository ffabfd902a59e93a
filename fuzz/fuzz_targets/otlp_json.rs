//! No bytes make the OTLP receiver panic as a JSON request, and what it keeps are samples and sound histograms.

#![no_main]

use std::sync::Arc;

use ingest::push::otlp::Format;
use ingest::push::{Encoding, Origin};
use ingest::{Push, PushTelemetry};
use libfuzzer_sys::fuzz_target;
use testkit::MemorySeries;

fuzz_target!(|bytes: &[u8]| {
    let store = MemorySeries::new();
    let push = Push::new(Arc::<MemorySeries>::clone(&store), PushTelemetry::default());
    let _ = push.otlp_metrics(bytes, Encoding::Identity, Format::Json, Origin::alone(0));
    for (labels, _) in store.dump() {
        assert!(!labels.metric_name().is_empty());
    }
    for (_, samples) in store.dump_histograms() {
        assert!(samples.iter().all(|sample| sample.value.validate().is_ok()));
    }
});
