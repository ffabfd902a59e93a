//! Feeds arbitrary text to the template engine; what it accepts must expand within its limits, with or without error.

#![no_main]

use alerting::template::{Context, Query, Template};
use libfuzzer_sys::fuzz_target;
use model::Labels;

#[derive(Debug)]
struct Nothing;

impl Query for Nothing {
    fn query(&self, _: &str) -> Result<Vec<(Labels, f64)>, String> {
        Ok(vec![(Labels::empty(), 1.0)])
    }
}

fuzz_target!(|source: &str| {
    if let Ok(template) = Template::parse(source) {
        let labels = Labels::from_pairs([("instance", "a:1")]);
        let context = Context {
            labels: &labels,
            value: 0.5,
            external_labels: &labels,
            external_url: "http://localhost",
            query: &Nothing,
            now_ms: 0,
        };
        let _ = template.expand(&context);
    }
});
