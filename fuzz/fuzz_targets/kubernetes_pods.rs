//! A file of pods, as kubectl prints them: any bytes are read or refused with a reason.
#![no_main]

use ingest::kubernetes::pods::parse_pods;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| if let Err(reason) = parse_pods(bytes) {
    assert!(!reason.is_empty());
});
