//! `role: ingress`: each path of each rule, at the rule's host.

use super::{NAMESPACE, push_meta, set};
use crate::kubernetes::objects::{Ingress, IngressRule};
use crate::scrape::discovery::{ADDRESS, Group, LabelSet};

pub(super) fn group(ingress: &Ingress) -> Group {
    let meta = &ingress.metadata;
    let mut labels = LabelSet::from([(NAMESPACE.to_owned(), meta.namespace.clone())]);
    set(&mut labels, "ingress_name", &meta.name);
    if let Some(class) = &ingress.spec.ingress_class_name {
        set(&mut labels, "ingress_class_name", class);
    }
    push_meta(&mut labels, "ingress", meta);
    let tls = ingress.spec.tls.iter().flatten();
    let tls_hosts: Vec<&str> = tls
        .flat_map(|tls| tls.hosts.iter().flatten().map(String::as_str))
        .collect();
    let mut targets = Vec::new();
    for rule in ingress.spec.rules.iter().flatten() {
        let is_tls = tls_hosts.iter().any(|pattern| covers(pattern, &rule.host));
        for path in paths(rule) {
            let mut target = LabelSet::from([(ADDRESS.to_owned(), rule.host.clone())]);
            set(
                &mut target,
                "ingress_scheme",
                if is_tls { "https" } else { "http" },
            );
            set(&mut target, "ingress_host", &rule.host);
            set(&mut target, "ingress_path", path);
            targets.push(target);
        }
    }
    Group { targets, labels }
}

/// The paths of a rule; an empty one, and none, are the root.
fn paths(rule: &IngressRule) -> Vec<&str> {
    let Some(http) = &rule.http else {
        return vec!["/"];
    };
    let paths = http.paths.iter().map(|path| path.path.as_str());
    paths
        .map(|path| if path.is_empty() { "/" } else { path })
        .collect()
}

/// Whether a certificate's host covers another: the same, or `*.` in place of its first part.
fn covers(pattern: &str, host: &str) -> bool {
    let rest = pattern.strip_prefix("*.");
    pattern == host || rest.is_some_and(|rest| host.split_once('.').is_some_and(|(_, tail)| tail == rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_part() {
        let check = |pattern: &str, host: &str, expected: bool| {
            assert_eq!(covers(pattern, host), expected, "{pattern} {host}");
        };
        check("a.example.org", "a.example.org", true);
        check("*.example.org", "a.example.org", true);
        check("*.example.org", "a.b.example.org", false);
        check("*.example.org", "example.org", false);
        check("b.example.org", "a.example.org", false);
    }
}
