//! Hears statsd: counters, gauges, times, observations and sets over UDP and TCP, added up and stored at even intervals.
//!
//! In: packets and lines of programs.  Out: a [`SeriesBatch`](model::SeriesBatch) each interval, to [`Push`].
//! Owns: the sockets, and what is being added up; nothing on disk. A restart begins counters at zero, as rates expect.
//! Invariants: memory is bounded, and what is turned away is counted by reason (`statsd::tests`); what was sent is what is
//! stored, over real sockets (`tests/statsd.rs`).
//! Not here: HTTP push protocols (`push`), storing (`push`).
//! Start at: [`Statsd::bind`] and [`Statsd::run`].

mod config;
mod distinct;
pub(crate) mod kernel;
pub mod line;
mod listener;
mod metric;
mod sketch;
mod state;
mod telemetry;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use stdx::clock::SharedClock;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub use config::{Config, Form};
pub use telemetry::StatsdTelemetry;

use crate::error::IngestError;
use crate::push::Push;
use kernel::Drops;
use state::State;

/// A listener for statsd.
#[derive(Debug)]
pub struct Statsd {
    config: Config,
    udp: Option<UdpSocket>,
    tcp: Option<TcpListener>,
    state: Mutex<State>,
    drops: Mutex<Drops>,
    push: Arc<Push>,
    clock: SharedClock,
    telemetry: StatsdTelemetry,
}

impl Statsd {
    /// Listens where the section says; what arrives waits for [`run`](Self::run).
    pub async fn bind(
        config: Config,
        push: Arc<Push>,
        clock: SharedClock,
        telemetry: StatsdTelemetry,
    ) -> Result<Arc<Self>, IngestError> {
        let cannot = |key, address| move |source| IngestError::Listen { key, address, source };
        let mut udp = None;
        if let Some(address) = config.listen_udp {
            let socket = UdpSocket::bind(address)
                .await
                .map_err(cannot("statsd.listen_udp", address))?;
            listener::widen(&socket);
            udp = Some(socket);
        }
        let mut tcp = None;
        if let Some(address) = config.listen_tcp {
            let socket = TcpListener::bind(address)
                .await
                .map_err(cannot("statsd.listen_tcp", address))?;
            tcp = Some(socket);
        }
        Ok(Arc::new(Self {
            state: Mutex::new(State::new(&config, clock.now_ms())),
            drops: Mutex::default(),
            udp,
            tcp,
            config,
            push,
            clock,
            telemetry,
        }))
    }

    /// Where packets are heard.
    pub fn udp_address(&self) -> Option<SocketAddr> {
        self.udp.as_ref()?.local_addr().ok()
    }

    /// Where connections are heard.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }

    /// Hears and stores until `stop` is cancelled, and then stores what was heard last. May run again after a panic.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        if self.udp.is_some() {
            tasks.spawn(listener::hear_packets(Arc::clone(&self), stop.clone()));
        }
        if self.tcp.is_some() {
            tasks.spawn(listener::hear_connections(Arc::clone(&self), stop.clone()));
        }
        let every = self.config.flush_interval.0;
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = tasks.join_next() => {
                    // A panic ends this run; whoever started it begins another.
                    if let Err(error) = ended && error.is_panic() {
                        std::panic::resume_unwind(error.into_panic());
                    }
                }
                _ = ticks.tick() => self.flush().await,
            }
        }
        while tasks.join_next().await.is_some() {}
        self.flush().await;
    }

    /// Adds up every line of a packet or connection.
    fn hear(&self, lines: &str) {
        let now_ms = self.clock.now_ms();
        let mut state = self.state.lock();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.telemetry.lines.inc();
            let read = line::read(line, |event| match state.take(&event, now_ms) {
                Ok(()) => {
                    self.telemetry.samples.inc();
                }
                Err(reason) => self.telemetry.count_refused(reason),
            });
            if let Err(refused) = read {
                self.telemetry.count_refused(refused.reason);
                tracing::debug!(refused.text, "statsd line refused");
            }
        }
        self.telemetry
            .metrics
            .set(i64::try_from(state.metric_count()).unwrap_or(i64::MAX));
    }

    async fn flush(self: &Arc<Self>) {
        let own = Arc::clone(self);
        let stored = tokio::task::spawn_blocking(move || own.store()).await;
        if let Err(error) = stored {
            warn!(%error, "statsd metrics of one interval are not stored");
        }
    }

    fn store(&self) {
        let now_ms = self.clock.now_ms();
        let batch = self.state.lock().flush(now_ms);
        if let Some(address) = self.udp_address() {
            self.telemetry
                .packets_dropped
                .inc_by(self.drops.lock().since_last(address));
        }
        if let Err(error) = self.push.write(&batch, &[], now_ms) {
            self.telemetry.count_refused("store_failed");
            warn!(%error, "statsd metrics of one interval are not stored");
        }
    }
}
