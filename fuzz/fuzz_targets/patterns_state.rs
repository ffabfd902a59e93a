//! Feeds arbitrary bytes to the reader of saved patterns; what it accepts must take lines, and read back to the same state.

#![no_main]

use insights::patterns::codec::{decode_patterns, encode_patterns};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut patterns) = decode_patterns(bytes, 64) else {
        return;
    };
    for line in ["unknown user eve asks for entry", "started in 5 ms", "a=b c=(d) e"] {
        let id = patterns.step(line);
        assert!(patterns.get(id).is_some());
    }
    let written = encode_patterns(&patterns);
    let read = decode_patterns(&written, 64).expect("what was written is read");
    assert_eq!(read.len(), patterns.len());
});
