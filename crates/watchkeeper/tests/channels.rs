//! Channels on difficult machines: without trusted certificates, with certificates of their own, and with bad ones.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use support::{Server, Webhook, run};

/// An authority, and a certificate of it with its key, for both sides.
const TLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../alerting/tests/tls");

/// What makes a machine bare: no certificate is found where they are looked for.
const BARE: [(&str, &str); 2] = [
    ("SSL_CERT_FILE", "/no/such/file"),
    ("SSL_CERT_DIR", "/no/such/folder"),
];

const ALWAYS: &str = "groups:\n- name: g\n  interval: 1s\n  rules:\n  - alert: Always\n    expr: vector(1)\n";

/// A webhook behind TLS that takes only clients of the authority; gives back its address and what it got.
fn tls_webhook() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(format!("{TLS}/ca.pem")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(
            vec![CertificateDer::from_pem_file(format!("{TLS}/cert.pem")).unwrap()],
            PrivateKeyDer::from_pem_file(format!("{TLS}/key.pem")).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let got: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&got);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            let mut request = String::new();
            let mut piece = [0; 4096];
            while !request.contains("groupKey") {
                match stream.read(&mut piece) {
                    Ok(count @ 1..) => request.push_str(&String::from_utf8_lossy(&piece[..count])),
                    _ => break,
                }
            }
            if request.contains("groupKey") {
                kept.lock().unwrap().push(request);
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (address, got)
}

fn config(receivers: &str) -> String {
    format!(
        "collect: {{host: false, self: false}}\nrule_files: [rules.yaml]\nalerting:\n  builtin_rules: false\n  route:\n    receiver: a\n    \
         routes: [{{receiver: a, continue: true}}, {{receiver: b}}]\n  receivers:\n{receivers}"
    )
}

fn write_rules(folder: &Path) {
    std::fs::write(folder.join("rules.yaml"), ALWAYS).unwrap();
}

#[tokio::test]
async fn a_machine_without_certificates_tells_over_plain_http_and_says_what_https_lacks() {
    let folder = tempfile::tempdir().unwrap();
    write_rules(folder.path());
    let plain = Webhook::start().await;
    let (secure, _) = tls_webhook();
    let receivers = format!(
        "  - {{name: a, webhook_configs: [{{url: '{}'}}]}}\n  - {{name: b, webhook_configs: [{{url: 'https://{secure}/'}}]}}\n",
        plain.url
    );
    std::fs::write(folder.path().join("watchkeeper.yaml"), config(&receivers)).unwrap();
    let server = Server::start_on(folder.path(), &BARE);
    plain.until(1).await;
    let failed = server
        .until_message("b", |message| message["error"].is_string())
        .await;
    let error = failed["error"].as_str().unwrap();
    assert!(
        error.contains("install ca-certificates") && error.contains("ca_file"),
        "{error}"
    );
    assert!(server.stop());
}

#[tokio::test]
async fn certificates_beside_the_configuration_are_trusted_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    write_rules(folder.path());
    std::fs::create_dir(folder.path().join("tls")).unwrap();
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        std::fs::copy(format!("{TLS}/{name}"), folder.path().join("tls").join(name)).unwrap();
    }
    let (secure, got) = tls_webhook();
    let tls = "{ca_file: tls/ca.pem, cert_file: tls/cert.pem, key_file: tls/key.pem}";
    let receivers = format!(
        "  - {{name: a, log_configs: [{{}}]}}\n  - {{name: b, webhook_configs: [{{url: 'https://{secure}/', http_config: {{tls_config: {tls}}}}}]}}\n"
    );
    // Read from another folder, so that nothing is found by chance.
    let place = folder.path().join("watchkeeper.yaml");
    std::fs::write(&place, config(&receivers)).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let (ok, printed) = run(elsewhere.path(), &["check-config", place.to_str().unwrap()]);
    assert!(ok, "{printed}");
    let server = Server::start_on(folder.path(), &BARE);
    server
        .until_message("b", |message| message["status"] == "sent")
        .await;
    assert_eq!(got.lock().unwrap().len(), 1);
    assert!(server.stop());
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_ends_a_start_and_leaves_a_running_configuration_whole() {
    let folder = tempfile::tempdir().unwrap();
    write_rules(folder.path());
    let webhook = Webhook::start().await;
    let job = |name: &str| {
        format!("scrape_configs: [{{job_name: {name}, static_configs: [{{targets: ['127.0.0.1:9']}}]}}]\n")
    };
    let receivers = format!(
        "  - {{name: a, webhook_configs: [{{url: '{}'}}]}}\n  - {{name: b, log_configs: [{{}}]}}\n",
        webhook.url
    );
    let good = config(&receivers) + &job("first");
    let bad = config(&receivers.replace("'}]", "', http_config: {tls_config: {ca_file: no.pem}}}]"))
        + &job("second");
    let says = |printed: &str| {
        for part in [
            "watchkeeper.yaml",
            "webhook_configs[0].http_config.tls_config.ca_file",
            "no.pem",
            "readable",
        ] {
            assert!(printed.contains(part), "{part:?} is missing in {printed}");
        }
    };
    std::fs::write(folder.path().join("watchkeeper.yaml"), &bad).unwrap();
    let (ok, printed) = run(
        folder.path(),
        &["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"],
    );
    assert!(!ok);
    says(&printed);

    let server = Server::start(folder.path(), &good);
    webhook.until(1).await;
    std::fs::write(folder.path().join("watchkeeper.yaml"), &bad).unwrap();
    let (status, text) = server.post("/-/reload").await;
    assert_eq!(status, 500);
    says(&text);
    says(
        server.get("/api/ui/overview").await["config"]["error"]
            .as_str()
            .unwrap(),
    );
    let targets = server.get("/api/v1/targets").await;
    assert_eq!(targets["data"]["activeTargets"][0]["labels"]["job"], "first");
    // The receivers of before are still told.
    std::fs::write(folder.path().join("rules.yaml"), "groups: []\n").unwrap();
    std::fs::write(folder.path().join("watchkeeper.yaml"), &good).unwrap();
    assert_eq!(server.post("/-/reload").await.0, 200);
    assert_eq!(webhook.until(2).await[1].status(), "resolved");
    assert!(server.stop());
}
