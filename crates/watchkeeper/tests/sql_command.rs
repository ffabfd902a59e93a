//! `watchkeeper sql` and `/api/sql` against a real server, and against the folder that it leaves.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use std::process::Output;

use serde_json::{Value, json};
use support::{Server, client};

const CONFIG: &str = "collect: { host: false, self: false }\nserver: { query_memory_max: 16MiB }\n";

const COUNT: &str =
    "SELECT service_name, detected_level, count(*) AS lines FROM logs GROUP BY 1, 2 ORDER BY 1, 2";

const COUNTED: &str = "service_name,detected_level,lines\nbank,error,50\nshop,info,100\n";

fn sql(server: &Server, arguments: &[&str]) -> Output {
    support::command(&server.folder)
        .arg("sql")
        .args(arguments)
        .output()
        .unwrap()
}

fn printed(output: Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

async fn push(server: &Server) {
    let now_ns = stdx::SystemClock::shared().now_ms() * 1_000_000;
    let stream = |service: &str, level: &str, lines: i64| {
        let line = |n: i64| {
            let line = json!({"level": level, "order": n}).to_string();
            json!([(now_ns - n * 1_000_000).to_string(), line])
        };
        let values: Vec<Value> = (0..lines).map(line).collect();
        json!({"stream": {"service_name": service}, "values": values})
    };
    let body = json!({"streams": [stream("shop", "info", 100), stream("bank", "error", 50)]});
    let push = client()
        .post(format!("{}/loki/api/v1/push", server.url))
        .json(&body);
    assert_eq!(push.send().await.unwrap().status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_and_metrics_are_asked_in_sql() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    push(&server).await;

    let ask = |arguments: &[&str]| printed(sql(&server, &[&["--url", &server.url], arguments].concat()));
    assert_eq!(ask(&[COUNT, "-o", "csv"]), COUNTED);
    assert_eq!(
        ask(&["SELECT service_name AS service, count(*) AS lines FROM logs GROUP BY 1 ORDER BY 1"]),
        "service  lines\nbank        50\nshop       100\n(2 rows)\n"
    );
    let answer: Value = serde_json::from_str(&ask(&[COUNT, "-o", "json"])).unwrap();
    assert_eq!(
        answer["data"][0],
        json!({"service_name": "bank", "detected_level": "error", "lines": 50})
    );
    let joined =
        "SELECT m.value, count(*) AS lines FROM promql('vector(2) * 3') AS m CROSS JOIN logs GROUP BY 1";
    assert_eq!(ask(&[joined, "-o", "csv"]), "value,lines\n6.0,150\n");

    let refused = sql(&server, &["--url", &server.url, "DROP TABLE logs"]);
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("only questions are answered here"), "{error}");

    every_form_over_http(&server).await;
    assert!(server.stop());
    let offline = support::command(folder.path())
        .args(["sql", "--data-dir", "data", "-o", "csv", COUNT])
        .output()
        .unwrap();
    assert_eq!(printed(offline), COUNTED);
}

async fn every_form_over_http(server: &Server) {
    let url = format!("{}/api/sql", server.url);
    let with = |pairs: &[(&str, &str)]| url::Url::parse_with_params(&url, pairs).unwrap();
    let text = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let counted = (200, COUNTED.to_owned());
    assert_eq!(
        text(client().post(&url).header("accept", "text/csv").body(COUNT)).await,
        counted
    );
    assert_eq!(
        text(
            client()
                .post(&url)
                .json(&json!({"query": COUNT, "format": "csv"}))
        )
        .await,
        counted
    );
    let form = client()
        .post(&url)
        .header("content-type", "application/x-www-form-urlencoded");
    let fields = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("query", COUNT), ("format", "csv")])
        .finish();
    assert_eq!(text(form.body(fields)).await, counted);
    assert_eq!(
        text(client().get(with(&[("query", COUNT), ("format", "csv")]))).await,
        counted
    );

    let arrow = client()
        .post(with(&[("format", "arrow")]))
        .body(COUNT)
        .send()
        .await
        .unwrap();
    assert_eq!(
        arrow.headers()["content-type"],
        "application/vnd.apache.arrow.stream"
    );
    assert!(arrow.bytes().await.unwrap().starts_with(&[0xff; 4]));

    let (status, body) = text(client().post(&url).body("SELECT nothing FROM logs")).await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("No field named nothing"), "{body}");
    let (status, body) = text(client().post(&url).body("")).await;
    assert_eq!(status, 400, "{body}");
    let (status, body) = text(client().post(with(&[("format", "xml")])).body(COUNT)).await;
    assert_eq!(status, 400, "{body}");
    let much = "SELECT array_length(array_agg(a.line || b.line || c.value)) FROM logs AS a CROSS JOIN logs AS b \
                CROSS JOIN generate_series(100) AS c";
    let (status, body) = text(client().post(&url).body(much)).await;
    assert_eq!(status, 422, "{body}");
    assert!(body.contains("server.query_memory_max"), "{body}");
}
