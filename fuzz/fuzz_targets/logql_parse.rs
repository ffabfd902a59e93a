//! Feeds arbitrary text to the LogQL parser; what it accepts must print and read back to the same tree, on one line and on many.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    if let Ok(expr) = logql::parse(source) {
        let printed = expr.to_string();
        assert_eq!(logql::parse(&printed).expect("what is printed reads back"), expr);
        let pretty = expr.pretty_within(20);
        assert_eq!(logql::parse(&pretty).expect("what is printed on lines reads back"), expr);
    }
});
