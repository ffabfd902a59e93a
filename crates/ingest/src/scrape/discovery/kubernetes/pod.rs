//! `role: pod`: each port of each container; and what other roles tell of the pod behind a target.

use super::cluster::Cluster;
use super::{NAMESPACE, node, push_meta, set};
use crate::kubernetes::objects::{Container, ContainerPort, Pod};
use crate::scrape::discovery::{ADDRESS, Group, LabelSet, host_port};

/// A target for each port, and one without a port for each container that names none.
pub(super) fn group(pod: &Pod, cluster: &Cluster) -> Group {
    let ip = &pod.status.pod_ip;
    // A pod that starts, or was evicted, has no address.
    if ip.is_empty() {
        return Group::default();
    }
    let mut labels = labels(pod);
    labels.insert(NAMESPACE.to_owned(), pod.metadata.namespace.clone());
    if let Some(node) = cluster.nodes.get("", &pod.spec.node_name) {
        node::push_attached(&mut labels, &node);
    }
    let mut targets = Vec::new();
    for (container, is_init) in pod.containers() {
        let mut target = LabelSet::new();
        push_container(&mut target, container, is_init);
        set(
            &mut target,
            "pod_container_id",
            container_id(pod, container, is_init),
        );
        let ports = container.ports.iter().flatten();
        let before = targets.len();
        targets.extend(ports.map(|port| {
            let mut target = target.clone();
            target.insert(ADDRESS.to_owned(), host_port(ip, port.number));
            push_port(&mut target, port);
            target
        }));
        if targets.len() == before {
            target.insert(ADDRESS.to_owned(), ip.clone());
            targets.push(target);
        }
    }
    Group { targets, labels }
}

/// What is told of a pod wherever it is behind a target.
pub(super) fn labels(pod: &Pod) -> LabelSet {
    let mut labels = LabelSet::new();
    let ready = pod
        .status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.kind == "Ready");
    let ready = ready.map_or_else(
        || "unknown".to_owned(),
        |condition| condition.status.to_lowercase(),
    );
    set(&mut labels, "pod_name", &pod.metadata.name);
    set(&mut labels, "pod_ip", &pod.status.pod_ip);
    set(&mut labels, "pod_ready", ready);
    set(&mut labels, "pod_phase", &pod.status.phase);
    set(&mut labels, "pod_node_name", &pod.spec.node_name);
    set(&mut labels, "pod_host_ip", &pod.status.host_ip);
    set(&mut labels, "pod_uid", &pod.metadata.uid);
    let owners = pod.metadata.owner_references.iter().flatten();
    if let Some(owner) = owners.into_iter().find(|owner| owner.controller) {
        set(&mut labels, "pod_controller_kind", &owner.kind);
        set(&mut labels, "pod_controller_name", &owner.name);
    }
    push_meta(&mut labels, "pod", &pod.metadata);
    labels
}

/// A target for each port of the pod that is not among `seen`, for the roles that come from services.
pub(super) fn other_ports(pod: &Pod, seen: &[u16]) -> Vec<LabelSet> {
    if pod.status.pod_ip.is_empty() {
        return Vec::new();
    }
    let mut targets = Vec::new();
    for (container, is_init) in pod.containers() {
        let ports = container.ports.iter().flatten();
        for port in ports.filter(|port| !seen.contains(&port.number)) {
            let mut target = labels(pod);
            target.insert(ADDRESS.to_owned(), host_port(&pod.status.pod_ip, port.number));
            push_container(&mut target, container, is_init);
            push_port(&mut target, port);
            targets.push(target);
        }
    }
    targets
}

/// What is told of the pod behind an endpoint: the pod, and the container that has the endpoint's port.
pub(super) fn push_behind(target: &mut LabelSet, pod: &Pod, port: Option<u16>) {
    target.extend(labels(pod));
    let with_port = pod.containers().find_map(|(container, is_init)| {
        let ports = container.ports.iter().flatten();
        let own = ports.into_iter().find(|own| Some(own.number) == port)?;
        Some((container, is_init, own))
    });
    if let Some((container, is_init, own)) = with_port {
        push_container(target, container, is_init);
        push_port(target, own);
    }
}

fn push_container(target: &mut LabelSet, container: &Container, is_init: bool) {
    set(target, "pod_container_name", &container.name);
    set(target, "pod_container_image", &container.image);
    set(target, "pod_container_init", is_init.to_string());
}

fn push_port(target: &mut LabelSet, port: &ContainerPort) {
    set(target, "pod_container_port_name", &port.name);
    set(target, "pod_container_port_number", port.number.to_string());
    set(target, "pod_container_port_protocol", &port.protocol);
}

fn container_id(pod: &Pod, container: &Container, is_init: bool) -> String {
    let statuses = if is_init {
        &pod.status.init_container_statuses
    } else {
        &pod.status.container_statuses
    };
    let own = statuses
        .iter()
        .flatten()
        .find(|status| status.name == container.name);
    own.map(|status| status.container_id.clone()).unwrap_or_default()
}
