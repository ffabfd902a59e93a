//! The process as a whole: its configuration, its reloads, and what the pages may know of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use jiff::Timestamp;
use model::{Labels, Matcher, TenantId, TimeRange};
use parking_lot::Mutex;
use stdx::clock::SharedClock;
use stdx::outlet::Outlet;
use tracing::{error, info, warn};
use web::{ConfigView, ReplayProgress, StoreView};

use crate::config::{self, Loaded};
use crate::store_watch::StoreWatch;

/// What a reload changes.
#[derive(Debug)]
pub(crate) struct Reloadable {
    pub(crate) scraper: Arc<ingest::Scraper>,
    pub(crate) push: Arc<ingest::Push>,
    pub(crate) logs: Arc<ingest::Logs>,
    pub(crate) pipeline_telemetry: ingest::PipelineTelemetry,
    pub(crate) pods: ingest::PodDirectories,
    pub(crate) series: tsdb::Db,
    pub(crate) forwarder: Arc<ingest::Forwarder>,
    pub(crate) alerting: Arc<alerting::Alerting>,
    /// Whether this machine's vitals are taken.
    pub(crate) takes_vitals: bool,
}

impl Reloadable {
    /// Hands a checked configuration to the rooms; those that it leaves unchanged are not disturbed. Reads the files that
    /// clients need, so async callers go through a blocking task.
    ///
    /// # Errors
    /// Why a room refuses it; then nothing has changed in any of them.
    pub(crate) fn apply(&self, loaded: Loaded) -> anyhow::Result<()> {
        let file = loaded.file;
        let pipelines = file.log_pipelines(self.pipeline_telemetry.clone(), &self.pods)?;
        let series_limits = series_limits(&file);
        let external_labels = Labels::from_pairs(file.global.external_labels.clone());
        let setup = alerting::Setup {
            config: file.alerting,
            rule_files: loaded.rule_files,
            evaluation_interval: file.global.evaluation_interval,
            rule_query_offset: file.global.rule_query_offset,
            external_labels: external_labels.clone(),
            expects_vitals: self.takes_vitals,
        };
        // Some rooms prepare and another one applies, and only then is the prepared taken, which does not depend on the file.
        let prepared = self.alerting.prepare(setup)?;
        let endpoints = self.forwarder.prepare(&file.remote_write, &external_labels)?;
        self.scraper.apply(&file.global, file.scrape_configs)?;
        self.push.configure(&file.push, &file.multi_tenancy, &file.limits);
        self.logs.configure(&file.logs, &file.multi_tenancy, &file.limits);
        self.logs.take_pipelines(pipelines);
        self.series.limit_tenants(series_limits);
        self.push.configure_otlp(&file.otlp.unwrap_or_default());
        self.alerting.apply(prepared);
        if let Err(fault) = self.forwarder.apply(endpoints) {
            error!(error = %fault, "remote write cannot use its queue");
        }
        Ok(())
    }
}

/// How many series each tenant may have.
fn series_limits(file: &config::ConfigFile) -> tsdb::TenantLimits {
    let default = file.limits.default;
    let number = |name: &String| match file.multi_tenancy.tenants.get(name) {
        Some(number) => TenantId(*number),
        None => TenantId::DEFAULT,
    };
    let own = file.limits.tenants.iter();
    tsdb::TenantLimits {
        series_max: default.over(default).active_series,
        series_max_of: own
            .map(|(name, limits)| (number(name), limits.over(default).active_series))
            .collect(),
    }
}

/// The handle on the process.
#[derive(Debug)]
pub(crate) struct Control {
    path: Option<PathBuf>,
    flags: Vec<(String, String)>,
    rooms: Arc<Reloadable>,
    series: tsdb::Db,
    logs: lake::Lake,
    data_dir: PathBuf,
    store_watch: Arc<StoreWatch>,
    clock: SharedClock,
    view: Mutex<ConfigView>,
    /// What the start itself warns of.
    standing_warnings: Vec<String>,
    external_labels: Mutex<Labels>,
    /// The sections that take effect at the start only, as they were then.
    fixed_at_start: FixedAtStart,
    reloading: tokio::sync::Mutex<()>,
    ready: AtomicBool,
    news: Outlet<ConfigView>,
    samples_stored: prometheus_client::metrics::counter::Counter,
    replayed: Replayed,
}

/// What [`Control`] is built from.
#[derive(Debug)]
pub(crate) struct ControlParts {
    pub(crate) flags: Vec<(String, String)>,
    pub(crate) rooms: Reloadable,
    pub(crate) standing_warnings: Vec<String>,
    pub(crate) series: tsdb::Db,
    pub(crate) logs: lake::Lake,
    /// Where everything is kept.
    pub(crate) data_dir: PathBuf,
    pub(crate) store_watch: Arc<StoreWatch>,
    pub(crate) clock: SharedClock,
    pub(crate) news: Outlet<ConfigView>,
    pub(crate) samples_stored: prometheus_client::metrics::counter::Counter,
    pub(crate) replayed: Replayed,
}

/// What reading the log gave at the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replayed {
    pub(crate) records: u64,
    pub(crate) damaged: u64,
}

/// The sections that need a restart to change.
#[derive(Debug, PartialEq)]
struct FixedAtStart {
    server: web::Config,
    collect: collect::Config,
    statsd: ingest::statsd::Config,
    syslog: ingest::syslog::Config,
    gathered_logs: collect::LogsConfig,
    storage: config::Storage,
}

impl FixedAtStart {
    fn of(file: &config::ConfigFile) -> Self {
        Self {
            server: file.server.clone(),
            collect: file.collect.clone(),
            statsd: file.statsd.clone(),
            syslog: file.syslog.clone(),
            gathered_logs: file.gathered_logs(),
            storage: file.storage.clone(),
        }
    }

    /// The sections in which `new` differs.
    fn changed(&self, new: &Self) -> Vec<&'static str> {
        let (old, logs) = (&self.gathered_logs, &new.gathered_logs);
        let sections = [
            ("server", self.server == new.server),
            ("collect", self.collect == new.collect),
            ("statsd", self.statsd == new.statsd),
            ("syslog", self.syslog == new.syslog),
            ("log_files", old.files == logs.files),
            ("docker_logs", old.docker == logs.docker),
            ("kubernetes_logs", old.kubernetes == logs.kubernetes),
            ("journald", old.journald == logs.journald),
            ("storage", self.storage == new.storage),
        ];
        sections
            .iter()
            .filter(|(_, same)| !same)
            .map(|(name, _)| *name)
            .collect()
    }
}

impl Control {
    /// The handle on a process that runs `loaded`; hands it to the rooms.
    ///
    /// # Errors
    /// Why a room refuses it.
    pub(crate) async fn new(loaded: Loaded, parts: ControlParts) -> anyhow::Result<Arc<Self>> {
        let now_ms = parts.clock.now_ms();
        let mut warnings = loaded.warnings.clone();
        warnings.extend_from_slice(&parts.standing_warnings);
        let view = view_of(&loaded, now_ms, warnings);
        for warning in &view.warnings {
            warn!(warning, "configuration");
        }
        let control = Arc::new(Self {
            path: loaded.path.clone(),
            flags: parts.flags,
            fixed_at_start: FixedAtStart::of(&loaded.file),
            view: Mutex::new(view),
            standing_warnings: parts.standing_warnings,
            external_labels: Mutex::default(),
            rooms: Arc::new(parts.rooms),
            data_dir: parts.data_dir,
            series: parts.series,
            logs: parts.logs,
            store_watch: parts.store_watch,
            clock: parts.clock,
            reloading: tokio::sync::Mutex::default(),
            ready: AtomicBool::new(false),
            news: parts.news,
            samples_stored: parts.samples_stored,
            replayed: parts.replayed,
        });
        control.apply(loaded).await?;
        Ok(control)
    }

    async fn apply(&self, loaded: Loaded) -> anyhow::Result<()> {
        let rooms = Arc::clone(&self.rooms);
        let external_labels = Labels::from_pairs(loaded.file.global.external_labels.clone());
        blocking(move || rooms.apply(loaded)).await??;
        *self.external_labels.lock() = external_labels;
        Ok(())
    }

    /// Everything is loaded: answers are complete from now on.
    pub(crate) fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Reads the file again. One reload at a time.
    async fn read_again(&self) -> Result<(), String> {
        let _one_at_a_time = self.reloading.lock().await;
        let Some(path) = self.path.clone() else {
            return Err("there is no configuration file to read; start with --config FILE".to_owned());
        };
        let loaded =
            blocking(move || config::load(Some(&path)).map_err(|faults| config::join(&faults))).await;
        let taken = match loaded.unwrap_or_else(|panic| Err(panic.to_string())) {
            Ok(loaded) => Box::pin(self.take_over(loaded))
                .await
                .map_err(|error| format!("{error:#}")),
            Err(faults) => Err(faults),
        };
        match taken {
            Ok(()) => Ok(()),
            Err(faults) => {
                error!(faults, "configuration refused, the one before runs on");
                let mut view = self.view.lock();
                view.ok = false;
                view.error = Some(faults.clone());
                self.news.offer(view.clone());
                Err(faults)
            }
        }
    }

    /// Hands a configuration to the rooms; where that succeeds, the page shows it.
    async fn take_over(&self, loaded: Loaded) -> anyhow::Result<()> {
        let mut warnings = loaded.warnings.clone();
        warnings.extend_from_slice(&self.standing_warnings);
        for section in self.fixed_at_start.changed(&FixedAtStart::of(&loaded.file)) {
            warnings.push(format!(
                "{section}: this section has changed; restart to let it take effect"
            ));
        }
        let view = view_of(&loaded, self.clock.now_ms(), warnings);
        self.apply(loaded).await?;
        for warning in &view.warnings {
            warn!(warning, "configuration");
        }
        info!("configuration loaded");
        *self.view.lock() = view.clone();
        self.news.offer(view);
        Ok(())
    }
}

impl Control {
    /// Runs what the store does on its files away from the async runtime; errors as the asker reads them.
    fn on_series<T: Send + 'static>(
        &self,
        work: impl FnOnce(&tsdb::Db, i64) -> Result<T, tsdb::TsdbError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, String>> {
        let (series, now_ms) = (self.series.clone(), self.clock.now_ms());
        Box::pin(async move {
            match blocking(move || work(&series, now_ms)).await {
                Ok(Ok(done)) => Ok(done),
                Ok(Err(error)) => Err(format!("{:#}", anyhow::Error::new(error))),
                Err(panic) => Err(panic.to_string()),
            }
        })
    }
}

/// Runs what reads files away from the async runtime.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    Ok(tokio::task::spawn_blocking(work).await?)
}

fn view_of(loaded: &Loaded, now_ms: i64, warnings: Vec<String>) -> ConfigView {
    ConfigView {
        path: loaded.path.as_ref().map(|path| path.display().to_string()),
        loaded_at_ms: now_ms,
        ok: true,
        error: None,
        warnings,
        yaml: loaded.shown.clone(),
    }
}

impl web::Control for Control {
    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    fn reload(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.read_again())
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), String>> {
        let (logs, now_ms) = (self.logs.clone(), self.clock.now_ms());
        Box::pin(async move {
            let series = self.on_series(|series, now_ms| series.flush(now_ms)).await;
            let lines = match blocking(move || logs.flush(now_ms)).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(format!("{:#}", anyhow::Error::new(error))),
                Err(panic) => Err(panic.to_string()),
            };
            series.and(lines)
        })
    }

    fn delete_series(
        &self,
        any_of: Vec<Vec<Matcher>>,
        range: TimeRange,
    ) -> BoxFuture<'_, Result<(), String>> {
        self.on_series(move |series, now_ms| {
            any_of
                .iter()
                .try_for_each(|matchers| series.delete(TenantId::DEFAULT, matchers, range, now_ms))
        })
    }

    fn clean_tombstones(&self) -> BoxFuture<'_, Result<(), String>> {
        self.on_series(|series, now_ms| series.bury(now_ms))
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<String, String>> {
        let now_ms = self.clock.now_ms();
        let made_at = Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let name = made_at.strftime("%Y%m%dT%H%M%S%3fZ").to_string();
        // A data folder by itself: `--data-dir` of another server.
        let dir = self.data_dir.join("snapshots").join(&name).join("series");
        Box::pin(async move {
            self.on_series(move |series, now_ms| series.snapshot(&dir, now_ms))
                .await?;
            Ok(name)
        })
    }

    fn config_view(&self) -> ConfigView {
        self.view.lock().clone()
    }

    fn flags(&self) -> Vec<(String, String)> {
        self.flags.clone()
    }

    fn external_labels(&self) -> Labels {
        self.external_labels.lock().clone()
    }

    fn samples_stored(&self) -> u64 {
        self.samples_stored.get()
    }

    fn store_view(&self) -> StoreView {
        StoreView {
            fault: self.store_watch.fault(),
            damage: self.series.damage(),
        }
    }

    fn replay(&self) -> ReplayProgress {
        let Replayed { records, damaged } = self.replayed;
        ReplayProgress {
            first: 0,
            last: records,
            current: records,
            damaged,
        }
    }
}
