//! Symbols, series and tombstones of Prometheus' blocks: any bytes are read or refused.
#![no_main]

use ingest::import::prometheus::index::{Symbols, decode_series};
use ingest::import::prometheus::tombstones::Tombstones;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Symbols::read(bytes);
    let _ = Tombstones::read(bytes);
    if let Some(symbols) = Symbols::read(b"\0\0\0\x02\x01a\x01b") {
        let _ = decode_series(bytes, &symbols);
    }
});
