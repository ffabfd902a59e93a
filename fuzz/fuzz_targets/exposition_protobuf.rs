//! No bytes make the reader of protobuf expositions panic, and native histograms that it hands out are valid.

#![no_main]

use ingest::exposition::protobuf::families;
use ingest::histograms::HistogramRules;
use ingest::intake::{SampleRules, read_protobuf};
use ingest::series_cache::SeriesCache;
use libfuzzer_sys::fuzz_target;
use model::{SeriesBatch, TenantId};

fuzz_target!(|bytes: &[u8]| {
    for family in families(bytes).flatten() {
        for histogram in family.metrics().flatten().filter_map(|metric| metric.histogram) {
            if let Ok(native) = histogram.native(family.head.kind()) {
                assert_eq!(native.validate(), Ok(()));
            }
        }
    }
    let rules = SampleRules {
        histograms: HistogramRules {
            scrape_native: true,
            keep_classic: true,
            convert_classic: true,
            bucket_limit: 8,
            schema_max: 4,
        },
        ..SampleRules::default()
    };
    let mut cache = SeriesCache::new();
    cache.begin();
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    let _ = read_protobuf(&mut cache, &rules, bytes, 1_000, &mut batch);
    for (_, samples) in batch.histograms() {
        assert!(samples.iter().all(|sample| sample.value.validate().is_ok()));
    }
});
