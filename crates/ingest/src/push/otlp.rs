//! OTLP in protobuf and JSON: metrics, made into series as Prometheus' OTLP receiver makes them, and logs, made into lines as Loki's
//! makes them.
//!
//! In: bodies of `ExportMetricsServiceRequest` and `ExportLogsServiceRequest`; the `otlp` section of the configuration.  Out: a
//! batch, metadata, and which points were left out and why; lines to [`Logs`](crate::Logs).
//! Owns: what each series of delta points counted so far, and the answers to bodies with deltas of the last minutes.
//! Invariants: both encodings of a request become the same samples (`tests/otlp.rs`); deltas that the store did not take have
//! not happened (`delta::tests::what_the_store_did_not_take_has_not_happened`); no body panics or becomes more than its
//! limit (`tests/otlp_any_body.rs`); both encodings of logs become the same lines (`tests/otlp_logs.rs`).
//! Not here: HTTP, gRPC and the answers of the protocol (`web`).
//! Start at: [`Push::otlp_metrics`](super::Push::otlp_metrics) and [`Logs::otlp_logs`](crate::Logs::otlp_logs).
//!
//! Fuzz: otlp_protobuf

mod answers;
mod attributes;
mod delta;
mod exponential;
mod json;
mod labels;
mod log_record;
mod logs;
mod message;
mod names;
mod text;
mod translate;
mod wire;
mod wire_logs;

use std::sync::Arc;

use model::WriteError;
use parking_lot::{Mutex, RwLock};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::policy::Policy;
use super::protobuf::Malformed;
use super::{Encoding, Origin, Outcome, Push, PushError};
use crate::config::otlp::OtlpConfig;
use answers::Answers;
use delta::Deltas;
use labels::Rules;
use translate::{Translated, Translator};

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Protobuf.
    Protobuf,
    /// OTLP/JSON.
    Json,
}

/// What is kept between requests.
#[derive(Debug)]
pub(super) struct Otlp {
    rules: RwLock<Arc<Rules>>,
    config: Mutex<OtlpConfig>,
    deltas: Deltas,
    answers: Answers,
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            rules: RwLock::new(Arc::new(Rules::new(&OtlpConfig::default(), 0))),
            config: Mutex::default(),
            deltas: Deltas::default(),
            answers: Answers::default(),
        }
    }
}

impl Push {
    /// Takes over the `otlp` section. Requests that are under way end by the rules that they began with; a section that has not
    /// changed disturbs nothing.
    pub fn configure_otlp(&self, config: &OtlpConfig) {
        let mut current = self.otlp.config.lock();
        if *current == *config {
            return;
        }
        current.clone_from(config);
        let mut rules = self.otlp.rules.write();
        *rules = Arc::new(Rules::new(config, rules.generation + 1));
    }

    /// Takes in a request of OTLP metrics. Points that make no sense or are refused are told in the outcome, the rest is
    /// stored. Blocks on the store's disk: call it from a blocking task.
    pub fn otlp_metrics(
        &self,
        body: &[u8],
        encoding: Encoding,
        format: Format,
        origin: Origin,
    ) -> Result<Outcome, PushError> {
        self.unpacked(body, encoding, |bytes| {
            self.telemetry.body_bytes.inc_by(bytes.len() as u64);
            let rules = Arc::clone(&self.otlp.rules.read());
            let policy = Arc::clone(&self.policy.read());
            let now_ms = origin.now_ms;
            let named = || xxh3_128_with_seed(bytes, self.seed_of(origin.tenant) ^ rules.generation);
            if !self.otlp.answers.is_empty()
                && let Some(answered) = self.otlp.answers.find(named(), now_ms)
            {
                return Ok(answered);
            }
            // A number can be forgotten between being found and being used; the second time every series is asked for anew.
            for trust_numbers in [true, false] {
                let translated = self.translate(bytes, format, (&rules, &policy), trust_numbers, origin)?;
                if trust_numbers {
                    self.admit(origin, &policy, translated.batch.sample_count() as u64)?;
                }
                let written = self
                    .write_births(origin.tenant, translated.births, now_ms)
                    .and_then(|()| self.write(&translated.batch, &translated.metadata, now_ms));
                match written {
                    Ok(accepted) => {
                        let delta_series = translated.deltas.commit();
                        let outcome = self.settle(translated.outcome, accepted);
                        if let Some(count) = delta_series {
                            self.telemetry.otlp_delta_series.set(count as i64);
                            self.otlp.answers.keep(named(), outcome.clone(), now_ms);
                        }
                        return Ok(outcome);
                    }
                    Err(WriteError::Forgotten) if trust_numbers => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(WriteError::Forgotten.into())
        })
    }

    fn translate<'t>(
        &'t self,
        bytes: &[u8],
        format: Format,
        (rules, policy): (&'t Rules, &'t Policy),
        trust_numbers: bool,
        origin: Origin,
    ) -> Result<Translated<'t>, PushError> {
        let deltas = self.otlp.deltas.session(origin.now_ms);
        let mut translator = Translator::new(self, (rules, policy), deltas, trust_numbers, origin);
        match format {
            Format::Protobuf => wire::walk(bytes, &mut translator)?,
            Format::Json => json::walk(bytes, &mut translator)?,
        }
        Ok(translator.finish())
    }

    /// Puts together what was judged here and what the store says.
    fn settle(&self, mut outcome: Outcome, mut accepted: model::Accepted) -> Outcome {
        self.telemetry.count_refused("invalid", outcome.invalid);
        for (reason, count) in outcome.accepted.refused {
            self.telemetry.count_refused(reason.as_str(), count);
            accepted.refuse(reason, count);
        }
        outcome.accepted = accepted;
        outcome
    }
}

impl From<Malformed> for PushError {
    fn from(fault: Malformed) -> Self {
        malformed(fault.to_string())
    }
}

fn malformed(reason: String) -> PushError {
    PushError::Malformed {
        protocol: "OTLP request",
        reason,
    }
}

fn too_many(what: &'static str, max: usize) -> PushError {
    PushError::TooMany { what, max }
}
