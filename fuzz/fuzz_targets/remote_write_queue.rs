//! No bytes make the reader of the queue's records panic, packed or not, and no record has more series than bytes.

#![no_main]

use ingest::forward::record_series;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = record_series(bytes);
    let mut record = vec![0; 8];
    // A literal of Snappy's block form (google/snappy, format_description.txt), so that the message itself is reached.
    if let Ok(length) = u16::try_from(bytes.len()) {
        let mut rest = length;
        while rest >= 0x80 {
            record.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        record.push(rest as u8);
        if length > 0 {
            record.push(61 << 2);
            record.extend((length - 1).to_le_bytes());
            record.extend_from_slice(bytes);
        }
    }
    if let Some(series) = record_series(&record) {
        assert!(series <= bytes.len());
    }
});
