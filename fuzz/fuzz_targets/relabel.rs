//! No rule panics on any labels, and labels stay without empty values.

#![no_main]

use ingest::relabel::{self, Rule};
use libfuzzer_sys::fuzz_target;
use model::Labels;

fuzz_target!(|texts: (String, String, String)| {
    let (yaml, name, value) = texts;
    let Ok(rules) = serde_saphyr::from_str::<Vec<Rule>>(&yaml) else { return };
    let mut labels = Labels::from_pairs([(name, value), ("a".to_owned(), "b".to_owned())]).to_builder();
    if relabel::apply(&rules, &mut labels) == Ok(true) {
        assert!(labels.build().iter().all(|(_, value)| !value.is_empty()));
    }
});
