//! No body makes the OTLP receiver panic or keep what is no sample, whatever it holds.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::sync::Arc;

use ingest::push::otlp::Format;
use ingest::push::{Encoding, Origin};
use ingest::{Push, PushTelemetry};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use proptest::prelude::*;
use prost::Message;
use testkit::MemorySeries;

/// One metric of every kind, with attributes of every type; the seed of what is then damaged.
const SEED: &str = r#"{"resourceMetrics": [{
  "resource": {"attributes": [
    {"key": "service.name", "value": {"stringValue": "cart"}},
    {"key": "list", "value": {"arrayValue": {"values": [{"intValue": "7"}, {"kvlistValue": {"values": [
      {"key": "deep", "value": {"doubleValue": 1.5}}]}}]}}},
    {"key": "raw", "value": {"bytesValue": "AAEC"}}]},
  "scopeMetrics": [{"scope": {"name": "lib", "attributes": [{"key": "on", "value": {"boolValue": true}}]},
    "metrics": [
      {"name": "a", "unit": "By/s", "gauge": {"dataPoints": [
        {"timeUnixNano": "60000000000", "asDouble": 1.5, "attributes": [{"key": "x", "value": {"stringValue": "y"}}]}]}},
      {"name": "b", "sum": {"aggregationTemporality": 1, "isMonotonic": true, "dataPoints": [
        {"startTimeUnixNano": "1", "timeUnixNano": "60000000000", "asInt": "5", "exemplars": [
          {"timeUnixNano": "59", "asInt": "3", "spanId": "0102030405060708", "traceId": "0102030405060708090a0b0c0d0e0f10"}]}]}},
      {"name": "c", "histogram": {"aggregationTemporality": 2, "dataPoints": [
        {"timeUnixNano": "60000000000", "count": "3", "sum": 2, "bucketCounts": ["1", "2"], "explicitBounds": [0.5]}]}},
      {"name": "d", "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [
        {"timeUnixNano": "60000000000", "count": "4", "sum": 2, "scale": 9, "zeroCount": "1", "zeroThreshold": 0.1,
         "positive": {"offset": -3, "bucketCounts": ["1", "0", "1"]}, "negative": {"offset": 2, "bucketCounts": ["1"]}}]}},
      {"name": "e", "summary": {"dataPoints": [
        {"timeUnixNano": "60000000000", "count": "4", "sum": 2, "quantileValues": [{"quantile": 0.5, "value": 1}]}]}}]}]}]}"#;

fn take(body: &[u8], format: Format) -> Arc<MemorySeries> {
    let store = MemorySeries::new();
    let push = Push::new(Arc::<MemorySeries>::clone(&store), PushTelemetry::default());
    let _ = push.otlp_metrics(body, Encoding::Identity, format, Origin::alone(0));
    for (labels, samples) in store.dump() {
        assert!(!labels.metric_name().is_empty(), "{labels}");
        assert!(!samples.is_empty(), "{labels}");
    }
    for (labels, samples) in store.dump_histograms() {
        assert!(
            samples.iter().all(|sample| sample.value.validate().is_ok()),
            "{labels}"
        );
    }
    store
}

fn seed() -> Vec<u8> {
    let request: ExportMetricsServiceRequest = serde_json::from_str(SEED).unwrap();
    request.encode_to_vec()
}

/// Bytes with some of them replaced, a piece left out, or a piece repeated.
fn damaged(seed: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let places = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let cut = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        0..3_u8,
    );
    (places, cut).prop_map(move |(places, (from, to, how))| {
        let mut bytes = seed.clone();
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let (a, b) = (from.index(bytes.len()), to.index(bytes.len()));
        let piece = a.min(b)..a.max(b);
        match how {
            0 => drop(bytes.drain(piece)),
            1 => bytes.extend_from_within(piece),
            _ => {}
        }
        bytes
    })
}

#[test]
fn the_seed_holds_every_kind() {
    let (json, protobuf) = (
        take(SEED.as_bytes(), Format::Json),
        take(&seed(), Format::Protobuf),
    );
    assert_eq!(json.dump(), protobuf.dump());
    assert_eq!(json.dump_histograms(), protobuf.dump_histograms());
    assert_eq!(json.dump_exemplars(), protobuf.dump_exemplars());
    let counts = (
        json.dump().len(),
        json.dump_histograms().len(),
        json.dump_exemplars().len(),
    );
    assert_eq!(counts, (10, 1, 1), "{:?}", json.dump());
}

proptest! {
    #[test]
    fn damaged_protobuf_is_taken_or_refused(bytes in damaged(seed())) {
        take(&bytes, Format::Protobuf);
    }

    #[test]
    fn damaged_json_is_taken_or_refused(bytes in damaged(SEED.as_bytes().to_vec())) {
        take(&bytes, Format::Json);
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes: Vec<u8>) {
        take(&bytes, Format::Protobuf);
        take(&bytes, Format::Json);
    }
}
