//! The collector at work on the machine the test runs on.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use collect::{Config, Error, Host, HostDeps, Roots, Telemetry, Tick};
use model::{Accepted, MetricMetadata, SeriesBatch, SeriesRead, SeriesWrite, TenantId, WriteError};
use prometheus_client::registry::Registry;
use stdx::outlet::{Inlet, News, Outlet};
use stdx::{HumanDuration, SystemClock};
use testkit::MemorySeries;
use tokio_util::sync::CancellationToken;

struct Setup {
    host: Arc<Host>,
    inlet: Inlet<Tick>,
    telemetry: Telemetry,
}

fn setup(writer: Arc<dyn SeriesWrite>, interval_ms: u64) -> Setup {
    let config = Config {
        interval: HumanDuration::from_millis(interval_ms),
        ..Config::default()
    };
    let telemetry = Telemetry::default();
    let ticks = Outlet::new(64);
    let inlet = ticks.inlet();
    let deps = HostDeps {
        writer,
        clock: SystemClock::shared(),
        ticks,
        telemetry: telemetry.clone(),
    };
    Setup {
        host: Host::new(config, Roots::default(), deps).unwrap(),
        inlet,
        telemetry,
    }
}

async fn next_tick(inlet: &mut Inlet<Tick>) -> i64 {
    let waited = tokio::time::timeout(Duration::from_secs(30), inlet.next()).await;
    match waited.expect("a tick comes") {
        Some(News::Item(tick)) => tick.at_ms,
        other => panic!("no tick but {other:?}"),
    }
}

fn counter(telemetry: &Telemetry, name: &str) -> f64 {
    let mut registry = Registry::default();
    telemetry.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.rsplit(' ').next())
        .map_or(0.0, |value| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_shows_all_its_vitals() {
    let store = MemorySeries::new();
    let mut setup = setup(Arc::clone(&store) as Arc<dyn SeriesWrite>, 200);
    let stop = CancellationToken::new();
    let running = tokio::spawn(setup.host.run(stop.clone()));
    let mut times = Vec::new();
    for _ in 0..4 {
        times.push(next_tick(&mut setup.inlet).await);
    }
    stop.cancel();
    running.await.unwrap().unwrap();
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");

    let series = store.dump();
    let has = |metric: &str| series.iter().any(|(labels, _)| labels.metric_name() == metric);
    // What a machine may lack: limits, PSI, swap counters, sensors, disks, a filesystem that answers at once.
    let optional = [
        "throttled",
        "pressure",
        "paging_operations",
        "temperature",
        "_disk_",
        "filesystem",
    ];
    for metric in collect::sources::metrics() {
        if has(metric.name) {
            continue;
        }
        let may_lack = optional.iter().any(|words| metric.name.contains(words));
        assert!(may_lack, "{} is missing", metric.name);
        println!("this machine has no {}", metric.name);
    }
    let own = |labels: &model::Labels| labels.get("job") == Some("host") && labels.get("instance").is_some();
    assert!(series.iter().all(|(labels, _)| own(labels)));
    let described = store.metadata(TenantId::DEFAULT, None).unwrap();
    assert_eq!(described.len(), collect::sources::metrics().count());

    let summary = setup.host.summary();
    assert!(!summary.name.is_empty() && !summary.kernel.is_empty() && !summary.os.is_empty());
    let is_share = |ratio: Option<f64>| ratio.is_some_and(|ratio| (0.0..=1.0).contains(&ratio));
    assert!(
        is_share(summary.cpu_ratio) && is_share(summary.memory_ratio),
        "{summary:?}"
    );
    assert!(summary.cpu_count.is_some_and(|count| count > 0) && summary.memory_bytes.is_some());
    let processes = setup.host.processes();
    let me = processes.rows.iter().find(|row| row.pid == std::process::id());
    assert!(processes.rows.len() <= 40 && !processes.rows.is_empty());
    if let Some(me) = me {
        assert!(me.memory_bytes > 0 && me.threads > 1 && me.started_at_ms <= processes.observed_at_ms);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_runs_once_at_a_time_and_again_after_a_stop() {
    let store = MemorySeries::new();
    let mut setup = setup(store, 100);
    for _ in 0..2 {
        let stop = CancellationToken::new();
        let running = tokio::spawn(setup.host.run(stop.clone()));
        next_tick(&mut setup.inlet).await;
        let second = setup.host.run(CancellationToken::new()).await;
        assert!(matches!(second, Err(Error::AlreadyRunning)));
        stop.cancel();
        running.await.unwrap().unwrap();
    }
}

/// Takes nothing at first, then takes its time.
#[derive(Debug, Default)]
struct DifficultStore {
    calls: AtomicU32,
}

impl SeriesWrite for DifficultStore {
    fn append(&self, batch: &SeriesBatch, _now_ms: i64) -> Result<Accepted, WriteError> {
        match self.calls.fetch_add(1, Ordering::SeqCst) {
            0 => Err(WriteError::Busy { waiting_max: 0 }),
            1 => {
                std::thread::sleep(Duration::from_millis(450));
                Ok(Accepted {
                    stored: batch.sample_count() as u64,
                    refused: Vec::new(),
                    ..Accepted::default()
                })
            }
            _ => Ok(Accepted {
                stored: batch.sample_count() as u64 - 1,
                refused: vec![(model::Refusal::TooManySeries, 1)],
                ..Accepted::default()
            }),
        }
    }

    fn describe(&self, _tenant: TenantId, _metadata: &[MetricMetadata]) -> Result<(), WriteError> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_stored_is_counted_and_missed_ticks_do_not_bunch_up() {
    let mut setup = setup(Arc::new(DifficultStore::default()), 100);
    let stop = CancellationToken::new();
    let running = tokio::spawn(setup.host.run(stop.clone()));
    let slow = next_tick(&mut setup.inlet).await;
    let after = next_tick(&mut setup.inlet).await;
    next_tick(&mut setup.inlet).await;
    let last = next_tick(&mut setup.inlet).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    assert!(after - slow >= 400, "{slow} {after}");
    // The late reading lies anywhere between two that are due; the second one after it is more than an interval away.
    assert!(last - after >= 100, "{after} {last}");
    let dropped = "watchkeeper_collect_samples_dropped_total{reason=";
    assert!(counter(&setup.telemetry, &format!("{dropped}\"write_error\"}}")) > 20.0);
    assert!(counter(&setup.telemetry, &format!("{dropped}\"too_many_series\"}}")) >= 2.0);
    assert!(counter(&setup.telemetry, "watchkeeper_collect_ticks_missed_total") >= 3.0);
    assert!(counter(&setup.telemetry, "watchkeeper_collect_samples_total") > 20.0);
}

#[test]
fn a_machine_without_a_name_is_refused_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = folder.path().join("sys/kernel");
    std::fs::create_dir_all(&kernel).unwrap();
    std::fs::write(kernel.join("hostname"), "(none)\n").unwrap();
    let roots = Roots {
        proc: folder.path().to_owned(),
        ..Roots::default()
    };
    let deps = HostDeps {
        writer: MemorySeries::new(),
        clock: SystemClock::shared(),
        ticks: Outlet::new(1),
        telemetry: Telemetry::default(),
    };
    let error = Host::new(Config::default(), roots, deps).unwrap_err();
    assert!(error.to_string().contains("hostnamectl"), "{error}");
}

/// Panics at the first batch, then stores.
#[derive(Debug)]
struct PanicsOnce {
    panicked: std::sync::atomic::AtomicBool,
    store: Arc<MemorySeries>,
}

impl SeriesWrite for PanicsOnce {
    fn append(&self, batch: &SeriesBatch, now_ms: i64) -> Result<Accepted, WriteError> {
        assert!(
            self.panicked.swap(true, Ordering::SeqCst),
            "the first batch is too much for this writer"
        );
        self.store.append(batch, now_ms)
    }

    fn describe(&self, tenant: TenantId, metadata: &[MetricMetadata]) -> Result<(), WriteError> {
        self.store.describe(tenant, metadata)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_panic_it_runs_again() {
    let writer = PanicsOnce {
        panicked: false.into(),
        store: MemorySeries::new(),
    };
    let mut setup = setup(Arc::new(writer), 200);
    let stop = CancellationToken::new();
    let first = tokio::spawn(setup.host.run(stop.clone())).await;
    assert!(first.unwrap_err().is_panic());

    let running = tokio::spawn(setup.host.run(stop.clone()));
    next_tick(&mut setup.inlet).await;
    let second = setup.host.run(stop.clone()).await;
    assert!(matches!(second, Err(Error::AlreadyRunning)), "{second:?}");
    stop.cancel();
    running.await.unwrap().unwrap();
}
