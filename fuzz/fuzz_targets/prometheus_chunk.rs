//! Chunks of Prometheus' blocks, floats and both kinds of native histograms: any bytes are read or refused.
#![no_main]

use ingest::import::prometheus::chunk::{Decoded, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some((coding, data)) = bytes.split_first() {
        let _ = decode(coding % 5, data, &mut Decoded::default());
    }
});
