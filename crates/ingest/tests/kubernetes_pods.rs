//! Lines know their pods: listed, watched, kept while the API is away, and asked for only where a stage wants to know.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where its world is not as it should be"
)]

#[path = "support/cluster.rs"]
mod cluster;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cluster::Cluster;
use ingest::{
    Logs, LogsTelemetry, PipelineConfig, PipelineTelemetry, Pipelines, PodDirectories, PodsTelemetry,
    RedactConfig,
};
use model::{Labels, LogRows, LogWrite, MemoryLogs, TenantId};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const PODS: &str = "/api/v1/pods";
const NAMESPACES: &str = "/api/v1/namespaces";
const PATIENCE: Duration = Duration::from_secs(20);

fn pod(name: &str, uid: &str, app: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "uid": uid, "resourceVersion": "8",
        "labels": {"app": app, "tier": "front"}}, "spec": {"nodeName": "n1"}})
}

fn namespace(tenant: &str) -> Value {
    json!({"metadata": {"name": "shop", "resourceVersion": "8", "labels": {"tenant": tenant}}})
}

/// Directories that run, and what they count.
struct Rig {
    directories: PodDirectories,
    telemetry: PodsTelemetry,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Rig {
    fn start() -> Self {
        // A second installation in one process is refused, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let telemetry = PodsTelemetry::default();
        let directories = PodDirectories::new(telemetry.clone());
        let stop = CancellationToken::new();
        let task = tokio::spawn(directories.clone().run(stop.clone()));
        Self {
            directories,
            telemetry,
            stop,
            task,
        }
    }

    /// Pipelines with a stage for each of these keys.
    fn pipelines(&self, cluster: &Cluster, stages: &[&str]) -> Pipelines {
        let address = &cluster.address;
        let stages: Vec<String> = stages
            .iter()
            .map(|keys| {
                format!(
                    "{{kubernetes: {{{keys}, cluster: {{api_server: 'http://{address}', bearer_token: t}}}}}}"
                )
            })
            .collect();
        self.built(&format!("[{{name: pods, stages: [{}]}}]", stages.join(", ")))
    }

    /// Pipelines as a file has them.
    fn built(&self, text: &str) -> Pipelines {
        let configs: Vec<PipelineConfig> = serde_saphyr::from_str(text).unwrap();
        Pipelines::with_pods(
            &configs,
            &RedactConfig::off(),
            PipelineTelemetry::default(),
            &self.directories,
        )
        .unwrap()
    }

    fn metrics(&self) -> String {
        let mut registry = Registry::default();
        self.telemetry.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }
}

/// A line of this pod as it would be stored.
fn told(pipelines: &Pipelines, uid: &str) -> String {
    let mut rows = LogRows::new(TenantId::DEFAULT);
    rows.begin_stream(Labels::from_pairs([("job", "j")]));
    rows.push(1, "line", [("pod_uid", uid)]);
    let rows = pipelines.apply(rows, 1);
    let (labels, mut of_stream) = rows.streams().next().unwrap();
    let pairs: Vec<String> = of_stream
        .next()
        .unwrap()
        .metadata()
        .filter(|(name, _)| *name != "pod_uid")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{labels} {}", pairs.join(" "))
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn is_ready(pipelines: &Pipelines, uid: &str) -> bool {
    pipelines.is_ready_for(
        &Labels::from_pairs([("job", "j")]),
        &[("pod_uid".to_owned(), uid.to_owned())],
    )
}

#[tokio::test]
async fn pods_are_told_of_as_they_come_change_and_go() {
    let cluster = Cluster::start(&[(PODS, vec![pod("a", "u1", "web"), pod("b", "u2", "db")])]).await;
    let rig = Rig::start();
    let pipelines = rig.pipelines(&cluster, &["labels: [app], node: off"]);
    until("the list", || is_ready(&pipelines, "u1")).await;
    assert_eq!(told(&pipelines, "u1"), r#"{app="web", job="j"} "#);
    assert_eq!(told(&pipelines, "u2"), r#"{app="db", job="j"} "#);
    // One comes late.
    assert!(!is_ready(&pipelines, "u3"));
    assert_eq!(told(&pipelines, "u3"), r#"{job="j"} "#);
    until("a watch", || cluster.watches(PODS) == 1).await;
    cluster.tell(PODS, "ADDED", &pod("c", "u3", "late"));
    until("the late pod", || is_ready(&pipelines, "u3")).await;
    assert_eq!(told(&pipelines, "u3"), r#"{app="late", job="j"} "#);
    // Its labels change.
    cluster.tell(PODS, "MODIFIED", &pod("c", "u3", "later"));
    until("the change", || {
        told(&pipelines, "u3") == r#"{app="later", job="j"} "#
    })
    .await;
    // It is deleted, and its last lines come after.
    cluster.tell(PODS, "DELETED", &pod("c", "u3", "later"));
    cluster.tell(PODS, "ADDED", &pod("c", "u4", "next"));
    until("the next pod", || is_ready(&pipelines, "u4")).await;
    assert_eq!(told(&pipelines, "u3"), r#"{app="later", job="j"} "#);
    let metrics = rig.metrics();
    let name = format!("cluster=\"http://{}\"", cluster.address);
    assert!(
        metrics.contains(&format!("watchkeeper_kubernetes_pods{{{name}}} 4")),
        "{metrics}"
    );
    assert!(
        metrics.contains(&format!(
            "watchkeeper_kubernetes_looks_total{{{name},outcome=\"ok\"}} 1"
        )),
        "{metrics}"
    );
    {
        let api = cluster.api.lock();
        assert_eq!(api.requests[0].2["authorization"], "Bearer t");
        let asked_for = |path: &str| api.requests.iter().any(|request| request.0 == path);
        assert!(
            asked_for(PODS) && !asked_for(NAMESPACES),
            "only what is wanted is asked for"
        );
    }
    rig.stop.cancel();
    rig.task.await.unwrap();
}

#[tokio::test]
async fn what_is_known_stays_while_the_api_is_away() {
    let cluster = Cluster::start(&[(PODS, vec![pod("a", "u1", "web")])]).await;
    let rig = Rig::start();
    let pipelines = rig.pipelines(&cluster, &["labels: [app], node: metadata"]);
    until("the list", || is_ready(&pipelines, "u1")).await;
    until("a watch", || cluster.watches(PODS) == 1).await;
    cluster.api.lock().refuses = true;
    cluster.end_watches(PODS);
    let has_failed = || rig.metrics().contains("outcome=\"failed\"");
    until("the refusal", has_failed).await;
    assert_eq!(told(&pipelines, "u1"), r#"{app="web", job="j"} k8s_node_name=n1"#);
    {
        let mut api = cluster.api.lock();
        api.refuses = false;
        api.lists
            .insert(PODS.to_owned(), vec![pod("a", "u1", "new"), pod("b", "u2", "db")]);
    }
    until("the API to be back", || is_ready(&pipelines, "u2")).await;
    assert_eq!(told(&pipelines, "u1"), r#"{app="new", job="j"} k8s_node_name=n1"#);
}

#[tokio::test]
async fn a_watch_that_is_too_old_is_listed_anew_and_what_went_meanwhile_stays_known() {
    let cluster = Cluster::start(&[(PODS, vec![pod("a", "u1", "web")])]).await;
    let rig = Rig::start();
    let pipelines = rig.pipelines(&cluster, &["labels: [app], node: off"]);
    until("a watch", || cluster.watches(PODS) == 1).await;
    cluster
        .api
        .lock()
        .lists
        .insert(PODS.to_owned(), vec![pod("b", "u2", "db")]);
    cluster.tell(
        PODS,
        "ERROR",
        &json!({"kind": "Status", "code": 410, "message": "too old resource version"}),
    );
    until("the new list", || is_ready(&pipelines, "u2")).await;
    assert_eq!(told(&pipelines, "u1"), r#"{app="web", job="j"} "#);
    assert!(!rig.metrics().contains("outcome=\"failed\""), "{}", rig.metrics());
}

#[tokio::test]
async fn stages_share_a_directory_and_namespaces_are_asked_for_where_they_are_wanted() {
    let cluster = Cluster::start(&[
        (PODS, vec![pod("a", "u1", "web")]),
        (NAMESPACES, vec![namespace("t1")]),
    ])
    .await;
    let rig = Rig::start();
    let two = [
        "labels: [app], node: off",
        "node: off, metadata: {labels: [tier], namespace_labels: [tenant]}",
    ];
    let pipelines = rig.pipelines(&cluster, &two);
    until("all", || is_ready(&pipelines, "u1")).await;
    assert_eq!(
        told(&pipelines, "u1"),
        r#"{app="web", job="j"} k8s_pod_label_tier=front k8s_namespace_label_tenant=t1"#
    );
    until("both watches", || {
        cluster.watches(PODS) == 1 && cluster.watches(NAMESPACES) == 1
    })
    .await;
    cluster.tell(NAMESPACES, "MODIFIED", &namespace("t2"));
    until("the change", || told(&pipelines, "u1").contains("tenant=t2")).await;
    let lists_before = cluster.api.lock().requests.len();

    // A reload that asks for less or the same disturbs nothing; what is known stays known while more is asked.
    let same = rig.pipelines(&cluster, &["labels: [app], node: off"]);
    drop(pipelines);
    assert_eq!(told(&same, "u1"), r#"{app="web", job="j"} "#);
    assert_eq!(cluster.api.lock().requests.len(), lists_before);
    let more = rig.pipelines(
        &cluster,
        &["labels: [app], node: metadata, metadata: {labels: ['*']}"],
    );
    drop(same);
    assert!(told(&more, "u1").starts_with(r#"{app="web", job="j"} k8s_node_name=n1"#));
    until("all labels", || {
        told(&more, "u1").contains("k8s_pod_label_app=web")
    })
    .await;

    // Nobody wants to know any more.
    drop(more);
    until("the end of the watches", || {
        let api = cluster.api.lock();
        api.watches
            .values()
            .flatten()
            .all(tokio::sync::mpsc::UnboundedSender::is_closed)
    })
    .await;
    assert!(!rig.metrics().contains("watchkeeper_kubernetes_pods{"));
}

#[tokio::test]
async fn pods_of_one_node_and_of_named_namespaces_are_asked_for() {
    let of_namespace = "/api/v1/namespaces/shop/pods";
    let cluster = Cluster::start(&[(of_namespace, vec![pod("a", "u1", "web")])]).await;
    let rig = Rig::start();
    let address = &cluster.address;
    let text = format!(
        "[{{name: pods, stages: [{{kubernetes: {{labels: [app], node: off, cluster: {{api_server: 'http://{address}', node: n1, \
         namespaces: [shop]}}}}}}]}}]"
    );
    let pipelines = rig.built(&text);
    until("the list", || is_ready(&pipelines, "u1")).await;
    let api = cluster.api.lock();
    assert!(
        api.requests
            .iter()
            .all(|request| request.0 == of_namespace && request.1["fieldSelector"] == "spec.nodeName=n1"),
        "{:?}",
        api.requests
    );
}

#[tokio::test]
async fn the_door_says_for_which_lines_it_is_worth_while_to_wait() {
    let cluster = Cluster::start(&[(PODS, vec![pod("a", "u1", "web")])]).await;
    let rig = Rig::start();
    let store: Arc<dyn LogWrite> = Arc::new(MemoryLogs::default());
    let logs = Arc::new(Logs::new(store, LogsTelemetry::default()));
    let door = logs.door("files");
    let of_pod = Labels::from_pairs([("namespace", "shop"), ("pod", "a"), ("container", "c")]);
    let uid = |uid: &str| vec![("pod_uid".to_owned(), uid.to_owned())];
    assert!(
        door.is_ready_for(&of_pod, &uid("u9")),
        "without a stage nothing waits"
    );
    let address = &cluster.address;
    let text = format!(
        "[{{name: pods, selector: '{{service_name=\"c\"}}', stages: [{{kubernetes: {{cluster: {{api_server: 'http://{address}'}}}}}}]}}]"
    );
    let pipelines = rig.built(&text);
    logs.take_pipelines(pipelines);
    until("the list", || door.is_ready_for(&of_pod, &uid("u1"))).await;
    assert!(!door.is_ready_for(&of_pod, &uid("u9")), "it may be told of");
    let other = Labels::from_pairs([("filename", "/var/log/syslog")]);
    assert!(door.is_ready_for(&other, &[]), "no pipeline selects it");
    let of_none = Labels::from_pairs([("container", "c")]);
    assert!(door.is_ready_for(&of_none, &[]), "it names no pod");
}
