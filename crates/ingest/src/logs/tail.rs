//! What was stored, offered to live tails: never more of it in memory than a limit, and what is dropped is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::LogRows;
use stdx::outlet::{Inlet, Outlet};

use super::telemetry::LogsTelemetry;
use crate::limits::{LOG_TAIL_BATCHES, LOG_TAIL_BYTES_MAX};

/// What live tails are told.
#[derive(Debug, Clone)]
pub enum Stored {
    /// Lines that are durable and readable now.
    Rows(Arc<StoredRows>),
    /// So many lines were stored and are not told, because tails hold as much as they may.
    Dropped(u64),
}

/// Lines that were stored. Of a batch whose lines the store refused in part, all of them: it says how many, not which.
#[derive(Debug)]
pub struct StoredRows {
    /// The lines.
    pub rows: LogRows,
    bytes: usize,
    held: Arc<AtomicUsize>,
}

impl Drop for StoredRows {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// Where stored lines are offered.
#[derive(Debug)]
pub(super) struct Tail {
    outlet: Outlet<Stored>,
    held: Arc<AtomicUsize>,
}

impl Default for Tail {
    fn default() -> Self {
        Self {
            outlet: Outlet::new(LOG_TAIL_BATCHES),
            held: Arc::default(),
        }
    }
}

impl Tail {
    pub(super) fn inlet(&self) -> Inlet<Stored> {
        self.outlet.inlet()
    }

    pub(super) fn offer(&self, rows: LogRows, telemetry: &LogsTelemetry) {
        if !self.outlet.has_readers() {
            return;
        }
        let (lines, bytes) = (rows.line_count() as u64, rows.bytes());
        let fits = |held: usize| (held + bytes <= LOG_TAIL_BYTES_MAX).then_some(held + bytes);
        let taken = self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits);
        if taken.is_err() {
            telemetry.tail_lines_dropped.inc_by(lines);
            self.outlet.offer(Stored::Dropped(lines));
            return;
        }
        let held = Arc::clone(&self.held);
        self.outlet
            .offer(Stored::Rows(Arc::new(StoredRows { rows, bytes, held })));
    }
}

#[cfg(test)]
mod tests {
    use model::{Labels, TenantId};
    use stdx::outlet::News;

    use super::*;

    fn rows(bytes: usize) -> LogRows {
        let mut rows = LogRows::new(TenantId::DEFAULT);
        rows.begin_stream(Labels::from_pairs([("app", "a")]));
        rows.push(1, &"x".repeat(bytes), []);
        rows
    }

    #[tokio::test]
    async fn a_full_outlet_drops_counts_and_marks_a_gap() {
        let (tail, telemetry) = (Tail::default(), LogsTelemetry::default());
        tail.offer(rows(10), &telemetry);
        let mut inlet = tail.inlet();
        tail.offer(rows(LOG_TAIL_BYTES_MAX - 8), &telemetry);
        tail.offer(rows(10), &telemetry);
        assert_eq!(telemetry.tail_lines_dropped.get(), 1);
        let News::Item(Stored::Rows(first)) = inlet.next().await.unwrap() else {
            panic!("the first batch fits");
        };
        assert_eq!(first.rows.line_count(), 1);
        assert!(matches!(inlet.next().await, Some(News::Item(Stored::Dropped(1)))));
        drop(first);
        tail.offer(rows(10), &telemetry);
        assert!(matches!(inlet.next().await, Some(News::Item(Stored::Rows(_)))));
        assert_eq!(tail.held.load(Ordering::Acquire), 0);
    }
}
