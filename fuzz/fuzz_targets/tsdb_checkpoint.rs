//! Checkpoints: any bytes under a right checksum are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut whole = bytes.to_vec();
    whole.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    let _ = tsdb::checkpoint::Checkpoint::decode(&whole);
});
