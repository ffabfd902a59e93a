//! Feeds arbitrary text to the PromQL parser; what it accepts must print and read back to the same text.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    if let Ok(expr) = promql::parse(source) {
        let printed = expr.to_string();
        let again = promql::parse(&printed).expect("what is printed reads back");
        assert_eq!(again.to_string(), printed);
        let _ = expr.pretty();
    }
});
