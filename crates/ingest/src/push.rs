//! Takes in what others push: one decoder a protocol, one way to the store.
//!
//! In: bodies of requests.  Out: batches to [`model::SeriesWrite`], and what became of them.
//! Owns: the memory of which number the store gave a sender's series, and who is heard of servers that send the same; no task.
//! Invariants: a sender's series is the same whether its labels were parsed or its number was known
//! (`tests/remote_write.rs`); no body makes the process hold more than its limit (`compression::tests`).
//! Not here: HTTP and gRPC (`web`), scraping (`scrape`).
//! Start at: [`Push::remote_write`].

pub(crate) mod batch_bytes;
pub(crate) mod births;
pub(crate) mod buffers;
pub mod compression;
pub mod elastic;
pub mod ha;
pub mod influx;
pub mod known;
pub mod lines;
pub mod loki;
pub mod otlp;
pub(crate) mod policy;
pub mod protobuf;
pub mod remote_write;

use std::path::Path;
use std::sync::Arc;

use model::{Accepted, MetricMetadata, SeriesBatch, SeriesWrite, TenantId, WriteError};
use parking_lot::RwLock;

use buffers::Buffers;
pub use compression::Encoding;
use known::KnownSeries;
pub use policy::{Origin, UnknownTenant};
use policy::{Policy, Rates};

use crate::config::push::PushConfig;
use crate::config::tenants::{Limits, MultiTenancy};
use crate::error::IngestError;
use crate::limits::PUSH_FAULTS_TOLD;
use crate::telemetry::PushTelemetry;

/// The one way of pushed samples to the store.
#[derive(Debug)]
pub struct Push {
    writer: Arc<dyn SeriesWrite>,
    telemetry: PushTelemetry,
    known: RwLock<KnownSeries>,
    ha: ha::Ha,
    policy: RwLock<Arc<Policy>>,
    rates: Rates,
    buffers: Buffers,
    otlp: otlp::Otlp,
    seed: u64,
}

/// Why nothing of a body was taken in.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The body is not what its headers say.
    #[error("the body cannot be unpacked as {encoding}: {reason}")]
    Encoding {
        /// The content encoding.
        encoding: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The body is too large.
    #[error("the body has more than {bytes_max} bytes when unpacked; send smaller batches")]
    TooLarge {
        /// The limit in bytes.
        bytes_max: usize,
    },
    /// The body is not of the protocol.
    #[error("the body is no {protocol}: {reason}")]
    Malformed {
        /// The protocol's name.
        protocol: &'static str,
        /// What is wrong, and where.
        reason: String,
    },
    /// The body holds too much of something.
    #[error("the body has more than {max} {what}; send smaller batches")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// The tenant sent too much of late; try again later.
    #[error("tenant {tenant:?} sends more than {max} {what} a second; send less, or raise {key}")]
    TooFast {
        /// Who sends.
        tenant: String,
        /// Too much of what.
        what: &'static str,
        /// The limit.
        max: u64,
        /// Where it is written.
        key: String,
    },
    /// The store took nothing; try again with the same body.
    #[error(transparent)]
    Store(#[from] WriteError),
}

/// What became of a body that was understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What the store says.
    pub accepted: Accepted,
    /// Series or points that make no sense and were left out.
    pub invalid: u64,
    /// The first of them, one text each.
    pub faults: Vec<String>,
    /// The first metrics whose series the store refused, each with what can be done.
    pub culprits: Vec<String>,
    /// What another replica of the sender's cluster has sent, or will.
    pub duplicates: Duplicates,
}

/// What was left out because another replica of the same cluster is heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// Samples that are no histograms.
    pub samples: u64,
    /// Native histograms.
    pub histograms: u64,
    /// Exemplars.
    pub exemplars: u64,
}

impl Push {
    /// A way to `writer`.
    pub fn new(writer: Arc<dyn SeriesWrite>, telemetry: PushTelemetry) -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self {
            writer,
            telemetry,
            known: RwLock::default(),
            ha: ha::Ha::default(),
            policy: RwLock::default(),
            rates: Rates::default(),
            buffers: Buffers::default(),
            otlp: otlp::Otlp::default(),
            seed: RandomState::new().hash_one(0_u8),
        }
    }

    /// Takes over the sections that concern what is pushed. Requests that are under way end by the rules that they began with.
    pub fn configure(&self, config: &PushConfig, tenancy: &MultiTenancy, limits: &Limits) {
        self.ha.configure(&config.ha_pairs);
        *self.policy.write() = Arc::new(Policy::new(config, tenancy, limits));
    }

    /// What senders' series are hashed with, so that those of two tenants are never taken for each other.
    fn seed_of(&self, tenant: TenantId) -> u64 {
        self.seed ^ u64::from(tenant.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// Begins with the elections of replicas that a file holds (docs/formats/ha-elections.md). Blocks on the disk.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn load_elections(&self, path: &Path) -> Result<(), IngestError> {
        self.ha.load(path, &self.telemetry)
    }

    /// Makes the elections of replicas durable where they have changed. Blocks on the disk.
    ///
    /// # Errors
    /// The file cannot be written; the next call tries again.
    pub fn save_elections(&self, storage: &dyn disk::Storage, path: &Path) -> Result<(), IngestError> {
        self.ha.save(storage, path)
    }

    /// Writes a batch and what is new about metrics. Blocks on the store's disk: call it from a blocking task.
    pub fn write(
        &self,
        batch: &SeriesBatch,
        metadata: &[MetricMetadata],
        now_ms: i64,
    ) -> Result<Accepted, WriteError> {
        let mut accepted = Accepted::default();
        if !batch.is_empty() {
            accepted = self.writer.append(batch, now_ms).inspect_err(|error| {
                if !matches!(error, WriteError::Forgotten) {
                    self.telemetry.write_failures.inc();
                }
            })?;
            self.telemetry.count(&accepted);
        }
        if !metadata.is_empty() {
            self.writer.describe(batch.tenant, metadata)?;
        }
        Ok(accepted)
    }

    /// Begins to take in old samples in bulk, past what is judged of live ones; `None` where the store cannot.
    pub fn backfill(&self, origin: Origin) -> Option<Box<dyn model::Backfill>> {
        self.writer.backfill(origin.tenant, origin.now_ms)
    }

    /// Unpacks a body and hands it to `work`; the buffer is used again for later bodies.
    pub fn unpacked<T>(
        &self,
        body: &[u8],
        encoding: Encoding,
        work: impl FnOnce(&[u8]) -> Result<T, PushError>,
    ) -> Result<T, PushError> {
        self.buffers.unpacked(body, encoding, work)
    }
}

impl Outcome {
    /// Notes something that makes no sense and is left out.
    pub(crate) fn fault(&mut self, text: impl FnOnce() -> String) {
        self.invalid += 1;
        if self.faults.len() < PUSH_FAULTS_TOLD {
            let text = text();
            if self.faults.last() != Some(&text) {
                self.faults.push(text);
            }
        }
    }

    /// Whether all there was to store is what another replica sends.
    pub fn is_all_duplicate(&self) -> bool {
        self.duplicates != Duplicates::default() && self.accepted == Accepted::default() && self.invalid == 0
    }

    /// What was not taken in, for the sender; `None` where everything was.
    pub fn complaint(&self) -> Option<String> {
        if self.invalid == 0 && self.accepted.refused.is_empty() {
            return None;
        }
        let mut parts: Vec<String> = self
            .accepted
            .refused
            .iter()
            .map(|(reason, count)| format!("{count} samples refused: {reason}"))
            .collect();
        parts.extend_from_slice(&self.culprits);
        if self.invalid > 0 {
            parts.push(format!("{} invalid: {}", self.invalid, self.faults.join("; ")));
        }
        Some(parts.join("; "))
    }
}
