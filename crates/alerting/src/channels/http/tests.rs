//! What `http_config` may say, and which files it may name.

use crate::config::Config;

/// The fixtures of TLS: an authority, and a certificate of it with its key.
const TLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls");

fn faults(http_config: &str) -> String {
    let yaml = format!(
        "route: {{receiver: a}}\nreceivers:\n- name: a\n  webhook_configs: [{{url: 'https://h/x', http_config: {http_config}}}]\n"
    );
    all_faults(&yaml)
}

fn all_faults(yaml: &str) -> String {
    let config: Config = serde_saphyr::from_str(yaml).unwrap();
    let checked = config.validate().and_then(|_| config.check_channels());
    let faults: Vec<String> = checked
        .err()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect();
    faults.join("\n")
}

#[track_caller]
fn check(http_config: &str, parts: &[&str]) {
    let found = faults(http_config);
    assert_eq!(found.is_empty(), parts.is_empty(), "{found}");
    for part in parts {
        assert!(found.contains(part), "{part:?} is missing in {found}");
    }
}

#[test]
fn what_delivery_cannot_do_is_refused_with_key_and_mend() {
    let key = "receivers[0].webhook_configs[0].http_config.tls_config";
    check(
        "{tls_config: {server_name: other}}",
        &[&format!("{key}.server_name:"), "write that name in url"],
    );
    check(
        "{tls_config: {ca_fil: x}}",
        &[&format!("{key}.ca_fil:"), "did you mean \"ca_file\"?"],
    );
    check(
        "{tls_config: {max_version: TLS11}}",
        &[&format!("{key}.max_version:"), "TLS12"],
    );
    check(
        "{tls_config: {min_version: '1.2'}}",
        &[&format!("{key}.min_version:"), "TLS12"],
    );
    check(
        "{tls_config: {min_version: TLS13, max_version: TLS12}}",
        &["swap them"],
    );
    check(
        "{tls_config: {insecure_skip_verify: maybe}}",
        &[&format!("{key}.insecure_skip_verify:")],
    );
    check(
        "{tls_config: {cert_file: x}}",
        &[&format!("{key}:"), "without its key"],
    );
    check(
        "{tls_config: {ca: pem, ca_file: path}}",
        &["at most one of ca & ca_file"],
    );
    check("{tls_config: [ca]}", &[&format!("{key}: expected a mapping")]);
    check("{proxy_url: 'socks9:/nowhere'}", &["http_config.proxy_url:"]);
    check("{http_headers: {'a b': {values: [x]}}}", &["http_headers.a b:"]);
    check(
        "{tls_config: {min_version: TLS10, max_version: TLS13, insecure_skip_verify: true}}",
        &[],
    );
}

#[test]
fn files_of_certificates_are_read_when_the_configuration_is() {
    let key = "http_config.tls_config";
    check(
        "{tls_config: {ca_file: /no/such/ca.pem}}",
        &[&format!("{key}.ca_file:"), "cannot read /no/such/ca.pem", "PEM"],
    );
    check(
        &format!("{{tls_config: {{ca_file: {TLS}/key.pem}}}}"),
        &[&format!("{key}.ca_file:"), "no certificate"],
    );
    check(
        &format!("{{tls_config: {{cert_file: {TLS}/cert.pem, key_file: /no/such/key.pem}}}}"),
        &[&format!("{key}.key_file:"), "cannot read /no/such/key.pem"],
    );
    check(
        &format!("{{tls_config: {{cert_file: {TLS}/cert.pem, key_file: {TLS}/ca.pem}}}}"),
        &[&format!("{key}.cert_file:")],
    );
    check(
        &format!(
            "{{tls_config: {{ca_file: {TLS}/ca.pem, cert_file: {TLS}/cert.pem, key_file: {TLS}/key.pem}}}}"
        ),
        &[],
    );
}

#[test]
fn what_channels_inherit_is_checked_once_at_its_place() {
    let receivers = "route: {receiver: a}\nreceivers:\n- name: a\n  webhook_configs: [{url: 'http://h/x'}, {url: 'http://h/y'}]\n";
    let found = all_faults(&format!(
        "global: {{http_config: {{tls_config: {{ca_file: /no/such/ca.pem}}}}}}\n{receivers}"
    ));
    assert_eq!(found.lines().count(), 1, "{found}");
    assert!(
        found.starts_with("global.http_config.tls_config.ca_file:"),
        "{found}"
    );
    let found = all_faults(&format!(
        "global: {{http_config: {{tls_config: {{server_name: x}}}}}}\n{receivers}"
    ));
    assert!(
        found.starts_with("global.http_config.tls_config.server_name:"),
        "{found}"
    );
}
