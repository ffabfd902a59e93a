//! Who a pod is, and what a kubeconfig file says.

use super::*;

#[test]
fn a_pod_uses_its_service_account() {
    let account = tempfile::tempdir().unwrap();
    std::fs::write(account.path().join("ca.crt"), "pem").unwrap();
    std::fs::write(account.path().join("namespace"), "monitoring\n").unwrap();
    let variable = |name: &str| match name {
        "KUBERNETES_SERVICE_HOST" => Some("fd00::1".to_owned()),
        "KUBERNETES_SERVICE_PORT" => Some("443".to_owned()),
        _ => None,
    };
    let way = as_pod(variable, account.path()).unwrap();
    assert_eq!(way.server, "https://[fd00::1]:443");
    assert_eq!(way.own_namespace.as_deref(), Some("monitoring"));
    let at = |name: &str| Some(account.path().join(name).display().to_string());
    assert_eq!(way.http.bearer_token_file, at("token"));
    assert_eq!(way.http.tls_config.ca_file, at("ca.crt"));

    let fault = as_pod(|_| None, account.path()).unwrap_err();
    assert!(
        fault.contains("KUBERNETES_SERVICE_HOST") && fault.contains("api_server"),
        "{fault}"
    );
}

#[test]
fn a_kubeconfig_file_names_cluster_and_user() {
    let yaml = "apiVersion: v1\nkind: Config\ncurrent-context: here\npreferences: {}\n\
        clusters:\n- name: c\n  cluster: {server: 'https://k:6443', certificate-authority-data: cGVt, tls-server-name: kubernetes}\n\
        users:\n- name: u\n  user: {tokenFile: token, client-certificate: /abs/c.pem, client-key-data: a2V5}\n\
        contexts:\n- name: here\n  context: {cluster: c, user: u, namespace: shop}\n- name: there\n  context: {cluster: x, user: y}\n";
    let way = way_of(serde_saphyr::from_str(yaml).unwrap(), Path::new("/home/me/.kube")).unwrap();
    assert_eq!(way.server, "https://k:6443");
    assert_eq!(way.own_namespace.as_deref(), Some("shop"));
    let tls = &way.http.tls_config;
    assert_eq!(tls.ca.as_deref(), Some("pem"));
    assert_eq!(tls.server_name.as_deref(), Some("kubernetes"));
    assert_eq!(tls.cert_file.as_deref(), Some("/abs/c.pem"));
    assert_eq!(tls.key.as_ref().map(Secret::expose), Some("key"));
    let token = way.http.authorization.unwrap().credentials_file;
    assert_eq!(token.as_deref(), Some("/home/me/.kube/token"));
}

#[test]
fn what_cannot_be_used_is_named() {
    let check = |yaml: &str, expected: &str| {
        let fault = way_of(serde_saphyr::from_str(yaml).unwrap(), Path::new("")).unwrap_err();
        assert!(fault.contains(expected), "{fault}");
    };
    check("current-context: here\n", "current-context is \"here\"");
    let whole = "current-context: here\nclusters: [{name: c, cluster: {server: s}}]\n\
        contexts: [{name: here, context: {cluster: c, user: u}}]\n";
    check(whole, "user is \"u\"");
    check(
        &format!("{whole}users: [{{name: u, user: {{exec: {{command: aws}}}}}}]\n"),
        "is not run",
    );
    check(
        &format!("{whole}users: [{{name: u, user: {{client-key-data: '!'}}}}]\n"),
        "client-key-data is not base64",
    );
}
