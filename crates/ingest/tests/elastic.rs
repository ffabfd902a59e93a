//! Elasticsearch's bulk protocol into a store: documents become lines, every action has its answer, any bytes are taken or refused.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at its first fault"
)]

use std::sync::Arc;

use ingest::push::elastic::{Action, BulkOutcome};
use ingest::push::{Encoding, Origin, PushError};
use ingest::{Logs, LogsTelemetry};
use model::{Direction, LogFlow, LogRead, LogSelection, MemoryLogs, TenantId};
use proptest::prelude::*;

const NOW_MS: i64 = 1_700_010_600_000;

fn logs() -> (Arc<MemoryLogs>, Logs) {
    let store = MemoryLogs::new();
    let logs = Logs::new(Arc::<MemoryLogs>::clone(&store), LogsTelemetry::default());
    (store, logs)
}

fn bulk(logs: &Logs, body: &str) -> Result<BulkOutcome, PushError> {
    logs.elastic_bulk(
        body.as_bytes(),
        Encoding::Identity,
        Some("of-path"),
        Origin::alone(NOW_MS),
    )
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

/// As Filebeat sends it, a document whose message is no text, and one without any.
const BODY: &str = r#"{"create":{"_index":"filebeat-8"}}
{"@timestamp":"2023-11-15T01:09:59.123Z","message":"it failed","log":{"level":"error","offset":7},"host":{"name":"web-1"},"tags":["a","b"],"nothing":null}
{"index":{"_id":"x1"}}
{"message":{"deep":true},"time":1700010599000}

{"index":{"_index":"i"}}
{"msg":"now"}
"#;

#[test]
fn documents_become_lines_with_labels_and_metadata() {
    let (store, logs) = logs();
    let outcome = bulk(&logs, BODY).unwrap();
    assert!(
        outcome.items.iter().all(|item| item.fault.is_none()),
        "{outcome:?}"
    );
    let named: Vec<(&str, &str)> = outcome
        .items
        .iter()
        .map(|item| (item.action.as_str(), item.index.as_str()))
        .collect();
    assert_eq!(
        named,
        [("create", "filebeat-8"), ("index", "of-path"), ("index", "i")]
    );
    assert_eq!(outcome.items[1].id, "x1");
    assert_ne!(outcome.items[0].id, outcome.items[2].id);
    assert_eq!(
        dump(&store),
        [
            r#"{host_name="web-1", index="filebeat-8", service_name="unknown_service"} 1700010599123000000 it failed | log_level=error log_offset=7 tags=["a","b"] detected_level=error"#,
            r#"{index="i", service_name="unknown_service"} 1700010600000000000 now | detected_level=unknown"#,
            r#"{index="of-path", service_name="unknown_service"} 1700010599000000000 {"message":{"deep":true},"time":1700010599000} | detected_level=unknown"#,
        ]
    );
}

#[test]
fn each_fault_is_told_where_it_is_and_the_rest_is_stored() {
    let (store, logs) = logs();
    let long = "x".repeat(300_000);
    let long = format!(r#"{{"message":"{long}"}}"#);
    let body = [
        r#"{"index":{}}"#,
        "no json",
        r#"{"delete":{"_id":"1"}}"#,
        r#"{"update":{"_id":"1"}}"#,
        r#"{"doc":{}}"#,
        r#"{"create":{}}"#,
        &long,
        r#"{"create":{}}"#,
        r#"{"message":"good"}"#,
    ]
    .join("\n");
    let outcome = bulk(&logs, &body).unwrap();
    let statuses: Vec<(Action, Option<(u16, &str)>)> = outcome
        .items
        .iter()
        .map(|item| {
            (
                item.action,
                item.fault.as_ref().map(|fault| (fault.status, fault.kind)),
            )
        })
        .collect();
    assert_eq!(
        statuses,
        [
            (Action::Index, Some((400, "document_parsing_exception"))),
            (Action::Delete, Some((400, "illegal_argument_exception"))),
            (Action::Update, Some((400, "illegal_argument_exception"))),
            (Action::Create, Some((400, "illegal_argument_exception"))),
            (Action::Create, None),
        ]
    );
    assert_eq!(dump(&store).len(), 1);
    let refused = |body: &str, part: &str| {
        let fault = bulk(&logs, body).unwrap_err().to_string();
        assert!(fault.contains(part), "{body}: {fault}");
    };
    refused(
        "{\"index\":{}}\n{}\nx\n{}",
        "line 3: Malformed action/metadata line",
    );
    refused("{\"index\":{}}", "line 1: the document of this action is missing");
    let nameless = logs.elastic_bulk(
        b"{\"index\":{}}\n{\"message\":\"x\"}\n",
        Encoding::Identity,
        None,
        Origin::alone(NOW_MS),
    );
    assert!(
        nameless.unwrap().items[0]
            .fault
            .as_ref()
            .unwrap()
            .reason
            .contains("index is missing")
    );
}

#[test]
fn a_document_with_too_many_fields_is_a_line_itself() {
    let (store, logs) = logs();
    let fields: Vec<String> = (0..2000).map(|place| format!("\"f{place}\":{place}")).collect();
    let document = format!("{{\"message\":\"x\",{}}}", fields.join(","));
    bulk(&logs, &format!("{{\"index\":{{}}}}\n{document}\n")).unwrap();
    assert!(dump(&store)[0].contains(" {\"message\":\"x\",\"f0\":0,"));
}

#[test]
fn a_long_name_costs_its_bytes_once() {
    let nulls: Vec<String> = (0..45_000).map(|place| format!("\"{place:x}\":null")).collect();
    let nulls = nulls.join(",");
    let told = |name_bytes: usize, inside: &str| {
        let (store, logs) = logs();
        let name = "k".repeat(name_bytes);
        let document = format!(r#"{{"message":"x","{name}":{{{inside}}},"last":1}}"#);
        let outcome = bulk(&logs, &format!("{{\"index\":{{}}}}\n{document}\n")).unwrap();
        match &outcome.items[0].fault {
            Some(fault) => fault.reason.clone(),
            None => dump(&store)[0].clone(),
        }
    };
    let check = |told: String, part: &str| assert!(told.contains(part), "{part}: {told:.200}");
    check(told(4096, &nulls), " x | last=1 ");
    check(told(4096, r#""a":"b""#), "k_a=b last=1 ");
    check(told(4097, r#""a":"b""#), r#" {"message":"x","kk"#);
    // The document is the line, which may not be that long.
    check(told(500_000, &nulls), "the line is longer");
}

#[test]
fn what_comes_again_is_stored_once_where_it_has_times() {
    let (store, logs) = logs();
    let timed = "{\"index\":{}}\n{\"@timestamp\":\"2023-11-15T01:10:00Z\",\"message\":\"x\"}\n";
    let first = bulk(&logs, timed).unwrap();
    let second = bulk(&logs, timed).unwrap();
    assert_eq!(first.items, second.items);
    assert!(second.lines.accepted.is_repeated);
    let timeless = "{\"index\":{}}\n{\"message\":\"x\"}\n";
    for _ in 0..2 {
        bulk(&logs, timeless).unwrap();
    }
    assert_eq!(dump(&store).len(), 3);
}

#[test]
fn plain_lines_are_one_stream() {
    let (store, logs) = logs();
    let labels = [("app".to_owned(), "a".to_owned())];
    let take = |labels: &[(String, String)]| {
        let body = b"one\r\n\ntwo error\nlast";
        logs.text_lines(body, Encoding::Identity, labels, Origin::alone(NOW_MS))
            .unwrap()
    };
    assert_eq!(take(&labels).complaint(), None);
    let lines: Vec<String> = dump(&store)
        .iter()
        .map(|line| line.split(" 1700010600000000000 ").nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(
        lines,
        [
            "one | detected_level=unknown",
            "two error | detected_level=error",
            "last | detected_level=unknown"
        ]
    );
    let bad = take(&[("a b".to_owned(), "x".to_owned())]);
    assert!(
        bad.complaint().unwrap().contains("\"a b\" cannot name a label"),
        "{bad:?}"
    );
}

proptest! {
    #[test]
    fn any_body_is_taken_or_refused(
        random in prop::collection::vec(any::<u8>(), 0..64),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let (_, logs) = logs();
        let mut body = BODY.as_bytes().to_vec();
        for (at, byte) in flips {
            let at = at.index(body.len());
            body[at] = byte;
        }
        for body in [random, body] {
            if let Ok(outcome) = logs.elastic_bulk(&body, Encoding::Identity, Some("i"), Origin::alone(NOW_MS)) {
                let taken = outcome.items.iter().filter(|item| item.fault.is_none()).count();
                prop_assert_eq!(taken as u64, outcome.lines.accepted.stored);
            }
        }
    }
}
