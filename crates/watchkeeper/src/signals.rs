//! What the operating system tells the process: stop, or read the configuration again.

use anyhow::Context;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGTERM or SIGINT: put everything away and end.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// The signals that are listened to.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Stream,
    interrupt: Stream,
    hang_up: Stream,
}

/// Listens from now on, so that an early signal is not lost.
pub(crate) fn listen() -> anyhow::Result<Signals> {
    let stream = |kind| signal(kind).context("cannot listen to signals");
    Ok(Signals {
        terminate: stream(SignalKind::terminate())?,
        interrupt: stream(SignalKind::interrupt())?,
        hang_up: stream(SignalKind::hangup())?,
    })
}

impl Signals {
    /// The next signal.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hang_up.recv() => Signal::Reload,
        }
    }
}
