//! What Grafana's Prometheus data source sends, and what it reads out of the answers: the requests of its server part
//! (`pkg/promlib`) and of its query editor (`packages/grafana-prometheus`), with the headers that go along.

use std::io::Read;

use model::{Exemplar, Histogram, HistogramSample, Labels, Series, SeriesBatch, SeriesWrite, TenantId};
use serde_json::{Value, json};

use crate::support::{NOW_MS, Server, until};

const START_MS: i64 = NOW_MS - 600_000;

/// A counter, a gauge with names beyond the legacy set, a native histogram, and what is known of them.
fn fill(server: &Server) {
    let samples: Vec<(i64, f64)> = (0..=40)
        .map(|i| (START_MS + i * 15_000, i as f64 * 30.0))
        .collect();
    for instance in ["a:9100", "b:9100"] {
        let labels = [
            ("__name__", "http_requests_total"),
            ("job", "shop"),
            ("instance", instance),
        ];
        server.store.add(&labels, &samples);
    }
    let labels = [
        ("__name__", "queue.depth"),
        ("service.name", "mail"),
        ("job", "otel"),
    ];
    server.store.add(&labels, &samples);
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    let latency = Series::new(Labels::from_pairs([
        ("__name__", "latency_seconds"),
        ("job", "shop"),
    ]));
    let histograms = (0..=40).map(|i| {
        let value = Histogram {
            count: i as f64 * 10.0,
            sum: i as f64 * 5.0,
            positive: model::Buckets::from_sorted([(0, i as f64 * 10.0)]),
            ..Histogram::default()
        };
        HistogramSample::new(START_MS + i * 15_000, value.into())
    });
    batch.push_histograms(latency.clone(), histograms.collect());
    server.store.append(&batch, NOW_MS).unwrap();
    let describe = model::MetricMetadata {
        name: "http_requests_total".into(),
        kind: model::MetricKind::Counter,
        help: "Requests.".into(),
        unit: "".into(),
    };
    server.store.describe(TenantId::DEFAULT, &[describe]).unwrap();
}

/// A form as promlib sends it: POST, packed answers taken, Grafana's headers.
async fn post(server: &Server, path: &str, form: &[(&str, &str)]) -> Value {
    let response = server
        .post(path)
        .header("User-Agent", "Grafana/12.1.0")
        .header("Accept-Encoding", "gzip")
        .header("X-Grafana-Org-Id", "1")
        .header("X-Dashboard-Uid", "abc")
        .header("X-Panel-Id", "7")
        .header("X-Dashboard-Title", "Shop")
        .header("X-Datasource-Uid", "prom")
        .header("FromAlert", "false")
        .form(form)
        .send()
        .await
        .unwrap();
    unpack(path, response).await
}

async fn get(server: &Server, path: &str) -> Value {
    let request = server.get(path).header("Accept-Encoding", "gzip");
    unpack(
        path,
        request.header("X-Grafana-Org-Id", "1").send().await.unwrap(),
    )
    .await
}

/// The JSON of an answer, packed or not; it must be one of success.
async fn unpack(path: &str, response: reqwest::Response) -> Value {
    let status = response.status();
    let is_packed = response
        .headers()
        .get("content-encoding")
        .is_some_and(|value| value == "gzip");
    let body = response.bytes().await.unwrap();
    let mut text = String::new();
    if is_packed {
        flate2::read::GzDecoder::new(&*body)
            .read_to_string(&mut text)
            .unwrap();
    } else {
        text = String::from_utf8(body.to_vec()).unwrap();
    }
    assert!(status.is_success(), "{path}: {status} {text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["status"], "success", "{path}: {text}");
    answer
}

#[tokio::test]
async fn the_health_check_and_the_version_are_answered() {
    let server = Server::start().await;
    // promlib's CheckHealth asks at the fourth second of 1970.
    let health = post(&server, "/api/v1/query", &[("query", "1+1"), ("time", "4")]).await;
    assert_eq!(
        health["data"],
        json!({ "resultType": "scalar", "result": [4, "2"] })
    );
    // The heuristics of promlib take a server without `features` for a Prometheus, and the editor reads the version: from 2.24 on it
    // asks for labels rather than for whole series, from 2.37 for a limit, from 3.0 for names in quotes.
    let info = get(&server, "/api/v1/status/buildinfo").await;
    assert!(info["data"]["features"].is_null());
    let version = info["data"]["version"].as_str().unwrap();
    let major: u32 = version.split('.').next().unwrap().parse().unwrap();
    assert!(major >= 3, "{version}");
    for path in ["/-/healthy", "/-/ready"] {
        assert!(server.get(path).send().await.unwrap().status().is_success());
    }
    server.end().await;
}

#[tokio::test]
async fn panels_get_their_series() {
    let server = Server::start().await;
    fill(&server);
    let (start, end) = ((START_MS / 1000).to_string(), (NOW_MS / 1000).to_string());
    let range = [
        (
            "query",
            "sum by (job) (rate(http_requests_total{job=~\"$__all|shop\"}[1m0s]))",
        ),
        ("start", start.as_str()),
        ("end", end.as_str()),
        ("step", "15"),
        ("timeout", "60s"),
    ];
    let answer = post(&server, "/api/v1/query_range", &range).await;
    assert_eq!(answer["data"]["resultType"], "matrix");
    let values = answer["data"]["result"][0]["values"].as_array().unwrap();
    assert_eq!(values.last().unwrap()[1], "4");
    let instant = [
        ("query", "topk(1, http_requests_total)"),
        ("time", end.as_str()),
        ("stats", "all"),
    ];
    let answer = post(&server, "/api/v1/query", &instant).await;
    assert_eq!(answer["data"]["result"][0]["value"][1], "1200");
    assert!(
        answer["data"]["stats"]["samples"]["totalQueryableSamples"]
            .as_u64()
            .unwrap()
            > 0
    );
    // A name beyond the legacy set stands in quotes within the braces.
    let quoted = [
        ("query", "{\"queue.depth\", \"service.name\"=\"mail\"}"),
        ("time", end.as_str()),
    ];
    let answer = post(&server, "/api/v1/query", &quoted).await;
    assert_eq!(answer["data"]["result"][0]["metric"]["service.name"], "mail");
    // Heat maps ask for native histograms as they are.
    let histograms = [
        ("query", "latency_seconds"),
        ("start", &start),
        ("end", &end),
        ("step", "60"),
    ];
    let answer = post(&server, "/api/v1/query_range", &histograms).await;
    let histograms = answer["data"]["result"][0]["histograms"].as_array().unwrap();
    assert_eq!(histograms.last().unwrap()[1]["count"], "400");
    server.end().await;
}

#[tokio::test]
async fn limits_of_time_and_number_are_taken() {
    let server = Server::start().await;
    fill(&server);
    let end = (NOW_MS / 1000).to_string();
    let limited = [
        ("query", "http_requests_total"),
        ("time", end.as_str()),
        ("limit", "1"),
    ];
    let answer = post(&server, "/api/v1/query", &limited).await;
    assert_eq!(answer["data"]["result"].as_array().unwrap().len(), 1);
    assert_eq!(answer["warnings"][0], "results truncated due to limit");
    let later = ((NOW_MS + 400_000) / 1000).to_string();
    for (lookback, count) in [("", 0), ("10m", 2)] {
        let form = [
            ("query", "http_requests_total"),
            ("time", &later),
            ("lookback_delta", lookback),
        ];
        let answer = post(&server, "/api/v1/query", &form).await;
        assert_eq!(
            answer["data"]["result"].as_array().unwrap().len(),
            count,
            "{lookback}"
        );
    }
    server.end().await;
}

#[tokio::test]
async fn the_editor_gets_names_values_and_series() {
    let server = Server::start().await;
    fill(&server);
    let times = format!("start={}&end={}", START_MS / 1000, NOW_MS / 1000);
    // Resources are asked for by POST with their parameters in the address and no body; `label` by GET alone.
    let labels = post(
        &server,
        &format!("/api/v1/labels?limit=40000&{times}&match%5B%5D=%7B__name__%3D%22http_requests_total%22%7D"),
        &[],
    )
    .await;
    assert_eq!(labels["data"], json!(["__name__", "instance", "job"]));
    let names = get(&server, &format!("/api/v1/label/__name__/values?limit=2&{times}")).await;
    assert_eq!(names["data"], json!(["http_requests_total", "latency_seconds"]));
    assert_eq!(names["warnings"][0], "results truncated due to limit");
    let escaped = get(
        &server,
        &format!("/api/v1/label/U__service_2e_name/values?limit=40000&{times}"),
    )
    .await;
    assert_eq!(escaped["data"], json!(["mail"]));
    let selector = "match%5B%5D=%7B%22queue.depth%22%7D";
    let matched = get(&server, &format!("/api/v1/label/job/values?{selector}&{times}")).await;
    assert_eq!(matched["data"], json!(["otel"]));
    let form = [
        ("match[]", "{__name__!=\"\"}"),
        ("start", &(START_MS / 1000).to_string()),
        ("end", &(NOW_MS / 1000).to_string()),
        ("limit", "40000"),
    ];
    let series = post(&server, "/api/v1/series", &form).await;
    assert_eq!(series["data"].as_array().unwrap().len(), 4);
    let metadata = get(&server, "/api/v1/metadata?limit=1000").await;
    assert_eq!(metadata["data"]["http_requests_total"][0]["type"], "counter");
    server.end().await;
}

#[tokio::test]
async fn exemplars_are_found() {
    let server = Server::start().await;
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    let series = Series::new(Labels::from_pairs([("__name__", "h_bucket"), ("le", "1.0")]));
    batch.push_one(series.clone(), NOW_MS, 1.0);
    let exemplar = Exemplar {
        labels: Labels::from_pairs([("trace_id", "4bf9")]),
        value: 0.3,
        at_ms: NOW_MS,
    };
    batch.push_exemplar(series, exemplar);
    server.store.append(&batch, NOW_MS).unwrap();
    let form = [
        (
            "query",
            "histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m])))",
        ),
        ("start", &(START_MS / 1000).to_string()),
        ("end", &(NOW_MS / 1000).to_string()),
    ];
    let answer = post(&server, "/api/v1/query_exemplars", &form).await;
    let wanted = json!([{
        "seriesLabels": { "__name__": "h_bucket", "le": "1.0" },
        "exemplars": [{ "labels": { "trace_id": "4bf9" }, "value": "0.3", "timestamp": NOW_MS as f64 / 1000.0 }],
    }]);
    assert_eq!(answer["data"], wanted);
    server.end().await;
}

#[tokio::test]
async fn rules_and_alerts_are_listed() {
    let server = Server::start_on_real_time().await;
    server.judge(
        "groups: [{ name: g, rules: [{ alert: Always, expr: 'vector(1)', labels: { severity: page } }] }]",
    );
    let alerts = until(|| async {
        let answer = get(&server, "/api/v1/alerts").await;
        let alerts = answer["data"]["alerts"].as_array().unwrap().clone();
        (!alerts.is_empty()).then_some(alerts)
    })
    .await;
    assert_eq!(alerts[0]["labels"]["alertname"], "Always");
    let rules = get(
        &server,
        "/api/v1/rules?type=alert&exclude_alerts=false&group_limit=40",
    )
    .await;
    let rule = &rules["data"]["groups"][0]["rules"][0];
    assert_eq!(
        (&rule["type"], &rule["state"]),
        (&json!("alerting"), &json!("firing"))
    );
    server.end().await;
}

#[tokio::test]
async fn expressions_are_printed_and_taken_apart() {
    let server = Server::start().await;
    let form = [(
        "query",
        "sum by (le) (rate(h_bucket{a=~\"b.*\"}[5m] offset 1m)) > bool -2",
    )];
    let pretty = post(&server, "/api/v1/format_query", &form).await;
    assert!(
        pretty["data"].as_str().unwrap().contains("sum by (le)"),
        "{pretty}"
    );
    let tree = post(&server, "/api/v1/parse_query", &form).await;
    let selector = json!({
        "type": "matrixSelector", "name": "h_bucket", "range": 300_000, "offset": 60_000, "timestamp": null,
        "startOrEnd": null, "anchored": false, "smoothed": false,
        "matchers": [
            { "name": "a", "value": "b.*", "type": "=~" },
            { "name": "__name__", "value": "h_bucket", "type": "=" },
        ],
    });
    let function = json!({ "name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector" });
    let sum = json!({
        "type": "aggregation", "op": "sum", "param": null, "grouping": ["le"], "without": false,
        "expr": { "type": "call", "func": function, "args": [selector] },
    });
    let wanted = json!({
        "type": "binaryExpr", "op": ">", "bool": true, "matching": null, "lhs": sum,
        "rhs": { "type": "numberLiteral", "val": "-2" },
    });
    assert_eq!(tree["data"], wanted);
    let joined = get(
        &server,
        "/api/v1/parse_query?query=a%20*%20on(x)%20group_left(y)%20b",
    )
    .await;
    let matching = json!({
        "card": "many-to-one", "labels": ["x"], "on": true, "include": ["y"], "fillValues": { "lhs": null, "rhs": null },
    });
    assert_eq!(joined["data"]["matching"], matching);
    let bad = server.get("/api/v1/parse_query?query=sum(").send().await.unwrap();
    assert_eq!(bad.status(), 400);
    server.end().await;
}

#[tokio::test]
async fn every_route_of_the_api_answers() {
    let server = Server::start().await;
    for path in [
        "alertmanagers",
        "targets",
        "scrape_pools",
        "status/config",
        "status/flags",
        "status/runtimeinfo",
        "status/tsdb",
        "status/walreplay",
        "notifications",
        "features",
    ] {
        let answer = get(&server, &format!("/api/v1/{path}")).await;
        assert!(!answer["data"].is_null(), "{path}");
    }
    let features = get(&server, "/api/v1/features").await;
    assert_eq!(features["data"]["promql_functions"]["rate"], true);
    assert_eq!(features["data"]["api"]["admin"], false);
    *server.control.reload_error.lock() = Some("line 3".to_owned());
    let notifications = get(&server, "/api/v1/notifications").await;
    let first = notifications["data"][0]["text"].as_str().unwrap();
    assert!(
        first.contains("Configuration reload has failed: line 3"),
        "{first}"
    );
    server.end().await;
}
