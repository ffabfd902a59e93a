//! What statements are answered with, in every form.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use std::fmt::Write as _;

use arrow::ipc::reader::StreamReader;
use sql::Format;
use support::{engine, lines, question};

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_a_table() {
    let bench = engine(lines());
    let mut told = String::new();
    for statement in [
        "SHOW TABLES",
        "DESCRIBE logs",
        "SELECT * FROM logs ORDER BY timestamp LIMIT 3",
        "SELECT service_name, zone, count(*) AS lines FROM logs GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT date_bin(INTERVAL '10 minutes', timestamp) AS at, detected_level, count(*) AS lines FROM logs GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 5",
        "SELECT timestamp, line FROM logs WHERE service_name = 'shop' AND line LIKE '%checkout failed%' ORDER BY timestamp DESC LIMIT 2",
        "SELECT labels['service_name'] AS service, metadata['pod'] AS pod FROM logs ORDER BY timestamp LIMIT 2",
        "SELECT json_get_int(line, 'order') AS o, line->>'msg' AS msg, line->'level' AS level FROM logs WHERE line LIKE '{%' ORDER BY timestamp LIMIT 2",
        "SELECT * FROM promql('up')",
        "SELECT timestamp, service_name, value FROM promql('up', 'now-1m', 'now', '30s') ORDER BY 2, 1",
        "SELECT u.value, count(*) AS lines FROM logs JOIN promql('up') AS u ON u.service_name = logs.service_name GROUP BY 1 ORDER BY 1",
        "EXPLAIN FORMAT INDENT SELECT line FROM logs WHERE timestamp >= '2026-01-01T00:10:00Z' AND service_name = 'shop' AND line LIKE '%failed%' ORDER BY timestamp DESC LIMIT 5",
    ] {
        writeln!(told, "{statement}\n{}", bench.csv(statement).await.unwrap()).unwrap();
    }
    insta::assert_snapshot!(told);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_says_which_columns_there_are() {
    let bench = engine(lines());
    let ask = |statement: &'static str| bench.bytes(question(statement, Format::Json));
    let answer = ask("SELECT timestamp, zone, labels, 1.5 AS x FROM logs ORDER BY timestamp LIMIT 2")
        .await
        .unwrap();
    let mut answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert!(answer["statistics"]["elapsed"].as_f64().unwrap() > 0.0);
    answer["statistics"]["elapsed"] = 0.into();
    insta::assert_snapshot!(answer);
    let answer = ask("SELECT line FROM logs WHERE false").await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(
        (&answer["rows"], &answer["data"]),
        (&0.into(), &serde_json::json!([]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn moments_may_be_computed() {
    let bench = engine(lines());
    let from = "promql('up', now() - interval '1 minute', now(), interval '30 seconds')";
    let statement = format!("SELECT count(*) AS n, max(timestamp) <= now() AS past FROM {from}");
    assert_eq!(bench.csv(&statement).await.unwrap(), "n,past\n6,true\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn arrow_is_read_back() {
    let bench = engine(lines());
    let statement = "SELECT timestamp, line, labels, zone FROM logs ORDER BY timestamp";
    let bytes = bench.bytes(question(statement, Format::Arrow)).await.unwrap();
    let batches: Vec<_> = StreamReader::try_new(bytes.as_slice(), None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        batches
            .iter()
            .map(arrow::array::RecordBatch::num_rows)
            .sum::<usize>(),
        3_000
    );
    let kinds: Vec<String> = batches[0]
        .schema()
        .fields()
        .iter()
        .map(|field| field.data_type().to_string())
        .collect();
    assert_eq!(kinds[1], "Utf8");
    assert_eq!(kinds[0], "Timestamp(ns, \"+00:00\")");
}
