//! Tables of contents of segments: any bytes are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = lake::segment::Contents::decode(bytes, 1 << 30);
    let _ = lake::segment::Contents::decode_unpacked(bytes, 1 << 30);
});
