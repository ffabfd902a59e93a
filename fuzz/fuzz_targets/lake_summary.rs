//! Summaries of labels in the catalog of segments: any bytes are read or refused, and what is read answers questions.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(summary) = lake::segment::LabelSummary::decode(bytes) {
        let app = model::Matcher::equal("app", "shop");
        let pod = model::Matcher::not_equal("pod", "pod-1");
        summary.may_meet(&[app]);
        summary.may_meet(&[pod]);
    }
});
