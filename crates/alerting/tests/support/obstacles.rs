//! What stands in the way of a running process: a store that hangs, a clock that breaks who looks at it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use model::{
    Matcher, MetricMetadata, ReadError, SelectedSeries, Selector, SeriesRead, SeriesStatistics, TenantId,
    TimeRange,
};
use parking_lot::{Condvar, Mutex};
use stdx::{Clock, SystemClock};
use testkit::MemorySeries;

/// A store that can be made to hang.
#[derive(Debug)]
pub struct Gate {
    series: Arc<MemorySeries>,
    closed: Mutex<bool>,
    opened: Condvar,
    waiting: AtomicUsize,
}

impl Gate {
    /// An open gate before a store.
    pub fn before(series: Arc<MemorySeries>) -> Self {
        Self {
            series,
            closed: Mutex::default(),
            opened: Condvar::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// From now on, questions hang.
    pub fn close(&self) {
        *self.closed.lock() = true;
    }

    /// Whatever hangs goes on.
    pub fn open(&self) {
        *self.closed.lock() = false;
        self.opened.notify_all();
    }

    /// Waits until a question hangs.
    pub async fn wait_for_one(&self) {
        let began = Instant::now();
        while self.waiting.load(Ordering::SeqCst) == 0 {
            assert!(began.elapsed() < Duration::from_secs(10), "nobody asked");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl SeriesRead for Gate {
    fn select(&self, selector: &Selector) -> Result<Vec<Arc<dyn SelectedSeries>>, ReadError> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut closed = self.closed.lock();
        while *closed {
            self.opened.wait(&mut closed);
        }
        drop(closed);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        self.series.select(selector)
    }

    fn label_names(
        &self,
        tenant: TenantId,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Result<Vec<String>, ReadError> {
        self.series.label_names(tenant, range, any_of)
    }

    fn label_values(
        &self,
        tenant: TenantId,
        name: &str,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Result<Vec<String>, ReadError> {
        self.series.label_values(tenant, name, range, any_of)
    }

    fn metadata(&self, tenant: TenantId, metric: Option<&str>) -> Result<Vec<MetricMetadata>, ReadError> {
        self.series.metadata(tenant, metric)
    }

    fn statistics(&self, tenant: TenantId, limit: usize) -> Result<SeriesStatistics, ReadError> {
        self.series.statistics(tenant, limit)
    }
}

/// The machine's clock, until one task looks at it that must not.
#[derive(Debug)]
pub struct Trap {
    clock: SystemClock,
    task: Mutex<Option<tokio::task::Id>>,
}

impl Trap {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            clock: SystemClock::new(),
            task: Mutex::default(),
        })
    }

    /// The next look of this task at the clock ends in a panic.
    pub fn set(&self, task: tokio::task::Id) {
        *self.task.lock() = Some(task);
    }
}

impl Clock for Trap {
    fn now_ms(&self) -> i64 {
        let mut task = self.task.lock();
        if task.is_some() && *task == tokio::task::try_id() {
            *task = None;
            drop(task);
            panic!("the trap");
        }
        self.clock.now_ms()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}
