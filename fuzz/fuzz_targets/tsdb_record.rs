//! Records of the log: any bytes are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = tsdb::record::decode_batch(bytes);
    let _ = tsdb::record::decode_metadata(bytes);
    let _ = tsdb::record::decode_rare(bytes);
});
