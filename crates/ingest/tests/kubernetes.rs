//! A cluster's objects become targets: listed page by page, watched, and kept while the API is away.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where its world is not as it should be"
)]

#[path = "support/cluster.rs"]
mod cluster;
mod support;

use cluster::Cluster;
use serde_json::{Value, json};
use support::Rig;

const PODS: &str = "/api/v1/pods";

fn pod(name: &str, ip: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "uid": "u1", "resourceVersion": "8",
            "labels": {"app.kubernetes.io/name": "web"}, "annotations": {"prometheus.io/scrape": "true"},
            "ownerReferences": [{"kind": "Node", "name": "no"}, {"kind": "ReplicaSet", "name": "web-5d", "controller": true}]},
        "spec": {"nodeName": "n1",
            "containers": [
                {"name": "web", "image": "web:1", "ports": [{"name": "metrics", "containerPort": 9000, "protocol": "TCP"}]},
                {"name": "log", "image": "log:2"}],
            "initContainers": [{"name": "init", "image": "init:3"}]},
        "status": {"podIP": ip, "hostIP": "10.0.0.1", "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "web", "containerID": "docker://1"}],
            "initContainerStatuses": [{"name": "init", "containerID": "docker://3"}]}
    })
}

fn node() -> Value {
    json!({"metadata": {"name": "n1", "labels": {"disk": "fast"}, "annotations": {"a/b": "c"}},
        "spec": {"providerID": "cloud:///n1"},
        "status": {"addresses": [{"type": "Hostname", "address": "n1.local"}, {"type": "InternalIP", "address": "10.0.0.1"},
            {"type": "InternalIP", "address": "10.0.0.2"}], "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}}})
}

fn service(kind: &str) -> Value {
    json!({"metadata": {"name": "web", "namespace": "shop", "labels": {"tier": "front"}},
        "spec": {"type": kind, "clusterIP": "10.96.0.9", "externalName": "web.example.org", "loadBalancerIP": "198.51.100.1",
            "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}})
}

/// Waits for so many targets and gives back their labels that begin with `__meta_kubernetes_`, that prefix taken off, with
/// the address in front, one text for each, sorted.
async fn targets(rig: &Rig, count: usize) -> Vec<String> {
    rig.until_that("targets", || rig.scraper.targets().active.len() == count)
        .await;
    let active = rig.scraper.targets().active;
    let mut all: Vec<String> = active
        .iter()
        .map(|target| {
            let labels = &target.discovered_labels;
            let meta = labels.iter().filter_map(|(name, value)| {
                Some(format!("{}={value}", name.strip_prefix("__meta_kubernetes_")?))
            });
            let address = labels.get("__address__").unwrap_or_default().to_owned();
            [address].into_iter().chain(meta).collect::<Vec<_>>().join(" ")
        })
        .collect();
    all.sort();
    all
}

const POD_LABELS: &str =
    "pod_annotation_prometheus_io_scrape=true pod_annotationpresent_prometheus_io_scrape=true";

/// The labels of the pod `name`, in their order, around those of its container.
fn pod_labels(name: &str, ip: &str, container: &str) -> String {
    format!(
        "{POD_LABELS} {container} pod_controller_kind=ReplicaSet pod_controller_name=web-5d pod_host_ip=10.0.0.1 pod_ip={ip} \
         pod_label_app_kubernetes_io_name=web pod_labelpresent_app_kubernetes_io_name=true pod_name={name} \
         pod_node_name=n1 pod_phase=Running pod_ready=true pod_uid=u1"
    )
}

#[tokio::test]
async fn pods_are_listed_watched_and_kept_while_the_api_is_away() {
    let cluster = Cluster::start(&[(PODS, vec![pod("a", "10.1.0.1"), pod("b", "")])]).await;
    let selectors =
        ", selectors: [{role: pod, label: 'app in (web)', field: status.phase=Running}], bearer_token: t";
    let rig = Rig::start(&cluster.job("pod", selectors));
    let found = targets(&rig, 3).await;
    let web = "pod_container_id=docker://1 pod_container_image=web:1 pod_container_init=false pod_container_name=web \
               pod_container_port_name=metrics pod_container_port_number=9000 pod_container_port_protocol=TCP";
    let init = "pod_container_id=docker://3 pod_container_image=init:3 pod_container_init=true pod_container_name=init";
    let log = "pod_container_image=log:2 pod_container_init=false pod_container_name=log";
    let mut expected = vec![
        format!(
            "10.1.0.1:9000 namespace=shop {}",
            pod_labels("a", "10.1.0.1", web)
        ),
        format!("10.1.0.1 namespace=shop {}", pod_labels("a", "10.1.0.1", init)),
        format!("10.1.0.1 namespace=shop {}", pod_labels("a", "10.1.0.1", log)),
    ];
    expected.sort();
    assert_eq!(found, expected);
    {
        let api = cluster.api.lock();
        let (_, query, headers) = &api.requests[0];
        assert_eq!(query["labelSelector"], "app in (web)");
        assert_eq!(query["fieldSelector"], "status.phase=Running");
        assert_eq!(headers["authorization"], "Bearer t");
        assert_eq!(api.requests[1].1["continue"], "1", "the second page");
    }

    rig.until_that("a watch", || cluster.watches(PODS) == 1).await;
    assert_eq!(cluster.api.lock().requests[2].1["resourceVersion"], "7");
    cluster.tell(PODS, "MODIFIED", &pod("b", "10.1.0.2"));
    targets(&rig, 6).await;
    cluster.tell(PODS, "DELETED", &pod("a", "10.1.0.1"));
    targets(&rig, 3).await;
    cluster.tell(PODS, "BOOKMARK", &json!({"metadata": {"resourceVersion": "99"}}));

    cluster.api.lock().refuses = true;
    cluster.end_watches(PODS);
    let failing = || {
        let status = rig.scraper.targets().discovery;
        status
            .iter()
            .any(|one| one.last_error.contains("pods is forbidden"))
    };
    rig.until_that("the refusal to be told", failing).await;
    assert_eq!(rig.scraper.targets().active.len(), 3, "what was known stays");
    let resumed = cluster.api.lock().requests.iter().any(|(_, query, _)| {
        query
            .get("resourceVersion")
            .is_some_and(|version| version == "99")
    });
    assert!(resumed, "the watch goes on where the bookmark was");

    {
        let mut api = cluster.api.lock();
        api.refuses = false;
        api.lists.insert(PODS.to_owned(), vec![pod("c", "10.1.0.3")]);
    }
    rig.until_that("the new list", || {
        let active = rig.scraper.targets().active;
        active.len() == 3 && active.iter().all(|target| target.scrape_url.contains("10.1.0.3"))
    })
    .await;
}

#[tokio::test]
async fn a_watch_that_is_too_old_is_listed_anew() {
    let cluster = Cluster::start(&[(PODS, vec![pod("a", "10.1.0.1")])]).await;
    let rig = Rig::start(&cluster.job("pod", ""));
    targets(&rig, 3).await;
    rig.until_that("a watch", || cluster.watches(PODS) == 1).await;
    cluster.api.lock().lists.insert(PODS.to_owned(), Vec::new());
    cluster.tell(
        PODS,
        "ERROR",
        &json!({"kind": "Status", "code": 410, "message": "too old resource version"}),
    );
    targets(&rig, 0).await;
    rig.until_that("no error", || {
        rig.scraper.targets().discovery[0].last_error.is_empty()
    })
    .await;
}

#[tokio::test]
async fn nodes_and_services_are_targets() {
    let namespaced = "/api/v1/namespaces/shop/services";
    let cluster = Cluster::start(&[
        ("/api/v1/nodes", vec![node()]),
        (namespaced, vec![service("LoadBalancer")]),
        ("/api/v1/services", vec![service("ExternalName")]),
    ])
    .await;
    let rig = Rig::start(&cluster.job("node", ""));
    assert_eq!(
        targets(&rig, 1).await,
        [
            "10.0.0.1:10250 node_address_Hostname=n1.local node_address_InternalIP=10.0.0.1 node_annotation_a_b=c \
          node_annotationpresent_a_b=true node_label_disk=fast node_labelpresent_disk=true node_name=n1 \
          node_provider_id=cloud:///n1"
        ]
    );
    assert_eq!(rig.scraper.targets().active[0].labels.get("instance"), Some("n1"));

    let rig = Rig::start(&cluster.job("service", ", namespaces: {names: [shop]}"));
    assert_eq!(
        targets(&rig, 1).await,
        [
            "web.shop.svc:80 namespace=shop service_cluster_ip=10.96.0.9 service_label_tier=front \
          service_labelpresent_tier=true service_loadbalancer_ip=198.51.100.1 service_name=web service_port_name=http \
          service_port_number=80 service_port_protocol=TCP service_type=LoadBalancer"
        ]
    );
    let rig = Rig::start(&cluster.job("service", ""));
    assert_eq!(
        targets(&rig, 1).await,
        [
            "web.shop.svc:80 namespace=shop service_external_name=web.example.org service_label_tier=front \
          service_labelpresent_tier=true service_name=web service_port_name=http service_port_number=80 \
          service_port_protocol=TCP service_type=ExternalName"
        ]
    );
}

#[tokio::test]
async fn endpoints_tell_of_their_service_pod_and_node() {
    let endpoints = json!({"metadata": {"name": "web", "namespace": "shop"}, "subsets": [{
        "addresses": [{"ip": "192.0.2.9", "hostname": "h", "nodeName": "n1"}],
        "notReadyAddresses": [{"ip": "10.1.0.1", "targetRef": {"kind": "Pod", "name": "a", "namespace": "shop"}}],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}]}]});
    let cluster = Cluster::start(&[
        ("/api/v1/endpoints", vec![endpoints]),
        ("/api/v1/services", vec![service("ClusterIP")]),
        (PODS, vec![pod("a", "10.1.0.1")]),
        ("/api/v1/nodes", vec![node()]),
    ])
    .await;
    let rig = Rig::start(&cluster.job("endpoints", ", attach_metadata: {node: true}"));
    let found = targets(&rig, 3).await;
    let service = "service_label_tier=front service_labelpresent_tier=true service_name=web";
    let container = "pod_container_image=web:1 pod_container_init=false pod_container_name=web pod_container_port_name=metrics \
                     pod_container_port_number=9000 pod_container_port_protocol=TCP";
    // A pod without the endpoint's port tells nothing of its containers; its own ports are further targets.
    let behind = pod_labels("a", "10.1.0.1", "").replace("  ", " ");
    let expected = [
        format!(
            "10.1.0.1:8080 endpoint_address_target_kind=Pod endpoint_address_target_name=a endpoint_port_name=http \
             endpoint_port_protocol=TCP endpoint_ready=false endpoints_name=web namespace=shop {behind} {service}"
        ),
        format!(
            "10.1.0.1:9000 endpoints_name=web namespace=shop {} {service}",
            pod_labels("a", "10.1.0.1", container)
        ),
        format!(
            "192.0.2.9:8080 endpoint_hostname=h endpoint_node_name=n1 endpoint_port_name=http endpoint_port_protocol=TCP \
             endpoint_ready=true endpoints_name=web namespace=shop node_label_disk=fast node_labelpresent_disk=true \
             node_name=n1 {service}"
        ),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn endpoint_slices_and_ingresses_are_targets() {
    let slice = json!({"metadata": {"name": "web-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv6", "ports": [{"name": "m", "port": 9000, "protocol": "TCP", "appProtocol": "http"}],
        "endpoints": [{"addresses": ["fd00::1"], "conditions": {"ready": true, "serving": true, "terminating": false},
            "hostname": "h", "nodeName": "n1", "zone": "z1",
            "targetRef": {"kind": "Pod", "name": "a", "namespace": "shop"}}]});
    let ingress = json!({"metadata": {"name": "front", "namespace": "shop", "annotations": {"x": "y"}},
        "spec": {"ingressClassName": "nginx", "tls": [{"hosts": ["*.example.org"]}], "rules": [
            {"host": "www.example.org", "http": {"paths": [{"path": ""}, {"path": "/api"}]}},
            {"host": "plain.test"}]}});
    let cluster = Cluster::start(&[
        ("/apis/discovery.k8s.io/v1/endpointslices", vec![slice]),
        ("/api/v1/services", vec![service("ClusterIP")]),
        (PODS, vec![pod("a", "fd00::1")]),
        ("/apis/networking.k8s.io/v1/ingresses", vec![ingress]),
        (
            "/api/v1/namespaces",
            vec![json!({"metadata": {"name": "shop", "labels": {"team": "t"}}})],
        ),
    ])
    .await;
    let rig = Rig::start(&cluster.job("endpointslice", ""));
    let container = "pod_container_image=web:1 pod_container_init=false pod_container_name=web pod_container_port_name=metrics \
                     pod_container_port_number=9000 pod_container_port_protocol=TCP";
    assert_eq!(
        targets(&rig, 1).await,
        [format!(
            "[fd00::1]:9000 endpointslice_address_target_kind=Pod endpointslice_address_target_name=a \
             endpointslice_address_type=IPv6 endpointslice_endpoint_conditions_ready=true \
             endpointslice_endpoint_conditions_serving=true endpointslice_endpoint_conditions_terminating=false \
             endpointslice_endpoint_hostname=h endpointslice_endpoint_node_name=n1 endpointslice_endpoint_zone=z1 \
             endpointslice_label_kubernetes_io_service_name=web endpointslice_labelpresent_kubernetes_io_service_name=true \
             endpointslice_name=web-x endpointslice_port=9000 endpointslice_port_app_protocol=http \
             endpointslice_port_name=m endpointslice_port_protocol=TCP namespace=shop {} service_label_tier=front \
             service_labelpresent_tier=true service_name=web",
            pod_labels("a", "fd00::1", container)
        )]
    );

    let rig = Rig::start(&cluster.job("ingress", ", attach_metadata: {namespace: true}"));
    let common = "ingress_annotation_x=y ingress_annotationpresent_x=true ingress_class_name=nginx";
    let target = |host: &str, path: &str, scheme: &str| {
        format!(
            "{host} {common} ingress_host={host} ingress_name=front ingress_path={path} ingress_scheme={scheme} \
             namespace=shop namespace_label_team=t namespace_labelpresent_team=true"
        )
    };
    assert_eq!(
        targets(&rig, 3).await,
        [
            target("plain.test", "/", "http"),
            target("www.example.org", "/", "https"),
            target("www.example.org", "/api", "https"),
        ]
    );
}

#[tokio::test]
async fn a_process_outside_of_any_cluster_says_so_and_scrapes_the_rest() {
    let target = support::FakeTarget::start(support::Answer::text("a 1\n")).await;
    let rig = Rig::start(&format!(
        "[{{job_name: k, kubernetes_sd_configs: [{{role: pod}}]}}, \
          {{job_name: s, static_configs: [{{targets: ['{}']}}]}}]",
        target.address
    ));
    rig.until("a", "1").await;
    let status = rig.scraper.targets().discovery;
    assert!(
        matches!(&status[..], [one] if one.last_error.contains("api_server") && !one.looked),
        "{status:?}"
    );
}
