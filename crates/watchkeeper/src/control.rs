//! The process as a whole: its configuration, its reloads, and what the pages may know of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use stdx::clock::SharedClock;
use stdx::outlet::Outlet;
use tracing::{error, info, warn};
use web::{ConfigView, ReplayProgress};

use crate::config::{self, Loaded};

/// What a reload changes.
#[derive(Debug)]
pub(crate) struct Reloadable {
    pub(crate) scraper: Arc<ingest::Scraper>,
    pub(crate) alerting: Arc<alerting::Alerting>,
}

impl Reloadable {
    /// Hands a checked configuration to the rooms; those that it leaves unchanged are not disturbed.
    /// Where one refuses, nothing has changed and the text says why.
    pub(crate) fn apply(&self, loaded: Loaded) -> Result<(), String> {
        let interval = loaded.file.global.evaluation_interval;
        let refused = |error: ingest::IngestError| format!("{:#}", anyhow::Error::new(error));
        self.scraper
            .apply(&loaded.file.global, loaded.file.scrape_configs)
            .map_err(refused)?;
        self.alerting
            .apply(loaded.file.alerting, loaded.rule_files, interval);
        Ok(())
    }
}

/// The handle on the process.
#[derive(Debug)]
pub(crate) struct Control {
    path: Option<PathBuf>,
    flags: Vec<(String, String)>,
    rooms: Reloadable,
    clock: SharedClock,
    view: Mutex<ConfigView>,
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
    storage: config::Storage,
}

impl FixedAtStart {
    fn of(file: &config::ConfigFile) -> Self {
        Self {
            server: file.server.clone(),
            collect: file.collect.clone(),
            storage: file.storage.clone(),
        }
    }

    /// The sections in which `new` differs.
    fn changed(&self, new: &Self) -> Vec<&'static str> {
        let sections = [
            ("server", self.server == new.server),
            ("collect", self.collect == new.collect),
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
    pub(crate) fn new(loaded: Loaded, parts: ControlParts) -> anyhow::Result<Arc<Self>> {
        let now_ms = parts.clock.now_ms();
        let view = view_of(&loaded, now_ms, loaded.warnings.clone());
        for warning in &view.warnings {
            warn!(warning, "configuration");
        }
        let control = Arc::new(Self {
            path: loaded.path.clone(),
            flags: parts.flags,
            fixed_at_start: FixedAtStart::of(&loaded.file),
            view: Mutex::new(view),
            rooms: parts.rooms,
            clock: parts.clock,
            reloading: tokio::sync::Mutex::default(),
            ready: AtomicBool::new(false),
            news: parts.news,
            samples_stored: parts.samples_stored,
            replayed: parts.replayed,
        });
        control.rooms.apply(loaded).map_err(anyhow::Error::msg)?;
        Ok(control)
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
        let loaded = tokio::task::spawn_blocking(move || {
            config::load(Some(&path)).map_err(|faults| config::join(&faults))
        });
        let loaded = loaded.await.unwrap_or_else(|panic| Err(panic.to_string()));
        match loaded.and_then(|loaded| self.take_over(loaded)) {
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

    fn take_over(&self, loaded: Loaded) -> Result<(), String> {
        let mut warnings = loaded.warnings.clone();
        for section in self.fixed_at_start.changed(&FixedAtStart::of(&loaded.file)) {
            warnings.push(format!(
                "{section}: this section has changed; restart to let it take effect"
            ));
        }
        let view = view_of(&loaded, self.clock.now_ms(), warnings);
        self.rooms.apply(loaded)?;
        for warning in &view.warnings {
            warn!(warning, "configuration");
        }
        info!("configuration loaded");
        *self.view.lock() = view.clone();
        self.news.offer(view);
        Ok(())
    }
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

    fn config_view(&self) -> ConfigView {
        self.view.lock().clone()
    }

    fn flags(&self) -> Vec<(String, String)> {
        self.flags.clone()
    }

    fn samples_stored(&self) -> u64 {
        self.samples_stored.get()
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
