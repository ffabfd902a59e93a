//! OTLP logs into a store of lines: both encodings are the same lines, attributes go where Loki puts them, any bytes are refused or taken.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at its first fault"
)]

use std::sync::Arc;

use ingest::config::logs::LogsConfig;
use ingest::config::tenants::{Limits, MultiTenancy};
use ingest::limits::LOG_LINES_MAX;
use ingest::push::otlp::Format;
use ingest::push::{Encoding, Origin, PushError};
use ingest::{LogOutcome, Logs, LogsTelemetry};
use model::{Direction, LogFlow, LogRead, LogRefusal, LogSelection, MemoryLogs, TenantId};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use proptest::prelude::*;
use prost::Message;

const NOW_MS: i64 = 1_700_010_600_000;

const REQUEST: &str = r#"{"resourceLogs": [{
  "resource": {"attributes": [
    {"key": "service.name", "value": {"stringValue": "cart"}},
    {"key": "k8s.pod.name", "value": {"stringValue": "cart-1"}},
    {"key": "host.arch", "value": {"stringValue": "arm64"}},
    {"key": "process", "value": {"kvlistValue": {"values": [
      {"key": "pid", "value": {"intValue": "7"}},
      {"key": "args", "value": {"arrayValue": {"values": [{"stringValue": "-v"}, {"boolValue": true}]}}}]}}}]},
  "scopeLogs": [{
    "scope": {"name": "lib", "version": "1.2", "attributes": [{"key": "on", "value": {"boolValue": true}}]},
    "logRecords": [
      {"timeUnixNano": "1700010599000000001", "observedTimeUnixNano": "1700010599000000002", "severityNumber": 17,
       "severityText": "Error", "body": {"stringValue": "it failed"}, "flags": 1, "droppedAttributesCount": 2,
       "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708",
       "attributes": [{"key": "http.status", "value": {"intValue": "500"}}]},
      {"observedTimeUnixNano": "1700010599000000003", "severityNumber": 10,
       "body": {"kvlistValue": {"values": [{"key": "b", "value": {"doubleValue": 1.5}},
         {"key": "a", "value": {"stringValue": "x"}}]}}}]}]},
  {"scopeLogs": [{"logRecords": [{"body": {"stringValue": "no time"}}]}]}]}"#;

fn logs() -> (Arc<MemoryLogs>, Logs) {
    let store = MemoryLogs::new();
    let logs = Logs::new(Arc::<MemoryLogs>::clone(&store), LogsTelemetry::default());
    (store, logs)
}

fn push(logs: &Logs, body: &[u8], format: Format) -> Result<LogOutcome, PushError> {
    logs.otlp_logs(body, Encoding::Identity, format, Origin::alone(NOW_MS))
}

fn protobuf(text: &str) -> Vec<u8> {
    let request: ExportLogsServiceRequest = serde_json::from_str(text).unwrap();
    request.encode_to_vec()
}

fn dump(store: &MemoryLogs) -> Vec<String> {
    let selection = LogSelection {
        tenant: TenantId::DEFAULT,
        matchers: Vec::new(),
        from_ns: i64::MIN,
        to_ns: i64::MAX,
        direction: Direction::Forward,
        ..LogSelection::default()
    };
    let mut lines = Vec::new();
    let mut take = |batch: &model::LogBatch<'_>| {
        for (place, at_ns) in batch.times_ns.iter().enumerate() {
            let pairs = batch.metadata.get(place).iter();
            let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
            let line = batch.lines.get(place);
            lines.push(format!("{} {at_ns} {line} | {}", batch.stream, pairs.join(" ")));
        }
        LogFlow::More
    };
    store.read(&selection, &mut take).unwrap();
    lines
}

const AROUND: &str =
    r#"host_arch=arm64 process_pid=7 process_args=["-v",true] on=true scope_name=lib scope_version=1.2"#;

#[test]
fn both_encodings_are_the_same_lines_and_attributes_go_where_loki_puts_them() {
    let (of_json, logs) = logs();
    assert_eq!(
        push(&logs, REQUEST.as_bytes(), Format::Json).unwrap().complaint(),
        None
    );
    let (of_protobuf, logs) = self::logs();
    push(&logs, &protobuf(REQUEST), Format::Protobuf).unwrap();
    assert_eq!(dump(&of_json), dump(&of_protobuf));
    let stream = r#"{k8s_pod_name="cart-1", service_name="cart"}"#;
    assert_eq!(
        dump(&of_json),
        [
            format!(
                "{stream} 1700010599000000001 it failed | http_status=500 observed_timestamp=1700010599000000002 severity_number=17 \
                 severity_text=Error dropped_attributes_count=2 flags=1 trace_id=0102030405060708090a0b0c0d0e0f10 \
                 span_id=0102030405060708 {AROUND} detected_level=error"
            ),
            format!(
                "{stream} 1700010599000000003 {} | severity_number=10 {AROUND} detected_level=info",
                r#"{"a":"x","b":1.5}"#
            ),
            r#"{service_name="unknown_service"} 1700010600000000000 no time | detected_level=unknown"#
                .to_owned(),
        ]
    );
}

#[test]
fn what_comes_again_is_stored_once_unless_it_has_no_times() {
    let timed = REQUEST.split(",\n  {\"scopeLogs\"").next().unwrap().to_owned() + "]}";
    let (store, logs) = logs();
    for _ in 0..2 {
        push(&logs, timed.as_bytes(), Format::Json).unwrap();
    }
    assert_eq!(dump(&store).len(), 2);
    for _ in 0..2 {
        push(&logs, REQUEST.as_bytes(), Format::Json).unwrap();
    }
    assert_eq!(dump(&store).len(), 8);
}

#[test]
fn index_attributes_are_those_of_the_configuration_and_dropped_ones_are_nowhere() {
    let (store, logs) = logs();
    let config: LogsConfig = stdx::yaml::read(
        "{line_size_max: 9, otlp: {index_attributes: [host.arch, process], drop_attributes: [http.status, k8s.pod.name, on]}}",
    )
    .unwrap();
    logs.configure(&config, &MultiTenancy::default(), &Limits::default());
    let outcome = push(&logs, &protobuf(REQUEST), Format::Protobuf).unwrap();
    assert_eq!(outcome.accepted.refused, [(LogRefusal::LineTooLong, 1)]);
    let lines = dump(&store);
    let stream = r#"{host_arch="arm64", process_args="[\"-v\",true]", process_pid="7", service_name="unknown_service"}"#;
    assert!(lines[0].starts_with(stream), "{lines:?}");
    assert!(lines[0].contains(" service_name=cart "), "{lines:?}");
    for gone in ["http_status", "k8s_pod_name", "on=true"] {
        assert!(!lines[0].contains(gone), "{gone}: {lines:?}");
    }
}

#[test]
fn severities_may_be_names() {
    let (store, logs) = logs();
    for (place, name) in ["SEVERITY_NUMBER_WARN", "SEVERITY_NUMBER_FATAL3", "13", "x"]
        .iter()
        .enumerate()
    {
        let text = format!(
            r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"timeUnixNano":{place},"severityNumber":"{name}","body":{{"stringValue":"x"}}}}]}}]}}]}}"#
        );
        push(&logs, text.as_bytes(), Format::Json).unwrap();
    }
    let levels: Vec<String> = dump(&store)
        .iter()
        .map(|line| line.rsplit('=').next().unwrap().to_owned())
        .collect();
    // The record without a time comes last: it was taken in now.
    assert_eq!(levels, ["fatal", "warn", "unknown", "warn"]);
}

#[test]
fn a_resource_repeated_for_many_records_does_not_fill_the_memory() {
    let (_, logs) = logs();
    let value = "x".repeat(60_000);
    let records = vec![r#"{"timeUnixNano":"1","body":{"stringValue":"x"}}"#; 5_000].join(",");
    let text = format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"a","value":{{"stringValue":"{value}"}}}}]}},"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#
    );
    let refused = push(&logs, text.as_bytes(), Format::Json);
    assert!(
        matches!(
            refused,
            Err(PushError::TooMany {
                what: "bytes of lines and metadata",
                ..
            })
        ),
        "{refused:?}"
    );
}

/// A record whose attribute `k…` is a map of these entries.
fn record_with_map(name_bytes: usize, entries: &str) -> String {
    let name = "k".repeat(name_bytes);
    format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{{"stringValue":"x"}},"attributes":[
            {{"key":"{name}","value":{{"kvlistValue":{{"values":[{entries}]}}}}}}]}}]}}]}}]}}"#
    )
}

#[test]
fn a_long_name_costs_its_bytes_once_and_is_bounded_where_a_map_repeats_it() {
    let nothing = r#"{"key":"","value":{"kvlistValue":{"values":[]}}}"#;
    let nothings = vec![nothing; 80_000].join(",");
    let last = r#"{"key":"a","value":{"kvlistValue":{"values":[{"key":"b","value":{"intValue":"1"}}]}}}"#;
    for (name_bytes, entries, is_taken) in [
        (4092, format!("{nothing},{last}"), true),
        (4093, format!("{nothing},{last}"), false),
        (500_000, nothings, false),
    ] {
        let text = record_with_map(name_bytes, &entries);
        for (format, body) in [
            (Format::Protobuf, protobuf(&text)),
            (Format::Json, text.into_bytes()),
        ] {
            let (store, logs) = logs();
            match push(&logs, &body, format) {
                Ok(_) => assert!(is_taken, "{name_bytes}"),
                Err(fault) => assert!(!is_taken && fault.to_string().contains("shorten them"), "{fault}"),
            }
            assert_eq!(
                dump(&store).iter().any(|line| line.contains("k_a_b=1 ")),
                is_taken
            );
        }
    }
}

/// A request in protobuf: a resource with these attributes, and so many records of two bytes each.
fn empty_records(attributes: &[(String, String)], count: usize) -> Vec<u8> {
    let message = |field: u8, bytes: &[u8]| {
        let mut out = vec![field << 3 | 2];
        prost::encoding::encode_varint(bytes.len() as u64, &mut out);
        out.extend_from_slice(bytes);
        out
    };
    let attributes = attributes.iter().flat_map(|(key, value)| {
        let value = message(1, value.as_bytes());
        message(1, &[message(1, key.as_bytes()), message(2, &value)].concat())
    });
    let resource: Vec<u8> = attributes.collect();
    let records = message(2, &message(2, &[]).repeat(count));
    message(1, &[message(1, &resource), records].concat())
}

#[test]
fn refused_records_count_among_the_lines_of_a_body() {
    let (_, logs) = logs();
    let too_long = [("service.name".to_owned(), "x".repeat(3_000))];
    let outcome = push(&logs, &empty_records(&too_long, 3), Format::Protobuf).unwrap();
    assert_eq!(outcome.accepted.refused, [(LogRefusal::BadLabels, 3)]);
    let refused = push(
        &logs,
        &empty_records(&too_long, LOG_LINES_MAX + 1),
        Format::Protobuf,
    );
    assert!(
        matches!(refused, Err(PushError::TooMany { what: "lines", .. })),
        "{refused:?}"
    );
}

#[test]
fn the_fault_of_a_stream_with_long_labels_is_made_once_for_all_its_records() {
    let (_, logs) = logs();
    let index: Vec<String> = (0..30).map(|place| format!("i{place}")).collect();
    let config = format!("{{otlp: {{index_attributes: [{}]}}}}", index.join(", "));
    let config: LogsConfig = stdx::yaml::read(&config).unwrap();
    logs.configure(&config, &MultiTenancy::default(), &Limits::default());
    let labels = index.into_iter().map(|name| (name, "x".repeat(2_000)));
    let metadata = (0..200).map(|place| (format!("a{place}"), String::new()));
    let attributes: Vec<(String, String)> = labels.chain(metadata).collect();
    let outcome = push(&logs, &empty_records(&attributes, 100_000), Format::Protobuf).unwrap();
    assert_eq!(outcome.accepted.refused, [(LogRefusal::TooMuchMetadata, 100_000)]);
    assert_eq!(outcome.faults.len(), 1);
}

proptest! {
    #[test]
    fn any_body_is_taken_or_refused(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        random in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let (_, logs) = logs();
        for (format, seed) in [(Format::Protobuf, protobuf(REQUEST)), (Format::Json, REQUEST.as_bytes().to_vec())] {
            let _ = push(&logs, &random, format);
            let mut body = seed;
            for (at, byte) in &flips {
                let at = at.index(body.len());
                body[at] = *byte;
            }
            let _ = push(&logs, &body, format);
        }
    }
}
