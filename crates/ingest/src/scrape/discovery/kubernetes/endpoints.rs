//! `role: endpoints`: each address and port behind a service, by `Endpoints` objects, and further ports of pods there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cluster::Cluster;
use super::{NAMESPACE, node, pod, push_meta, service, set};
use crate::kubernetes::objects::{EndpointAddress, Endpoints, Pod, ServicePort, TargetRef};
use crate::scrape::discovery::{ADDRESS, Group, LabelSet, host_port};

/// The pods behind one object, each with the ports that its targets have already.
#[derive(Default)]
pub(super) struct SeenPods(BTreeMap<(String, String), (Arc<Pod>, Vec<u16>)>);

pub(super) fn group(endpoints: &Endpoints, cluster: &Cluster) -> Group {
    let meta = &endpoints.metadata;
    let mut labels = LabelSet::from([(NAMESPACE.to_owned(), meta.namespace.clone())]);
    set(&mut labels, "endpoints_name", &meta.name);
    if let Some(service) = cluster.services.get(&meta.namespace, &meta.name) {
        labels.extend(service::labels(&service));
    }
    push_meta(&mut labels, "endpoints", meta);
    let mut seen = SeenPods::default();
    let mut targets = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        for port in subset.ports.iter().flatten() {
            let ready = subset.addresses.iter().flatten().map(|address| (address, "true"));
            let others = subset.not_ready_addresses.iter().flatten();
            for (address, is_ready) in ready.chain(others.map(|address| (address, "false"))) {
                targets.push(target(address, port, is_ready, cluster, &mut seen));
            }
        }
    }
    targets.extend(seen.other_ports());
    Group { targets, labels }
}

fn target(
    address: &EndpointAddress,
    port: &ServicePort,
    is_ready: &str,
    cluster: &Cluster,
    seen: &mut SeenPods,
) -> LabelSet {
    let mut target = LabelSet::from([(ADDRESS.to_owned(), host_port(&address.ip, port.port))]);
    set(&mut target, "endpoint_port_name", &port.name);
    set(&mut target, "endpoint_port_protocol", &port.protocol);
    set(&mut target, "endpoint_ready", is_ready);
    if let Some(behind) = &address.target_ref {
        set(&mut target, "endpoint_address_target_kind", &behind.kind);
        set(&mut target, "endpoint_address_target_name", &behind.name);
    }
    if let Some(name) = &address.node_name {
        set(&mut target, "endpoint_node_name", name);
        push_node(&mut target, name, cluster);
    }
    if !address.hostname.is_empty() {
        set(&mut target, "endpoint_hostname", &address.hostname);
    }
    if let Some(pod) = seen.note(address.target_ref.as_ref(), Some(port.port), cluster) {
        pod::push_behind(&mut target, &pod, Some(port.port));
    }
    target
}

/// Adds the labels of the node, where `attach_metadata` asked for nodes.
pub(super) fn push_node(target: &mut LabelSet, name: &str, cluster: &Cluster) {
    if let Some(node) = cluster.nodes.get("", name) {
        node::push_attached(target, &node);
    }
}

impl SeenPods {
    /// The pod behind an address, with the port noted as one that has a target.
    pub(super) fn note(
        &mut self,
        behind: Option<&TargetRef>,
        port: Option<u16>,
        cluster: &Cluster,
    ) -> Option<Arc<Pod>> {
        let behind = behind.filter(|behind| behind.kind == "Pod")?;
        let pod = cluster.pods.get(&behind.namespace, &behind.name)?;
        let key = (behind.namespace.clone(), behind.name.clone());
        let (_, ports) = self
            .0
            .entry(key)
            .or_insert_with(|| (Arc::clone(&pod), Vec::new()));
        ports.extend(port);
        Some(pod)
    }

    /// Targets for the ports of these pods that have none.
    pub(super) fn other_ports(self) -> impl Iterator<Item = LabelSet> {
        self.0
            .into_values()
            .flat_map(|(pod, ports)| pod::other_ports(&pod, &ports))
    }
}
