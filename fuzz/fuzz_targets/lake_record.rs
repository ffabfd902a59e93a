//! Batches in the log of lines: any bytes are read or refused, and what is read is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((rows, came_ms)) = lake::record::decode_batch(bytes) {
        let mut own = Vec::new();
        lake::record::encode_batch(&rows, came_ms, &mut own);
        // Streams without lines are not written.
        let (rows, came_ms) = lake::record::decode_batch(&own).expect("own bytes are read");
        let mut again = Vec::new();
        lake::record::encode_batch(&rows, came_ms, &mut again);
        assert_eq!(again, own);
    }
});
