//! How requests authenticate and connect: tokens, proxies, certificates under another name, secrets that change.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where its world is not as it should be"
)]

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ingest::Health;
use parking_lot::Mutex;
use support::{Answer, FakeTarget, Rig, job};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A server that gives tokens, and what it was asked.
#[derive(Debug, Default)]
struct TokenServer {
    asked: Vec<(Option<String>, BTreeMap<String, String>)>,
    /// Whether it takes the client's secret in the header.
    takes_header: bool,
    expires_in: u64,
}

async fn token(
    State(server): State<Arc<Mutex<TokenServer>>>,
    headers: HeaderMap,
    axum::Form(form): axum::Form<BTreeMap<String, String>>,
) -> Response {
    let mut server = server.lock();
    let header = headers
        .get("authorization")
        .map(|value| value.to_str().unwrap().to_owned());
    let refused = header.is_some() && !server.takes_header;
    server.asked.push((header, form));
    if refused {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let token = format!("t{}", server.asked.len());
    let body =
        serde_json::json!({"access_token": token, "token_type": "bearer", "expires_in": server.expires_in});
    ([("content-type", "application/json")], body.to_string()).into_response()
}

async fn token_server(takes_header: bool, expires_in: u64) -> (String, Arc<Mutex<TokenServer>>) {
    let shared = Arc::new(Mutex::new(TokenServer {
        takes_header,
        expires_in,
        ..TokenServer::default()
    }));
    let router = axum::Router::new()
        .route("/token", axum::routing::post(token))
        .with_state(Arc::clone(&shared));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, shared)
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_shown_until_it_ends() {
    let target = FakeTarget::start(Answer::text("a 1\n")).await;
    let (url, server) = token_server(true, 3600).await;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s+1\n").unwrap();
    let oauth2 = format!(
        ", oauth2: {{client_id: 'me:too', client_secret_file: '{}', scopes: [read, write], token_url: '{url}', \
          endpoint_params: {{audience: x}}}}",
        secret.display()
    );
    let rig = Rig::start(&job(&target.address, &oauth2));
    rig.until_that("scrapes", || rig.values("a").len() >= 3).await;
    assert_eq!(target.last_request().1["authorization"], "Bearer t1");
    {
        let server = server.lock();
        let (header, form) = &server.asked[0];
        // "me%3Atoo:s%2B1", encoded as RFC 6749 has it.
        assert_eq!(header.as_deref(), Some("Basic bWUlM0F0b286cyUyQjE="));
        let form: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            form,
            ["audience=x", "grant_type=client_credentials", "scope=read write"]
        );
        assert_eq!(server.asked.len(), 1, "one token serves every scrape");
    }
    std::fs::write(&secret, "s2").unwrap();
    rig.until_that("a token for the new secret", || {
        target.last_request().1["authorization"] == "Bearer t2"
    })
    .await;
}

#[tokio::test]
async fn a_server_that_wants_the_secret_in_the_form_gets_it_there() {
    let target = FakeTarget::start(Answer::text("a 1\n")).await;
    // Ends within the 10 s that a token is given up early, so that every scrape asks.
    let (url, server) = token_server(false, 5).await;
    let oauth2 = format!(", oauth2: {{client_id: me, client_secret: s, token_url: '{url}'}}");
    let rig = Rig::start(&job(&target.address, &oauth2));
    rig.until_that("further tokens", || server.lock().asked.len() >= 4)
        .await;
    {
        let server = server.lock();
        assert!(server.asked[0].0.is_some(), "the header is tried first");
        for (header, form) in &server.asked[1..] {
            assert_eq!(*header, None, "and not again");
            assert_eq!(
                (form["client_id"].as_str(), form["client_secret"].as_str()),
                ("me", "s")
            );
        }
    }
    rig.until("up", "1").await;
}

#[tokio::test]
async fn a_token_that_is_not_given_is_told() {
    let target = FakeTarget::start(Answer::text("a 1\n")).await;
    let nobody = FakeTarget::start(Answer {
        status: StatusCode::FORBIDDEN,
        ..Answer::text("")
    })
    .await;
    let oauth2 = format!(
        ", oauth2: {{client_id: me, token_url: 'http://{}/'}}",
        nobody.address
    );
    let rig = Rig::start(&job(&target.address, &oauth2));
    rig.until("up", "0").await;
    let error = rig.until_told(Health::Down).await.last_error;
    assert!(
        error.contains("oauth2.token_url") && error.contains("403"),
        "{error}"
    );
    assert!(target.requests().is_empty(), "nothing is asked without its token");
}

/// A proxy for plain HTTP that notes the request lines and headers it sees, and forwards to the host in them.
async fn proxy() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(forward(client, Arc::clone(&noted)));
        }
    });
    (address, seen)
}

async fn forward(client: TcpStream, seen: Arc<Mutex<Vec<String>>>) {
    let mut client = BufReader::new(client);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if client.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        seen.lock().push(line.trim().to_owned());
        if line == "\r\n" {
            break;
        }
        head.push(line);
    }
    let url = url::Url::parse(head[0].split(' ').nth(1).unwrap()).unwrap();
    let mut server = TcpStream::connect(("127.0.0.1", url.port().unwrap()))
        .await
        .unwrap();
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        url.path(),
        url.authority()
    );
    server.write_all(request.as_bytes()).await.unwrap();
    let mut client = client.into_inner();
    let _ = tokio::io::copy(&mut server, &mut client).await;
}

#[tokio::test]
async fn requests_go_through_the_proxy_except_to_the_hosts_that_are_named() {
    let target = FakeTarget::start(Answer::text("a 1\n")).await;
    let (proxy, seen) = proxy().await;
    let through = format!(", proxy_url: 'http://{proxy}', proxy_connect_header: {{x-proxy-key: [k]}}");
    let rig = Rig::start(&job(&target.address, &through));
    rig.until("a", "1").await;
    let expected = format!("GET http://{}/metrics HTTP/1.1", target.address);
    assert_eq!(seen.lock()[0], expected);
    assert!(
        seen.lock().iter().any(|line| line == "x-proxy-key: k"),
        "{:?}",
        seen.lock()
    );

    let (proxy, seen) = self::proxy().await;
    let past = format!(", proxy_url: 'http://{proxy}', no_proxy: '127.0.0.0/8'");
    let rig = Rig::start(&job(&target.address, &past));
    rig.until("a", "1").await;
    assert!(seen.lock().is_empty(), "{:?}", seen.lock());
}

/// A server that speaks TLS with a certificate for `metrics.test` only, and asks for one of the same house.
async fn tls_target() -> SocketAddr {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let _ = rustls::crypto::ring::default_provider().install_default();
    let at = |name: &str| format!("{}/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut trusted = rustls::RootCertStore::empty();
    trusted
        .add(CertificateDer::from_pem_file(at("ca.pem")).unwrap())
        .unwrap();
    let asks = rustls::server::WebPkiClientVerifier::builder(Arc::new(trusted))
        .build()
        .unwrap();
    let config = rustls::ServerConfig::builder()
        .with_client_cert_verifier(asks)
        .with_single_cert(
            vec![CertificateDer::from_pem_file(at("cert.pem")).unwrap()],
            PrivateKeyDer::from_pem_file(at("key.pem")).unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that trusts somebody else breaks the handshake off.
                let Ok(stream) = acceptor.accept(connection).await else {
                    return;
                };
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                while line != "\r\n" {
                    line.clear();
                    if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\nconnection: close\r\n\r\na 1\n";
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_certificate_is_verified_under_the_name_that_is_given() {
    let address = tls_target().await;
    let tls = |more: &str| {
        let at = |name: &str| format!("{}/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"));
        let (ca, cert, key) = (at("ca.pem"), at("cert.pem"), at("key.pem"));
        format!(
            ", scheme: https, tls_config: {{ca_file: '{ca}', cert_file: '{cert}', key_file: '{key}'{more}}}"
        )
    };
    let rig = Rig::start(&job(&address.to_string(), &tls(", server_name: metrics.test")));
    rig.until("a", "1").await;
    for other in ["", ", server_name: other.test"] {
        let rig = Rig::start(&job(&address.to_string(), &tls(other)));
        rig.until("up", "0").await;
        let error = rig.until_told(Health::Down).await.last_error;
        assert!(error.contains("certificate"), "{error}");
    }
    let rig = Rig::start(&job(&address.to_string(), &tls(", insecure_skip_verify: true")));
    rig.until("a", "1").await;
}
