//! Streams of series between two of us: any bytes are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = ingest::import::frames::read(bytes, &mut |_, _, _| Ok(()));
});
