//! Asks an object store from threads that wait: every request has a time, is repeated where that may help, and is counted.
//!
//! Requests run on threads of their own: who waits may itself be a thread of an async runtime.

use std::io;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use object_store::Error;
use stdx::Backoff;
use tokio::runtime::{Builder, Runtime};
use xxhash_rust::xxh3::xxh3_64;

use crate::limits::{OBJECT_PATIENCE_MS, OBJECT_THREADS, OBJECT_TRIES_MAX};
use crate::telemetry::Telemetry;

const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(200),
    ceiling: Duration::from_secs(5),
};

/// Asks, and waits for the answer.
#[derive(Debug)]
pub(super) struct Caller {
    /// `None` only while it ends.
    runtime: Option<Runtime>,
    timeout: Duration,
    telemetry: Telemetry,
}

impl Caller {
    pub(super) fn new(timeout: Duration, telemetry: Telemetry) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(OBJECT_THREADS)
            .thread_name("objects")
            .enable_all()
            .build()?;
        Ok(Self {
            runtime: Some(runtime),
            timeout,
            telemetry,
        })
    }

    /// Asks for `operation` on what people call `place`, again where it fails for a reason that may pass.
    pub(super) fn call<T, F>(
        &self,
        operation: &'static str,
        place: &str,
        ask: impl Fn() -> F,
    ) -> io::Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let started = Instant::now();
        let patience = Duration::from_millis(OBJECT_PATIENCE_MS);
        let mut tries = 0;
        loop {
            let fault = match self.try_once(ask()) {
                Ok(answer) => {
                    self.count(operation, "ok");
                    return Ok(answer);
                }
                Err(fault) => fault,
            };
            self.count(operation, "failed");
            tries += 1;
            let is_over = tries >= OBJECT_TRIES_MAX || started.elapsed() >= patience;
            if is_over || !fault.may_pass {
                return Err(io::Error::new(
                    fault.kind,
                    format!(
                        "{} (cannot {operation} {place}, tried {tries} times)",
                        fault.reason
                    ),
                ));
            }
            self.telemetry.object_retries.inc();
            std::thread::sleep(BACKOFF.wait(tries - 1, xxh3_64(place.as_bytes())));
        }
    }

    fn count(&self, operation: &str, result: &str) {
        let labels = vec![
            ("operation".to_owned(), operation.to_owned()),
            ("result".to_owned(), result.to_owned()),
        ];
        self.telemetry.object_requests.get_or_create(&labels).inc();
    }

    fn try_once<T: Send + 'static>(
        &self,
        request: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Fault> {
        let closed = || Fault {
            kind: io::ErrorKind::Interrupted,
            reason: "the store is closed".to_owned(),
            may_pass: false,
        };
        let runtime = self.runtime.as_ref().ok_or_else(closed)?;
        let (done, answer) = sync_channel(1);
        let timeout = self.timeout;
        runtime.spawn(async move {
            // Who asked may have stopped waiting.
            let _ = done.send(tokio::time::timeout(timeout, request).await);
        });
        match answer.recv() {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(error))) => Err(Fault::of(&error)),
            Ok(Err(_)) => Err(Fault {
                kind: io::ErrorKind::TimedOut,
                reason: format!("no answer within {} s", timeout.as_secs_f64()),
                may_pass: true,
            }),
            Err(_) => Err(closed()),
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        // The last who holds it may be a thread that must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Why a request failed.
struct Fault {
    kind: io::ErrorKind,
    reason: String,
    /// Whether the same request may succeed a little later.
    may_pass: bool,
}

impl Fault {
    fn of(error: &Error) -> Self {
        let (kind, may_pass) = match error {
            Error::NotFound { .. } => (io::ErrorKind::NotFound, false),
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                (io::ErrorKind::PermissionDenied, false)
            }
            Error::InvalidPath { .. }
            | Error::NotSupported { .. }
            | Error::UnknownConfigurationKey { .. } => (io::ErrorKind::InvalidInput, false),
            _ => (io::ErrorKind::Other, true),
        };
        Self {
            kind,
            reason: chain(error),
            may_pass,
        }
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
