//! Loki pushes into a store: both encodings are the same lines, limits refuse with reasons, any bytes are refused or taken, and live
//! tails hear of what was stored alone.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test ends at its first fault and says what it saw"
)]

use std::io::Write;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ingest::config::logs::LogsConfig;
use ingest::config::tenants::{Limits, MultiTenancy};
use ingest::logs::Stored;
use ingest::push::loki::Format;
use ingest::push::{Encoding, Origin, PushError};
use ingest::{LogOutcome, Logs, LogsTelemetry};
use model::{
    Direction, LogAccepted, LogFlow, LogRead, LogRefusal, LogRows, LogSelection, LogWrite, MemoryLogs,
    TenantId, WriteError,
};
use proptest::prelude::*;
use prost::Message;
use stdx::outlet::News;

#[derive(Clone, PartialEq, Message)]
struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, Message)]
struct Stream {
    #[prost(string, tag = "1")]
    labels: String,
    #[prost(message, repeated, tag = "2")]
    entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<Timestamp>,
    #[prost(bytes = "vec", tag = "2")]
    line: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<Pair>,
}

#[derive(Clone, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

const NOW_MS: i64 = 1_700_010_600_000;
const AT_NS: i64 = 1_700_010_599_123_456_789;

fn entry(at_ns: i64, line: &str, metadata: &[(&str, &str)]) -> Entry {
    Entry {
        timestamp: Some(Timestamp {
            seconds: at_ns.div_euclid(1_000_000_000),
            nanos: at_ns.rem_euclid(1_000_000_000) as i32,
        }),
        line: line.into(),
        metadata: metadata
            .iter()
            .map(|&(name, value)| Pair {
                name: name.into(),
                value: value.into(),
            })
            .collect(),
    }
}

fn request(labels: &str, entries: Vec<Entry>) -> PushRequest {
    let labels = labels.to_owned();
    PushRequest {
        streams: vec![Stream { labels, entries }],
    }
}

fn snappy(request: &PushRequest) -> Vec<u8> {
    snap::raw::Encoder::new()
        .compress_vec(&request.encode_to_vec())
        .unwrap()
}

fn logs() -> (Arc<MemoryLogs>, Logs) {
    let store = MemoryLogs::new();
    let logs = Logs::new(Arc::<MemoryLogs>::clone(&store), LogsTelemetry::default());
    (store, logs)
}

fn configured(yaml: &str) -> (Arc<MemoryLogs>, Logs) {
    let (store, logs) = logs();
    let config: LogsConfig = stdx::yaml::read(yaml).unwrap();
    assert!(config.validate().is_empty());
    logs.configure(&config, &MultiTenancy::default(), &Limits::default());
    (store, logs)
}

fn push(logs: &Logs, body: &[u8], encoding: Encoding, format: Format) -> Result<LogOutcome, PushError> {
    logs.loki_push(body, encoding, format, Origin::alone(NOW_MS))
}

fn push_protobuf(logs: &Logs, request: &PushRequest) -> LogOutcome {
    push(logs, &snappy(request), Encoding::Identity, Format::Protobuf).unwrap()
}

fn push_json(logs: &Logs, text: &str) -> Result<LogOutcome, PushError> {
    push(logs, text.as_bytes(), Encoding::Identity, Format::Json)
}

/// Every line as `{labels} time line [metadata]`.
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
            let (line, metadata) = (batch.lines.get(place), batch.metadata.get(place));
            lines.push(format!("{} {at_ns} {line} {metadata:?}", batch.stream));
        }
        LogFlow::More
    };
    store.read(&selection, &mut take).unwrap();
    lines
}

#[test]
fn both_encodings_are_the_same_lines() {
    let text = r#"{"streams": [
        {"stream": {"env": "test", "app": "shop"}, "values": [
            ["1700010599123456789", "said \"hi\" \u20ac level=warn", {"trace.id": "abc", "user": "7"}],
            ["1700010599123456790", "plain"]]},
        {"values": [["1700010599000000000", "{\"level\":\"error\"}"]], "stream": {"job": "b", "level": "Information"}}
    ]}"#;
    let (of_json, logs) = logs();
    let outcome = push_json(&logs, text).unwrap();
    assert_eq!(outcome.complaint(), None);
    let mut message = request(
        r#"{app="shop", env="test"}"#,
        vec![
            entry(
                AT_NS,
                "said \"hi\" € level=warn",
                &[("trace.id", "abc"), ("user", "7")],
            ),
            entry(AT_NS + 1, "plain", &[]),
        ],
    );
    message.streams.push(Stream {
        labels: r#"{level="Information",job="b"}"#.to_owned(),
        entries: vec![entry(1_700_010_599_000_000_000, r#"{"level":"error"}"#, &[])],
    });
    let (of_protobuf, logs) = self::logs();
    push_protobuf(&logs, &message);
    assert_eq!(dump(&of_json), dump(&of_protobuf));
    assert_eq!(
        dump(&of_json),
        [
            r#"{app="shop", env="test", service_name="shop"} 1700010599123456789 said "hi" € level=warn [("trace_id", "abc"), ("user", "7"), ("detected_level", "warn")]"#,
            r#"{app="shop", env="test", service_name="shop"} 1700010599123456790 plain [("detected_level", "unknown")]"#,
            r#"{job="b", level="Information", service_name="b"} 1700010599000000000 {"level":"error"} [("detected_level", "info")]"#,
        ]
    );
}

#[test]
fn a_stream_is_the_same_whether_parsed_or_known_and_labels_may_come_last() {
    let (store, logs) = logs();
    for at_ns in [AT_NS, AT_NS + 1] {
        push_protobuf(&logs, &request(r#"{b="2", a="1"}"#, vec![entry(at_ns, "x", &[])]));
    }
    // The stream's message with its fields the other way round.
    let line = entry(AT_NS + 2, "x", &[]).encode_to_vec();
    let labels = r#"{a="1", b="2"}"#;
    let mut stream = vec![0x12, line.len() as u8];
    stream.extend(&line);
    stream.extend([0x0a, labels.len() as u8]);
    stream.extend(labels.as_bytes());
    let mut body = vec![0x0a, stream.len() as u8];
    body.extend(stream);
    let body = snap::raw::Encoder::new().compress_vec(&body).unwrap();
    push(&logs, &body, Encoding::Snappy, Format::Protobuf).unwrap();
    let streams: Vec<String> = dump(&store)
        .iter()
        .map(|line| line.split(" 17").next().unwrap().to_owned())
        .collect();
    assert_eq!(streams, [r#"{a="1", b="2", service_name="unknown_service"}"#; 3]);
}

#[test]
fn a_body_that_comes_again_is_not_stored_again() {
    let (store, logs) = logs();
    let body = snappy(&request(r#"{a="1"}"#, vec![entry(AT_NS, "x", &[])]));
    let first = push(&logs, &body, Encoding::Identity, Format::Protobuf).unwrap();
    let second = push(&logs, &body, Encoding::Identity, Format::Protobuf).unwrap();
    assert_eq!((first.accepted.stored, first.accepted.is_repeated), (1, false));
    assert_eq!((second.accepted.stored, second.accepted.is_repeated), (1, true));
    assert_eq!(dump(&store).len(), 1);
}

#[test]
fn bodies_are_unpacked_as_loki_unpacks_them() {
    let message = request(r#"{a="1"}"#, vec![entry(AT_NS, "x", &[])]);
    let text = r#"{"streams":[{"stream":{"a":"1"},"values":[["1","x"]]}]}"#;
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let deflate = |bytes: &[u8]| {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    for (body, encoding, format) in [
        (snappy(&message), Encoding::Snappy, Format::Protobuf),
        (gzip(&snappy(&message)), Encoding::Gzip, Format::Protobuf),
        (deflate(&snappy(&message)), Encoding::Deflate, Format::Protobuf),
        (gzip(text.as_bytes()), Encoding::Gzip, Format::Json),
        (deflate(text.as_bytes()), Encoding::Deflate, Format::Json),
        (text.as_bytes().to_vec(), Encoding::Snappy, Format::Json),
    ] {
        let (store, logs) = logs();
        push(&logs, &body, encoding, format).unwrap();
        assert_eq!(dump(&store).len(), 1, "{encoding:?} {format:?}");
    }
    let (_, logs) = logs();
    let plain = push(
        &logs,
        &message.encode_to_vec(),
        Encoding::Identity,
        Format::Protobuf,
    );
    assert!(matches!(plain, Err(PushError::Encoding { .. })), "{plain:?}");
}

#[test]
fn what_is_too_much_is_refused_by_line_and_told() {
    let (store, logs) = configured(
        "{line_size_max: 10, metadata_pairs_max: 2, metadata_size_max: 20, labels_per_stream_max: 2, \
         label_value_size_max: 8, label_name_size_max: 20}",
    );
    let mut message = request(
        r#"{a="1"}"#,
        vec![
            entry(AT_NS, "good", &[]),
            entry(AT_NS, "much too long", &[]),
            entry(AT_NS, "pairs", &[("a", "1"), ("b", "2"), ("c", "3")]),
            entry(AT_NS, "bytes", &[("a", "12345678901234567890")]),
        ],
    );
    for labels in [r#"{a="1",b="2",c="3"}"#, r#"{a="123456789"}"#, "{a=}"] {
        message.streams.push(Stream {
            labels: labels.to_owned(),
            entries: vec![entry(AT_NS, "good", &[]), entry(AT_NS, "good", &[])],
        });
    }
    let outcome = push_protobuf(&logs, &message);
    assert_eq!(outcome.accepted.stored, 1);
    assert_eq!(
        outcome.accepted.refused,
        [
            (LogRefusal::LineTooLong, 1),
            (LogRefusal::TooMuchMetadata, 2),
            (LogRefusal::BadLabels, 6)
        ]
    );
    let complaint = outcome.complaint().unwrap();
    for part in [
        "Max entry size '10' bytes exceeded for stream '{a=\"1\", service_name=\"unknown_service\"}' while adding an entry with \
         length '13' bytes",
        "too many structured metadata labels: '3', limit: '2'",
        "structured metadata too large: '21' bytes, limit: '20' bytes",
        "has 3 label names; limit 2",
        "has label value too long: 'a'",
    ] {
        assert!(complaint.contains(part), "{part}: {complaint}");
    }
    assert_eq!(dump(&store).len(), 1);
}

#[test]
fn long_lines_are_cut_where_that_is_wanted() {
    let (store, logs) =
        configured("{line_size_max: 4, cut_long_lines: true, detect_level: false, service_name_labels: []}");
    push_protobuf(&logs, &request(r#"{a="1"}"#, vec![entry(AT_NS, "abcé", &[])]));
    assert_eq!(dump(&store), [format!("{{a=\"1\"}} {AT_NS} abc []")]);
    let nameless = push_protobuf(&logs, &request("{}", vec![entry(AT_NS, "x", &[])]));
    assert!(
        nameless.faults[0].contains("at least one label pair is required"),
        "{nameless:?}"
    );
}

#[test]
fn a_tenant_sends_no_more_than_it_may() {
    let (_, logs) = logs();
    let limits: Limits = stdx::yaml::read("default: {log_bytes_per_second: 10}").unwrap();
    logs.configure(&LogsConfig::default(), &MultiTenancy::default(), &limits);
    let line = "x".repeat(200);
    push_protobuf(&logs, &request(r#"{a="1"}"#, vec![entry(AT_NS, &line, &[])]));
    let body = snappy(&request(r#"{a="1"}"#, vec![entry(AT_NS + 1, &line, &[])]));
    let refused = push(&logs, &body, Encoding::Identity, Format::Protobuf).unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, PushError::TooFast { .. }));
    assert!(text.contains("limits.default.log_bytes_per_second"), "{text}");
}

#[test]
fn bytes_that_are_no_utf8_are_replaced_and_the_line_is_kept() {
    let (store, logs) = logs();
    let mut broken = entry(AT_NS, "", &[]);
    broken.line = b"caf\xe9 error".to_vec();
    push_protobuf(&logs, &request(r#"{a="1"}"#, vec![broken]));
    assert!(
        dump(&store)[0].contains("caf\u{fffd} error"),
        "{:?}",
        dump(&store)
    );
}

#[test]
fn json_that_is_no_push_is_refused_with_its_place() {
    let check = |text: &str, part: &str| {
        let fault = push_json(&logs().1, text).unwrap_err().to_string();
        assert!(fault.contains(part), "{text}: {fault}");
    };
    check("{", "EOF");
    check(
        r#"{"streams":[{"stream":{"a":"1"},"values":[["x","line"]]}]}"#,
        "values of stream 0: invalid value: string \"x\", expected nanoseconds",
    );
    check(
        r#"{"streams":[{"stream":{"a":"1"},"values":[["1"]]}]}"#,
        "invalid length 1",
    );
    let (store, logs) = logs();
    let outcome = push_json(
        &logs,
        r#"{"streams":[{"stream":{"a b":"1"},"values":[["1","x"]]}]}"#,
    )
    .unwrap();
    assert_eq!(outcome.accepted.refused, [(LogRefusal::BadLabels, 1)]);
    assert!(outcome.faults[0].contains("\"a b\" cannot name a label"));
    assert_eq!(push_json(&logs, "{}").unwrap(), LogOutcome::default());
    assert!(dump(&store).is_empty());
}

/// A store that takes nothing.
#[derive(Debug)]
struct Full;

impl LogWrite for Full {
    fn append(&self, _: &LogRows, _: i64) -> Result<LogAccepted, WriteError> {
        Err(WriteError::Busy { waiting_max: 1 })
    }
}

#[tokio::test]
async fn live_tails_hear_of_what_was_stored_alone() {
    let full = Logs::new(Arc::new(Full), LogsTelemetry::default());
    let mut of_full = full.tail();
    let message = request(r#"{a="1"}"#, vec![entry(AT_NS, "x", &[])]);
    let body = snappy(&message);
    let failed = push(&full, &body, Encoding::Identity, Format::Protobuf);
    assert!(matches!(failed, Err(PushError::Store(WriteError::Busy { .. }))));
    drop(full);
    assert!(of_full.next().await.is_none(), "nothing was told");

    let (_, logs) = logs();
    let mut tail = logs.tail();
    push_protobuf(&logs, &message);
    push_protobuf(&logs, &message);
    push_protobuf(&logs, &request(r#"{a="1"}"#, vec![entry(AT_NS + 1, "y", &[])]));
    for line in ["x", "y"] {
        let Some(News::Item(Stored::Rows(stored))) = tail.next().await else {
            panic!("{line} was stored");
        };
        let (_, mut rows) = stored.rows.streams().next().unwrap();
        assert_eq!(rows.next().unwrap().line(), line);
    }
}

/// Requests of real clients are taken, and read back as they were sent.
#[test]
fn conformance_loki_push() {
    let area = "clients/loki-push";
    let Some(path) = testkit::conformance(area, "clients/loki-push.jsonl") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let (mut cases, mut passed) = (0, 0);
    for line in text.lines() {
        cases += 1;
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let body = STANDARD.decode(case["body_base64"].as_str().unwrap()).unwrap();
        let sent: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let (store, logs) = logs();
        let outcome = push(&logs, &body, Encoding::Identity, Format::Json).unwrap();
        assert_eq!(outcome.complaint(), None);
        let stream = &sent["streams"][0];
        let mut labels: Vec<(String, String)> = stream["stream"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        labels.push(("service_name".into(), "shop".into()));
        let level = stream["stream"]["severity"].as_str().unwrap();
        let expected = format!(
            "{} {} {} {:?}",
            model::Labels::from_pairs(labels),
            stream["values"][0][0].as_str().unwrap(),
            stream["values"][0][1].as_str().unwrap(),
            [("detected_level", level)],
        );
        if dump(&store) == [expected] {
            passed += 1;
        }
    }
    println!(
        "conformance {area}: {cases} cases, {passed} passed, {} failed",
        cases - passed
    );
    assert!(cases >= 2 && passed == cases);
}

proptest! {
    #[test]
    fn any_body_is_taken_or_refused(
        mut message in prop::collection::vec(any::<u8>(), 0..64),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let seed = request(r#"{a="1"}"#, vec![entry(AT_NS, "level=info x", &[("b", "2")])]).encode_to_vec();
        let (_, logs) = logs();
        for format in [Format::Protobuf, Format::Json] {
            let _ = push(&logs, &message, Encoding::Identity, format);
        }
        message.clone_from(&seed);
        for (at, byte) in flips {
            let at = at.index(message.len());
            message[at] = byte;
        }
        let packed = snap::raw::Encoder::new().compress_vec(&message).unwrap();
        let _ = push(&logs, &packed, Encoding::Identity, Format::Protobuf);
    }

    #[test]
    fn any_json_is_taken_or_refused(text in r#"\{"streams":\[\{"stream":\{("a":"1")?\},"values":\[(\["[0-9x]{0,4}",?"?[a-z\\]{0,3}"?\],?){0,3}\]?\}?\]?\}?"#) {
        let _ = push_json(&logs().1, &text);
    }
}
