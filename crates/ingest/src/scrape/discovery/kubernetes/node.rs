//! `role: node`: each node's kubelet.

use model::names::sanitize_label_name;

use super::{push_meta, set};
use crate::kubernetes::objects::Node;
use crate::scrape::discovery::{ADDRESS, Group, LabelSet, host_port};

/// Kinds of addresses, the best first.
const PREFERRED: [&str; 6] = [
    "InternalIP",
    "InternalDNS",
    "ExternalIP",
    "ExternalDNS",
    "LegacyHostIP",
    "Hostname",
];

/// The node as one target; none where it has no address.
pub(super) fn group(node: &Node) -> Group {
    let mut labels = LabelSet::new();
    set(&mut labels, "node_name", &node.metadata.name);
    set(&mut labels, "node_provider_id", &node.spec.provider_id);
    push_meta(&mut labels, "node", &node.metadata);
    let addresses: Vec<_> = node.status.addresses.iter().flatten().collect();
    let best = PREFERRED
        .iter()
        .find_map(|kind| addresses.iter().find(|address| address.kind == *kind));
    let target = best.map(|best| {
        let port = node.status.daemon_endpoints.kubelet_endpoint.port;
        let mut target = LabelSet::from([
            (ADDRESS.to_owned(), host_port(&best.address, port)),
            ("instance".to_owned(), node.metadata.name.clone()),
        ]);
        // The first address of each kind stands for it.
        for address in addresses.iter().rev() {
            let name = format!("node_address_{}", sanitize_label_name(&address.kind));
            set(&mut target, &name, &address.address);
        }
        target
    });
    Group {
        targets: target.into_iter().collect(),
        labels,
    }
}

/// What `attach_metadata` adds of the node that a target is on.
pub(super) fn push_attached(labels: &mut LabelSet, node: &Node) {
    set(labels, "node_name", &node.metadata.name);
    for (name, value) in node.metadata.labels.iter().flatten() {
        let name = sanitize_label_name(name);
        set(labels, &format!("node_label_{name}"), value);
        set(labels, &format!("node_labelpresent_{name}"), "true");
    }
}
