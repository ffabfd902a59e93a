//! Headers of the log: any bytes are refused or read back to the same bytes.
#![no_main]

use disk::frame::{FrameHeader, SegmentHeader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = SegmentHeader::decode(bytes);
    if let Some(header) = FrameHeader::decode(bytes, 0) {
        assert_eq!(FrameHeader::decode(&header.encode(), 0), Some(header));
        let _ = header.payload(bytes, 0).map(|payload| header.fits(payload));
    }
});
