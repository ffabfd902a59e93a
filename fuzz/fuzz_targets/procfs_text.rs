//! No text under /proc or /sys, however strange, may panic a parser of the collector.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| collect::sources::parse_any(text));
