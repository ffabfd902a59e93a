//! A world for tests: a store in memory, a database in a folder, and HTTP receivers that can fail or hang.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses its own part of the world, and a world that cannot be built ends the test"
)]

mod obstacles;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use alerting::rules::{NameScheme, parse_rule_file};
use alerting::{Alerting, Config, Deps, Setup, Telemetry};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use model::Labels;
pub use obstacles::{Gate, Trap};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use serde_json::Value;
use stdx::clock::SharedClock;
use stdx::outlet::Outlet;
use stdx::{Clock, SystemClock};
use testkit::MemorySeries;
use tokio_util::sync::CancellationToken;

/// What a receiver got.
#[derive(Debug, Clone)]
pub struct Request {
    pub key: String,
    pub body: Value,
}

#[derive(Debug, Default)]
struct Inbox {
    got: Mutex<Vec<Request>>,
    answers: Mutex<VecDeque<u16>>,
    stuck: AtomicBool,
}

/// An HTTP server that takes webhooks.
#[derive(Debug)]
pub struct Receiver {
    pub url: String,
    inbox: Arc<Inbox>,
}

impl Receiver {
    /// One that answers its first requests with `answers`, and all others with 200.
    pub async fn start(answers: &[u16]) -> Self {
        let inbox = Arc::new(Inbox {
            answers: Mutex::new(answers.iter().copied().collect()),
            ..Inbox::default()
        });
        let app = Router::new()
            .route("/", post(take))
            .with_state(Arc::clone(&inbox));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, inbox }
    }

    /// One that takes requests and never answers.
    pub async fn stuck() -> Self {
        let receiver = Self::start(&[]).await;
        receiver.inbox.stuck.store(true, Ordering::SeqCst);
        receiver
    }

    pub fn heal(&self) {
        self.inbox.stuck.store(false, Ordering::SeqCst);
    }

    pub fn got(&self) -> Vec<Request> {
        self.inbox.got.lock().clone()
    }

    pub async fn wait_for(&self, count: usize) {
        let began = Instant::now();
        while self.inbox.got.lock().len() < count {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "waited for {count}, got {:?}",
                self.got()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn take(Shared(inbox): Shared<Arc<Inbox>>, headers: HeaderMap, Json(body): Json<Value>) -> StatusCode {
    let key = headers
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    inbox.got.lock().push(Request { key, body });
    if inbox.stuck.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    let answer = inbox.answers.lock().pop_front().unwrap_or(200);
    StatusCode::from_u16(answer).unwrap()
}

/// What outlives a process: series and the database.
#[derive(Debug)]
pub struct World {
    pub series: Arc<MemorySeries>,
    pub gate: Arc<Gate>,
    folder: Arc<tempfile::TempDir>,
    clock: SystemClock,
}

impl World {
    pub fn new() -> Self {
        Self::in_folder(Arc::new(tempfile::tempdir().unwrap()))
    }

    fn in_folder(folder: Arc<tempfile::TempDir>) -> Self {
        let series = MemorySeries::new();
        let gate = Gate::before(Arc::clone(&series));
        Self {
            series,
            gate: Arc::new(gate),
            folder,
            clock: SystemClock::new(),
        }
    }

    /// The file of the database.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("state.db")
    }

    /// The last value of each series of a metric.
    pub fn last_values(&self, metric: &str) -> Vec<f64> {
        let all = self.series.dump();
        all.into_iter()
            .filter(|(labels, _)| labels.metric_name() == metric)
            .filter_map(|(_, samples)| samples.last().map(|(_, value)| *value))
            .collect()
    }

    /// The same database with no series.
    pub fn without_series(&self) -> Self {
        Self::in_folder(Arc::clone(&self.folder))
    }

    /// Says now whether an instance is up.
    pub fn set_up(&self, instance: &str, value: f64) {
        let labels = [("__name__", "up"), ("instance", instance)];
        self.series.add(&labels, &[(self.clock.now_ms(), value)]);
    }

    /// Starts a process on a runtime of its own, so that it can be killed.
    pub async fn start(&self, config: &str, rules: &str) -> Running {
        self.start_over(None, config, rules).await
    }

    /// The same, with a trap for its first run.
    pub async fn start_over(&self, trap: Option<Arc<Trap>>, config: &str, rules: &str) -> Running {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (writer, reader) = (Arc::clone(&self.series), Arc::clone(&self.gate));
        let path = self.database();
        let (config, rules) = (config.to_owned(), rules.to_owned());
        let (telemetry, stop) = (Telemetry::new(), CancellationToken::new());
        let (token, counted) = (stop.clone(), telemetry.clone());
        let (alerting, task) = runtime
            .spawn(async move {
                let clock = match &trap {
                    Some(trap) => Arc::clone(trap) as SharedClock,
                    None => SystemClock::shared(),
                };
                let state = state::State::open(path, Arc::clone(&clock)).await.unwrap();
                let alerting = Alerting::new(Deps {
                    reader,
                    writer,
                    state,
                    clock,
                    nudges: Outlet::new(16),
                    news: Outlet::new(16),
                    external_url: "http://mon.example".to_owned(),
                    telemetry: counted,
                });
                apply(&alerting, &config, &rules);
                let run = Arc::clone(&alerting).run(token);
                let task = tokio::spawn(async move {
                    if let Some(trap) = trap {
                        trap.set(tokio::task::id());
                    }
                    run.await;
                });
                (alerting, task)
            })
            .await
            .unwrap();
        Running {
            alerting,
            telemetry,
            stop,
            task: Some(task),
            runtime: Some(runtime),
        }
    }
}

fn apply(alerting: &Alerting, config: &str, rules: &str) {
    apply_with(alerting, config, rules, &[]);
}

fn apply_with(alerting: &Alerting, config: &str, rules: &str, external_labels: &[(&str, &str)]) {
    let config: Config = serde_saphyr::from_str(config).unwrap();
    config.validate().unwrap();
    let file = parse_rule_file("rules.yml", rules, NameScheme::Utf8).unwrap();
    let setup = Setup {
        config,
        rule_files: vec![file],
        external_labels: Labels::from_pairs(external_labels.iter().copied()),
        ..Setup::default()
    };
    alerting.apply(alerting.prepare(setup).unwrap());
}

/// A process.
#[derive(Debug)]
pub struct Running {
    pub alerting: Arc<Alerting>,
    telemetry: Telemetry,
    stop: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Running {
    pub fn apply(&self, config: &str, rules: &str) {
        apply(&self.alerting, config, rules);
    }

    pub fn apply_with(&self, config: &str, rules: &str, external_labels: &[(&str, &str)]) {
        apply_with(&self.alerting, config, rules, external_labels);
    }

    /// The value of one of its own counters, by its name below `watchkeeper_alerting_`.
    pub fn counter(&self, name: &str) -> f64 {
        let mut registry = Registry::default();
        self.telemetry.register(&mut registry);
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        let wanted = format!("watchkeeper_alerting_{name} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&wanted));
        line.unwrap().parse().unwrap()
    }

    /// Runs again what broke, as whoever watches over it does.
    pub async fn run_again(&mut self) {
        let broken = self.task.take().unwrap().await;
        assert!(broken.is_err_and(|error| error.is_panic()), "it did not break");
        let run = Arc::clone(&self.alerting).run(self.stop.clone());
        self.task = Some(self.runtime.as_ref().unwrap().spawn(run));
    }

    /// Waits until something holds.
    pub async fn wait_until(&self, what: &str, holds: impl Fn(&Alerting) -> bool) {
        let began = Instant::now();
        while !holds(&self.alerting) {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "waited in vain until {what}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it in good order.
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.task.take().unwrap().await.unwrap();
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
