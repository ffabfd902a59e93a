//! The real binary with its segments in a service that speaks S3: what was acknowledged is there after `kill -9`, once; and lines are
//! deleted by Loki's API.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use support::log_lines::texts;
use support::{Server, client};

/// A service on a free port, with a bucket, until its standard input ends.
const SCRIPT: &str = r#"
import sys, boto3
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
url = f"http://{host}:{port}"
s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
s3.create_bucket(Bucket="logs")
print(url, flush=True)
for line in sys.stdin:
    names = [o["Key"] for o in s3.list_objects_v2(Bucket="logs").get("Contents", [])]
    print(" ".join(names), flush=True)
server.stop()
"#;

struct Service {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    url: String,
}

impl Service {
    fn start(python: &str) -> Self {
        let mut child = Command::new(python)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        out.read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        assert!(url.starts_with("http://"), "the service did not start");
        Self { child, out, url }
    }

    /// The names of all objects.
    fn objects(&mut self) -> Vec<String> {
        use std::io::Write;
        writeln!(self.child.stdin.as_mut().unwrap()).unwrap();
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // What does not end with its input is ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(url: &str) -> String {
    format!(
        "
collect: {{host: false, self: false}}
storage:
  logs:
    delete_cancel_period: 0s
    object_store:
      url: s3://logs/one
      endpoint: {url}
      region: us-east-1
      access_key_id: test
      secret_access_key: test
      allow_http: true
      cache_size: 0
"
    )
}

fn body(round: usize) -> Value {
    let now_ns = stdx::SystemClock::shared().now_ms() * 1_000_000;
    let values: Vec<Value> = (0..200)
        .map(|number| {
            let line = format!("round {round} order={number} id={:016x}", round * 200 + number);
            json!([(now_ns - 1_000_000 * (900 - number as i64)).to_string(), line])
        })
        .collect();
    json!({"streams": [{"stream": {"app": "shop"}, "values": values}]})
}

async fn push(server: &Server, body: &Value) -> u16 {
    let push = client()
        .post(format!("{}/loki/api/v1/push", server.url))
        .json(body);
    push.send().await.unwrap().status().as_u16()
}

/// An address below Loki's API with parameters.
fn address(server: &Server, path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    format!("{}/loki/api/v1/{path}?{}", server.url, query.finish())
}

/// The lines that a query finds, sorted.
async fn lines(server: &Server, query: &str) -> Vec<String> {
    let mut lines = texts(server, query).await;
    lines.sort();
    lines
}

fn segments(folder: &Path) -> usize {
    std::fs::read_dir(folder.join("data/logs/segments"))
        .unwrap()
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_in_the_object_store_after_a_kill() {
    let Ok(python) = std::env::var("WATCHKEEPER_MOTO_PYTHON") else {
        println!("skipped: WATCHKEEPER_MOTO_PYTHON names no Python that has the package moto[server]");
        return;
    };
    let mut service = Service::start(&python);
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &config(&service.url));
    let mut expected = Vec::new();
    for round in 0..4 {
        let body = body(round);
        assert_eq!(push(&server, &body).await, 204);
        if round % 2 == 0 {
            assert_eq!(server.post("/-/flush").await.0, 200);
        }
        server.kill();
        server = Server::start_again(folder.path());
        // The client heard no answer and sends the same again.
        assert_eq!(push(&server, &body).await, 204);
        let values = body["streams"][0]["values"].as_array().unwrap();
        expected.extend(values.iter().map(|value| value[1].as_str().unwrap().to_owned()));
        expected.sort();
        assert_eq!(lines(&server, r#"{app="shop"}"#).await, expected, "round {round}");
    }
    assert_eq!(server.post("/-/flush").await.0, 200);
    let objects = service.objects();
    assert!(
        !objects.is_empty() && objects.iter().all(|name| name.starts_with("one/segments/")),
        "{objects:?}"
    );
    assert_eq!(segments(folder.path()), 0, "no copy stays");
    assert_eq!(lines(&server, r#"{app="shop"} |= "order=7 ""#).await.len(), 4);

    // Deleted lines are in no answer, and in no object.
    let start = "1000000000";
    let wanted = [("query", r#"{app="shop"} |= "order=7 ""#), ("start", start)];
    let delete = client().post(address(&server, "delete", &wanted));
    assert_eq!(delete.send().await.unwrap().status(), 204);
    assert_eq!(lines(&server, r#"{app="shop"} |= "order=7 ""#).await.len(), 0);
    assert_eq!(server.post("/-/flush").await.0, 200);
    let requests = server.get("/loki/api/v1/delete").await;
    assert_eq!(requests[0]["status"], "processed", "{requests}");
    assert_eq!(requests[0]["start_time"], 1_000_000_000.0, "{requests}");
    assert_eq!(lines(&server, r#"{app="shop"}"#).await.len(), 796);
    let id = requests[0]["request_id"].as_str().unwrap();
    let cancel = client().delete(address(&server, "delete", &[("request_id", id)]));
    assert_eq!(cancel.send().await.unwrap().status(), 400, "it is too late");
    for (query, start) in [
        ("", start),
        (r#"{app="shop"}"#, ""),
        (r"{app=", start),
        ("rate({app=\"shop\"}[1m])", start),
    ] {
        let bad = client().post(address(&server, "delete", &[("query", query), ("start", start)]));
        assert_eq!(bad.send().await.unwrap().status(), 400, "{query}");
    }
    assert!(server.stop());
    // What the catalog lost comes back from the objects.
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join("data").join(name));
    }
    let server = Server::start_again(folder.path());
    assert_eq!(lines(&server, r#"{app="shop"}"#).await.len(), 796);
    assert!(server.stop());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_to_delete_is_kept_and_can_be_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), "collect: {host: false, self: false}\n");
    assert_eq!(push(&server, &body(0)).await, 204);
    let wanted = [
        ("query", r#"{app="shop"} |= "order=7 ""#),
        ("start", "1000000000"),
    ];
    let delete = client().put(address(&server, "delete", &wanted));
    assert_eq!(delete.send().await.unwrap().status(), 204);
    assert_eq!(lines(&server, r#"{app="shop"}"#).await.len(), 199);
    server.kill();
    let server = Server::start_again(folder.path());
    assert_eq!(lines(&server, r#"{app="shop"}"#).await.len(), 199);
    let requests = server.get("/loki/api/v1/delete").await;
    assert_eq!(requests[0]["status"], "received", "{requests}");
    let cancel = |id: &str| {
        client()
            .delete(address(&server, "delete", &[("request_id", id)]))
            .send()
    };
    assert_eq!(cancel("none").await.unwrap().status(), 404);
    let id = requests[0]["request_id"].as_str().unwrap();
    assert_eq!(cancel(id).await.unwrap().status(), 204);
    assert_eq!(lines(&server, r#"{app="shop"}"#).await.len(), 200);
    assert_eq!(server.get("/loki/api/v1/delete").await, json!([]));
    assert!(server.stop());
}
