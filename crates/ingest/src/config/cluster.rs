//! The section `cluster` of the stage `kubernetes`: which cluster is asked for pods, and for which of them.

use std::path::Path;

use super::HttpConfig;
use super::http::is_address;
use super::section::{Checked, http_section};

/// The variable that names the node a pod runs on, where its manifest sets it.
const NODE_NAME: &str = "NODE_NAME";

/// As the name of a node: all of them.
const ALL_NODES: &str = "*";

http_section! {
    /// Which cluster is asked for pods, and for which of them.
    #[derive(Default)]
    pub struct PodsCluster {
        /// The address of the API; without it, and without a kubeconfig file, the service account of this pod is used.
        pub api_server: Option<String>,
        /// The file that names cluster and user, as kubectl has it.
        pub kubeconfig_file: Option<String>,
        /// The node whose pods are asked for: `*` for all. Where it is absent, what the variable `NODE_NAME` says.
        pub node: Option<String>,
        /// Where pods are looked for; everywhere where the list is empty.
        pub namespaces: Vec<String>,
    }
}

impl PodsCluster {
    /// What it is called in metrics and messages.
    pub(crate) fn name(&self) -> String {
        let named = self.api_server.as_ref().or(self.kubeconfig_file.as_ref());
        named.map_or_else(|| "in_cluster".to_owned(), |name| without_user(name))
    }

    /// The one node whose pods are asked for.
    pub(crate) fn node_name(&self, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
        let named = self.node.clone().or_else(|| variable(NODE_NAME));
        named.filter(|name| !name.is_empty() && name != ALL_NODES)
    }

    /// Makes relative paths relative to `base`, the file's folder.
    pub(crate) fn resolve_paths(&mut self, base: &Path) {
        self.http.resolve_paths(base);
        if let Some(path) = &mut self.kubeconfig_file {
            stdx::paths::resolve(path, base);
        }
    }
}

/// An address without what logs in.
fn without_user(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

impl Checked for PodsCluster {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut add = |fault: &str| faults.push(format!("cluster: {fault}"));
        if let Some(address) = &self.api_server {
            if !is_address(address) {
                add("api_server is not an http or https address; correct it");
            }
            if self.kubeconfig_file.is_some() {
                add("api_server and kubeconfig_file exclude each other; keep one");
            }
        } else if self.http != HttpConfig::default() {
            add("keys of the HTTP client need api_server; add it, or remove them");
        }
        // A name is part of a selector, and of a path.
        let is_name = |name: &String| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            !name.is_empty() && name.bytes().all(known)
        };
        let node = self.node.as_ref();
        if node.is_some_and(|node| node != ALL_NODES && !is_name(node)) {
            add("node is no name of a node; write one, or '*' for all");
        }
        if !self.namespaces.iter().all(is_name) {
            add("namespaces has what is no name of a namespace; correct or remove it");
        }
        let of_http = self.http.faults().into_iter();
        faults.extend(of_http.map(|fault| format!("cluster: {fault}")));
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PodsCluster, String> {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_node_is_named_by_the_section_or_by_the_environment() {
        let check = |text: &str, variable: Option<&str>, expected: Option<&str>| {
            let cluster = read(text).unwrap();
            let node = cluster.node_name(|name| {
                assert_eq!(name, "NODE_NAME");
                variable.map(str::to_owned)
            });
            assert_eq!(node.as_deref(), expected, "{text} {variable:?}");
        };
        check("{}", None, None);
        check("{}", Some("n1"), Some("n1"));
        check("{}", Some(""), None);
        check("{node: n2}", Some("n1"), Some("n2"));
        check("{node: '*'}", Some("n1"), None);
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let check = |text: &str, expected: &str| {
            let fault = read(text).unwrap_err();
            assert!(fault.contains(expected), "{text}: {fault}");
        };
        check("{api_server: here}", "api_server is not");
        check(
            "{api_server: 'http://a', kubeconfig_file: b}",
            "exclude each other",
        );
        check("{bearer_token: t}", "need api_server");
        check("{node: 'a,b'}", "node is no name");
        check("{namespaces: [a/b]}", "namespaces has");
        check("{apiserver: x}", "apiserver");
        assert_eq!(
            read("{api_server: 'https://u:p@k:6443/x'}").unwrap().name(),
            "https://k:6443"
        );
        assert_eq!(read("{}").unwrap().name(), "in_cluster");
    }
}
