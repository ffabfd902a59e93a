//! The bounded workers on which queries run: never more than there are slots, never without a deadline, and cancelled when nobody
//! waits for the answer any more. What is done in some milliseconds runs on the async runtime, on half of its threads at most; all else
//! on threads of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{QUERIES_WAITING_MAX, QUERY_CONCURRENCY_MAX, RUN_HERE_FOR};
use crate::telemetry::Telemetry;

/// Slots for work that blocks on CPU and disk.
#[derive(Debug)]
pub(crate) struct Workers {
    slots: Arc<Semaphore>,
    slot_count: usize,
    waiting: AtomicUsize,
    /// How many queries are being tried on threads of the runtime.
    tried_here: AtomicUsize,
    telemetry: Telemetry,
}

/// What a piece of work is told about itself.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    /// Set once nobody waits for the answer.
    pub(crate) cancel: Arc<AtomicBool>,
    /// When it must have ended.
    pub(crate) deadline: Instant,
    /// How long it waited for a slot.
    pub(crate) queued: Duration,
    /// Whether it is only tried: there is a later deadline.
    pub(crate) is_tried: bool,
}

impl Task {
    /// Whether nobody waits any more, or the time is up.
    pub(crate) fn is_over(&self) -> bool {
        self.cancel.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WorkerError {
    /// Too many wait already.
    #[error(
        "too many queries: {running} run and {waiting} wait already; try again shortly, or raise server.query_concurrency"
    )]
    Busy {
        /// Slots, all taken.
        running: usize,
        /// Queries that wait.
        waiting: usize,
    },
    /// The deadline passed before a slot was free, or before there was time to begin.
    #[error("query timed out in query queue")]
    QueueTimeout,
    /// The work panicked; the log says where.
    #[error("the query ended in a fault of the program, which was logged")]
    Panicked,
}

impl Workers {
    /// So many slots; one per CPU, at least two, where `count` is none.
    pub(crate) fn new(count: Option<usize>, telemetry: Telemetry) -> Self {
        let per_cpu = || std::thread::available_parallelism().map_or(2, |cpus| cpus.get().max(2));
        let slot_count = count.unwrap_or_else(per_cpu).clamp(1, QUERY_CONCURRENCY_MAX);
        Self {
            slots: Arc::new(Semaphore::new(slot_count)),
            slot_count,
            waiting: AtomicUsize::new(0),
            tried_here: AtomicUsize::new(0),
            telemetry,
        }
    }

    /// Runs `work` on a blocking thread once a slot is free. Dropping the future sets the task's `cancel` flag; the slot
    /// stays taken until the work has really ended.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        timeout: Duration,
        work: impl FnOnce(&Task) -> T + Send + 'static,
    ) -> Result<T, WorkerError> {
        let asked = Instant::now();
        let deadline = asked + timeout;
        let slot = self.wait_for_slot(deadline).await?;
        self.run_apart(slot, deadline, asked, work).await
    }

    /// The same for work that is mostly done at once: it is tried on the thread that asks, which saves waking another one and
    /// being woken by it. `None` from `work` says that its deadline came too early; then it is run again, apart and with all of its
    /// time.
    pub(crate) async fn run_here_first<T: Send + 'static>(
        &self,
        timeout: Duration,
        work: impl Fn(&Task) -> Option<T> + Send + 'static,
    ) -> Result<T, WorkerError> {
        let asked = Instant::now();
        let deadline = asked + timeout;
        let slot = self.wait_for_slot(deadline).await?;
        if let Some(done) = self.try_here(asked, deadline, &work) {
            return done;
        }
        let done = self
            .run_apart(slot, deadline, asked, move |task| work(task))
            .await?;
        done.ok_or(WorkerError::QueueTimeout)
    }

    fn try_here<T>(
        &self,
        asked: Instant,
        deadline: Instant,
        work: &impl Fn(&Task) -> Option<T>,
    ) -> Option<Result<T, WorkerError>> {
        let here = asked + RUN_HERE_FOR;
        // Where it had to wait, others wait too.
        if here >= deadline || Instant::now() >= here {
            return None;
        }
        let _place = TriedHere::take(&self.tried_here)?;
        let task = Task {
            cancel: Arc::default(),
            deadline: here,
            queued: asked.elapsed(),
            is_tried: true,
        };
        let running = RunningCount::new(&self.telemetry);
        let done = catch_unwind(AssertUnwindSafe(|| work(&task)));
        drop(running);
        match done {
            Ok(done) => done.map(Ok),
            Err(_) => Some(Err(self.panicked("on the thread that asked"))),
        }
    }

    /// A slot for work that runs on threads of its own. It is taken until what is given back is dropped.
    pub(crate) async fn reserve(&self, timeout: Duration) -> Result<Reserved, WorkerError> {
        let asked = Instant::now();
        let slot = self.wait_for_slot(asked + timeout).await?;
        Ok(Reserved {
            queued: asked.elapsed(),
            _held: (slot, RunningCount::new(&self.telemetry)),
        })
    }

    async fn run_apart<T: Send + 'static>(
        &self,
        slot: OwnedSemaphorePermit,
        deadline: Instant,
        asked: Instant,
        work: impl FnOnce(&Task) -> T + Send + 'static,
    ) -> Result<T, WorkerError> {
        let task = Task {
            cancel: Arc::default(),
            deadline,
            queued: asked.elapsed(),
            is_tried: false,
        };
        let cancel_on_drop = CancelOnDrop(Arc::clone(&task.cancel));
        let running = RunningCount::new(&self.telemetry);
        let handle = tokio::task::spawn_blocking(move || {
            let _held = (slot, running);
            work(&task)
        });
        let result = handle.await;
        drop(cancel_on_drop);
        result.map_err(|error| self.panicked(&error.to_string()))
    }

    fn panicked(&self, place: &str) -> WorkerError {
        tracing::error!(place, "query panicked");
        self.telemetry.panics.inc();
        self.telemetry.count_query_failure("panic");
        WorkerError::Panicked
    }

    async fn wait_for_slot(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, WorkerError> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(slot);
        }
        let Some(_place) = WaitingPlace::take(self) else {
            self.telemetry.count_query_failure("busy");
            return Err(WorkerError::Busy {
                running: self.slot_count,
                waiting: QUERIES_WAITING_MAX,
            });
        };
        let slot = tokio::time::timeout_at(deadline.into(), Arc::clone(&self.slots).acquire_owned()).await;
        slot.ok().and_then(Result::ok).ok_or_else(|| {
            self.telemetry.count_query_failure("queue_timeout");
            WorkerError::QueueTimeout
        })
    }
}

/// A slot that was reserved.
#[derive(Debug)]
pub(crate) struct Reserved {
    queued: Duration,
    _held: (OwnedSemaphorePermit, RunningCount),
}

impl Reserved {
    /// How long it was waited for.
    pub(crate) fn queued(&self) -> Duration {
        self.queued
    }
}

/// One of the places in the queue, given back when dropped.
#[derive(Debug)]
struct WaitingPlace<'a>(&'a Workers);

impl<'a> WaitingPlace<'a> {
    fn take(workers: &'a Workers) -> Option<Self> {
        workers
            .waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |waiting| {
                (waiting < QUERIES_WAITING_MAX).then_some(waiting + 1)
            })
            .ok()?;
        workers.telemetry.queries_waiting.inc();
        Some(Self(workers))
    }
}

impl Drop for WaitingPlace<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
        self.0.telemetry.queries_waiting.dec();
    }
}

/// A thread of the runtime that works on a query for a moment. Half of the threads always stay free, to go on with what else there
/// is: leaving the runtime for the time (`block_in_place`) would wake one of them for every query, however short.
#[derive(Debug)]
struct TriedHere<'a>(&'a AtomicUsize);

impl<'a> TriedHere<'a> {
    fn take(tried: &'a AtomicUsize) -> Option<Self> {
        let tried_max = Handle::current().metrics().num_workers() / 2;
        let one_more = |count| (count < tried_max).then_some(count + 1);
        tried
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .ok()?;
        Some(Self(tried))
    }
}

impl Drop for TriedHere<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Sets the flag of a task when the one who waits for it is gone.
#[derive(Debug)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Counts a query as running for as long as it lives.
#[derive(Debug)]
struct RunningCount(Telemetry);

impl RunningCount {
    fn new(telemetry: &Telemetry) -> Self {
        telemetry.queries_running.inc();
        Self(telemetry.clone())
    }
}

impl Drop for RunningCount {
    fn drop(&mut self) {
        self.0.queries_running.dec();
    }
}

#[cfg(test)]
mod tests;
