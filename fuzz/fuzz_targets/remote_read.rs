//! Requests of remote read: any bytes are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = ingest::remote_read::decode(bytes);
});
