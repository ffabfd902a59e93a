//! Feeds arbitrary lines to the finder of patterns; every line must get a template.

#![no_main]

use insights::Patterns;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut patterns = Patterns::new(16);
    for line in text.lines() {
        let id = patterns.step(line);
        assert!(patterns.get(id).is_some());
        assert!(patterns.len() <= 16);
    }
});
