//! Workers are bounded, end in time, and notice that nobody waits.

use std::sync::mpsc;

use super::*;

const LONG: Duration = Duration::from_secs(30);

/// Work that holds its slot until the sender is dropped.
fn hold(workers: &Arc<Workers>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), WorkerError>>) {
    let (release, held) = mpsc::channel::<()>();
    let workers = Arc::clone(workers);
    let task = tokio::spawn(async move {
        let wait = move |_: &Task| {
            let _ = held.recv();
        };
        workers.run(LONG, wait).await
    });
    (release, task)
}

async fn until(condition: impl Fn() -> bool) {
    tokio::time::timeout(LONG, async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the condition holds in time");
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_serves_again_when_there_is_room() {
    let workers = Arc::new(Workers::new(Some(1), Telemetry::default()));
    let held: Vec<_> = (0..=QUERIES_WAITING_MAX).map(|_| hold(&workers)).collect();
    until(|| workers.waiting.load(Ordering::Acquire) == QUERIES_WAITING_MAX).await;
    let refused = workers.run(LONG, |_| ()).await;
    assert_eq!(
        refused,
        Err(WorkerError::Busy {
            running: 1,
            waiting: QUERIES_WAITING_MAX
        })
    );
    for (release, task) in held {
        drop(release);
        assert_eq!(task.await.unwrap(), Ok(()));
    }
    assert_eq!(workers.run(LONG, |_| 7).await, Ok(7));
    assert_eq!(workers.telemetry.queries_waiting.get(), 0);
}

#[tokio::test]
async fn waiting_ends_at_the_deadline() {
    let workers = Arc::new(Workers::new(Some(1), Telemetry::default()));
    let (release, task) = hold(&workers);
    until(|| workers.slots.available_permits() == 0).await;
    let late = workers.run(Duration::from_millis(5), |_| ()).await;
    assert_eq!(late, Err(WorkerError::QueueTimeout));
    drop(release);
    assert_eq!(task.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn work_learns_that_nobody_waits_and_keeps_its_slot_until_it_ends() {
    let workers = Arc::new(Workers::new(Some(1), Telemetry::default()));
    let (started, has_started) = mpsc::channel();
    let (ended, has_ended) = mpsc::channel();
    let running = {
        let workers = Arc::clone(&workers);
        tokio::spawn(async move {
            let work = move |task: &Task| {
                started.send(()).unwrap();
                while !task.cancel.load(Ordering::Acquire) {
                    std::thread::yield_now();
                }
                ended.send(()).unwrap();
            };
            workers.run(LONG, work).await
        })
    };
    until(|| has_started.try_recv().is_ok()).await;
    assert_eq!(workers.slots.available_permits(), 0);
    running.abort();
    until(|| has_ended.try_recv().is_ok()).await;
    until(|| workers.slots.available_permits() == 1).await;
}

#[tokio::test]
async fn a_panic_is_an_error_and_is_counted() {
    let workers = Workers::new(Some(1), Telemetry::default());
    let result: Result<(), _> = workers.run(LONG, |_| panic!("a fault on purpose")).await;
    assert_eq!(result, Err(WorkerError::Panicked));
    assert_eq!(workers.telemetry.panics.get(), 1);
    assert_eq!(workers.run(LONG, |_| 1).await, Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_at_once_is_done_here_and_the_rest_apart() {
    let workers = Workers::new(Some(1), Telemetry::default());
    let tried = workers.run_here_first(LONG, |task| Some(task.is_tried)).await;
    assert_eq!(tried, Ok(true));
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let work = move |task: &Task| {
        counted.fetch_add(1, Ordering::Relaxed);
        (!task.is_tried).then(|| task.deadline.saturating_duration_since(Instant::now()))
    };
    let left = workers.run_here_first(LONG, work).await.unwrap();
    assert_eq!(tries.load(Ordering::Relaxed), 2);
    assert!(left > LONG / 2, "it has all of its time: {left:?}");
    let panics = |_: &Task| -> Option<()> { panic!("a fault of the program") };
    assert_eq!(
        workers.run_here_first(LONG, panics).await,
        Err(WorkerError::Panicked)
    );
    assert_eq!(workers.telemetry.panics.get(), 1);
    assert_eq!(workers.slots.available_permits(), 1);
}
