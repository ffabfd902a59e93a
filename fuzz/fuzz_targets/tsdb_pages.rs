//! Pages of a block's index, series and label pairs: any bytes are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = tsdb::block::series_on_page(bytes);
    let _ = tsdb::block::pairs_on_page(bytes);
});
