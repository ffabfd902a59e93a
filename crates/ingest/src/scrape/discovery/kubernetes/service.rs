//! `role: service`: each port of each service; and what other roles tell of the service behind a target.

use super::{NAMESPACE, push_meta, set};
use crate::kubernetes::objects::Service;
use crate::scrape::discovery::{ADDRESS, Group, LabelSet, host_port};

/// A target for each port, at the service's name in the cluster's DNS.
pub(super) fn group(service: &Service) -> Group {
    let spec = &service.spec;
    let host = format!("{}.{}.svc", service.metadata.name, service.metadata.namespace);
    let targets = spec.ports.iter().flatten().map(|port| {
        let mut target = LabelSet::from([(ADDRESS.to_owned(), host_port(&host, port.port))]);
        set(&mut target, "service_port_name", &port.name);
        set(&mut target, "service_port_number", port.port.to_string());
        set(&mut target, "service_port_protocol", &port.protocol);
        set(&mut target, "service_type", &spec.kind);
        if spec.kind == "ExternalName" {
            set(&mut target, "service_external_name", &spec.external_name);
        } else {
            set(&mut target, "service_cluster_ip", &spec.cluster_ip);
        }
        if spec.kind == "LoadBalancer" {
            set(&mut target, "service_loadbalancer_ip", &spec.load_balancer_ip);
        }
        target
    });
    Group {
        targets: targets.collect(),
        labels: labels(service),
    }
}

/// What is told of a service wherever it is behind a target.
pub(super) fn labels(service: &Service) -> LabelSet {
    let mut labels = LabelSet::from([(NAMESPACE.to_owned(), service.metadata.namespace.clone())]);
    set(&mut labels, "service_name", &service.metadata.name);
    push_meta(&mut labels, "service", &service.metadata);
    labels
}
