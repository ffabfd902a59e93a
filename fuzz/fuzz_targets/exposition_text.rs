//! No bytes make the reader of exposition (text) panic, and what it reads stays within the body.

#![no_main]

use ingest::exposition::{Entry, Exposition, Format, LabelPairs, body_text, parse_series};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = body_text(bytes) else { return };
    let mut pairs = LabelPairs::new();
    for entry in Exposition::new(Format::Text, &text) {
        if let Ok(Entry::Sample(sample)) = entry {
            assert!(!model::is_stale(sample.value));
            if parse_series(sample.series, Format::Text, &mut pairs).is_ok() {
                assert!(pairs.first().is_some_and(|(name, value)| name == "__name__" && !value.is_empty()));
            }
        }
    }
});
