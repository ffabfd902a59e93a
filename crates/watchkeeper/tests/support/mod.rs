//! The real binary, a real exporter and a real webhook receiver, started and stopped by tests.
#![allow(dead_code, reason = "every test binary uses another part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends at its first fault"
)]

pub(crate) mod log_lines;
pub(crate) mod remote;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running `watchkeeper serve` on a free port. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    pub(crate) folder: PathBuf,
}

impl Server {
    /// Starts the binary in `folder` with `watchkeeper.yaml` as its configuration, data below the same folder.
    pub(crate) fn start(folder: &Path, config: &str) -> Self {
        std::fs::write(folder.join("watchkeeper.yaml"), config).unwrap();
        Self::start_again(folder)
    }

    /// Starts the binary on what lies in `folder` already.
    pub(crate) fn start_again(folder: &Path) -> Self {
        Self::start_on(folder, &[])
    }

    /// The same, on a machine with these variables.
    pub(crate) fn start_on(folder: &Path, variables: &[(&str, &str)]) -> Self {
        Self::spawn(folder, command(folder).envs(variables.iter().copied()))
    }

    /// The same, with all that it says about itself in a file.
    pub(crate) fn start_saying(folder: &Path, log: &Path) -> Self {
        let log = std::fs::File::create(log).unwrap();
        Self::spawn(folder, command(folder).env("RUST_LOG", "debug").stderr(log))
    }

    fn spawn(folder: &Path, command: &mut Command) -> Self {
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
            .expect(&line);
        Self {
            url: url.trim_end_matches([',', '/']).to_owned(),
            child,
            folder: folder.to_owned(),
        }
    }

    /// The answer to a GET request, as JSON.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let response = client().get(format!("{}{path}", self.url)).send().await.unwrap();
        response.json().await.unwrap()
    }

    /// Waits until the answer to a GET request has this at `pointer` (RFC 6901).
    pub(crate) async fn until_shown(&self, path: &str, pointer: &str, expected: impl Into<Value>) {
        let (start, expected) = (Instant::now(), expected.into());
        loop {
            let answer = self.get(path).await;
            if answer.pointer(pointer) == Some(&expected) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{path} still answers {answer}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The samples of an instant query: label set and value.
    pub(crate) async fn query(&self, expr: &str) -> Vec<(Value, f64)> {
        let response = client()
            .post(format!("{}/api/v1/query", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(
                url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("query", expr)
                    .finish(),
            )
            .send()
            .await
            .unwrap();
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["status"], "success", "{expr}: {body}");
        let rows = body["data"]["result"].as_array().unwrap();
        rows.iter()
            .map(|row| {
                (
                    row["metric"].clone(),
                    row["value"][1].as_str().unwrap().parse().unwrap(),
                )
            })
            .collect()
    }

    /// Waits until an instant query has an answer that `wanted` accepts.
    pub(crate) async fn until(
        &self,
        expr: &str,
        wanted: impl Fn(&[(Value, f64)]) -> bool,
    ) -> Vec<(Value, f64)> {
        let start = Instant::now();
        loop {
            let rows = self.query(expr).await;
            if wanted(&rows) {
                return rows;
            }
            assert!(start.elapsed() < PATIENCE, "{expr} still answers {rows:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the first alert of the page has a message to `receiver` that `wanted` accepts; gives it back.
    pub(crate) async fn until_message(&self, receiver: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let alerts = self.get("/api/ui/alerts").await;
            let messages = alerts["rows"][0]["notifications"].as_array().cloned();
            let found = messages
                .into_iter()
                .flatten()
                .find(|message| message["receiver"] == receiver && wanted(message));
            if let Some(found) = found {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "{alerts}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// POST without a body; gives back status and text.
    pub(crate) async fn post(&self, path: &str) -> (u16, String) {
        let response = client().post(format!("{}{path}", self.url)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Ends the process as a crash would: no handler runs.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to stop and waits for it; gives back whether it ended cleanly.
    pub(crate) fn stop(mut self) -> bool {
        signal(self.child.id(), Signal::TERM);
        self.child.wait().unwrap().success()
    }

    /// Asks the process to read its configuration again.
    pub(crate) fn hang_up(&self) {
        signal(self.child.id(), Signal::HUP);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary, ready to be given arguments, in `folder`.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watchkeeper"));
    command
        .current_dir(folder)
        .env("RUST_LOG", "warn")
        .env_remove("WATCHKEEPER_CONFIG");
    command
}

/// Runs the binary to its end; gives back whether it succeeded, and what it printed on both streams.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let mut child = command(folder)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{arguments:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut printed = String::new();
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
    (child.wait().unwrap().success(), printed)
}

/// Without the program `kill`, which a bare machine may lack.
fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, signal).unwrap();
}

/// An HTTP client that talks to this machine only.
pub(crate) fn client() -> reqwest::Client {
    // A second install says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Plain HTTP only, so that it can be built where there are no trusted certificates.
    reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

/// An exporter whose page a test can change, and which can go away and come back on the same port.
pub(crate) struct Exporter {
    page: Arc<Mutex<String>>,
    pub(crate) address: std::net::SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Exporter {
    /// Serves `page` on a free port.
    pub(crate) async fn start(page: &str) -> Self {
        let page = Arc::new(Mutex::new(page.to_owned()));
        let (address, serving) = serve_page(Arc::clone(&page), ([127, 0, 0, 1], 0).into()).await;
        Self {
            page,
            address,
            serving,
        }
    }

    /// Changes the page.
    pub(crate) fn show(&self, page: &str) {
        page.clone_into(&mut self.page.lock().unwrap());
    }

    /// Goes away: connections are refused from now on.
    pub(crate) async fn go_away(&mut self) {
        self.serving.abort();
        let _ = (&mut self.serving).await;
    }

    /// Comes back on the same port.
    pub(crate) async fn come_back(&mut self) {
        (_, self.serving) = serve_page(Arc::clone(&self.page), self.address).await;
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve_page(
    page: Arc<Mutex<String>>,
    address: std::net::SocketAddr,
) -> (std::net::SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/metrics", get(async move || page.lock().unwrap().clone()));
    // Each answer closes its connection, so that going away is seen at once.
    let app = app.layer(axum::middleware::map_response(
        async |mut response: axum::response::Response| {
            response
                .headers_mut()
                .insert("connection", axum::http::HeaderValue::from_static("close"));
            response
        },
    ));
    (
        address,
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }),
    )
}

/// One notification as a webhook receiver got it.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) key: String,
    pub(crate) body: Value,
}

impl Page {
    /// `firing` or `resolved`.
    pub(crate) fn status(&self) -> &str {
        self.body["status"].as_str().unwrap()
    }
}

/// A webhook receiver that keeps what it gets.
pub(crate) struct Webhook {
    pages: Arc<Mutex<Vec<Page>>>,
    pub(crate) url: String,
    serving: tokio::task::JoinHandle<()>,
}

impl Webhook {
    /// Listens on a free port.
    pub(crate) async fn start() -> Self {
        let pages: Arc<Mutex<Vec<Page>>> = Arc::default();
        let kept = Arc::clone(&pages);
        let keep = async move |headers: HeaderMap, body: String| {
            let key = headers
                .get("idempotency-key")
                .map(|key| key.to_str().unwrap().to_owned());
            let page = Page {
                key: key.unwrap_or_default(),
                body: serde_json::from_str(&body).unwrap(),
            };
            kept.lock().unwrap().push(page);
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/page", listener.local_addr().unwrap());
        let app = Router::new().route("/page", post(keep));
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { pages, url, serving }
    }

    /// What has come so far.
    pub(crate) fn pages(&self) -> Vec<Page> {
        self.pages.lock().unwrap().clone()
    }

    /// Waits until `count` pages have come.
    pub(crate) async fn until(&self, count: usize) -> Vec<Page> {
        let start = Instant::now();
        loop {
            let pages = self.pages();
            if pages.len() >= count {
                return pages;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "only {} pages came: {pages:?}",
                pages.len()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The bytes of a base64 text.
pub(crate) fn unbase64(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for digit in text.chars().filter_map(|c| ALPHABET.find(c)) {
        bits = bits << 6 | digit as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}
