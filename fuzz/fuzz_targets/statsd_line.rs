//! No text makes the reader of statsd lines panic, and what it reads is a number that can be added up.

#![no_main]

use ingest::statsd::line::{self, Value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for one in text.lines() {
        let _ = line::read(one, |event| {
            assert!(event.rate > 0.0 && event.rate <= 1.0);
            match event.value {
                Value::Count(value) => assert!(value >= 0.0),
                Value::Set(value) | Value::Move(value) | Value::Time(value) | Value::Observe(value) => {
                    assert!(value.is_finite());
                }
                Value::Member(member) => assert!(!member.is_empty()),
            }
            assert!(line::labels(event.tags).count() <= event.tags.len());
            let _ = line::metric_name(event.name);
        });
    }
});
