//! The threads on which statements run, and what tells them to end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::SqlError;
use crate::limits::STACK_BYTES;

/// Threads of their own, so that no statement keeps the process from answering; started when they are first needed.
#[derive(Debug)]
pub(crate) struct Threads {
    count: usize,
    runtime: OnceLock<Option<Runtime>>,
}

impl Threads {
    /// So many threads, later.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            count: count.max(1),
            runtime: OnceLock::new(),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Where work is handed in.
    pub(crate) fn handle(&self) -> Result<Handle, SqlError> {
        let start = || {
            Builder::new_multi_thread()
                .worker_threads(self.count)
                .thread_name("sql")
                .enable_time()
                .thread_stack_size(STACK_BYTES)
                .thread_keep_alive(Duration::from_secs(10))
                .build()
                .inspect_err(|error| tracing::error!(%error, "cannot start threads for sql"))
                .ok()
        };
        let runtime = self.runtime.get_or_init(start).as_ref();
        runtime
            .map(|runtime| runtime.handle().clone())
            .ok_or_else(|| SqlError::Fault("its threads could not be started".to_owned()))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Dropping a runtime where another runs would panic.
        if let Some(Some(runtime)) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Until when a statement may run, and whether anybody still waits.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pub(crate) started: Instant,
    pub(crate) timeout: Duration,
    pub(crate) cancel: Arc<AtomicBool>,
}

impl Watch {
    /// For a statement that starts now.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            started: Instant::now(),
            timeout,
            cancel: Arc::default(),
        }
    }

    /// When it must have ended.
    pub(crate) fn deadline(&self) -> Instant {
        self.started + self.timeout
    }

    /// An error once the time is up or nobody waits.
    pub(crate) fn check(&self) -> Result<(), SqlError> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(SqlError::Cancelled);
        }
        if self.started.elapsed() >= self.timeout {
            return Err(SqlError::Timeout(self.timeout));
        }
        Ok(())
    }
}

/// Cancels what it watches when it is dropped.
#[derive(Debug)]
pub(crate) struct CancelOnDrop(pub(crate) Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
