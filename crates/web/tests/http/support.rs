//! A real server on a free port, over a store in memory, and a client for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use model::MemoryLogs;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use stdx::SystemClock;
use stdx::clock::SharedClock;
use stdx::outlet::Outlet;
use testkit::{FakeClock, MemorySeries};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use web::{About, Config, ConfigView, Control, Deps, ReplayProgress, StoreView};

/// The time of the fake clock: 2023-11-15T01:10:00Z.
pub(crate) const NOW_MS: i64 = 1_700_010_600_000;
/// Nothing in these tests takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server and everything behind it.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) otlp_http_url: String,
    pub(crate) grpc_url: String,
    pub(crate) client: reqwest::Client,
    pub(crate) store: Arc<MemorySeries>,
    pub(crate) lines: Arc<MemoryLogs>,
    pub(crate) logs: Arc<ingest::Logs>,
    pub(crate) control: Arc<TestControl>,
    pub(crate) alerting: Arc<alerting::Alerting>,
    pub(crate) scraper: Arc<ingest::Scraper>,
    pub(crate) config_news: Outlet<ConfigView>,
    pub(crate) stop: CancellationToken,
    pub(crate) folder: tempfile::TempDir,
    running: JoinHandle<Result<(), web::Error>>,
}

/// The process as these tests play it.
#[derive(Debug)]
pub(crate) struct TestControl {
    pub(crate) ready: AtomicBool,
    pub(crate) reload_error: Mutex<Option<String>>,
    pub(crate) reloads: AtomicU64,
    pub(crate) samples: AtomicU64,
    pub(crate) deleted: Mutex<Vec<String>>,
}

impl TestControl {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            ready: AtomicBool::new(true),
            reload_error: Mutex::default(),
            reloads: AtomicU64::new(0),
            deleted: Mutex::default(),
            samples: AtomicU64::new(0),
        })
    }
}

impl Control for TestControl {
    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }

    fn reload(&self) -> BoxFuture<'_, Result<(), String>> {
        self.reloads.fetch_add(1, Ordering::SeqCst);
        let result = self.reload_error.lock().clone().map_or(Ok(()), Err);
        async move { result }.boxed()
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), String>> {
        async { Ok(()) }.boxed()
    }

    fn delete_series(
        &self,
        any_of: Vec<Vec<model::Matcher>>,
        range: model::TimeRange,
    ) -> BoxFuture<'_, Result<(), String>> {
        self.deleted.lock().push(format!("{any_of:?} {range:?}"));
        async { Ok(()) }.boxed()
    }

    fn clean_tombstones(&self) -> BoxFuture<'_, Result<(), String>> {
        async { Ok(()) }.boxed()
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<String, String>> {
        async { Err("the disk is full".to_owned()) }.boxed()
    }

    fn config_view(&self) -> ConfigView {
        let error = self.reload_error.lock().clone();
        ConfigView {
            path: Some("/etc/watchkeeper.yaml".to_owned()),
            loaded_at_ms: NOW_MS - 5_000,
            ok: error.is_none(),
            error,
            warnings: vec!["only log and webhook are delivered".to_owned()],
            yaml: "server:\n  listen: 127.0.0.1:9595\n".to_owned(),
        }
    }

    fn flags(&self) -> Vec<(String, String)> {
        vec![("data-dir".to_owned(), "data".to_owned())]
    }

    fn external_labels(&self) -> model::Labels {
        model::Labels::from_pairs([("site", "here")])
    }

    fn samples_stored(&self) -> u64 {
        self.samples.fetch_add(500, Ordering::SeqCst)
    }

    fn store_view(&self) -> StoreView {
        StoreView {
            fault: None,
            damage: vec!["block x.blk: a page is damaged; set aside as y".to_owned()],
        }
    }

    fn replay(&self) -> ReplayProgress {
        ReplayProgress {
            first: 2,
            last: 5,
            current: 5,
            damaged: 1,
        }
    }
}

fn about() -> About {
    About {
        version: "1.2.3".to_owned(),
        revision: "abc".to_owned(),
        host_name: "web-1".to_owned(),
        data_dir: "/var/lib/watchkeeper".into(),
        started_at_ms: NOW_MS - 60_000,
        retention: "15d".to_owned(),
    }
}

/// A client that talks to this machine only.
fn client() -> reqwest::Client {
    // Plain HTTP only, so that it can be built where there are no trusted certificates.
    reqwest::Client::builder()
        .tls_certs_only([])
        .no_gzip()
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

impl Server {
    /// A server that listens on loopback, at the fake time.
    pub(crate) async fn start() -> Self {
        Self::start_with(Config::default(), FakeClock::new(NOW_MS)).await
    }

    /// A server on the machine's own time.
    pub(crate) async fn start_on_real_time() -> Self {
        Self::start_with(Config::default(), SystemClock::shared()).await
    }

    pub(crate) async fn start_with(config: Config, clock: SharedClock) -> Self {
        // An error only says that another test was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (folder, store) = (tempfile::tempdir().unwrap(), MemorySeries::new());
        let (lines, logs) = new_logs();
        let (alert_news, target_news) = (Outlet::new(16), Outlet::new(16));
        let config_news = Outlet::new(16);
        let alerting = new_alerting(&store, &clock, &folder, alert_news.clone()).await;
        let scraper = ingest::Scraper::new(ingest::ScraperDeps {
            writer: Arc::<MemorySeries>::clone(&store),
            clock: Arc::clone(&clock),
            news: target_news.clone(),
            telemetry: ingest::Telemetry::default(),
        });
        let control = TestControl::new();
        let (telemetry, mut registry) = (web::Telemetry::default(), Registry::default());
        telemetry.register(&mut registry);
        let deps = Deps {
            about: about(),
            reader: Arc::<MemorySeries>::clone(&store),
            clock,
            push: Arc::new(ingest::Push::new(
                Arc::<MemorySeries>::clone(&store),
                ingest::PushTelemetry::default(),
            )),
            logs: Some(log_stores(&lines, &logs)),
            sql: None,
            scraper: Arc::clone(&scraper),
            host: None,
            alerting: Arc::clone(&alerting),
            registry: Arc::new(Mutex::new(registry)),
            telemetry,
            ticks: Outlet::new(16),
            alert_news,
            target_news,
            config_news: config_news.clone(),
            control: Arc::<TestControl>::clone(&control),
        };
        let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
        let config = Config {
            listen: any,
            grpc_listen: web::OtlpListen::At(any),
            otlp_http_listen: web::OtlpListen::At(any),
            ..config
        };
        let listener = web::bind(&config).unwrap();
        let url = format!("http://{}", listener.address());
        let otlp_http_url = format!("http://{}", listener.otlp_http_address().unwrap());
        let grpc_url = format!("http://{}", listener.grpc_address().unwrap());
        let stop = CancellationToken::new();
        let running = tokio::spawn(web::serve(listener, deps, stop.clone()));
        Self {
            url,
            otlp_http_url,
            grpc_url,
            client: client(),
            store,
            lines,
            logs,
            control,
            alerting,
            scraper,
            config_news,
            stop,
            folder,
            running,
        }
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    /// The JSON of a path that answers with success.
    pub(crate) async fn json(&self, path: &str) -> serde_json::Value {
        let response = self.get(path).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.json().await.unwrap()
    }

    /// One value of the server's own metrics.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").send().await.unwrap().text().await.unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("no {name} in {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Stops the server and waits for its end.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.running)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }

    /// Loads rules and starts to evaluate them.
    pub(crate) fn judge(&self, rules: &str) {
        std::fs::write(self.folder.path().join("rules.yml"), rules).unwrap();
        let files = alerting::load_rule_files(&["rules.yml".to_owned()], self.folder.path()).unwrap();
        let config = alerting::Config {
            builtin_rules: false,
            ..alerting::Config::default()
        };
        let setup = alerting::Setup {
            config,
            rule_files: files,
            evaluation_interval: Some(stdx::HumanDuration::from_secs(1)),
            ..alerting::Setup::default()
        };
        self.alerting.apply(self.alerting.prepare(setup).unwrap());
        tokio::spawn({
            let (alerting, stop) = (Arc::clone(&self.alerting), self.stop.clone());
            async move { alerting.run(stop).await }
        });
    }
}

fn log_stores(lines: &Arc<MemoryLogs>, intake: &Arc<ingest::Logs>) -> web::LogStores {
    web::LogStores {
        reader: Arc::<MemoryLogs>::clone(lines),
        intake: Arc::clone(intake),
        deletions: None,
    }
}

fn new_logs() -> (Arc<MemoryLogs>, Arc<ingest::Logs>) {
    let lines = MemoryLogs::new();
    let writer = Arc::<MemoryLogs>::clone(&lines);
    let logs = ingest::Logs::new(writer, ingest::LogsTelemetry::default());
    (lines, Arc::new(logs))
}

async fn new_alerting(
    store: &Arc<MemorySeries>,
    clock: &SharedClock,
    folder: &tempfile::TempDir,
    news: Outlet<alerting::AlertNews>,
) -> Arc<alerting::Alerting> {
    let state = state::State::open(folder.path().join("state.db"), Arc::clone(clock))
        .await
        .unwrap();
    alerting::Alerting::new(alerting::Deps {
        reader: Arc::<MemorySeries>::clone(store),
        writer: Arc::<MemorySeries>::clone(store),
        state,
        clock: Arc::clone(clock),
        nudges: Outlet::new(16),
        news,
        external_url: "http://localhost:9595".to_owned(),
        telemetry: alerting::Telemetry::default(),
    })
}

/// Asks again until the answer is there.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let found = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found)
        .await
        .expect("it happens in time")
}
