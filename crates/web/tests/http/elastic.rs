//! Elasticsearch's clients as they meet the server: what they ask first, the bulk protocol, and the official Python client itself.

use std::io::Write;

use model::{LogRead, StreamSelection, TenantId};
use serde_json::{Value, json};

use crate::support::Server;

/// How many lines there are.
fn stored(server: &Server) -> u64 {
    let selection = StreamSelection {
        tenant: TenantId::DEFAULT,
        any_of: Vec::new(),
        from_ns: i64::MIN,
        to_ns: i64::MAX,
        budget: None,
    };
    let streams = server.lines.streams(&selection).unwrap();
    streams.iter().map(|stream| stream.lines).sum()
}

#[tokio::test]
async fn clients_find_what_they_ask_for_before_they_send() {
    let server = Server::start().await;
    for path in ["/elasticsearch", "/elasticsearch/"] {
        let response = server.get(path).send().await.unwrap();
        assert_eq!(response.headers()["x-elastic-product"], "Elasticsearch", "{path}");
        let info: Value = response.json().await.unwrap();
        assert_eq!(info["tagline"], "You Know, for Search");
        let head = server
            .client
            .head(format!("{}{path}", server.url))
            .send()
            .await
            .unwrap();
        assert_eq!(head.status(), 200);
    }
    let license = server.json("/elasticsearch/_license?human=false").await;
    assert_eq!(license["license"]["status"], "active");
    let health = server.json("/elasticsearch/_cluster/health").await;
    assert_eq!(health["status"], "green");
    for path in [
        "_index_template/filebeat-8",
        "_ilm/policy/filebeat",
        "_ingest/pipeline/x",
        "filebeat-8",
    ] {
        let url = format!("{}/elasticsearch/{path}", server.url);
        let head = server.client.head(&url).send().await.unwrap();
        assert_eq!(head.status(), 200, "{path}");
        let put: Value = server
            .client
            .put(&url)
            .body("{}")
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(put["acknowledged"], true, "{path}");
    }
    let search = server
        .post("/elasticsearch/logs/_search")
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (search.status().as_u16(), &search.headers()["x-elastic-product"]),
        (404, &"Elasticsearch".parse().unwrap())
    );
    let fault: Value = search.json().await.unwrap();
    assert!(
        fault["error"]["reason"].as_str().unwrap().contains("_bulk"),
        "{fault}"
    );
    server.end().await;
}

#[tokio::test]
async fn a_bulk_is_answered_item_by_item() {
    let server = Server::start().await;
    let body = "{\"create\":{\"_index\":\"a\"}}\n{\"message\":\"one\"}\n{\"create\":{\"_index\":\"a\",\"_id\":\"7\"}}\nx\n";
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    for path in ["/elasticsearch/_bulk", "/elasticsearch/b/_bulk", "/_bulk"] {
        let request = server.post(path).header("content-encoding", "gzip");
        let request = request.header("content-type", "application/x-ndjson");
        let response = request.body(packed.clone()).send().await.unwrap();
        assert_eq!(response.headers()["x-elastic-product"], "Elasticsearch", "{path}");
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["errors"], true);
        let items = &answer["items"];
        assert_eq!(
            (&items[0]["create"]["status"], &items[0]["create"]["result"]),
            (&json!(201), &json!("created"))
        );
        assert_eq!(
            (&items[1]["create"]["_id"], &items[1]["create"]["error"]["type"]),
            (&json!("7"), &json!("document_parsing_exception"))
        );
    }
    assert_eq!(stored(&server), 3);
    let refused = server.post("/_bulk").body("no action\n").send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let fault: Value = refused.json().await.unwrap();
    assert_eq!(
        (&fault["status"], &fault["error"]["type"]),
        (&json!(400), &json!("illegal_argument_exception"))
    );
    let one = server
        .post("/elasticsearch/a/_doc")
        .body("{\"message\":\n\"of many lines\"}")
        .send()
        .await
        .unwrap();
    assert_eq!(one.status(), 201);
    assert_eq!(stored(&server), 4);
    server.end().await;
}

#[tokio::test]
async fn lines_come_in_by_curl() {
    let server = Server::start().await;
    let send = async |path: &str| {
        let sent = server.post(path).body("one\ntwo\n").send().await.unwrap();
        (sent.status().as_u16(), sent.text().await.unwrap())
    };
    assert_eq!(send("/api/logs/lines?app=shop&env=test").await.0, 204);
    let (status, text) = send("/api/logs/lines?a%20b=shop").await;
    assert!(status == 400 && text.contains("cannot name a label"), "{text}");
    assert_eq!(stored(&server), 2);
    let end = server.json("/loki/api/v1/labels?end=1800000000").await;
    assert_eq!(end["data"], json!(["app", "env", "service_name"]));
    server.end().await;
}

/// What the official client does: connects, makes a template, sends by its helper, and sends one document.
const SCRIPT: &str = r#"
import sys
from elasticsearch import Elasticsearch, helpers
client = Elasticsearch(sys.argv[1], http_compress=True)
assert client.ping()
assert client.info()["tagline"] == "You Know, for Search"
assert client.cluster.health()["status"] == "green"
client.indices.put_index_template(name="logs", index_patterns=["logs-*"], template={})
assert client.indices.exists(index="logs-a")
docs = ({"_op_type": "create", "_index": "logs-a", "@timestamp": 1700010600000 + n, "message": f"line {n}"} for n in range(1200))
done, errors = helpers.bulk(client, docs, chunk_size=500)
assert (done, errors) == (1200, []), (done, errors)
bad = [{"_op_type": "delete", "_index": "logs-a", "_id": "1"}]
done, errors = helpers.bulk(client, bad, raise_on_error=False)
assert done == 0 and errors[0]["delete"]["status"] == 400, errors
assert client.index(index="logs-a", document={"message": "alone"})["result"] == "created"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_python_client_is_served() {
    let Ok(python) = std::env::var("WATCHKEEPER_ELASTICSEARCH_PYTHON") else {
        println!(
            "skipped: WATCHKEEPER_ELASTICSEARCH_PYTHON names no Python that has the package elasticsearch"
        );
        return;
    };
    let server = Server::start().await;
    let url = format!("{}/elasticsearch", server.url);
    let ran = tokio::process::Command::new(python)
        .args(["-c", SCRIPT, &url])
        .output()
        .await
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(stored(&server), 1201);
    server.end().await;
}
