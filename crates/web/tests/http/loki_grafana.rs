//! What Grafana's Loki data source and its Logs Drilldown send, and what they read out of the answers: requests of its server part
//! (`pkg/tsdb/loki`) and of its query editor, with the headers that go along.

use model::Labels;
use serde_json::{Value, json};

use crate::support::{NOW_MS, Server, until};

const NOW_NS: i64 = NOW_MS * 1_000_000;
const SECOND_NS: i64 = 1_000_000_000;

/// A shop that logs logfmt with metadata, a database that logs JSON, and one that logs plain text.
fn fill(server: &Server) {
    let stream =
        |app: &str, pod: &str| Labels::from_pairs([("app", app), ("pod", pod), ("service_name", app)]);
    for i in 0..60 {
        let at_ns = NOW_NS - (60 - i) * 10 * SECOND_NS;
        let level = if i % 10 == 0 { "error" } else { "info" };
        let line = format!("level={level} took={i}ms path=/cart/{i}");
        let trace = format!("{i:032x}");
        let metadata = [("trace_id", trace.as_str()), ("detected_level", level)];
        let metadata = if i % 2 == 0 { &metadata[..] } else { &metadata[1..] };
        server
            .lines
            .add(&stream("shop", "shop-1"), at_ns, &line, metadata);
        let line = format!(
            r#"{{"level":"{level}","rows":{i},"ok":true,"user":{{"name":"u{}"}}}}"#,
            i % 3
        );
        server.lines.add(&stream("db", "db-1"), at_ns, &line, &[]);
    }
    server
        .lines
        .add(&stream("mail", "17"), NOW_NS - SECOND_NS, "plain text here", &[]);
}

/// A question as Grafana's server part asks it.
async fn ask(server: &Server, path: &str, params: &[(&str, &str)]) -> (u16, String) {
    let response = server
        .get(path)
        .query(params)
        .header("User-Agent", "Grafana/12.1.0")
        .header("X-Grafana-Org-Id", "1")
        .header("X-Query-Tags", "Source=grafana")
        .header("X-Loki-Response-Encoding-Flags", "categorize-labels")
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn json_of(server: &Server, path: &str, params: &[(&str, &str)]) -> Value {
    let (status, text) = ask(server, path, params).await;
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// The same as a form.
async fn post(server: &Server, path: &str, form: &[(&str, &str)]) -> Value {
    let response = server.post(path).form(form).send().await.unwrap();
    assert!(response.status().is_success(), "{path}: {}", response.status());
    response.json().await.unwrap()
}

fn range() -> [(&'static str, String); 2] {
    [
        ("start", (NOW_NS - 3600 * SECOND_NS).to_string()),
        ("end", NOW_NS.to_string()),
    ]
}

/// Parameters with the range of a dashboard.
macro_rules! with_range {
    ($range:ident, $($pair:expr),* $(,)?) => {
        &[($range[0].0, $range[0].1.as_str()), ($range[1].0, $range[1].1.as_str()), $($pair),*]
    };
}

#[tokio::test]
async fn the_health_check_and_the_version_are_answered() {
    let server = Server::start().await;
    let health = json_of(
        &server,
        "/loki/api/v1/query",
        &[("query", "vector(1)+vector(1)"), ("time", "4000000000")],
    )
    .await;
    assert_eq!(health["status"], "success");
    assert_eq!(
        health["data"]["result"],
        json!([{"metric": {}, "value": [4_000_000_000_i64, "2"]}])
    );
    let info = json_of(&server, "/loki/api/v1/status/buildinfo", &[]).await;
    assert!(info["version"].as_str().unwrap().starts_with("3."));
    assert_eq!(ask(&server, "/ready", &[]).await, (200, "ready\n".to_owned()));
    let limits = json_of(&server, "/loki/api/v1/drilldown-limits", &[]).await;
    assert_eq!(limits["limits"]["volume_enabled"], true);
    server.end().await;
}

#[tokio::test]
async fn lines_are_asked_for_in_explore() {
    let server = Server::start().await;
    fill(&server);
    let range = range();
    let query = r#"{app="shop"} |= "error" | logfmt"#;
    let params = with_range!(
        range,
        ("query", query),
        ("direction", "backward"),
        ("limit", "2"),
        ("step", "15000ms")
    );
    let answer = json_of(&server, "/loki/api/v1/query_range", params).await;
    let data = &answer["data"];
    assert_eq!(
        (&data["resultType"], &data["encodingFlags"]),
        (&json!("streams"), &json!(["categorize-labels"]))
    );
    let at = |i: i64| (NOW_NS - (60 - i) * 10 * SECOND_NS).to_string();
    assert_eq!(
        data["result"],
        json!([{
            "stream": {"app": "shop", "pod": "shop-1", "service_name": "shop"},
            "values": [
                [at(50), "level=error took=50ms path=/cart/50", {
                    "structuredMetadata": {"detected_level": "error", "trace_id": format!("{:032x}", 50)},
                    "parsed": {"level": "error", "took": "50ms", "path": "/cart/50"}}],
                [at(40), "level=error took=40ms path=/cart/40", {
                    "structuredMetadata": {"detected_level": "error", "trace_id": format!("{:032x}", 40)},
                    "parsed": {"level": "error", "took": "40ms", "path": "/cart/40"}}]]
        }])
    );
    let summary = &data["stats"]["summary"];
    assert_eq!(summary["totalEntriesReturned"], 2);
    assert!(
        summary["totalLinesProcessed"].as_u64().unwrap() >= 60,
        "{summary}"
    );
    // Without Grafana's header, all labels are one set.
    let plain = post(&server, "/loki/api/v1/query_range", params).await;
    assert!(plain["data"]["encodingFlags"].is_null());
    let mut taken: Vec<(&str, usize)> = plain["data"]["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["stream"]["took"].as_str().unwrap(),
                one["values"][0].as_array().unwrap().len(),
            )
        })
        .collect();
    taken.sort_unstable();
    assert_eq!(taken, [("40ms", 2), ("50ms", 2)]);
    server.end().await;
}

#[tokio::test]
async fn times_are_taken_in_loki_s_other_forms() {
    let server = Server::start().await;
    fill(&server);
    let start = format!("{}.5", NOW_MS / 1000 - 600);
    let forward = json_of(
        &server,
        "/loki/api/v1/query_range",
        &[
            ("query", r#"{app="shop"}"#),
            ("start", start.as_str()),
            ("end", "2023-11-15T01:10:00Z"),
            ("direction", "FORWARD"),
            ("limit", "1"),
        ],
    )
    .await;
    let first = (NOW_NS - 59 * 10 * SECOND_NS).to_string();
    assert_eq!(forward["data"]["result"][0]["values"][0][0], first);
    server.end().await;
}

#[tokio::test]
async fn lines_can_be_thinned_out() {
    let server = Server::start().await;
    fill(&server);
    for (direction, first) in [("forward", 0), ("backward", 59)] {
        let answer = json_of(
            &server,
            "/loki/api/v1/query_range",
            &[
                ("query", r#"{app="shop"}"#),
                ("since", "1h"),
                ("interval", "2m"),
                ("direction", direction),
                ("limit", "4"),
            ],
        )
        .await;
        let mut times: Vec<i64> = answer["data"]["result"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|stream| stream["values"].as_array().unwrap())
            .map(|line| line[0].as_str().unwrap().parse().unwrap())
            .collect();
        times.sort_unstable();
        if direction == "backward" {
            times.reverse();
        }
        let step = if direction == "forward" { 12 } else { -12 };
        let expected: Vec<i64> = (0..4)
            .map(|place| NOW_NS - (60 - (first + step * place)) * 10 * SECOND_NS)
            .collect();
        assert_eq!(times, expected, "{direction}");
    }
    server.end().await;
}

#[tokio::test]
async fn numbers_are_asked_for_by_dashboards_and_the_histogram_of_levels() {
    let server = Server::start().await;
    fill(&server);
    let range = range();
    let query = r#"sum by (level, detected_level) (count_over_time({app="shop"} | drop __error__[1m]))"#;
    let answer = json_of(
        &server,
        "/loki/api/v1/query_range",
        with_range!(range, ("query", query), ("step", "60000ms")),
    )
    .await;
    assert_eq!(answer["data"]["resultType"], "matrix");
    let series = answer["data"]["result"].as_array().unwrap();
    assert_eq!(
        series.iter().map(|one| &one["metric"]).collect::<Vec<_>>(),
        [
            &json!({"detected_level": "error"}),
            &json!({"detected_level": "info"})
        ]
    );
    // The lines of exactly ten minutes ago lie before the window.
    let now = (NOW_MS / 1000).to_string();
    let instant = post(
        &server,
        "/loki/api/v1/query",
        &[
            ("query", r#"sum(count_over_time({app=~"shop|db"}[10m]))"#),
            ("time", &now),
        ],
    )
    .await;
    assert_eq!(
        instant["data"]["result"],
        json!([{"metric": {}, "value": [NOW_MS / 1000, "118"]}])
    );
    server.end().await;
}

#[tokio::test]
async fn labels_values_and_series_fill_the_builder() {
    let server = Server::start().await;
    fill(&server);
    let range = range();
    let labels = json_of(&server, "/loki/api/v1/labels", with_range!(range,)).await;
    assert_eq!(
        labels,
        json!({"status": "success", "data": ["app", "pod", "service_name"]})
    );
    let params = with_range!(range, ("query", r#"{app=~"db|shop"}"#));
    let values = json_of(&server, "/loki/api/v1/label/pod/values", params).await;
    assert_eq!(values["data"], json!(["db-1", "shop-1"]));
    let params = with_range!(
        range,
        ("match[]", r#"{app="db"}"#),
        ("match[]", r#"{app="mail"}"#)
    );
    let series = post(&server, "/loki/api/v1/series", params).await;
    assert_eq!(
        series["data"],
        json!([
            {"app": "db", "pod": "db-1", "service_name": "db"},
            {"app": "mail", "pod": "17", "service_name": "mail"}])
    );
    let all = json_of(
        &server,
        "/loki/api/v1/series",
        with_range!(range, ("match[]", "{}")),
    )
    .await;
    assert_eq!(all["data"].as_array().unwrap().len(), 3);
    // Before everything there is nothing.
    let none = json_of(&server, "/loki/api/v1/labels", &[("start", "1"), ("end", "2")]).await;
    assert_eq!(none["data"], json!([]));
    server.end().await;
}

#[tokio::test]
async fn how_much_there_is_is_told_before_it_is_asked_for() {
    let server = Server::start().await;
    fill(&server);
    let range = range();
    let params = with_range!(range, ("query", r#"{app="shop"}"#));
    let stats = json_of(&server, "/loki/api/v1/index/stats", params).await;
    assert_eq!((&stats["streams"], &stats["entries"]), (&json!(1), &json!(60)));
    assert!(stats["bytes"].as_u64().unwrap() > 60 * 20 && stats["chunks"].as_u64().unwrap() > 0);

    let params = with_range!(range, ("query", r#"{service_name=~".+"}"#), ("limit", "2"));
    let volume = json_of(&server, "/loki/api/v1/index/volume", params).await;
    let names: Vec<&Value> = volume["data"]["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["metric"])
        .collect();
    assert_eq!(
        names,
        [&json!({"service_name": "db"}), &json!({"service_name": "shop"})]
    );
    let params = with_range!(range, ("query", r#"{app="shop"}"#), ("aggregateBy", "labels"));
    let by_label = json_of(&server, "/loki/api/v1/index/volume", params).await;
    assert_eq!(by_label["data"]["result"].as_array().unwrap().len(), 3);
    assert_eq!(by_label["data"]["result"][0]["metric"], json!({"app": ""}));
    let params = with_range!(
        range,
        ("query", r#"{app=~".+"}"#),
        ("targetLabels", "pod"),
        ("step", "300s")
    );
    let over_time = json_of(&server, "/loki/api/v1/index/volume_range", params).await;
    let first = &over_time["data"]["result"][0];
    assert_eq!(first["metric"], json!({"pod": "db-1"}));
    assert_eq!(first["values"].as_array().unwrap().len(), 2, "{first}");
    server.end().await;
}

#[tokio::test]
async fn fields_and_labels_are_detected_for_drilldown() {
    let server = Server::start().await;
    fill(&server);
    let range = range();
    let labels = json_of(&server, "/loki/api/v1/detected_labels", with_range!(range,)).await;
    assert_eq!(
        labels["detectedLabels"],
        json!([{"label": "app", "cardinality": 3}, {"label": "pod", "cardinality": 3}, {"label": "service_name", "cardinality": 3}])
    );
    let params = with_range!(range, ("query", r#"{app=~"shop|db"}"#));
    let answer = json_of(&server, "/loki/api/v1/detected_fields", params).await;
    let field = |name: &str| {
        let fields = answer["fields"].as_array().unwrap();
        fields
            .iter()
            .find(|field| field["label"] == name)
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(
        field("took"),
        json!({"label": "took", "type": "duration", "cardinality": 60, "parsers": ["logfmt"]})
    );
    assert_eq!(
        field("rows"),
        json!({"label": "rows", "type": "int", "cardinality": 60, "parsers": ["json"], "jsonPath": ["rows"]})
    );
    assert_eq!(
        (&field("ok")["type"], &field("user_name")["cardinality"]),
        (&json!("boolean"), &json!(3))
    );
    assert_eq!(
        (
            &field("trace_id")["parsers"],
            &field("detected_level")["cardinality"]
        ),
        (&Value::Null, &json!(2))
    );
    assert_eq!(field("level")["parsers"], json!(["json", "logfmt"]));
    let params = with_range!(range, ("query", r#"{app="db"}"#), ("limit", "2"));
    let values = json_of(&server, "/loki/api/v1/detected_field/user_name/values", params).await;
    assert_eq!(values, json!({"values": ["u0", "u1"], "limit": 2}));
    server.end().await;
}

/// A path, its query, further parameters; the status and a part of the text.
#[tokio::test]
async fn patterns_are_told_with_their_counts() {
    let server = Server::start().await;
    fill(&server);
    let range = range();
    let params = with_range![range, ("query", r#"{app="shop"}"#), ("step", "5m")];
    let answer = json_of(&server, "/loki/api/v1/patterns", params).await;
    let patterns = answer["data"].as_array().unwrap();
    let texts: Vec<&str> = patterns
        .iter()
        .map(|row| row["pattern"].as_str().unwrap())
        .collect();
    assert!(texts.iter().all(|text| text.contains("took=<_>")), "{texts:?}");
    let samples = patterns.iter().flat_map(|row| row["samples"].as_array().unwrap());
    let (mut lines, mut steps) = (0, Vec::new());
    for sample in samples {
        lines += sample[1].as_i64().unwrap();
        steps.push(sample[0].as_i64().unwrap());
    }
    assert_eq!(lines, 60);
    assert!(steps.iter().all(|at| at % 300 == 0), "{steps:?}");
    let (status, text) = ask(&server, "/loki/api/v1/patterns", &[("query", "{")]).await;
    assert_eq!(status, 400, "{text}");
    server.end().await;
}

type Fault<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16, &'a str);

#[tokio::test]
async fn faults_are_told_in_loki_s_words_and_plain_text() {
    let server = Server::start().await;
    fill(&server);
    let (range, instant, of_a) = ("query_range", "query", r#"{a="b"}"#);
    let count = r#"count_over_time({a="b"}[1m])"#;
    let unwrap = r#"sum by (app) (rate({app="shop"} | logfmt | unwrap path [10m]))"#;
    let faults: [Fault<'_>; 13] = [
        (range, "{", &[], 400, "parse error at line 1, col "),
        (range, of_a, &[("start", "x")], 400, "invalid parameter \"start\""),
        (range, of_a, &[("start", "9"), ("end", "8")], 400, "end timestamp"),
        (range, of_a, &[("limit", "9999")], 400, "max entries limit"),
        (range, of_a, &[("direction", "up")], 400, "invalid direction 'up'"),
        (range, count, &[("step", "0")], 400, "zero or negative"),
        (range, count, &[("step", "100ms"), ("since", "1h")], 400, "11000"),
        (
            instant,
            of_a,
            &[],
            400,
            "log queries are not supported as an instant",
        ),
        (instant, unwrap, &[], 400, "pipeline error"),
        ("labels", "{a}", &[], 400, "parse error"),
        ("nothing", "", &[], 404, "there is no /loki/api/v1/nothing"),
        ("tail", of_a, &[], 400, "WebSocket"),
        ("detected_fields", count, &[], 400, "only log queries"),
    ];
    for (path, query, more, expected, part) in faults {
        let params = [&[("query", query)], more].concat();
        let (status, text) = ask(&server, &format!("/loki/api/v1/{path}"), &params).await;
        assert_eq!(status, expected, "{path} {params:?}: {text}");
        assert!(text.contains(part), "{path} {params:?}: {text}");
    }
    let query = [("query", r#"{ a = "b" }|="x""#)];
    let formatted = post(&server, "/loki/api/v1/format_query", &query).await;
    assert_eq!(formatted["data"], r#"{a="b"} |= "x""#);
    let ready = &server.control.ready;
    ready.store(false, std::sync::atomic::Ordering::SeqCst);
    for path in ["/loki/api/v1/query", "/ready"] {
        let (status, text) = ask(&server, path, &[("query", "vector(1)")]).await;
        assert!(
            status == 503 && text.contains("starting"),
            "{path}: {status} {text}"
        );
    }
    server.end().await;
}

/// Lines that are long to look at, and an expression that looks at them so many times.
fn busy(server: &Server, lines: i64, times: usize) -> String {
    let stream = Labels::from_pairs([("app", "busy")]);
    for i in (0..lines).rev() {
        let at_ns = NOW_NS - i * 1_000_000;
        server
            .lines
            .add(&stream, at_ns, "a line that is looked at again and again", &[]);
    }
    let regexes = vec![r#"!~ "[ab][bl][la][x-z]""#; 20].join(" ");
    let count = format!("count_over_time({{app=\"busy\"}} {regexes} [1m])");
    vec![count; times].join(" + ")
}

#[tokio::test]
async fn a_query_ends_at_its_timeout() {
    let config = web::Config {
        query_timeout: stdx::HumanDuration::from_millis(30),
        ..web::Config::default()
    };
    let server = Server::start_with(config, testkit::FakeClock::new(NOW_MS)).await;
    let query = busy(&server, 20_000, 1);
    let (status, text) = ask(&server, "/loki/api/v1/query", &[("query", &query)]).await;
    assert!(status == 504 && text.contains("timed out"), "{status} {text}");
    server.end().await;
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_query() {
    let server = Server::start().await;
    // Many seconds of work, were it not cancelled.
    let query = busy(&server, 50_000, 19);
    let request = server.post("/loki/api/v1/query").form(&[("query", &query)]);
    let waiting = tokio::spawn(request.send());
    let running = async || server.metric("watchkeeper_web_queries_running").await;
    until(|| async { (running().await > 0.0).then_some(()) }).await;
    waiting.abort();
    let left = std::time::Instant::now();
    until(|| async { (running().await == 0.0).then_some(()) }).await;
    assert!(left.elapsed().as_secs() < 3, "{:?}", left.elapsed());
    server.end().await;
}
