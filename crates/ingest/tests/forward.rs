//! Remote write out, against a real receiver that answers as the tests say.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use disk::LocalStorage;
use ingest::config::RemoteWrite;
use ingest::forward::{Config, ForwardTelemetry, Forwarder, Tee};
use ingest::push::remote_write::Version;
use ingest::push::{Encoding, Origin};
use ingest::{Push, PushTelemetry};
use model::{Labels, MetricKind, MetricMetadata, Series, SeriesBatch, SeriesRead, SeriesWrite, TenantId};
use parking_lot::Mutex;
use stdx::SystemClock;
use testkit::MemorySeries;
use tokio_util::sync::CancellationToken;

/// What the receiver does with requests.
#[derive(Debug, Clone, Default)]
struct Play {
    /// Answers that are given before any request is taken.
    first: Vec<(StatusCode, Option<&'static str>)>,
    /// Whether nothing is answered at all.
    silent: bool,
    requests: Vec<HeaderMap>,
}

/// Counts samples that are not newer than the one of their series before.
#[derive(Debug)]
struct InOrder {
    store: Arc<MemorySeries>,
    newest: Mutex<BTreeMap<Labels, i64>>,
    violations: AtomicU64,
}

impl SeriesWrite for InOrder {
    fn append(&self, batch: &SeriesBatch, now_ms: i64) -> Result<model::Accepted, model::WriteError> {
        let mut newest = self.newest.lock();
        for (series, samples) in batch.iter() {
            for sample in samples {
                let before = newest.insert(series.labels().clone(), sample.at_ms);
                let late = before.is_some_and(|before| before >= sample.at_ms);
                self.violations.fetch_add(u64::from(late), Ordering::SeqCst);
            }
        }
        self.store.append(batch, now_ms)
    }

    fn describe(&self, tenant: TenantId, metadata: &[MetricMetadata]) -> Result<(), model::WriteError> {
        self.store.describe(tenant, metadata)
    }
}

/// A receiver: a store behind a real HTTP server.
struct Receiver {
    order: Arc<InOrder>,
    store: Arc<MemorySeries>,
    play: Arc<Mutex<Play>>,
    url: String,
    stop: CancellationToken,
}

type Shared = (Arc<Push>, Arc<Mutex<Play>>);

async fn take(
    State((push, play)): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap) {
    let mut answer = HeaderMap::new();
    let (silent, first) = {
        let mut play = play.lock();
        play.requests.push(headers.clone());
        let first = (!play.first.is_empty()).then(|| play.first.remove(0));
        (play.silent, first)
    };
    if silent {
        std::future::pending::<()>().await;
    }
    if let Some((status, retry_after)) = first {
        if let Some(seconds) = retry_after {
            answer.insert("retry-after", seconds.parse().unwrap());
        }
        return (status, answer);
    }
    let version = Version::of_content_type(headers["content-type"].to_str().unwrap()).unwrap();
    let outcome = push
        .remote_write(&body, Encoding::Snappy, version, Origin::alone(0))
        .unwrap();
    // The store of these tests takes everything once; what it has already is told, so that repeats show.
    let status = if outcome.complaint().is_none() {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::BAD_REQUEST
    };
    (status, answer)
}

impl Receiver {
    async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    async fn start_at(address: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = MemorySeries::new();
        let order = Arc::new(InOrder {
            store: Arc::clone(&store),
            newest: Mutex::default(),
            violations: AtomicU64::new(0),
        });
        let push = Arc::new(Push::new(Arc::<InOrder>::clone(&order), PushTelemetry::default()));
        let play = Arc::new(Mutex::new(Play::default()));
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}/api/v1/write", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state((push, Arc::clone(&play)));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                result = axum::serve(listener, router) => result.unwrap(),
                () = stopped.cancelled() => {}
            }
        });
        Self {
            order,
            store,
            play,
            url,
            stop,
        }
    }

    fn values(&self) -> BTreeMap<String, Vec<(i64, f64)>> {
        self.store
            .dump()
            .into_iter()
            .map(|(labels, samples)| (labels.to_string(), samples))
            .collect()
    }

    fn assert_order(&self) {
        assert_eq!(
            self.order.violations.load(Ordering::SeqCst),
            0,
            "samples out of order"
        );
    }

    fn count(&self) -> usize {
        self.values().values().map(Vec::len).sum()
    }
}

/// The sending side, in a folder that outlives it.
struct Sender {
    tee: Arc<Tee>,
    forwarder: Arc<Forwarder>,
    telemetry: ForwardTelemetry,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

const FAST: &str = "queue_config: {batch_send_deadline: 20ms, min_backoff: 10ms, max_backoff: 50ms}";

fn section(yaml: &str) -> RemoteWrite {
    serde_saphyr::from_str(yaml).unwrap()
}

impl Sender {
    fn start(dir: &tempfile::TempDir, queue_bytes_max: u64, sections: &[RemoteWrite]) -> Self {
        let config = Config {
            dir: dir.path().join("queue"),
            queue_bytes_max,
        };
        let telemetry = ForwardTelemetry::default();
        let forwarder = Forwarder::open(
            &config,
            LocalStorage::shared(),
            SystemClock::shared(),
            telemetry.clone(),
        )
        .unwrap();
        let external_labels = Labels::from_pairs([("site", "here")]);
        forwarder
            .apply(forwarder.prepare(sections, &external_labels).unwrap())
            .unwrap();
        let tee = forwarder.tee(MemorySeries::new());
        let stop = CancellationToken::new();
        let task = tokio::spawn(Arc::clone(&forwarder).run(stop.clone()));
        Self {
            tee,
            forwarder,
            telemetry,
            stop,
            task,
        }
    }

    fn write(&self, name: &str, at_ms: i64, value: f64) {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        batch.push_one(
            Series::new(Labels::from_pairs([("__name__", name)])),
            at_ms,
            value,
        );
        self.tee.append(&batch, at_ms).unwrap();
    }

    fn reload(&self, sections: &[RemoteWrite]) {
        let external_labels = Labels::from_pairs([("site", "here")]);
        let prepared = self.forwarder.prepare(sections, &external_labels).unwrap();
        self.forwarder.apply(prepared).unwrap();
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// As `kill -9` would: nothing of it runs any more.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited for {what}");
}

fn metric(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or_default()
}

fn metrics(telemetry: &ForwardTelemetry) -> String {
    let mut registry = prometheus_client::registry::Registry::default();
    telemetry.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_arrives_in_both_versions_relabelled_and_labelled() {
    let (one, two) = (Receiver::start().await, Receiver::start().await);
    let dir = tempfile::tempdir().unwrap();
    let rules = "write_relabel_configs: [{source_labels: [__name__], regex: 'secret.*', action: drop}]";
    let sections = [
        section(&format!(
            "{{url: '{}', name: one, {rules}, headers: {{x-scope: t}}, {FAST}}}",
            one.url
        )),
        section(&format!(
            "{{url: '{}', protobuf_message: io.prometheus.write.v2.Request, {FAST}}}",
            two.url
        )),
    ];
    let sender = Sender::start(&dir, 1 << 30, &sections);
    let metadata = MetricMetadata {
        name: "a".into(),
        kind: MetricKind::Gauge,
        help: "Help.".into(),
        unit: "".into(),
    };
    sender
        .tee
        .describe(TenantId::DEFAULT, std::slice::from_ref(&metadata))
        .unwrap();
    for at_ms in 1..=50 {
        sender.write("a", at_ms, at_ms as f64);
        sender.write("secret_x", at_ms, 0.0);
    }
    let row = r#"a{site="here"}"#;
    until("all samples", || one.count() == 50 && two.count() == 100).await;
    let expected: Vec<(i64, f64)> = (1..=50).map(|at_ms| (at_ms, at_ms as f64)).collect();
    assert_eq!((&one.values()[row], &two.values()[row]), (&expected, &expected));
    for receiver in [&one, &two] {
        assert_eq!(
            receiver.store.metadata(TenantId::DEFAULT, Some("a")).unwrap(),
            std::slice::from_ref(&metadata)
        );
    }
    let headers = one.play.lock().requests.pop().unwrap();
    assert_eq!(
        (&headers["x-scope"], &headers["content-encoding"]),
        (&"t".parse().unwrap(), &"snappy".parse().unwrap())
    );
    assert_eq!(headers["x-prometheus-remote-write-version"], "0.1.0");
    assert_eq!(
        two.play.lock().requests[0]["x-prometheus-remote-write-version"],
        "2.0.0"
    );
    let text = metrics(&sender.telemetry);
    assert_eq!(
        metric(
            &text,
            "watchkeeper_remote_write_samples_sent_total{endpoint=\"one\"}"
        ),
        50.0
    );
    sender.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_that_pass_are_waited_for_and_others_are_dropped_and_counted() {
    let receiver = Receiver::start().await;
    receiver.play.lock().first = vec![
        (StatusCode::INTERNAL_SERVER_ERROR, None),
        (StatusCode::TOO_MANY_REQUESTS, Some("1")),
        (StatusCode::SERVICE_UNAVAILABLE, None),
    ];
    let dir = tempfile::tempdir().unwrap();
    let sender = Sender::start(
        &dir,
        1 << 30,
        &[section(&format!("{{url: '{}', name: x, {FAST}}}", receiver.url))],
    );
    let began = std::time::Instant::now();
    sender.write("a", 1, 1.0);
    until("the sample", || receiver.count() == 1).await;
    assert!(began.elapsed() >= Duration::from_secs(1), "Retry-After is kept");
    assert_eq!(receiver.play.lock().requests.len(), 4);
    until("the count", || {
        metrics(&sender.telemetry).contains("retries_total{endpoint=\"x\"} 3")
    })
    .await;

    receiver.play.lock().first = vec![(StatusCode::UNAUTHORIZED, None)];
    sender.write("a", 2, 2.0);
    until("the drop", || {
        metrics(&sender.telemetry).contains("dropped_total{endpoint=\"x\",reason=\"refused\"} 1")
    })
    .await;
    sender.write("a", 3, 3.0);
    until("the next sample", || receiver.count() == 2).await;
    assert_eq!(receiver.values()[r#"a{site="here"}"#], [(1, 1.0), (3, 3.0)]);
    sender.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_and_a_crash_lose_and_repeat_nothing() {
    let receiver = Receiver::start().await;
    let url = receiver.url.clone();
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches("/api/v1/write")
        .to_owned();
    let dir = tempfile::tempdir().unwrap();
    let sections = [section(&format!("{{url: '{url}', name: x, {FAST}}}"))];
    let sender = Sender::start(&dir, 1 << 30, &sections);
    for at_ms in 0..100 {
        sender.write("a", at_ms, at_ms as f64);
    }
    until("the first samples", || receiver.count() == 100).await;
    // Nobody is there; the process goes on, is killed, and comes back twice.
    receiver.stop.cancel();
    for at_ms in 100..200 {
        sender.write("a", at_ms, at_ms as f64);
    }
    sender.kill().await;
    let sender = Sender::start(&dir, 1 << 30, &sections);
    for at_ms in 200..300 {
        sender.write("a", at_ms, at_ms as f64);
    }
    sender.kill().await;
    let sender = Sender::start(&dir, 1 << 30, &sections);
    let receiver = Receiver::start_at(&address).await;
    until("the other samples", || receiver.count() >= 200).await;
    sender.write("a", 300, 300.0);
    until("the last sample", || receiver.count() >= 201).await;
    let found = receiver.values().remove(r#"a{site="here"}"#).unwrap();
    let expected: Vec<(i64, f64)> = (100..=300).map(|at_ms| (at_ms, at_ms as f64)).collect();
    assert_eq!(
        found, expected,
        "nothing is lost, and nothing that had arrived is sent again"
    );
    receiver.assert_order();
    let text = metrics(&sender.telemetry);
    assert!(
        !text.contains("dropped_total{"),
        "nothing is counted as lost: {text}"
    );
    sender.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_bounded_and_what_it_drops_is_counted() {
    let receiver = Receiver::start().await;
    receiver.play.lock().silent = true;
    let dir = tempfile::tempdir().unwrap();
    let sections = [section(&format!(
        "{{url: '{}', name: x, remote_timeout: 100ms, {FAST}}}",
        receiver.url
    ))];
    let limit = 64 << 10;
    let sender = Sender::start(&dir, limit, &sections);
    for at_ms in 0..5_000 {
        sender.write("a", at_ms, at_ms as f64);
    }
    let size = metric(
        &metrics(&sender.telemetry),
        "watchkeeper_remote_write_queue_bytes",
    );
    assert!(size > 0.0 && size <= limit as f64 * 1.1, "{size}");
    receiver.play.lock().silent = false;
    until("the newest sample", || {
        receiver
            .values()
            .values()
            .any(|samples| samples.last() == Some(&(4_999, 4_999.0)))
    })
    .await;
    let dropped = "watchkeeper_remote_write_samples_dropped_total{endpoint=\"x\",reason=\"queue_full\"}";
    until("the count of drops", || {
        let dropped = metric(&metrics(&sender.telemetry), dropped) as usize;
        dropped > 0 && dropped + receiver.count() == 5_000
    })
    .await;
    sender.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn series_keep_their_order_over_shards_and_small_requests() {
    let receiver = Receiver::start().await;
    let dir = tempfile::tempdir().unwrap();
    let queue = "queue_config: {batch_send_deadline: 10ms, max_samples_per_send: 7, max_shards: 5}";
    let sender = Sender::start(
        &dir,
        1 << 30,
        &[section(&format!("{{url: '{}', {queue}}}", receiver.url))],
    );
    for at_ms in 0..200 {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        for series in 0..10 {
            let labels = Labels::from_pairs([("__name__", "m".to_owned()), ("s", series.to_string())]);
            batch.push_one(Series::new(labels), at_ms, at_ms as f64);
        }
        sender.tee.append(&batch, at_ms).unwrap();
    }
    until("all samples", || receiver.count() == 2_000).await;
    assert_eq!(receiver.values().len(), 10);
    receiver.assert_order();
    sender.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_starts_stops_and_keeps_endpoints() {
    let (one, two) = (Receiver::start().await, Receiver::start().await);
    let dir = tempfile::tempdir().unwrap();
    let first = section(&format!("{{url: '{}', name: one, {FAST}}}", one.url));
    let second = section(&format!("{{url: '{}', name: two, {FAST}}}", two.url));
    let sender = Sender::start(&dir, 1 << 30, &[]);
    sender.write("a", 1, 1.0);
    sender.reload(std::slice::from_ref(&first));
    sender.write("a", 2, 2.0);
    until("the first", || one.count() == 1).await;
    sender.reload(&[first.clone(), second]);
    sender.write("a", 3, 3.0);
    until("both", || one.count() == 2 && two.count() == 1).await;
    sender.reload(std::slice::from_ref(&first));
    sender.write("a", 4, 4.0);
    until("the first alone", || one.count() == 3).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(two.count(), 1);
    // What nothing can be sent to is said, and disturbs nobody.
    let bad = section("{url: 'ftp://x/y', name: bad}");
    let said = ingest::forward::unusable(std::slice::from_ref(&bad));
    assert!(said[0].contains("\"bad\": url is not an http"), "{said:?}");
    sender.reload(&[first, bad]);
    sender.write("a", 5, 5.0);
    until("the first goes on", || one.count() == 4).await;
    sender.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn series_that_the_rules_make_too_much_of_are_counted_and_the_others_sent() {
    let receiver = Receiver::start().await;
    let dir = tempfile::tempdir().unwrap();
    let doubling = "{source_labels: [x], target_label: x, regex: '(.+)', replacement: '$1$1'}";
    let rules = format!(
        "write_relabel_configs: [{{source_labels: [__name__], regex: '(huge)', target_label: x}}, {}]",
        vec![doubling; 33].join(", ")
    );
    let sections = [section(&format!(
        "{{url: '{}', name: one, {rules}, {FAST}}}",
        receiver.url
    ))];
    let sender = Sender::start(&dir, 1 << 30, &sections);
    for at_ms in 1..=5 {
        sender.write("huge", at_ms, 0.0);
        sender.write("a", at_ms, at_ms as f64);
    }
    until("what can be sent", || receiver.count() == 5).await;
    let dropped = r#"watchkeeper_remote_write_samples_dropped_total{endpoint="one",reason="relabelling"}"#;
    until("the count", || {
        metric(&metrics(&sender.telemetry), dropped) == 5.0
    })
    .await;
    sender.end().await;
}
