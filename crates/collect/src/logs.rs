//! Gathers the logs of this machine: files, containers, the journal; every line once, whatever happens.
//!
//! In: files that are written to, and what `journalctl` prints.  Out: batches of lines with keys to [`model::LogWrite`].
//! Owns: a thread for all files, one for the journal, and the files that say how far they are.
//! Invariants: every line is stored once, over the end of the process at any moment, over rotation and truncation (`files::tests`,
//! `journal::tests`); where nothing is taken nothing more is read (`files::tests`); no bytes panic a form (`forms::tests`).
//! Not here: pipelines, levels, redaction: lines go the way of those that are pushed, behind the door.
//! Start at: [`Gatherer::new`].
//!
//! Fuzz: container_line, journal_entry

pub mod config;
pub(crate) mod files;
pub mod forms;
pub mod journal;
mod origin;
mod position_file;
pub mod telemetry;

use std::path::PathBuf;
use std::sync::Arc;

use model::LogWrite;
use stdx::clock::SharedClock;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub use config::LogsConfig;
pub use telemetry::LogsTelemetry;

use crate::error::Error;
use files::{Follower, Stop};
use journal::Journal;

/// What gathering needs of other rooms.
#[derive(Debug, Clone)]
pub struct GathererDeps {
    /// Where lines of files go.
    pub files: Arc<dyn LogWrite>,
    /// Where lines of the journal go.
    pub journal: Arc<dyn LogWrite>,
    /// The folder for what must be remembered.
    pub folder: PathBuf,
    /// The time.
    pub clock: SharedClock,
    /// The counters.
    pub telemetry: LogsTelemetry,
}

/// The logs of this machine, followed.
#[derive(Debug)]
pub struct Gatherer {
    config: LogsConfig,
    deps: GathererDeps,
}

impl Gatherer {
    /// Reads nothing yet.
    pub fn new(config: LogsConfig, deps: GathererDeps) -> Arc<Self> {
        Arc::new(Self { config, deps })
    }

    /// Follows files until `stop` is cancelled. Work happens on a thread of its own, so this may be awaited anywhere. A panic of that
    /// thread goes on in the caller, who may run again: everything is read from disk anew.
    ///
    /// # Errors
    /// What is known of the files cannot be read, or the thread cannot be started.
    pub async fn follow_files(self: Arc<Self>, stop: CancellationToken) -> Result<(), Error> {
        if !self.config.follows_files() {
            return Ok(());
        }
        self.make_folder()?;
        let work = move |stop: Stop| -> Result<(), Error> {
            Follower::open(&self.config, self.deps.clone(), stop)?.run();
            Ok(())
        };
        on_thread("collect-files", stop, work).await
    }
}

impl Gatherer {
    /// Follows the journal until `stop` is cancelled, in the same way.
    ///
    /// # Errors
    /// What is known of the journal cannot be read, or the thread cannot be started.
    pub async fn follow_journal(self: Arc<Self>, stop: CancellationToken) -> Result<(), Error> {
        if !self.config.journald.enabled {
            return Ok(());
        }
        self.make_folder()?;
        let work = move |stop: Stop| -> Result<(), Error> {
            Journal::open(self.config.journald.clone(), self.deps.clone(), stop)?.run();
            Ok(())
        };
        on_thread("collect-journal", stop, work).await
    }

    fn make_folder(&self) -> Result<(), Error> {
        std::fs::create_dir_all(&self.deps.folder).map_err(|source| Error::Folder {
            path: self.deps.folder.clone(),
            source,
        })
    }
}

/// Runs what blocks on a thread of its own until it ends or is told to.
async fn on_thread(
    name: &'static str,
    cancelled: CancellationToken,
    work: impl FnOnce(Stop) -> Result<(), Error> + Send + 'static,
) -> Result<(), Error> {
    let cannot = |source| Error::Thread { name, source };
    let stop = Stop::new().map_err(cannot)?;
    let (ended_sender, mut ended) = oneshot::channel::<()>();
    let own = stop.clone();
    let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
        // Dropped when the thread ends, in whatever way.
        let _ended = ended_sender;
        work(own)
    });
    let thread = thread.map_err(cannot)?;
    tokio::select! {
        () = cancelled.cancelled() => {
            stop.set();
            let _ = (&mut ended).await;
        }
        _ = &mut ended => {}
    }
    match thread.join() {
        Ok(outcome) => outcome,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
