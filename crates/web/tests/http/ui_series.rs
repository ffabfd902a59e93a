//! The page's queries: columns on one grid, each query for itself.

use serde_json::{Value, json};

use crate::support::{NOW_MS, Server};

async fn ask(server: &Server, body: Value) -> (u16, Value) {
    let response = server.post("/api/ui/series").json(&body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn add(server: &Server, name: &str, interval_ms: i64, count: i64) {
    let samples: Vec<_> = (0..count)
        .map(|i| (NOW_MS - i * interval_ms, (count - i) as f64))
        .collect();
    server.store.add(&[("__name__", name), ("job", "host")], &samples);
}

#[tokio::test]
async fn every_series_has_a_value_or_a_gap_at_every_point() {
    let server = Server::start().await;
    let samples = [(NOW_MS - 600_000, 1.5), (NOW_MS - 599_000, f64::INFINITY)];
    server.store.add(&[("__name__", "m")], &samples);
    let (status, body) = ask(
        &server,
        json!({"from_ms": NOW_MS - 601_500, "to_ms": NOW_MS - 200_000, "step_ms": 100_000,
               "queries": [{"id": "a", "expr": "m"}, {"id": "b", "expr": "last_over_time(m[1s])"}]}),
    )
    .await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["t0_ms"], NOW_MS - 600_000);
    assert_eq!((&body["step_ms"], &body["count"]), (&json!(100_000), &json!(5)));
    assert_eq!((&body["partial"], &body["reason"]), (&json!(false), &json!(null)));
    let results = &body["results"];
    assert_eq!(
        results[0]["series"],
        json!([{"labels": {"__name__": "m"}, "values": [1.5, null, null, null, null]}])
    );
    assert_eq!(
        results[1]["series"][0]["values"],
        json!([1.5, null, null, null, null])
    );
    server.end().await;
}

#[tokio::test]
async fn one_bad_expression_leaves_the_others_whole() {
    let server = Server::start().await;
    add(&server, "m", 1_000, 60);
    let queries = json!([
        {"id": "good", "expr": "m"}, {"id": "bad", "expr": "sum("}, {"id": "text", "expr": "\"x\""},
        {"id": "clash", "expr": "m + on() {job=\"host\"}"}, {"id": "after", "expr": "m * 2"}
    ]);
    let (status, body) = ask(
        &server,
        json!({"from_ms": NOW_MS - 10_000, "to_ms": NOW_MS, "max_points": 100, "queries": queries}),
    )
    .await;
    assert_eq!(status, 200);
    let results = body["results"].as_array().unwrap();
    let errors: Vec<bool> = results.iter().map(|result| result["error"].is_string()).collect();
    assert_eq!(errors, [false, true, true, false, false], "{body}");
    assert_eq!(results[4]["series"][0]["values"].as_array().unwrap().len(), 11);
    server.end().await;
}

#[tokio::test]
async fn the_interval_fits_the_source_of_the_metric() {
    let server = Server::start().await;
    add(&server, "fast_total", 1_000, 120);
    add(&server, "slow_total", 30_000, 20);
    let (_, body) = ask(
        &server,
        json!({"from_ms": NOW_MS - 60_000, "to_ms": NOW_MS, "max_points": 600, "queries": [
            {"id": "fast", "expr": "count_over_time(fast_total[$__interval])"},
            {"id": "slow", "expr": "count_over_time(slow_total[$__interval])"}]}),
    )
    .await;
    assert_eq!(body["step_ms"], 1_000);
    let last = |index: usize| {
        body["results"][index]["series"][0]["values"]
            .as_array()
            .unwrap()
            .last()
            .cloned()
    };
    assert_eq!((last(0), last(1)), (Some(json!(4)), Some(json!(4))), "{body}");
    server.end().await;
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_with_the_mend() {
    let server = Server::start().await;
    let query = json!([{"id": "a", "expr": "1"}]);
    let many: Vec<Value> = (0..65)
        .map(|i| json!({"id": i.to_string(), "expr": "1"}))
        .collect();
    for body in [
        json!({}),
        json!({"from_ms": 5, "to_ms": 4, "queries": query}),
        json!({"from_ms": 0, "to_ms": NOW_MS, "step_ms": 1, "queries": query}),
        json!({"from_ms": 0, "to_ms": 1, "step_ms": 0, "queries": query}),
        json!({"from_ms": 0, "to_ms": 1, "unknown": 0, "queries": query}),
        json!({"from_ms": 0, "to_ms": 1, "queries": many}),
    ] {
        let (status, answer) = ask(&server, body.clone()).await;
        assert_eq!(status, 400, "{body}");
        let error = &answer["error"];
        assert!(
            error["message"].is_string() && error["mend"].is_string(),
            "{answer}"
        );
    }
    server.end().await;
}

#[tokio::test]
async fn too_many_series_are_cut_and_said_so() {
    let server = Server::start().await;
    for number in 0..501 {
        let number = number.to_string();
        server
            .store
            .add(&[("__name__", "m"), ("n", &number)], &[(NOW_MS, 1.0)]);
    }
    let (_, body) = ask(
        &server,
        json!({"from_ms": NOW_MS, "to_ms": NOW_MS, "queries": [{"id": "a", "expr": "m"}]}),
    )
    .await;
    assert_eq!(body["results"][0]["series"].as_array().unwrap().len(), 500);
    assert_eq!(body["partial"], true);
    assert!(body["reason"].as_str().unwrap().contains("500 of 501"));
    server.end().await;
}
