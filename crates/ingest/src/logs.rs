//! Takes in log lines: one way for all protocols to the store of lines, and from there to live tails.
//!
//! In: lines with their streams, from the decoders of `push` and from `syslog`; the `logs` section.  Out: batches to
//! [`model::LogWrite`], what became of them, and what was stored to whoever tails.
//! Owns: the memory of senders' streams; no task, nothing on disk.
//! Invariants: live tails are told of nothing that the store has not acknowledged (`tests/loki_push.rs`); what they hold is bounded
//! (`tail::tests`); a stream is the same whether its labels were parsed or known (`tests/loki_push.rs`).
//! Not here: the protocols (`push`, `syslog`), storing.
//! Start at: [`Logs::new`] and [`Logs::tail`].

mod door;
mod gather;
mod known;
pub mod level;
mod settings;
pub mod stream_labels;
mod tail;
mod telemetry;

use std::sync::Arc;

use model::{LogRefusal, LogWrite};
use parking_lot::{Mutex, RwLock};
use stdx::outlet::Inlet;
use xxhash_rust::xxh3::xxh3_128_with_seed;

pub(crate) use gather::{Gather, label_name};
pub use gather::{LogOutcome, Pair};
use known::KnownStreams;
use settings::Settings;
use tail::Tail;
pub use tail::{Stored, StoredRows};
pub use telemetry::{LogsTelemetry, ProtocolLabels};

use crate::config::logs::LogsConfig;
use crate::config::push::PushConfig;
use crate::config::tenants::{Limits, MultiTenancy};
use crate::limits::PUSH_FAULTS_TOLD;
use crate::pipeline::Pipelines;
use crate::push::buffers::Buffers;
use crate::push::policy::{Policy, Rates};
use crate::push::{Encoding, Origin, PushError};
use crate::telemetry::LimitLabels;

/// The one way of lines to the store.
#[derive(Debug)]
pub struct Logs {
    writer: Arc<dyn LogWrite>,
    telemetry: LogsTelemetry,
    known: RwLock<KnownStreams>,
    settings: RwLock<Arc<Settings>>,
    /// How often the section was taken over.
    generation: Mutex<u64>,
    policy: RwLock<Arc<Policy>>,
    rates: Rates,
    buffers: Buffers,
    tail: Tail,
    /// What becomes of lines before they are stored.
    pipelines: RwLock<Arc<Pipelines>>,
    seed: u64,
}

impl Logs {
    /// A way to `writer`, by the default configuration.
    pub fn new(writer: Arc<dyn LogWrite>, telemetry: LogsTelemetry) -> Self {
        use std::hash::{BuildHasher, RandomState};
        let seed = RandomState::new().hash_one(0_u8);
        Self {
            writer,
            telemetry,
            known: RwLock::default(),
            settings: RwLock::new(Arc::new(Settings::new(&LogsConfig::default(), seed))),
            generation: Mutex::new(0),
            policy: RwLock::default(),
            rates: Rates::default(),
            buffers: Buffers::default(),
            tail: Tail::default(),
            pipelines: RwLock::default(),
            seed,
        }
    }

    /// Takes over pipelines; batches that are under way go through those that they met.
    pub fn take_pipelines(&self, pipelines: Pipelines) {
        *self.pipelines.write() = Arc::new(pipelines);
    }

    /// Takes over the sections that concern lines. Requests that are under way end by the rules that they began with.
    pub fn configure(&self, config: &LogsConfig, tenancy: &MultiTenancy, limits: &Limits) {
        *self.policy.write() = Arc::new(Policy::new(&PushConfig::default(), tenancy, limits));
        let mut settings = self.settings.write();
        if settings.config != *config {
            let mut generation = self.generation.lock();
            *generation += 1;
            *settings = Arc::new(Settings::new(config, self.seed.wrapping_add(*generation)));
        }
    }

    /// Everything that is stored from now on, as soon as it is.
    pub fn tail(&self) -> Inlet<Stored> {
        self.tail.inlet()
    }

    /// A batch to put lines into.
    pub(crate) fn gather(&self, origin: Origin) -> Gather<'_> {
        Gather::new(self, Arc::clone(&self.settings.read()), origin)
    }

    /// Unpacks a body and counts it.
    pub(crate) fn unpacked<T>(
        &self,
        body: &[u8],
        encoding: Encoding,
        work: impl FnOnce(&[u8]) -> Result<T, PushError>,
    ) -> Result<T, PushError> {
        self.buffers.unpacked(body, encoding, |bytes| {
            self.telemetry.body_bytes.inc_by(bytes.len() as u64);
            work(bytes)
        })
    }

    /// Stores a batch. `key` says which it is, so that one that comes again is not stored again. Blocks on the store's disk.
    pub(crate) fn store(
        &self,
        gathered: Gather<'_>,
        protocol: &'static str,
        key: Option<u128>,
    ) -> Result<LogOutcome, PushError> {
        let now_ns = gathered.now_ns();
        let (rows, mut outcome, origin) = (gathered.rows, gathered.outcome, gathered.origin);
        for (reason, count) in &outcome.accepted.refused {
            self.telemetry.count_refused(reason.as_str(), *count);
        }
        if rows.is_empty() {
            return Ok(outcome);
        }
        self.admit(origin, rows.line_bytes() as u64)?;
        let pipelines = Arc::clone(&self.pipelines.read());
        let mut rows = pipelines.apply(rows, now_ns);
        // What pipelines drop is dropped as it was told, and counted there.
        if rows.is_empty() {
            return Ok(outcome);
        }
        rows.key = key;
        let stored = self.writer.append(&rows, now_ns).inspect_err(|_| {
            self.telemetry.write_failures.inc();
        })?;
        for (reason, count) in stored.refused {
            self.telemetry.count_refused(reason.as_str(), count);
            outcome.accepted.refuse(reason, count);
            if outcome.faults.len() < PUSH_FAULTS_TOLD {
                outcome.faults.push(mend(reason).to_owned());
            }
        }
        outcome.accepted.stored = stored.stored;
        outcome.accepted.is_repeated = stored.is_repeated;
        if stored.is_repeated {
            self.telemetry.batches_repeated.inc();
            return Ok(outcome);
        }
        self.telemetry.count_stored(protocol, stored.stored);
        self.telemetry.line_bytes.inc_by(rows.line_bytes() as u64);
        if stored.stored > 0 {
            self.tail.offer(rows, &self.telemetry);
        }
        Ok(outcome)
    }

    /// Refuses a batch of a tenant that has sent too much of late.
    fn admit(&self, origin: Origin, bytes: u64) -> Result<(), PushError> {
        let policy = Arc::clone(&self.policy.read());
        let limit = "log_bytes_per_second";
        let Some(max) = policy.limits(origin.tenant).log_bytes_per_second else {
            return Ok(());
        };
        if self.rates.take(origin.tenant, max, bytes, origin.now_ms) {
            return Ok(());
        }
        let labels = LimitLabels {
            tenant: origin.tenant.0,
            limit,
        };
        self.telemetry.limited.get_or_create(&labels).inc_by(bytes);
        Err(policy.too_fast(origin.tenant, "bytes of log lines", max, limit))
    }
}

/// Names a body for good, so that a sender that has heard no answer and sends it again adds nothing.
pub(crate) fn key_of(body: &[u8], origin: Origin) -> u128 {
    xxh3_128_with_seed(body, u64::from(origin.tenant.0))
}

/// What a sender can do about lines that the store refused.
fn mend(reason: LogRefusal) -> &'static str {
    match reason {
        LogRefusal::TooOld => "timestamp too old: lines are older than what is kept",
        LogRefusal::TooFarInFuture => "timestamp too new: set the sender's clock",
        LogRefusal::LineTooLong => "lines are longer than the store takes; send shorter ones",
        LogRefusal::TooMuchMetadata => "lines have more metadata than the store takes; send less",
        LogRefusal::BadLabels => "streams have no labels, or more than the store takes",
        LogRefusal::TooManyStreams => {
            "Maximum active stream limit exceeded; reduce the number of streams by fewer labels or fewer of their values"
        }
    }
}
