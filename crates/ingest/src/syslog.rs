//! Hears syslog: RFC 5424 and RFC 3164 over UDP, TCP and TLS; every message becomes a line.
//!
//! In: packets and connections of machines and programs.  Out: batches of lines to [`Logs`].
//! Owns: the sockets, and what waits to be stored; nothing on disk.
//! Invariants: what waits is bounded: connections wait, packets are dropped and counted (`tests/syslog.rs`); what was sent is what
//! is stored, over real sockets (`tests/syslog.rs`); no text panics (`message::tests`, `frames::tests`).
//! Not here: limits of lines and their levels (`logs`).
//! Start at: [`Syslog::bind`] and [`Syslog::run`].

mod config;
pub mod frames;
mod listener;
pub mod message;
mod telemetry;
mod tls;

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use model::{LabelsBuilder, TenantId};
use parking_lot::Mutex;
use stdx::backoff::Backoff;
use stdx::clock::SharedClock;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub use config::{Config, TlsFiles};
pub use telemetry::{SyslogTelemetry, TransportLabels};

use crate::error::IngestError;
use crate::limits::SYSLOG_WAITING_BYTES_MAX;
use crate::logs::{Gather, Logs, Pair, label_name};
use crate::push::{Origin, PushError};
use crate::statsd::kernel::Drops;
use message::{Received, facility_name, severity_name};

/// Bytes of waiting messages that one permit stands for.
pub(crate) const PERMIT_BYTES: usize = 256;

/// A batch that the store did not take is tried again after such waits.
const RETRY: Backoff = Backoff {
    first: Duration::from_millis(100),
    ceiling: Duration::from_secs(5),
};

/// A listener for syslog.
#[derive(Debug)]
pub struct Syslog {
    config: Config,
    zone: TimeZone,
    udp: Option<UdpSocket>,
    tcp: Option<TcpListener>,
    tls: Option<TcpListener>,
    acceptor: Option<Acceptor>,
    waiting: Mutex<Vec<Heard>>,
    /// Something waits.
    news: Notify,
    /// Room for what waits.
    room: Arc<Semaphore>,
    drops: Mutex<Drops>,
    logs: Arc<Logs>,
    clock: SharedClock,
    telemetry: SyslogTelemetry,
}

/// What TLS connections are taken with.
#[derive(Clone)]
struct Acceptor(TlsAcceptor);

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

/// A message that waits to be stored, and the room it takes.
#[derive(Debug)]
struct Heard {
    bytes: Vec<u8>,
    peer: IpAddr,
    _share: OwnedSemaphorePermit,
}

impl Heard {
    fn new(message: &[u8], peer: IpAddr, share: OwnedSemaphorePermit) -> Self {
        Self {
            bytes: message.to_vec(),
            peer,
            _share: share,
        }
    }
}

/// Whether the same batch may be taken later.
fn is_passing(error: &PushError) -> bool {
    matches!(error, PushError::Store(_) | PushError::TooFast { .. })
}

impl Syslog {
    /// Listens where the section says; what arrives waits for [`run`](Self::run).
    pub async fn bind(
        config: Config,
        logs: Arc<Logs>,
        clock: SharedClock,
        telemetry: SyslogTelemetry,
    ) -> Result<Arc<Self>, IngestError> {
        let cannot = |key, address| move |source| IngestError::Listen { key, address, source };
        let mut udp = None;
        if let Some(address) = config.listen_udp {
            let socket = UdpSocket::bind(address)
                .await
                .map_err(cannot("syslog.listen_udp", address))?;
            listener::widen(&socket);
            udp = Some(socket);
        }
        let mut tcp = None;
        if let Some(address) = config.listen_tcp {
            let socket = TcpListener::bind(address).await;
            tcp = Some(socket.map_err(cannot("syslog.listen_tcp", address))?);
        }
        let (mut tls, mut acceptor) = (None, None);
        if let Some(address) = config.listen_tls {
            acceptor = Some(Acceptor(tls::acceptor(&config.tls)?));
            let socket = TcpListener::bind(address).await;
            tls = Some(socket.map_err(cannot("syslog.listen_tls", address))?);
        }
        let zone = config.zone().map_err(|reason| IngestError::InvalidConfig {
            messages: vec![format!("syslog.time_zone: {reason}")],
        })?;
        Ok(Arc::new(Self {
            zone,
            udp,
            tcp,
            tls,
            acceptor,
            waiting: Mutex::default(),
            news: Notify::new(),
            room: Arc::new(Semaphore::new(SYSLOG_WAITING_BYTES_MAX / PERMIT_BYTES)),
            drops: Mutex::default(),
            config,
            logs,
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

    /// Where connections with TLS are heard.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls.as_ref()?.local_addr().ok()
    }

    /// Hears and stores until `stop` is cancelled, and then stores what was heard last. May run again after a panic.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        tasks.spawn(listener::hear_packets(Arc::clone(&self), stop.clone()));
        tasks.spawn(listener::hear_connections(Arc::clone(&self), None, stop.clone()));
        if let Some(Acceptor(acceptor)) = self.acceptor.clone() {
            let tls = Some(acceptor);
            tasks.spawn(listener::hear_connections(Arc::clone(&self), tls, stop.clone()));
        }
        // While one batch is stored the next one gathers, so that a busy listener stores in large ones.
        loop {
            tokio::select! {
                () = self.news.notified() => self.store_waiting(&stop).await,
                Some(ended) = tasks.join_next() => {
                    // A panic ends this run; whoever started it begins another.
                    if let Err(error) = ended && error.is_panic() {
                        std::panic::resume_unwind(error.into_panic());
                    }
                    if tasks.is_empty() {
                        break;
                    }
                }
            }
        }
        self.store_waiting(&stop).await;
    }

    fn heard(&self, heard: Heard) {
        self.waiting.lock().push(heard);
        self.news.notify_one();
    }

    /// Stores what waits, and tries again where the store does not take it: until it does, or until the end.
    async fn store_waiting(self: &Arc<Self>, stop: &CancellationToken) {
        let batch = Arc::new(std::mem::take(&mut *self.waiting.lock()));
        if let Some(address) = self.udp_address() {
            let dropped = self.drops.lock().since_last(address);
            self.telemetry.packets_dropped.inc_by(dropped);
        }
        if batch.is_empty() {
            return;
        }
        let mut attempt = 0;
        loop {
            let (own, taken) = (Arc::clone(self), Arc::clone(&batch));
            let stored = tokio::task::spawn_blocking(move || own.store(&taken)).await;
            let (error, is_passing) = match stored {
                Ok(Ok(())) => return,
                Ok(Err(error)) => (error.to_string(), is_passing(&error)),
                Err(panic) => (panic.to_string(), false),
            };
            warn!(error, messages = batch.len(), "syslog messages are not stored");
            if !is_passing || stop.is_cancelled() {
                self.telemetry.count_refused("not_stored", batch.len() as u64);
                return;
            }
            self.telemetry.retries.inc();
            // Woken at the end: then it is the last try.
            let _ = tokio::time::timeout(RETRY.wait(attempt, 0), stop.cancelled()).await;
            attempt += 1;
        }
    }

    fn store(&self, batch: &[Heard]) -> Result<(), PushError> {
        let origin = Origin {
            tenant: TenantId::DEFAULT,
            now_ms: self.clock.now_ms(),
        };
        let mut gather = self.logs.gather(origin);
        for heard in batch {
            self.add(&mut gather, heard)?;
        }
        self.logs.store(gather, "syslog", None).map(|_| ())
    }

    fn add(&self, out: &mut Gather<'_>, heard: &Heard) -> Result<(), PushError> {
        let text = out.text(&heard.bytes);
        let now_ns = out.now_ns();
        let received = Received {
            at_ns: now_ns,
            zone: &self.zone,
        };
        let message = message::read(&text, &received);
        let peer = heard.peer.to_string();
        let host = if message.host.is_empty() {
            peer.as_str()
        } else {
            message.host
        };
        let facility = facility_name(message.facility);
        let alias = format!("syslog\0{host}\0{}\0{facility}", message.app);
        out.begin(alias.as_bytes(), || {
            let mut labels = LabelsBuilder::default();
            for (name, value) in &self.config.labels {
                labels.set(name, value);
            }
            labels.set("host", host).set("app", message.app);
            labels.set("facility", facility);
            Ok(labels.build())
        });
        let severity = severity_name(message.severity);
        let mut metadata: Vec<Pair<'_>> = vec![(Cow::Borrowed("severity"), Cow::Borrowed(severity))];
        for (name, value) in [
            ("proc_id", message.process),
            ("msg_id", message.kind),
            ("peer", peer.as_str()),
        ] {
            if !value.is_empty() {
                metadata.push((Cow::Borrowed(name), Cow::Borrowed(value)));
            }
        }
        for (element, name, value) in message.data {
            metadata.push((Cow::Owned(label_name(&format!("{element}_{name}"))), value));
        }
        out.line(message.at_ns.unwrap_or(now_ns), message.text, &mut metadata)
    }
}
