//! Lines know their pods, with the real binary: those that are gathered here from their first line on, those that are pushed, and those
//! of pods that nobody tells of.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

#[path = "../../ingest/tests/support/cluster.rs"]
mod cluster;
mod support;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use cluster::Cluster;
use serde_json::{Value, json};
use support::log_lines::{assert_told, found, until};
use support::{PATIENCE, Server, client};

const PODS: &str = "/api/v1/pods";
const NAMESPACES: &str = "/api/v1/namespaces";

fn config(folder: &Path, cluster: &Cluster) -> String {
    let (place, address) = (folder.display(), &cluster.address);
    format!(
        "
server: {{grpc_listen: 'off', otlp_http_listen: 'off'}}
collect: {{host: false, self: false}}
kubernetes_logs: {{enabled: true, include: ['{place}/pods/*/*/*.log']}}
log_files: [{{include: ['{place}/plain.log'], labels: {{job: plain}}}}]
pipelines:
  - name: pods
    selector: '{{pod=~\".+\"}}'
    stages:
      - kubernetes:
          labels: [app, app.kubernetes.io/name: service]
          owner: label
          metadata: {{ annotations: [example.org/team], namespace_labels: [tenant] }}
          cluster: {{ api_server: 'http://{address}' }}
"
    )
}

fn pod(name: &str, uid: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "uid": uid, "resourceVersion": "8",
        "labels": {"app": "web", "app.kubernetes.io/name": "storefront", "pod-template-hash": "5d9"},
        "annotations": {"example.org/team": "blue"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5d9", "controller": true}]},
        "spec": {"nodeName": "n1"}})
}

fn namespaces() -> Vec<Value> {
    vec![json!({"metadata": {"name": "shop", "labels": {"tenant": "t1"}}})]
}

fn time() -> String {
    let now = jiff::Timestamp::from_millisecond(stdx::SystemClock::shared().now_ms());
    now.unwrap().to_string()
}

/// A line of a container, as the kubelet keeps it.
fn write(folder: &Path, pod: &str, line: &str) {
    let place = folder.join("pods").join(pod).join("nginx");
    std::fs::create_dir_all(&place).unwrap();
    let log = OpenOptions::new()
        .append(true)
        .create(true)
        .open(place.join("0.log"));
    writeln!(log.unwrap(), "{} stdout F {line}", time()).unwrap();
}

async fn until_that(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const TOLD: [(&str, &str); 8] = [
    ("app", "web"),
    ("service", "storefront"),
    ("k8s_deployment_name", "web"),
    ("k8s_replicaset_name", "web-5d9"),
    ("k8s_node_name", "n1"),
    ("k8s_pod_annotation_example_org_team", "blue"),
    ("k8s_namespace_label_tenant", "t1"),
    ("pod", "web-5d9-x"),
];

/// What this process counts under a name, with these labels.
async fn metric(server: &Server, line: &str) -> Option<f64> {
    let response = client().get(format!("{}/metrics", server.url)).send().await;
    let text = response.unwrap().text().await.unwrap();
    let found = text.lines().find_map(|known| known.strip_prefix(line));
    found.map(|value| value.trim().parse().unwrap())
}

#[tokio::test]
async fn the_first_lines_of_a_new_pod_have_its_labels_and_nothing_else_waits_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(&[(PODS, Vec::new()), (NAMESPACES, namespaces())]).await;
    let server = Server::start(folder.path(), &config(folder.path(), &cluster));
    until_that("the watches", || {
        cluster.watches(PODS) == 1 && cluster.watches(NAMESPACES) == 1
    })
    .await;
    // The kubelet writes before the watch tells.
    write(folder.path(), "shop_web-5d9-x_u1", "first");
    std::fs::write(folder.path().join("plain.log"), "other\n").unwrap();
    until(&server, r#"{job="plain"}"#, 1).await;
    assert_eq!(found(&server, r#"{job="shop/nginx"}"#).await, []);
    cluster.tell(PODS, "ADDED", &pod("web-5d9-x", "u1"));
    let lines = until(&server, r#"{service="storefront", app="web"}"#, 1).await;
    assert_eq!(lines[0].1, "first");
    assert_told(&lines[0].2, &TOLD);

    // Lines that others send of the same pod, in Loki's form, by its name alone.
    let at_ns = stdx::SystemClock::shared().now_ms() * 1_000_000;
    let push = json!({"streams": [{
        "stream": {"k8s_namespace_name": "shop", "pod": "web-5d9-x"}, "values": [[at_ns.to_string(), "pushed"]]}]});
    let sent = client()
        .post(format!("{}/loki/api/v1/push", server.url))
        .header("content-type", "application/json")
        .body(push.to_string())
        .send()
        .await
        .unwrap();
    assert!(sent.status().is_success());
    let lines = until(&server, r#"{app="web", k8s_namespace_name="shop"}"#, 1).await;
    assert_eq!(lines[0].1, "pushed");
    assert_told(&lines[0].2, &TOLD);
    let pods = format!(
        "watchkeeper_kubernetes_pods{{cluster=\"http://{}\"}}",
        cluster.address
    );
    assert_eq!(metric(&server, &pods).await, Some(1.0));
    assert!(server.stop());
}

#[tokio::test]
async fn lines_of_a_pod_that_nobody_tells_of_come_as_they_are_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(&[]).await;
    cluster.api.lock().refuses = true;
    std::fs::write(
        folder.path().join("watchkeeper.yaml"),
        config(folder.path(), &cluster),
    )
    .unwrap();
    let server = Server::start_on(folder.path(), &[("NODE_NAME", "n1")]);
    let start = Instant::now();
    write(folder.path(), "shop_web-5d9-x_u1", "alone");
    let lines = until(&server, r#"{job="shop/nginx"}"#, 1).await;
    assert!(start.elapsed() > Duration::from_secs(4), "it waited");
    assert_eq!(lines[0].1, "alone");
    assert_eq!(lines[0].2["k8s_node_name"], Value::Null);
    let missed =
        "watchkeeper_pipeline_lines_missed_total{pipeline=\"pods\",stage=\"kubernetes\",reason=\"unknown\"}";
    assert_eq!(metric(&server, missed).await, Some(1.0));
    {
        let mut api = cluster.api.lock();
        let of_pods = api.requests.iter().filter(|request| request.0 == PODS);
        assert!(of_pods.clone().count() > 0);
        for request in of_pods {
            assert_eq!(request.1["fieldSelector"], "spec.nodeName=n1");
        }
        // The API is back, and what was there all the time is known.
        api.refuses = false;
        api.lists.insert(PODS.to_owned(), vec![pod("web-5d9-x", "u1")]);
        api.lists.insert(NAMESPACES.to_owned(), namespaces());
    }
    until_that("the watches", || {
        cluster.watches(PODS) == 1 && cluster.watches(NAMESPACES) == 1
    })
    .await;
    write(folder.path(), "shop_web-5d9-x_u1", "alone, and one more");
    let lines = until(&server, r#"{app="web"}"#, 1).await;
    assert_eq!(lines[0].1, "alone, and one more");
    assert_told(&lines[0].2, &TOLD);
    assert!(server.stop());
}
