//! Remote write bodies of both versions: any bytes are taken or refused.
#![no_main]

use ingest::push::remote_write::Version;
use ingest::push::{Encoding, Origin};
use libfuzzer_sys::fuzz_target;
use testkit::MemorySeries;

fuzz_target!(|bytes: &[u8]| {
    let push = ingest::Push::new(MemorySeries::new(), ingest::PushTelemetry::default());
    for version in [Version::V1, Version::V2] {
        let _ = push.remote_write(bytes, Encoding::Identity, version, Origin::alone(0));
    }
});
