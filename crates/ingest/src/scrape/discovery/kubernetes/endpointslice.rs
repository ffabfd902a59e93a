//! `role: endpointslice`: each address and port behind a service, by `EndpointSlice` objects, and further ports of pods.

use model::names::sanitize_label_name;

use super::cluster::Cluster;
use super::endpoints::{SeenPods, push_node};
use super::{NAMESPACE, pod, push_meta, service, set};
use crate::kubernetes::objects::{EndpointSlice, SliceEndpoint, SlicePort};
use crate::scrape::discovery::{ADDRESS, Group, LabelSet, host_port};

/// The label of a slice that names its service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

pub(super) fn group(slice: &EndpointSlice, cluster: &Cluster) -> Group {
    let meta = &slice.metadata;
    let mut labels = LabelSet::from([(NAMESPACE.to_owned(), meta.namespace.clone())]);
    set(&mut labels, "endpointslice_name", &meta.name);
    set(&mut labels, "endpointslice_address_type", &slice.address_type);
    push_meta(&mut labels, "endpointslice", meta);
    let service = meta
        .labels
        .iter()
        .flatten()
        .find(|(name, _)| *name == SERVICE_NAME);
    if let Some(service) = service.and_then(|(_, name)| cluster.services.get(&meta.namespace, name)) {
        labels.extend(service::labels(&service));
    }
    let mut seen = SeenPods::default();
    let mut targets = Vec::new();
    for endpoint in slice.endpoints.iter().flatten() {
        for port in slice.ports.iter().flatten() {
            for address in endpoint.addresses.iter().flatten() {
                targets.push(target(address, endpoint, port, cluster, &mut seen));
            }
        }
    }
    targets.extend(seen.other_ports());
    Group { targets, labels }
}

fn target(
    address: &str,
    endpoint: &SliceEndpoint,
    port: &SlicePort,
    cluster: &Cluster,
    seen: &mut SeenPods,
) -> LabelSet {
    let at = port
        .port
        .map_or_else(|| address.to_owned(), |port| host_port(address, port));
    let mut target = LabelSet::from([(ADDRESS.to_owned(), at)]);
    let conditions = &endpoint.conditions;
    let text = |flag: Option<bool>| flag.map(|flag| flag.to_string());
    let optional = [
        ("port_name", port.name.clone()),
        ("port_protocol", port.protocol.clone()),
        ("port", port.port.map(|port| port.to_string())),
        ("port_app_protocol", port.app_protocol.clone()),
        ("endpoint_conditions_ready", text(conditions.ready)),
        ("endpoint_conditions_serving", text(conditions.serving)),
        ("endpoint_conditions_terminating", text(conditions.terminating)),
        ("endpoint_hostname", endpoint.hostname.clone()),
        ("endpoint_node_name", endpoint.node_name.clone()),
        ("endpoint_zone", endpoint.zone.clone()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            set(&mut target, &format!("endpointslice_{name}"), value);
        }
    }
    if let Some(behind) = &endpoint.target_ref {
        set(&mut target, "endpointslice_address_target_kind", &behind.kind);
        set(&mut target, "endpointslice_address_target_name", &behind.name);
    }
    for (name, value) in endpoint.deprecated_topology.iter().flatten() {
        let name = sanitize_label_name(name);
        set(
            &mut target,
            &format!("endpointslice_endpoint_topology_{name}"),
            value,
        );
        set(
            &mut target,
            &format!("endpointslice_endpoint_topology_present_{name}"),
            "true",
        );
    }
    let behind_node = endpoint
        .target_ref
        .as_ref()
        .filter(|behind| behind.kind == "Node");
    let node = behind_node
        .map(|behind| &behind.name)
        .or(endpoint.node_name.as_ref());
    if let Some(node) = node {
        push_node(&mut target, node, cluster);
    }
    if let Some(pod) = seen.note(endpoint.target_ref.as_ref(), port.port, cluster) {
        pod::push_behind(&mut target, &pod, port.port);
    }
    target
}
