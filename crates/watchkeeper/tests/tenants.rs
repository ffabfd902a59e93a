//! Tenants through the real server: whose series are whose, what each may send, and where counters began.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test ends where its ground gives way"
)]

mod support;

use serde_json::{Value, json};
use support::remote::{Message, V1, V2, metrics, now_ms, sample, samples_of, send, v1_series};
use support::{Server, client};

const QUIET: &str = "
server: { grpc_listen: off, otlp_http_listen: off }
collect: { host: false, self: false }
";

const TENANTS: &str = "
multi_tenancy: { enabled: true, tenants: { team-a: 1, team-b: 2 } }
limits:
  default: { labels_per_series: 4 }
  tenants:
    team-a: { active_series: 3 }
    team-b: { samples_per_second: 10 }
";

fn packed(body: &Message) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&body.0).unwrap()
}

/// Sends series of one sample each as a tenant; gives back status and text.
async fn push(server: &Server, tenant: &str, series: &[&[(&str, &str)]]) -> (u16, String) {
    let body = series.iter().fold(Message::default(), |body, labels| {
        body.message(1, v1_series(labels, &[(1.0, now_ms())]))
    });
    let answer = client()
        .post(format!("{}/api/v1/write", server.url))
        .header("content-encoding", "snappy")
        .header("content-type", V1)
        .header("x-scope-orgid", tenant)
        .body(packed(&body))
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// What a tenant is answered, and with which status.
async fn ask(server: &Server, tenant: &str, path: &str) -> (u16, Value) {
    let answer = client()
        .get(format!("{}{path}", server.url))
        .header("x-scope-orgid", tenant)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_see_their_own_series_and_nobody_elses() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path(), &format!("{QUIET}{TENANTS}"));
    let series: &[&[(&str, &str)]] = &[&[("__name__", "m"), ("who", "same")]];
    for tenant in ["team-a", "team-b", "team-a"] {
        assert_eq!(push(&server, tenant, series).await.0, 204);
    }
    let (status, text) = push(&server, "team-c", series).await;
    assert_eq!(status, 403);
    assert!(
        text.contains("team-c") && text.contains("multi_tenancy.tenants"),
        "{text}"
    );
    for (tenant, count) in [("team-a", 2), ("team-b", 1)] {
        let (_, found) = ask(&server, tenant, "/api/v1/query?query=m[1h]").await;
        assert_eq!(
            found["data"]["result"][0]["values"].as_array().unwrap().len(),
            count,
            "{tenant}"
        );
        let (_, names) = ask(&server, tenant, "/api/v1/label/__name__/values").await;
        assert_eq!(names["data"], json!(["m"]));
    }
    assert_eq!(
        samples_of(&server, "m").await,
        json!([]),
        "the default tenant has none"
    );
    assert_eq!(ask(&server, "team-c", "/api/v1/query?query=m").await.0, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_told_by_name_and_counted_by_tenant() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path(), &format!("{QUIET}{TENANTS}"));
    let named = |name: &'static str| [("__name__", name)];
    let [a, b, c, d] = ["a", "b", "c", "d"].map(named);
    let (status, text) = push(&server, "team-a", &[&a, &b, &c, &d]).await;
    assert_eq!(status, 400);
    for part in [
        "too_many_series_of_tenant",
        "d: tenant \"team-a\"",
        "limits.tenants.team-a.active_series",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(
        push(&server, "team-a", &[&a, &b, &c]).await.0,
        204,
        "what is there goes on"
    );

    let many: Vec<Vec<(&str, &str)>> = vec![vec![
        ("__name__", "m"),
        ("1", "x"),
        ("2", "x"),
        ("3", "x"),
        ("4", "x"),
    ]];
    let (status, text) = push(&server, "default", &[&many[0]]).await;
    assert_eq!(status, 400);
    assert!(
        text.contains("5 labels") && text.contains("limits.default.labels_per_series"),
        "{text}"
    );

    // Ten a second, and a hundred at once.
    let all: Vec<Vec<(&str, &str)>> = (0..150).map(|_| vec![("__name__", "m")]).collect();
    let all: Vec<&[(&str, &str)]> = all.iter().map(Vec::as_slice).collect();
    assert_ne!(push(&server, "team-b", &all).await.0, 429);
    let (status, text) = push(&server, "team-b", &[&a]).await;
    assert_eq!(status, 429);
    assert!(
        text.contains("limits.tenants.team-b.samples_per_second"),
        "{text}"
    );
    let page = metrics(&server).await;
    for line in [
        r#"watchkeeper_push_limited_samples_total{tenant="1",limit="active_series"} 1"#,
        r#"watchkeeper_push_limited_samples_total{tenant="0",limit="labels_per_series"} 1"#,
        r#"watchkeeper_push_limited_samples_total{tenant="2",limit="samples_per_second"} 1"#,
    ] {
        assert!(page.contains(line), "{line} in {page}");
    }
}

fn created(at_ms: i64, value: f64, created_ms: i64) -> Message {
    let counter = Message::default()
        .packed(1, &[1, 2])
        .message(2, sample(value, at_ms))
        .varint(6, created_ms as u64);
    ["", "__name__", "c_total"]
        .iter()
        .fold(Message::default(), |message, symbol| message.bytes(4, symbol))
        .message(5, counter)
}

async fn values(server: &Server) -> Vec<(i64, String)> {
    let found = samples_of(server, "c_total").await;
    let pairs = found[0]["values"].as_array().unwrap().iter();
    pairs
        .map(|pair| {
            let at_ms = (pair[0].as_f64().unwrap() * 1000.0).round() as i64;
            (at_ms, pair[1].as_str().unwrap().to_owned())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_begins_with_a_zero_once_and_never_among_its_samples() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(
        place.path(),
        &format!("{QUIET}push: {{ created_zero_samples: true }}\n"),
    );
    let now_ms = now_ms();
    let at = |seconds: i64| now_ms - 100_000 + seconds * 1000;
    // Told with every request, written with the first; a restart of the counter is told by a new moment.
    for (seconds, value, created_s) in [
        (10, 5.0, 5),
        (20, 7.0, 5),
        (40, 2.0, 30),
        (50, 3.0, 45 - 30),
        (60, 4.0, 61),
    ] {
        let answer = send(&server, created(at(seconds), value, at(created_s)), "snappy", V2).await;
        assert_eq!(
            (answer.status, answer.written[0]),
            (204, Some(1)),
            "{}",
            answer.body
        );
    }
    let text = |pairs: &[(i64, &str)]| -> Vec<(i64, String)> {
        pairs
            .iter()
            .map(|(seconds, value)| (at(*seconds), (*value).to_owned()))
            .collect()
    };
    assert_eq!(
        values(&server).await,
        text(&[
            (5, "0"),
            (10, "5"),
            (20, "7"),
            (30, "0"),
            (40, "2"),
            (50, "3"),
            (60, "4")
        ])
    );
    assert!(
        metrics(&server)
            .await
            .contains("watchkeeper_push_created_zeros_total 2")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_setting_nothing_is_made_of_created_moments() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path(), QUIET);
    let now_ms = now_ms();
    assert_eq!(
        send(&server, created(now_ms, 5.0, now_ms - 5_000), "snappy", V2)
            .await
            .status,
        204
    );
    assert_eq!(values(&server).await.len(), 1);
}
