//! Feeds arbitrary text to the reader of rule files; a refusal must name a fault.

#![no_main]

use alerting::rules::{NameScheme, parse_rule_file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    if let Err(faults) = parse_rule_file("fuzz.yml", source, NameScheme::Utf8) {
        assert!(!faults.is_empty());
    }
});
