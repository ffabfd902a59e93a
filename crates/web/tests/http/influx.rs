//! Line protocol as Telegraf and the client libraries of InfluxDB 1 and 2 send it.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{NOW_MS, Server};

fn rows(server: &Server) -> Vec<String> {
    let print = |(labels, samples): (model::Labels, Vec<(i64, f64)>)| format!("{labels} {samples:?}");
    server.store.dump().into_iter().map(print).collect()
}

#[tokio::test]
async fn both_versions_write_the_same_series() {
    let server = Server::start().await;
    let one = server
        .post("/write?db=telegraf&precision=s")
        .body("cpu,host=a usage=1.5,n=\"x\" 1700000000\n");
    let response = one.send().await.unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            &response.headers()["x-influxdb-version"]
        ),
        (204, &"1.8.10".parse().unwrap())
    );

    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed
        .write_all(b"cpu,host=a usage=2.5 1700000001000\nmem value=7i")
        .unwrap();
    let two = server
        .post("/api/v2/write?org=o&bucket=telegraf&precision=ms")
        .header("content-encoding", "gzip")
        .header("authorization", "Token t")
        .body(packed.finish().unwrap());
    assert_eq!(two.send().await.unwrap().status(), 204);
    let expected = [
        r#"cpu_usage{db="telegraf", host="a"} [(1700000000000, 1.5), (1700000001000, 2.5)]"#.to_owned(),
        format!(r#"mem{{db="telegraf"}} [({NOW_MS}, 7.0)]"#),
    ];
    assert_eq!(rows(&server), expected);
    assert_eq!(
        server
            .post("/influx/write")
            .body("x value=1 1")
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    server.end().await;
}

#[tokio::test]
async fn faulty_lines_are_named_and_the_others_are_stored() {
    let server = Server::start().await;
    let body = "good value=1 1\nbad value= 1\ngood value=2 2";
    let response = server.post("/write?precision=s").body(body).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.headers().contains_key("x-influxdb-error"));
    let answer: serde_json::Value = response.json().await.unwrap();
    assert_eq!(
        answer["error"],
        "partial write: unable to parse: line 2, column 11: missing field value in 'bad value= 1' dropped=1"
    );
    assert_eq!(rows(&server), ["good{} [(1000, 1.0), (2000, 2.0)]"]);

    let response = server
        .post("/api/v2/write?bucket=b")
        .body("\nbad")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    let answer: serde_json::Value = response.json().await.unwrap();
    assert_eq!((&answer["code"], &answer["line"]), (&"invalid".into(), &2.into()));
    assert_eq!(
        answer["message"],
        "unable to parse: line 2, column 4: missing fields in 'bad' dropped=1"
    );

    // Another value at a time that has one is told as well.
    let response = server
        .post("/write?precision=s")
        .body("good value=9 1")
        .send()
        .await
        .unwrap();
    let answer: serde_json::Value = response.json().await.unwrap();
    assert_eq!(
        answer["error"],
        "partial write: 1 samples refused: duplicate_timestamp dropped=1"
    );

    let response = server
        .post("/write?precision=days")
        .body("good value=1")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    let broken = server
        .post("/write")
        .header("content-encoding", "gzip")
        .body("no gzip");
    let response = broken.send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.text().await.unwrap().starts_with("{\"error\":"));
    server.end().await;
}

#[tokio::test]
async fn senders_can_start() {
    let server = Server::start().await;
    let ping = server.get("/ping").send().await.unwrap();
    assert_eq!(ping.status(), 204);
    assert!(ping.headers().contains_key("x-influxdb-version"));
    assert_eq!(
        server
            .client
            .head(format!("{}/ping", server.url))
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    assert_eq!(server.json("/health").await["status"], "pass");

    let create = server
        .post("/query")
        .form(&[("q", "CREATE DATABASE \"telegraf\"")])
        .send()
        .await
        .unwrap();
    let answer: serde_json::Value = create.json().await.unwrap();
    assert_eq!(answer, serde_json::json!({ "results": [{ "statement_id": 0 }] }));
    server
        .post("/write?db=telegraf")
        .body("x value=1")
        .send()
        .await
        .unwrap();
    let shown = server.json("/query?q=SHOW%20DATABASES").await;
    assert_eq!(
        shown["results"][0]["series"][0]["values"],
        serde_json::json!([["telegraf"]])
    );
    let select = server.get("/query?q=SELECT%20*%20FROM%20x").send().await.unwrap();
    assert_eq!(select.status(), 400);
    assert!(select.text().await.unwrap().contains("PromQL"));
    assert_eq!(server.get("/query").send().await.unwrap().status(), 400);
    server.end().await;
}
