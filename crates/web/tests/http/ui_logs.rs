//! What the page asks about log lines: pages, volumes, fields, values, patterns.

use std::collections::BTreeSet;

use model::Labels;
use serde_json::{Value, json};

use crate::support::{NOW_MS, Server};

const NOW_NS: i64 = NOW_MS * 1_000_000;
const SECOND_NS: i64 = 1_000_000_000;

async fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let response = server
        .post(&format!("/api/ui/logs/{path}"))
        .json(body)
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}

/// The answer about the last ten minutes.
async fn ask(server: &Server, path: &str, mut body: Value) -> Value {
    body["from_ms"] = json!(NOW_MS - 600_000);
    body["to_ms"] = json!(NOW_MS);
    let (status, answer) = post(server, path, &body).await;
    assert_eq!(status, 200, "{path} {body}: {answer}");
    answer
}

/// A shop that logs JSON, and a database that logs logfmt, a line of each every ten seconds.
fn fill(server: &Server) {
    let shop = Labels::from_pairs([("app", "shop")]);
    let db = Labels::from_pairs([("app", "db"), ("level", "warn")]);
    for i in 0..60 {
        let at_ns = NOW_NS - (60 - i) * 10 * SECOND_NS;
        let level = if i % 6 == 0 { "error" } else { "info" };
        let line = format!(
            r#"{{"user":"u{}","status":{},"msg":"order {i} sold"}}"#,
            i % 3,
            200 + i % 2
        );
        server.lines.add(
            &shop,
            at_ns,
            &line,
            &[("detected_level", level), ("region", "eu")],
        );
        server
            .lines
            .add(&db, at_ns + 1, &format!("rows={i} table=orders"), &[]);
    }
}

fn texts(page: &Value) -> Vec<String> {
    let lines = page["line"].as_array().unwrap();
    lines
        .iter()
        .map(|line| line.as_str().unwrap().to_owned())
        .collect()
}

/// Every page after another, as far as there are any.
async fn pages(server: &Server, direction: &str, limit: usize) -> Vec<String> {
    let mut all = Vec::new();
    let mut cursor = Value::Null;
    for _ in 0..200 {
        let mut body = json!({"query": "{}", "direction": direction, "limit": limit});
        if cursor.is_string() {
            body["cursor_ns"] = cursor;
        }
        let page = ask(server, "lines", body).await;
        assert_eq!(page["count"], page["line"].as_array().unwrap().len());
        all.extend(texts(&page));
        cursor = page["next_ns"].clone();
        if cursor.is_null() {
            return all;
        }
    }
    panic!("there is no end of pages");
}

#[tokio::test]
async fn pages_lose_no_line_and_repeat_none_whatever_times_they_share() {
    let server = Server::start().await;
    // Runs of lines of one time that are longer than a page, over several streams.
    let mut number = 0;
    for (second, count) in [(50, 1), (40, 7), (30, 23), (20, 2), (10, 40), (5, 3)] {
        for place in 0..count {
            let stream = Labels::from_pairs([("app", ["a", "b", "c"][place % 3])]);
            server.lines.add(
                &stream,
                NOW_NS - second * SECOND_NS,
                &format!("line {number}"),
                &[],
            );
            number += 1;
        }
    }
    let expected: BTreeSet<String> = (0..number).map(|number| format!("line {number}")).collect();
    for limit in [1, 3, 10, 75, 76, 77] {
        for direction in ["backward", "forward"] {
            let found = pages(&server, direction, limit).await;
            assert_eq!(found.len(), number, "{direction} by {limit}");
            let found: BTreeSet<String> = found.into_iter().collect();
            assert_eq!(found, expected, "{direction} by {limit}");
        }
    }
    server.end().await;
}

#[tokio::test]
async fn a_page_tells_where_labels_come_from_and_everything_may_be_asked_for() {
    let server = Server::start().await;
    fill(&server);
    let page = ask(&server, "lines", json!({"query": "{} | json", "limit": 2})).await;
    assert_eq!(page["streams"].as_array().unwrap().len(), 2);
    assert_eq!(
        page["at_ns"],
        json!([
            (NOW_NS - 10 * SECOND_NS + 1).to_string(),
            (NOW_NS - 10 * SECOND_NS).to_string()
        ])
    );
    let set = &page["sets"][page["set"][1].as_u64().unwrap() as usize];
    assert_eq!(
        page["streams"][set[0].as_u64().unwrap() as usize],
        json!({"app": "shop"})
    );
    assert_eq!(set[1], json!({"detected_level": "info", "region": "eu"}));
    assert_eq!(
        set[2],
        json!({"msg": "order 59 sold", "status": "201", "user": "u2"})
    );
    server.end().await;
}

#[tokio::test]
async fn the_lines_around_a_line_are_those_of_its_stream_alone() {
    let server = Server::start().await;
    fill(&server);
    let further = Labels::from_pairs([("app", "shop"), ("pod", "1")]);
    server
        .lines
        .add(&further, NOW_NS - 15 * SECOND_NS, "of another stream", &[]);
    let at_ns = (NOW_NS - 20 * SECOND_NS).to_string();
    let around = |direction: &str| json!({"stream": {"app": "shop"}, "direction": direction, "limit": 2, "cursor_ns": at_ns});
    let before = ask(&server, "lines", around("backward")).await;
    assert_eq!(
        texts(&before),
        [
            r#"{"user":"u0","status":201,"msg":"order 57 sold"}"#,
            r#"{"user":"u2","status":200,"msg":"order 56 sold"}"#
        ]
    );
    // The line itself comes with those after it.
    let after = ask(&server, "lines", around("forward")).await;
    assert_eq!(
        texts(&after),
        [
            r#"{"user":"u1","status":200,"msg":"order 58 sold"}"#,
            r#"{"user":"u2","status":201,"msg":"order 59 sold"}"#
        ]
    );
    server.end().await;
}

fn sum(series: &Value) -> f64 {
    let values = series["values"].as_array().unwrap();
    values.iter().filter_map(Value::as_f64).sum()
}

#[tokio::test]
async fn volumes_by_level_add_up_to_the_lines_of_the_window() {
    let server = Server::start().await;
    fill(&server);
    // Just outside of the window on both sides, and within the first and last span.
    let shop = Labels::from_pairs([("app", "shop")]);
    server
        .lines
        .add(&shop, NOW_NS - 600 * SECOND_NS - 1, "before", &[]);
    server.lines.add(&shop, NOW_NS, "after", &[]);
    let volume = ask(&server, "volume", json!({"query": "{}", "max_points": 20})).await;
    assert_eq!(
        (&volume["kind"], &volume["step_ms"], &volume["count"]),
        (&json!("lines"), &json!(30_000), &json!(20))
    );
    assert_eq!(volume["t0_ms"], NOW_MS - 600_000);
    let levels: Vec<(&str, f64)> = volume["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|series| (series["labels"]["level"].as_str().unwrap(), sum(series)))
        .collect();
    // The level of a stream stands in where a line's own is not known.
    assert_eq!(levels, [("error", 10.0), ("info", 50.0), ("warn", 60.0)]);
    assert_eq!(volume["series"][0]["values"][0], 1.0);
    // Lines that a stage cannot read are counted too.
    let parsed = ask(&server, "volume", json!({"query": "{} | json"})).await;
    let all: f64 = parsed["series"].as_array().unwrap().iter().map(sum).sum();
    assert!((all - 120.0).abs() < 0.5, "{all}");
    server.end().await;
}

#[tokio::test]
async fn an_expression_that_makes_numbers_is_drawn_as_it_is() {
    let server = Server::start().await;
    fill(&server);
    let query = r#"sum by (app) (count_over_time({app=~".+"}[1m]))"#;
    let volume = ask(&server, "volume", json!({"query": query, "max_points": 10})).await;
    assert_eq!(volume["kind"], "numbers");
    assert_eq!(volume["series"][0]["labels"], json!({"app": "db"}));
    // Each value belongs to the end of its span.
    assert_eq!(volume["series"][0]["values"][1], 6.0);
    let (status, error) = post(
        &server,
        "lines",
        &json!({"query": query, "from_ms": 0, "to_ms": NOW_MS}),
    )
    .await;
    assert_eq!(status, 400);
    assert!(error["error"]["message"].as_str().unwrap().contains("numbers"));
    server.end().await;
}

#[tokio::test]
async fn fields_are_found_where_they_are_and_counted() {
    let server = Server::start().await;
    fill(&server);
    let answer = ask(&server, "fields", json!({"query": "{}"})).await;
    assert_eq!(
        (&answer["lines"], &answer["is_sample"]),
        (&json!(120), &json!(false))
    );
    let told: Vec<(&str, &str, u64, u64)> = answer["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| {
            let text = |name: &str| field[name].as_str().unwrap();
            let number = |name: &str| field[name].as_u64().unwrap();
            (
                text("source"),
                text("name"),
                number("lines"),
                number("values_count"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("label", "app", 120, 2),
            ("label", "level", 60, 1),
            ("metadata", "detected_level", 60, 2),
            ("metadata", "region", 60, 1),
            ("json", "msg", 60, 60),
            ("json", "status", 60, 2),
            ("json", "user", 60, 3),
            ("logfmt", "rows", 60, 60),
            ("logfmt", "table", 60, 1),
        ]
    );
    let user = &answer["fields"][6];
    assert_eq!(user["values"], json!([["u0", 20], ["u1", 20], ["u2", 20]]));
    assert_eq!(answer["fields"][4]["values"].as_array().unwrap().len(), 10);
    server.end().await;
}

#[tokio::test]
async fn values_of_a_field_are_counted_in_all_lines_of_the_window() {
    let server = Server::start().await;
    fill(&server);
    let body = json!({"query": "{} |= `order`", "name": "status", "source": "json"});
    let answer = ask(&server, "field-values", body).await;
    assert_eq!(
        answer,
        json!({"values": [["200", 30], ["201", 30]], "values_count": 2, "lines": 60, "lines_without": 60})
    );
    let body = json!({"query": "{}", "name": "app", "source": "label", "limit": 1});
    let answer = ask(&server, "field-values", body).await;
    assert_eq!(
        (&answer["values"], &answer["values_count"]),
        (&json!([["db", 60]]), &json!(2))
    );
    let body = json!({"query": "{}", "name": "rows", "source": "logfmt"});
    assert_eq!(ask(&server, "field-values", body).await["values_count"], 60);
    server.end().await;
}

#[tokio::test]
async fn patterns_are_those_of_the_lines_that_are_left() {
    let server = Server::start().await;
    fill(&server);
    for query in ["{app=\"shop\"}", "{} |= \"sold\""] {
        let answer = ask(&server, "patterns", json!({"query": query, "max_points": 10})).await;
        assert_eq!(
            (&answer["lines"], &answer["is_sample"]),
            (&json!(60), &json!(false))
        );
        let patterns = answer["patterns"].as_array().unwrap();
        let all: u64 = patterns
            .iter()
            .map(|pattern| pattern["lines"].as_u64().unwrap())
            .sum();
        assert_eq!(all, 60, "{query}");
        let first = &patterns[0];
        assert!(
            first["pattern"].as_str().unwrap().contains("order <_> sold"),
            "{first}"
        );
        let counted: u64 = first["values"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_u64)
            .sum();
        assert_eq!(json!(counted), first["lines"]);
        // What a pattern says finds its lines again.
        let text = serde_json::to_string(&first["pattern"]).unwrap();
        let again = ask(&server, "lines", json!({"query": format!("{{}} |> {text}")})).await;
        assert_eq!(again["count"], first["lines"], "{query}");
    }
    server.end().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_question_is_told_at_its_place() {
    let server = Server::start().await;
    let window = |query: &str| json!({"query": query, "from_ms": NOW_MS - 1000, "to_ms": NOW_MS});
    let (status, answer) = post(&server, "lines", &window("{app=\"a\"}\n |= oops")).await;
    assert_eq!(status, 400);
    assert_eq!(answer["error"]["place"], json!({"line": 2, "column": 5}));
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("syntax error")
    );
    assert!(!answer["error"]["mend"].as_str().unwrap().is_empty());
    for (path, body) in [
        ("lines", json!({"query": "{}", "from_ms": 5, "to_ms": 5})),
        ("volume", json!({"query": "{}", "from_ms": i64::MIN, "to_ms": 5})),
        (
            "lines",
            json!({"query": "{}", "from_ms": 0, "to_ms": 5, "limit": 5001}),
        ),
        (
            "lines",
            json!({"query": "{}", "from_ms": 0, "to_ms": 5, "cursor_ns": "x"}),
        ),
        (
            "fields",
            json!({"query": "{} | regexp `(`", "from_ms": 0, "to_ms": 5}),
        ),
        ("patterns", json!({"question": 1})),
    ] {
        let (status, answer) = post(&server, path, &body).await;
        assert_eq!(status, 400, "{path} {body}: {answer}");
        assert!(answer["error"]["message"].is_string(), "{path}");
    }
    server
        .control
        .ready
        .store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(post(&server, "lines", &window("{}")).await.0, 503);
    server.end().await;
}
