//! A line as container engines write it, Docker's or the Container Runtime Interface's: any bytes are read or refused.
#![no_main]

use collect::logs::forms::container::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Some(piece) = parse(line) {
            // Escapes of JSON become shorter, never longer than three bytes for six.
            assert!(piece.text.len() <= line.len());
        }
    }
});
