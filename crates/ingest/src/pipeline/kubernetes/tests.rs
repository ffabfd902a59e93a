//! What lines of pods are given, by a file of pods.

use std::io::Write as _;

use model::{Labels, LogRows, TenantId};

use super::*;
use crate::pipeline::{PipelineConfig, PipelineTelemetry, Pipelines, RedactConfig};

const PODS: &str = r#"{"kind": "List", "items": [
    {"kind": "Pod", "metadata": {"name": "web-5d9-x", "namespace": "shop", "uid": "u1",
        "labels": {"app": "web", "app.kubernetes.io/name": "storefront", "pod-template-hash": "5d9", "9lives": "yes"},
        "annotations": {"example.org/team": "blue"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5d9", "controller": true}]},
        "spec": {"nodeName": "n1"}},
    {"kind": "Pod", "metadata": {"name": "etcd-n1", "namespace": "kube-system", "uid": "u2",
        "annotations": {"kubernetes.io/config.mirror": "hash"},
        "ownerReferences": [{"kind": "Node", "name": "n1", "controller": true}]}, "spec": {"nodeName": "n1"}},
    {"kind": "Pod", "metadata": {"name": "waiting", "namespace": "shop", "uid": "u3"}},
    {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"tenant": "t1", "kubernetes.io/metadata.name": "shop"}}}]}"#;

fn pods() -> PodDirectories {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(PODS.as_bytes()).unwrap();
    PodDirectories::of_file(file.path()).unwrap()
}

fn pipelines(stage: &str) -> Pipelines {
    let text = format!("[{{name: pods, stages: [{{kubernetes: {stage}}}]}}]");
    let configs: Vec<PipelineConfig> = serde_saphyr::from_str(&text).unwrap();
    Pipelines::with_pods(
        &configs,
        &RedactConfig::off(),
        PipelineTelemetry::default(),
        &pods(),
    )
    .unwrap()
}

/// A line with these labels and this metadata, as the stage gives it on.
fn told(stage: &str, labels: &[(&str, &str)], metadata: &[(&str, &str)]) -> String {
    let mut rows = LogRows::new(TenantId::DEFAULT);
    rows.begin_stream(Labels::from_pairs(labels.iter().copied()));
    rows.push(1, "line", metadata.iter().copied());
    let rows = pipelines(stage).apply(rows, 1);
    let (labels, mut of_stream) = rows.streams().next().unwrap();
    let pairs: Vec<String> = of_stream
        .next()
        .unwrap()
        .metadata()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{labels} {}", pairs.join(" "))
}

#[test]
fn a_line_is_told_of_node_and_owner_unless_it_is_not_wanted() {
    let check = |stage: &str, expected: &str| {
        assert_eq!(
            told(stage, &[("namespace", "shop"), ("pod", "web-5d9-x")], &[]),
            expected,
            "{stage}"
        );
    };
    let stream = r#"{namespace="shop", pod="web-5d9-x"}"#;
    check(
        "{}",
        &format!("{stream} k8s_node_name=n1 k8s_deployment_name=web k8s_replicaset_name=web-5d9"),
    );
    check("{node: off, owner: off}", &format!("{stream} "));
    check(
        "{node: label, owner: label}",
        r#"{k8s_deployment_name="web", k8s_node_name="n1", namespace="shop", pod="web-5d9-x"} k8s_replicaset_name=web-5d9"#,
    );
}

#[test]
fn labels_and_annotations_are_given_as_asked() {
    let check = |stage: &str, expected: &str| {
        let stage = format!("{{node: off, owner: off, {stage}}}");
        let told = told(&stage, &[("a", "b")], &[("pod_uid", "u1")]);
        assert_eq!(told.replace(" pod_uid=u1", ""), expected, "{stage}");
    };
    check(
        "labels: [app, app.kubernetes.io/name, absent, 9lives]",
        r#"{_9lives="yes", a="b", app="web", app_kubernetes_io_name="storefront"}"#,
    );
    check(
        "labels: [app.kubernetes.io/name: service]",
        r#"{a="b", service="storefront"}"#,
    );
    check(
        "metadata: {labels: [app], annotations: [example.org/team, kubernetes.io/none: x]}",
        r#"{a="b"} k8s_pod_label_app=web k8s_pod_annotation_example_org_team=blue"#,
    );
    check(
        "metadata: {labels: ['*', app: mine]}",
        r#"{a="b"} mine=web k8s_pod_label_9lives=yes k8s_pod_label_app_kubernetes_io_name=storefront k8s_pod_label_pod_template_hash=5d9"#,
    );
    check(
        "metadata: {namespace_labels: [tenant, kubernetes.io/metadata.name: of]}",
        r#"{a="b"} k8s_namespace_label_tenant=t1 of=shop"#,
    );
}

#[test]
fn pods_are_found_by_the_names_that_shippers_use() {
    let check = |labels: &[(&str, &str)], metadata: &[(&str, &str)], is_found: bool| {
        let told = told("{owner: off}", labels, metadata);
        assert_eq!(told.contains("k8s_node_name=n1"), is_found, "{told}");
    };
    check(&[("a", "b")], &[("k8s_pod_uid", "u1")], true);
    check(
        &[("k8s_namespace_name", "shop"), ("k8s_pod_name", "web-5d9-x")],
        &[],
        true,
    );
    check(
        &[("kubernetes_namespace", "shop")],
        &[("kubernetes_pod_name", "web-5d9-x")],
        true,
    );
    check(
        &[
            ("kubernetes_namespace_name", "shop"),
            ("kubernetes_pod_name", "web-5d9-x"),
        ],
        &[],
        true,
    );
    check(&[("a", "b")], &[("kubernetes_pod_id", "u1")], true);
    check(&[("a", "b")], &[("pod_uid", "hash")], true);
    // An id decides: this is an earlier pod of the name.
    check(
        &[("namespace", "shop"), ("pod", "web-5d9-x")],
        &[("pod_uid", "u0")],
        false,
    );
    check(&[("namespace", "shop"), ("pod", "other")], &[], false);
    check(&[("namespace", "shop")], &[("pod_uid", "")], false);
    let own = "{owner: off, pod_uid_from: [], namespace_from: [ns], pod_name_from: [name]}";
    assert!(told(own, &[("ns", "shop")], &[("name", "web-5d9-x")]).contains("k8s_node_name"));
    assert!(!told(own, &[("ns", "shop")], &[("pod_uid", "u1")]).contains("k8s_node_name"));
}

#[test]
fn what_cannot_be_told_is_counted_and_the_text_of_a_line_names_no_pod() {
    let telemetry = PipelineTelemetry::default();
    let configs: Vec<PipelineConfig> =
        serde_saphyr::from_str("[{name: pods, stages: [{json: {}}, {kubernetes: {}}]}]").unwrap();
    let pipelines = Pipelines::with_pods(&configs, &RedactConfig::off(), telemetry.clone(), &pods()).unwrap();
    let mut rows = LogRows::new(TenantId::DEFAULT);
    rows.begin_stream(Labels::from_pairs([("a", "b")]));
    rows.push(1, r#"{"pod_uid":"u1"}"#, []);
    rows.push(2, "{}", [("pod_uid", "other")]);
    rows.push(3, "{}", [("pod_uid", "u3")]);
    let before = rows.clone();
    let rows = pipelines.apply(rows, 1);
    assert_eq!(rows, before, "lines go on as they are");
    let missed = |reason: &'static str| {
        let labels = crate::pipeline::telemetry::StageLabels {
            pipeline: "pods".to_owned(),
            stage: "kubernetes",
            reason,
        };
        telemetry.missed.get_or_create(&labels).get()
    };
    assert_eq!((missed("no pod named"), missed("unknown")), (1, 1));
    // Nobody would tell of it later: a file is all there is.
    let unknown = [("pod_uid".to_owned(), "other".to_owned())];
    assert!(pipelines.may_wait() && pipelines.is_ready_for(&Labels::empty(), &unknown));
}

#[test]
fn what_cannot_work_is_refused() {
    let check = |stage: &str, expected: &str| {
        let text = format!("[{{name: pods, stages: [{{kubernetes: {stage}}}]}}]");
        let configs: Result<Vec<PipelineConfig>, _> = serde_saphyr::from_str(&text);
        let fault = match configs {
            Ok(configs) => Pipelines::new(&configs, &RedactConfig::off(), PipelineTelemetry::default())
                .unwrap_err()
                .to_string(),
            Err(error) => error.to_string(),
        };
        assert!(fault.contains(expected), "{stage}: {fault}");
    };
    check("{labels: ['*']}", "kubernetes.labels has '*'");
    check("{metadata: {annotations: ['*']}}", "metadata.annotations has '*'");
    check("{metadata: {labels: ['*': x]}}", "metadata.labels has '*'");
    check("{labels: [app: 'a b']}", "not a label name");
    check(
        "{labels: [{a: b, c: d}]}",
        "one label or annotation with one name",
    );
    check("{labels: ['']}", "an empty name");
    check("{labels: [7]}", "a label or annotation such as app");
    check("{node: both}", "both");
    check("{pod_uid_from: ['']}", "pod_uid_from has an empty name");
    check(
        "{pod_uid_from: [], pod_name_from: []}",
        "nothing says whose a line is",
    );
    check("{cluster: {api_server: nowhere}}", "api_server is not");
    check("{label: [a]}", "label");
}
