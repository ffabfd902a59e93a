//! Long-running tasks under watch: a panic ends one run of one task, is counted and said, and the task starts again.

use std::future::Future;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use stdx::Backoff;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::error;

/// How long a task that panicked waits before it starts again.
const RESTART: Backoff = Backoff {
    first: Duration::from_millis(200),
    ceiling: Duration::from_secs(30),
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskLabels {
    task: &'static str,
}

/// The process' long-running tasks.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    tasks: JoinSet<&'static str>,
    panics: Family<TaskLabels, Counter>,
}

impl Supervisor {
    /// Registers the count of panics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "watchkeeper_task_panics",
            "Long-running tasks that panicked and were started again",
            self.panics.clone(),
        );
    }

    /// Runs what `start` gives until it ends by itself; starts it again after a panic, unless `stop` was called.
    pub(crate) fn watch<F>(
        &mut self,
        task: &'static str,
        stop: CancellationToken,
        start: impl Fn() -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let panics = self.panics.get_or_create(&TaskLabels { task }).clone();
        self.tasks.spawn(async move {
            for attempt in 0.. {
                match tokio::spawn(start()).await {
                    Err(ended) if ended.is_panic() && !stop.is_cancelled() => {
                        panics.inc();
                        error!(task, "task panicked and will be started again");
                        tokio::select! {
                            () = tokio::time::sleep(RESTART.wait(attempt, 0)) => {}
                            () = stop.cancelled() => break,
                        }
                    }
                    _ => break,
                }
            }
            task
        });
    }

    /// Waits until every task has ended, `patience` at most; gives back the number of those that had not.
    pub(crate) async fn join(mut self, patience: Duration) -> usize {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(patience, all).await;
        self.tasks.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_counted_and_started_again() {
        let mut supervisor = Supervisor::default();
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        supervisor.watch("flaky", CancellationToken::new(), move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move { assert!(run >= 2, "planned") }
        });
        let panics = supervisor.panics.clone();
        assert_eq!(supervisor.join(Duration::from_mins(1)).await, 0);
        assert_eq!(runs.load(Ordering::SeqCst), 3);
        assert_eq!(panics.get_or_create(&TaskLabels { task: "flaky" }).get(), 2);
    }

    #[tokio::test]
    async fn joining_gives_up_on_tasks_that_never_end() {
        let mut supervisor = Supervisor::default();
        supervisor.watch("stuck", CancellationToken::new(), std::future::pending);
        assert_eq!(supervisor.join(Duration::from_millis(50)).await, 1);
    }
}
