//! The process stores its own metrics without HTTP.

use std::sync::Arc;

use ingest::SelfScrape;
use model::{Labels, SeriesWrite};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use stdx::SystemClock;
use testkit::MemorySeries;

#[test]
fn the_own_registry_is_stored_and_what_vanishes_ends() {
    let store = MemorySeries::new();
    let writer: Arc<dyn SeriesWrite> = Arc::<MemorySeries>::clone(&store);
    let labels = Labels::from_pairs([("job", "watchkeeper"), ("instance", "here")]);
    let mut own = SelfScrape::new(writer, SystemClock::shared(), labels);
    let mut registry = Registry::default();
    let counter: Counter = Counter::default();
    counter.inc_by(3);
    registry.register("watchkeeper_things", "Things", counter);
    ingest::Telemetry::default().register(&mut registry);
    let mut body = String::new();
    prometheus_client::encoding::text::encode(&mut body, &registry).unwrap();

    let tally = own.take(&body, 1000).unwrap();
    assert!(tally.kept > 5);
    let dump = store.dump();
    let (labels, samples) = dump
        .iter()
        .find(|(labels, _)| labels.metric_name() == "watchkeeper_things_total")
        .unwrap();
    assert_eq!(
        labels.to_string(),
        r#"watchkeeper_things_total{instance="here", job="watchkeeper"}"#
    );
    assert_eq!(samples[..], [(1000, 3.0)]);

    let tally = own.take("other 1\n# EOF\n", 2000).unwrap();
    assert_eq!(tally.kept, 1);
    let dump = store.dump();
    let ended = dump
        .iter()
        .filter(|(_, samples)| samples.last().is_some_and(|(_, value)| model::is_stale(*value)));
    assert_eq!(ended.count() + 1, dump.len());
    assert!(own.take("broken{", 3000).is_err());
}
