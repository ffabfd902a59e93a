//! A real HTTP server that plays the target, and a scraper that stores into memory.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    reason = "a test ends where its world is not as it should be"
)]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use ingest::{GlobalConfig, Health, ScrapeConfig, Scraper, ScraperDeps, TargetNews, TargetStatus, Telemetry};
use parking_lot::Mutex;
use stdx::SystemClock;
use stdx::outlet::{Inlet, Outlet};
use testkit::MemorySeries;
use tokio_util::sync::CancellationToken;

/// What the target answers with.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delay: Duration,
}

impl Answer {
    pub(crate) fn text(body: &str) -> Self {
        Self {
            status: StatusCode::OK,
            headers: vec![("content-type", "text/plain; version=0.0.4".to_owned())],
            body: body.as_bytes().to_vec(),
            delay: Duration::ZERO,
        }
    }
}

type Shared = Arc<Mutex<(Answer, Vec<(Uri, HeaderMap)>)>>;

/// A target on a port of its own.
#[derive(Debug)]
pub(crate) struct FakeTarget {
    pub(crate) address: String,
    shared: Shared,
    stop: CancellationToken,
}

async fn answer(State(shared): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    let answer = {
        let mut shared = shared.lock();
        shared.1.push((uri, headers));
        shared.0.clone()
    };
    tokio::time::sleep(answer.delay).await;
    let mut response = (answer.status, answer.body).into_response();
    response.headers_mut().remove("content-type");
    for (name, value) in answer.headers {
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}

impl FakeTarget {
    pub(crate) async fn start(answer: Answer) -> Self {
        Self::start_at("127.0.0.1:0", answer).await
    }

    pub(crate) async fn start_at(address: &str, first: Answer) -> Self {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared: Shared = Arc::new(Mutex::new((first, Vec::new())));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                result = axum::serve(listener, router) => result.unwrap(),
                () = stopped.cancelled() => {}
            }
        });
        Self {
            address,
            shared,
            stop,
        }
    }

    pub(crate) fn answer_with(&self, answer: Answer) {
        self.shared.lock().0 = answer;
    }

    pub(crate) fn requests(&self) -> Vec<(Uri, HeaderMap)> {
        self.shared.lock().1.clone()
    }

    pub(crate) fn last_request(&self) -> (Uri, HeaderMap) {
        self.requests().pop().unwrap()
    }

    pub(crate) fn die(&self) {
        self.stop.cancel();
    }
}

/// A running scraper and everything around it.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) store: Arc<MemorySeries>,
    pub(crate) scraper: Arc<Scraper>,
    pub(crate) news: Inlet<TargetNews>,
    pub(crate) telemetry: Telemetry,
    pub(crate) stop: CancellationToken,
    pub(crate) task: tokio::task::JoinHandle<()>,
}

impl Rig {
    pub(crate) fn start(jobs: &str) -> Self {
        // A second installation in one process is refused, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = MemorySeries::new();
        let outlet = Outlet::new(64);
        let telemetry = Telemetry::default();
        let scraper = Scraper::new(ScraperDeps {
            writer: Arc::<MemorySeries>::clone(&store),
            clock: SystemClock::shared(),
            news: outlet.clone(),
            telemetry: telemetry.clone(),
        });
        let stop = CancellationToken::new();
        let news = outlet.inlet();
        let task = tokio::spawn(Arc::clone(&scraper).run(stop.clone()));
        let rig = Self {
            store,
            scraper,
            news,
            telemetry,
            stop,
            task,
        };
        rig.apply(jobs);
        rig
    }

    pub(crate) fn apply(&self, jobs: &str) {
        self.scraper.apply(&global(), configs(jobs)).unwrap();
    }

    /// The values of a series by its metric name and one label, oldest first; `stale` for markers.
    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        let series = self
            .store
            .dump()
            .into_iter()
            .filter(|(labels, _)| labels.metric_name() == name);
        let print = |(_, value): (i64, f64)| {
            if model::is_stale(value) {
                "stale".to_owned()
            } else {
                value.to_string()
            }
        };
        series
            .flat_map(|(_, samples)| samples.into_iter().map(print))
            .collect()
    }

    /// The newest value of a series.
    pub(crate) fn last(&self, name: &str) -> Option<String> {
        self.values(name).pop()
    }

    /// Waits until the newest value is this; fails after some seconds with what there is.
    pub(crate) async fn until(&self, name: &str, expected: &str) {
        self.until_that(&format!("{name} to be {expected}"), || {
            self.last(name).as_deref() == Some(expected)
        })
        .await;
    }

    /// Waits until the status of the first target says this, which it does a moment after its samples are stored.
    pub(crate) async fn until_told(&self, health: Health) -> TargetStatus {
        let told = || self.scraper.targets().active.into_iter().next();
        self.until_that(&format!("the first target to be {health:?}"), || {
            told().is_some_and(|status| status.health == health)
        })
        .await;
        told().unwrap()
    }

    pub(crate) async fn until_that(&self, what: &str, holds: impl Fn() -> bool) {
        for _ in 0..400 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!(
            "waited for {what}; targets: {:#?}; stored: {:#?}",
            self.scraper.targets(),
            self.store.dump()
        );
    }
}

/// Fast enough for tests.
pub(crate) fn global() -> GlobalConfig {
    serde_saphyr::from_str("{scrape_interval: 200ms, scrape_timeout: 150ms}").unwrap()
}

pub(crate) fn configs(yaml: &str) -> Vec<ScrapeConfig> {
    serde_saphyr::from_str(yaml).unwrap()
}

pub(crate) fn job(address: &str, more: &str) -> String {
    format!("[{{job_name: demo, static_configs: [{{targets: ['{address}']}}]{more}}}]")
}
