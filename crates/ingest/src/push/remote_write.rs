//! Prometheus remote write, versions 1.0 and 2.0 (prometheus.io/docs/specs/prw).
//!
//! In: bodies of write requests.  Out: a batch, metadata, and which series were left out and why.
//! Owns: nothing; the numbers of known series are [`Push`]'s.
//! Invariants: a series is the same whether its labels were parsed or its number was known, and whatever the version
//! (`tests/remote_write.rs`); any bytes are walked or refused (`tests/remote_write.rs`).
//! Not here: unpacking (`compression`), HTTP (`web`).
//! Start at: [`Push::remote_write`](super::Push::remote_write).
//!
//! Fuzz: remote_write

pub(crate) mod histogram;
mod v1;
mod v2;

pub(crate) use v1::{metric_kind, sample};

use std::collections::HashSet;
use std::sync::Arc;

use model::{
    Exemplar, HistogramSample, Labels, LabelsBuilder, METRIC_NAME, MetricMetadata, NO_START, Sample, Series,
    SeriesBatch, SeriesNumber, Starts, WriteError,
};

use super::batch_bytes::BatchBytes;
use super::births::Births;
use super::ha::{Hearing, Judgement, ReplicaId};
use super::known::{Alias, Known};
use super::policy::Policy;
use super::protobuf::Malformed;
use super::{Encoding, Origin, Outcome, Push, PushError};
use crate::exposition::{snippet, snippet_of};

/// Which message a body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `prometheus.WriteRequest`.
    V1,
    /// `io.prometheus.write.v2.Request`.
    V2,
}

impl Version {
    /// The version that a `Content-Type` header asks for; `None` where it is not known.
    pub fn of_content_type(header: &str) -> Option<Self> {
        let mut parts = header.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case("application/x-protobuf") {
            return None;
        }
        for part in parts {
            if let Some(proto) = part.strip_prefix("proto=") {
                return match proto.trim_matches('"') {
                    "prometheus.WriteRequest" => Some(Self::V1),
                    "io.prometheus.write.v2.Request" => Some(Self::V2),
                    _ => None,
                };
            }
        }
        Some(Self::V1)
    }
}

/// Calls `each` for every series of an unpacked request of version 1.0, outside the path of live samples.
pub(crate) fn each_series(body: &[u8], each: &mut v1::EachSeries<'_>) -> Result<(), Malformed> {
    v1::each_series(body, each)
}

/// A request, walked but not made into objects: series by alias, their samples in one column.
#[derive(Debug, Default)]
struct Request<'a> {
    series: Vec<Row<'a>>,
    samples: Vec<Sample>,
    starts: Starts,
    histograms: Vec<(usize, HistogramSample)>,
    exemplars: Vec<(usize, Exemplar)>,
    metadata: Vec<MetricMetadata>,
    symbols: Vec<&'a str>,
    /// What exemplars and metadata took.
    bytes: BatchBytes,
}

/// One series of a request.
#[derive(Debug, Clone, Copy)]
struct Row<'a> {
    alias: Alias,
    /// The series message as it lies in the body, for when its labels are asked for.
    message: &'a [u8],
    /// Where its samples end; they start where those of the row before end.
    samples_end: usize,
    /// When what it counts began, milliseconds since the Unix epoch; 0 where that is not said.
    created_ms: i64,
}

impl Request<'_> {
    /// The starts of a row's samples, those that are told.
    fn starts_of(&self, row: &Row<'_>, samples: usize) -> &[i64] {
        self.starts
            .slice(row.samples_end.saturating_sub(samples)..row.samples_end)
    }
}

impl Push {
    /// Takes in the body of a remote write request. What makes no sense or is refused is told in the outcome, the rest is
    /// stored. Blocks on the store's disk: call it from a blocking task.
    pub fn remote_write(
        &self,
        body: &[u8],
        encoding: Encoding,
        version: Version,
        origin: Origin,
    ) -> Result<Outcome, PushError> {
        self.unpacked(body, encoding, |bytes| {
            self.telemetry.body_bytes.inc_by(bytes.len() as u64);
            let mut hearing = self.ha.hearing(&self.telemetry, origin.now_ms);
            let seed = self.seed_of(origin.tenant) ^ hearing.rules.generation;
            let request = match version {
                Version::V1 => v1::walk(bytes, seed),
                Version::V2 => v2::walk(bytes, seed),
            };
            self.take(&request?, version, &mut hearing, origin)
        })
    }

    fn take(
        &self,
        request: &Request<'_>,
        version: Version,
        hearing: &mut Hearing<'_>,
        origin: Origin,
    ) -> Result<Outcome, PushError> {
        let policy = Arc::clone(&self.policy.read());
        // A number can be forgotten between being found and being used; the second time every series is asked for anew.
        for trust_numbers in [true, false] {
            let mut outcome = Outcome::default();
            let mut sorter = Sorter {
                push: self,
                request,
                version,
                hearing: &mut *hearing,
                policy: &policy,
                batch: SeriesBatch::new(origin.tenant),
                births: Births::new(policy.created_zeros, origin.now_ms),
                bytes: request.bytes,
                outcome: &mut outcome,
            };
            sorter.sort(trust_numbers)?;
            let (batch, births) = (sorter.batch, sorter.births);
            if trust_numbers {
                self.admit(origin, &policy, batch.sample_count() as u64)?;
            }
            let written = self
                .write_births(origin.tenant, births, origin.now_ms)
                .and_then(|()| self.write(&batch, &request.metadata, origin.now_ms));
            match written {
                Ok(accepted) => {
                    for &(reason, count) in &outcome.accepted.refused {
                        self.telemetry.count_refused(reason.as_str(), count);
                    }
                    outcome.accepted = merge(accepted, outcome.accepted);
                    self.telemetry.count_refused("invalid", outcome.invalid);
                    return Ok(outcome);
                }
                Err(WriteError::Forgotten) if trust_numbers => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(WriteError::Forgotten.into())
    }
}

/// Puts the series of a request into a batch.
struct Sorter<'s, 'h> {
    push: &'s Push,
    request: &'s Request<'s>,
    version: Version,
    hearing: &'s mut Hearing<'h>,
    policy: &'s Policy,
    batch: SeriesBatch,
    births: Births,
    /// What the labels that were made took, too.
    bytes: BatchBytes,
    outcome: &'s mut Outcome,
}

impl Sorter<'_, '_> {
    fn sort(&mut self, trust_numbers: bool) -> Result<(), PushError> {
        let request = self.request;
        let mut known: Vec<Option<Known>> = Vec::new();
        if trust_numbers {
            let all = self.push.known.read();
            known.extend(request.series.iter().map(|row| all.find(row.alias)));
        } else {
            known.resize(request.series.len(), None);
        }
        self.batch.reserve_numbered(request.samples.len());
        let mut rest = request.samples.as_slice();
        let mut start = 0;
        for (row, known) in request.series.iter().zip(known) {
            let (samples, later) = rest.split_at_checked(row.samples_end - start).unwrap_or_default();
            (rest, start) = (later, row.samples_end);
            if !samples.is_empty() {
                self.row(row, known, samples)?;
            }
        }
        self.rare()
    }

    fn row(&mut self, row: &Row<'_>, known: Option<Known>, samples: &[Sample]) -> Result<(), PushError> {
        let judged = known.map(|known| (known, self.hearing.judge(known.replica)));
        match judged {
            Some((
                Known {
                    number: Some(number), ..
                },
                Judgement::Take,
            )) => {
                self.push_numbered(number, row, samples);
            }
            Some((Known { replica, .. }, Judgement::Duplicate)) => self.leave_out(replica, samples),
            _ => {
                let labels = self.labels(row)?;
                self.new_row(row, labels, samples);
            }
        }
        Ok(())
    }

    /// The labels of a series, or what is wrong with them.
    fn labels(&mut self, row: &Row<'_>) -> Result<Result<Labels, String>, PushError> {
        self.bytes.add(self.request.label_bytes(row, self.version))?;
        Ok(self.request.labels(row, self.version))
    }

    /// A series whose number is not known: the store is asked for it by the series' labels.
    fn new_row(&mut self, row: &Row<'_>, labels: Result<Labels, String>, samples: &[Sample]) {
        let (labels, replica) = match labels {
            Ok(labels) => self.hearing.identify(self.batch.tenant, labels),
            Err(fault) => return self.outcome.fault(|| fault),
        };
        self.push.telemetry.series_parsed.inc();
        if let Some(fault) = self.too_many_labels(&labels, samples.len() as u64) {
            return self.outcome.fault(|| fault);
        }
        let judgement = self.hearing.judge(replica);
        if let Judgement::Refuse(reason) = judgement {
            return self.outcome.fault(|| reason);
        }
        if judgement == Judgement::Duplicate {
            let known = Known {
                number: None,
                replica,
            };
            self.push.known.write().learn(row.alias, known);
            return self.leave_out(replica, samples);
        }
        let series = Series::new(labels);
        match self.push.writer.number(self.batch.tenant, &series) {
            Ok(Some(number)) => {
                let known = Known {
                    number: Some(number),
                    replica,
                };
                self.push.known.write().learn(row.alias, known);
                self.push_numbered(number, row, samples);
            }
            Ok(None) => self
                .batch
                .push_started(series, samples, self.request.starts_of(row, samples.len())),
            Err(refusal) => {
                let (tenant, metric) = (self.batch.tenant, series.labels().metric_name());
                let count = samples.len() as u64;
                self.push
                    .refuse_series(tenant, metric, refusal, count, self.outcome);
            }
        }
    }

    fn push_numbered(&mut self, number: SeriesNumber, row: &Row<'_>, samples: &[Sample]) {
        if let Some(first) = samples.first()
            && self.births.may_be(row.created_ms, first.at_ms)
        {
            self.births.note(number, row.created_ms);
        }
        let starts = self.request.starts_of(row, samples.len());
        for (place, sample) in samples.iter().enumerate() {
            let start_ms = starts.get(place).copied().unwrap_or(NO_START);
            self.batch
                .push_numbered_started(number, sample.at_ms, sample.value, start_ms);
        }
    }

    /// Why a series is refused before the store is asked, if it is; counted by its tenant.
    fn too_many_labels(&self, labels: &Labels, samples: u64) -> Option<String> {
        let fault = self.policy.too_many_labels(self.batch.tenant, labels)?;
        self.push
            .count_limited(self.batch.tenant, "labels_per_series", samples);
        Some(fault)
    }

    fn leave_out(&mut self, replica: Option<ReplicaId>, samples: &[Sample]) {
        self.outcome.duplicates.samples += samples.len() as u64;
        self.hearing.count_duplicates(replica, samples.len() as u64);
    }

    /// Histograms and exemplars go by the series' name: they are few.
    fn rare(&mut self) -> Result<(), PushError> {
        let request = self.request;
        let mut faulty = HashSet::new();
        for of_one in request.histograms.chunk_by(|a, b| a.0 == b.0) {
            let Some(place) = of_one.first().map(|(place, _)| *place) else {
                continue;
            };
            match self.rare_series(place, &mut faulty)? {
                Some(Rare::Series(series)) => {
                    let mut good = Vec::with_capacity(of_one.len());
                    for (_, sample) in of_one {
                        match sample.value.validate() {
                            Ok(()) => good.push(sample.clone()),
                            Err(error) => self
                                .outcome
                                .fault(|| format!("{}: {error}", snippet_of(series.labels()))),
                        }
                    }
                    self.note_histogram_birth(place, &series, &good);
                    self.batch.push_histograms(series, good);
                }
                Some(Rare::Duplicate(replica)) => {
                    self.outcome.duplicates.histograms += of_one.len() as u64;
                    self.hearing.count_duplicates(replica, of_one.len() as u64);
                }
                None => {}
            }
        }
        for of_one in request.exemplars.chunk_by(|a, b| a.0 == b.0) {
            let Some((place, _)) = of_one.first() else {
                continue;
            };
            match self.rare_series(*place, &mut faulty)? {
                Some(Rare::Series(series)) => {
                    for (_, exemplar) in of_one {
                        self.batch.push_exemplar(series.clone(), exemplar.clone());
                    }
                }
                Some(Rare::Duplicate(_)) => self.outcome.duplicates.exemplars += of_one.len() as u64,
                None => {}
            }
        }
        Ok(())
    }

    fn note_histogram_birth(&mut self, place: usize, series: &Series, samples: &[HistogramSample]) {
        let created_ms = self.request.series.get(place).map_or(0, |row| row.created_ms);
        if let Some(first) = samples.first()
            && self.births.may_be(created_ms, first.at_ms)
            && let Ok(Some(number)) = self.push.writer.number(self.batch.tenant, series)
        {
            self.births.note_histogram(number, series, first, created_ms);
        }
    }

    /// The series at a place of the request; `None` where it is faulty, which is told once.
    fn rare_series(&mut self, place: usize, faulty: &mut HashSet<usize>) -> Result<Option<Rare>, PushError> {
        let request = self.request;
        let Some(row) = request.series.get(place).filter(|_| !faulty.contains(&place)) else {
            return Ok(None);
        };
        let fault = match self.labels(row)? {
            Err(fault) => fault,
            Ok(labels) => {
                let (labels, replica) = self.hearing.identify(self.batch.tenant, labels);
                match self.hearing.judge(replica) {
                    Judgement::Duplicate => return Ok(Some(Rare::Duplicate(replica))),
                    Judgement::Refuse(reason) => reason,
                    Judgement::Take | Judgement::Forgotten => match self.too_many_labels(&labels, 1) {
                        None => return Ok(Some(Rare::Series(Series::new(labels)))),
                        Some(fault) => fault,
                    },
                }
            }
        };
        faulty.insert(place);
        self.outcome.fault(|| fault);
        Ok(None)
    }
}

/// Whom a histogram or an exemplar belongs to.
enum Rare {
    Series(Series),
    Duplicate(Option<ReplicaId>),
}

impl Request<'_> {
    /// What the labels of a series take. Those of version 1.0 lie in the series' own message.
    fn label_bytes(&self, row: &Row<'_>, version: Version) -> usize {
        match version {
            Version::V1 => 0,
            Version::V2 => v2::label_bytes(row.message, &self.symbols).unwrap_or_default(),
        }
    }

    /// The labels of a series, checked as Prometheus' receiver checks them.
    fn labels(&self, row: &Row<'_>, version: Version) -> Result<Labels, String> {
        let mut builder = LabelsBuilder::default();
        let mut fault = None;
        let mut set = |name: &str, value: &str| {
            if fault.is_some() {
                return;
            }
            if name.is_empty() {
                fault = Some("a label without a name".to_owned());
            } else if builder.get(name).is_some() {
                fault = Some(format!("label {:?} comes twice", snippet(name)));
            }
            builder.set(name, value);
        };
        let walked = match version {
            Version::V1 => v1::labels(row.message, &mut set),
            Version::V2 => v2::labels(row.message, &self.symbols, &mut set),
        };
        let labels = builder.build();
        if walked.is_err() {
            return Err(format!("{}: labels cannot be read", snippet_of(&labels)));
        }
        if let Some(fault) = fault {
            return Err(format!("{}: {fault}", snippet_of(&labels)));
        }
        if labels.get(METRIC_NAME).is_none() {
            return Err(format!("{}: the metric has no name", snippet_of(&labels)));
        }
        Ok(labels)
    }
}

fn merge(mut accepted: model::Accepted, judged: model::Accepted) -> model::Accepted {
    for (reason, count) in judged.refused {
        accepted.refuse(reason, count);
    }
    accepted
}

/// Why a body is no write request.
#[derive(Debug, thiserror::Error)]
enum WalkError {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("series {place} refers to symbol {symbol}, there are {count}")]
    Symbol { place: usize, symbol: u64, count: usize },
    #[error(transparent)]
    Push(#[from] PushError),
}

impl From<WalkError> for PushError {
    fn from(fault: WalkError) -> Self {
        match fault {
            WalkError::Push(error) => error,
            WalkError::Malformed(_) | WalkError::Symbol { .. } => Self::Malformed {
                protocol: "remote write request",
                reason: fault.to_string(),
            },
        }
    }
}
