//! Two replicas that send the same to the real server: one is heard, the other takes over when it falls silent, also over a restart.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test ends where its ground gives way"
)]

mod support;

use std::time::Duration;

use serde_json::json;
use support::Server;
use support::remote::{Answer, Message, V1, V2, ask, metrics, now_ms, sample, samples_of, send, v1_series};

const CONFIG: &str = "
server: { grpc_listen: off, otlp_http_listen: off }
collect: { host: false, self: false }
push: { ha_pairs: { failover_timeout: 6s, clusters_max: 2 } }
";

/// One sample of one series, as a replica of a cluster sends it, and one of a server that is alone.
async fn push(server: &Server, cluster: &str, replica: &str, value: f64) -> Answer {
    let labels = [("__name__", "up"), ("__replica__", replica), ("cluster", cluster)];
    let body = Message::default().message(1, v1_series(&labels, &[(value, now_ms())]));
    send(server, body, "snappy", V1).await
}

async fn values(server: &Server, cluster: &str) -> Vec<String> {
    let found = samples_of(server, &format!("up{{cluster=\"{cluster}\"}}")).await;
    let series = found.as_array().unwrap();
    assert!(series.len() <= 1, "{found}");
    let samples = series.iter().flat_map(|one| one["values"].as_array().unwrap());
    samples.map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_replica_is_stored_and_another_takes_over_when_it_is_silent() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path(), CONFIG);
    for round in 0..3 {
        let first = push(&server, "eu", "a", f64::from(round)).await;
        assert_eq!((first.status, first.written[0]), (204, Some(1)), "{}", first.body);
        let second = push(&server, "eu", "b", 100.0).await;
        assert_eq!(
            (second.status, second.written[0]),
            (202, Some(1)),
            "{}",
            second.body
        );
    }
    assert_eq!(values(&server, "eu").await, ["0", "1", "2"]);
    let stored = &samples_of(&server, "up").await[0]["metric"];
    assert_eq!(
        *stored,
        json!({"__name__": "up", "cluster": "eu"}),
        "without the replica"
    );

    // The elected one is still heard of after a restart, and its partner still is not.
    assert!(server.stop());
    let server = Server::start_again(place.path());
    assert_eq!(push(&server, "eu", "b", 100.0).await.status, 202);
    assert_eq!(push(&server, "eu", "a", 3.0).await.status, 204);

    tokio::time::sleep(Duration::from_millis(6_100)).await;
    assert_eq!(push(&server, "eu", "b", 4.0).await.status, 204);
    assert_eq!(push(&server, "eu", "a", 100.0).await.status, 202);
    assert_eq!(values(&server, "eu").await, ["0", "1", "2", "3", "4"]);
    let page = metrics(&server).await;
    for line in [
        r#"watchkeeper_push_ha_elected_replica{tenant="0",cluster="eu",replica="b"} 1"#,
        r#"watchkeeper_push_ha_elected_replica_changes_total{tenant="0",cluster="eu"} 1"#,
        r#"watchkeeper_push_ha_deduplicated_samples_total{tenant="0",cluster="eu"} 2"#,
    ] {
        assert!(page.contains(line), "{line} in {page}");
    }
    assert!(!page.contains(r#"replica="a"} 1"#), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histograms_and_servers_without_a_partner_are_told_apart_series_by_series() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path(), CONFIG);
    let request = |replica: &str, at_ms: i64| {
        let symbols = [
            "",
            "__name__",
            "m",
            "h",
            "cluster",
            "eu",
            "__replica__",
            replica,
            "alone",
        ];
        let exemplar = Message::default()
            .packed(1, &[2, 3])
            .double(2, 1.0)
            .varint(3, at_ms as u64);
        let histogram = Message::default().varint(1, 0).varint(15, at_ms as u64);
        let pair = Message::default()
            .packed(1, &[1, 2, 4, 5, 6, 7])
            .message(2, sample(1.0, at_ms))
            .message(4, exemplar);
        let native = Message::default()
            .packed(1, &[1, 3, 4, 5, 6, 7])
            .message(3, histogram);
        // A replica without a cluster is nobody's partner and stays as it is.
        let alone = Message::default()
            .packed(1, &[1, 8, 6, 7])
            .message(2, sample(1.0, at_ms));
        let symbols = symbols
            .iter()
            .fold(Message::default(), |message, symbol| message.bytes(4, symbol));
        symbols.message(5, pair).message(5, native).message(5, alone)
    };
    let now_ms = now_ms();
    for (replica, at_ms) in [("a", now_ms - 2_000), ("b", now_ms - 1_000)] {
        let answer = send(&server, request(replica, at_ms), "snappy", V2).await;
        assert_eq!(
            (answer.status, answer.written),
            (204, [Some(2), Some(1), Some(1)]),
            "{}",
            answer.body
        );
    }
    let all = ask(&server, "/api/v1/series?match[]={__name__!=%22%22}").await;
    let all = all["data"].as_array().unwrap();
    let mut stored: Vec<String> = all.iter().map(ToString::to_string).collect();
    stored.sort();
    assert_eq!(
        stored,
        [
            json!({"__name__": "alone", "__replica__": "a"}).to_string(),
            json!({"__name__": "alone", "__replica__": "b"}).to_string(),
            json!({"__name__": "h", "cluster": "eu"}).to_string(),
            json!({"__name__": "m", "cluster": "eu"}).to_string(),
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_are_bounded_and_the_labels_can_be_changed_and_switched_off() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path(), CONFIG);
    assert_eq!(push(&server, "eu", "a", 1.0).await.status, 204);
    assert_eq!(push(&server, "us", "a", 1.0).await.status, 204);
    let refused = push(&server, "asia", "a", 1.0).await;
    assert_eq!((refused.status, refused.written[0]), (400, Some(0)));
    assert!(
        refused.body.contains("\"asia\"") && refused.body.contains("push.ha_pairs.clusters_max"),
        "{}",
        refused.body
    );

    std::fs::write(
        place.path().join("watchkeeper.yaml"),
        CONFIG.replace("failover_timeout: 6s", "enabled: false"),
    )
    .unwrap();
    assert_eq!(server.post("/-/reload").await.0, 200);
    assert_eq!(push(&server, "asia", "b", 1.0).await.status, 204);
    let stored = samples_of(&server, "up{cluster=\"asia\"}").await;
    assert_eq!(stored[0]["metric"]["__replica__"], "b");
}
