//! Tables of contents of blocks: any bytes are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = tsdb::block::Contents::decode(bytes, 1 << 30);
});
