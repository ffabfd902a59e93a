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

use std::collections::HashSet;

use model::{
    Exemplar, HistogramSample, Labels, LabelsBuilder, METRIC_NAME, MetricMetadata, Sample, Series,
    SeriesBatch, SeriesNumber, TenantId, WriteError,
};

use super::known::Alias;
use super::protobuf::Malformed;
use super::{Encoding, Outcome, Push, PushError};

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
    histograms: Vec<(usize, HistogramSample)>,
    exemplars: Vec<(usize, Exemplar)>,
    metadata: Vec<MetricMetadata>,
    symbols: Vec<&'a str>,
}

/// One series of a request.
#[derive(Debug, Clone, Copy)]
struct Row<'a> {
    alias: Alias,
    /// The series message as it lies in the body, for when its labels are asked for.
    message: &'a [u8],
    /// Where its samples end; they start where those of the row before end.
    samples_end: usize,
}

impl Push {
    /// Takes in the body of a remote write request. What makes no sense or is refused is told in the outcome, the rest is
    /// stored. Blocks on the store's disk: call it from a blocking task.
    pub fn remote_write(
        &self,
        body: &[u8],
        encoding: Encoding,
        version: Version,
        now_ms: i64,
    ) -> Result<Outcome, PushError> {
        self.unpacked(body, encoding, |bytes| {
            self.telemetry.body_bytes.inc_by(bytes.len() as u64);
            let request = match version {
                Version::V1 => v1::walk(bytes, self.seed),
                Version::V2 => v2::walk(bytes, self.seed),
            };
            let request = request.map_err(|fault| PushError::Malformed {
                protocol: "remote write request",
                reason: fault.to_string(),
            })?;
            self.take(&request, version, now_ms)
        })
    }

    fn take(&self, request: &Request<'_>, version: Version, now_ms: i64) -> Result<Outcome, PushError> {
        // A number can be forgotten between being found and being used; the second time every series is asked for anew.
        for trust_numbers in [true, false] {
            let mut outcome = Outcome::default();
            let batch = self.batch(request, version, trust_numbers, &mut outcome);
            match self.write(&batch, &request.metadata, now_ms) {
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

    fn batch(
        &self,
        request: &Request<'_>,
        version: Version,
        trust_numbers: bool,
        outcome: &mut Outcome,
    ) -> SeriesBatch {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        let mut numbers: Vec<Option<SeriesNumber>> = Vec::new();
        if trust_numbers {
            let known = self.known.read();
            numbers.extend(request.series.iter().map(|row| known.find(row.alias)));
        } else {
            numbers.resize(request.series.len(), None);
        }
        batch.reserve_numbered(request.samples.len());
        let mut rest = request.samples.as_slice();
        let mut start = 0;
        for (row, number) in request.series.iter().zip(numbers) {
            let (samples, later) = rest.split_at_checked(row.samples_end - start).unwrap_or_default();
            (rest, start) = (later, row.samples_end);
            match number {
                Some(number) => {
                    for sample in samples {
                        batch.push_numbered(number, sample.at_ms, sample.value);
                    }
                }
                None if samples.is_empty() => {}
                None => self.push_new(request, row, samples, version, &mut batch, outcome),
            }
        }
        push_rare(request, version, &mut batch, outcome);
        batch
    }

    /// A series whose number is not known: its labels are parsed, and the store is asked for the number.
    fn push_new(
        &self,
        request: &Request<'_>,
        row: &Row<'_>,
        samples: &[Sample],
        version: Version,
        batch: &mut SeriesBatch,
        outcome: &mut Outcome,
    ) {
        let series = match request.labels(row, version) {
            Ok(labels) => Series::new(labels),
            Err(fault) => return outcome.fault(|| fault),
        };
        self.telemetry.series_parsed.inc();
        match self.writer.number(batch.tenant, &series) {
            Ok(Some(number)) => {
                self.known.write().learn(row.alias, number);
                for sample in samples {
                    batch.push_numbered(number, sample.at_ms, sample.value);
                }
            }
            Ok(None) => batch.push(series, samples),
            Err(refusal) => outcome.accepted.refuse(refusal, samples.len() as u64),
        }
    }
}

impl Request<'_> {
    /// The labels of a series, checked as Prometheus' receiver checks them.
    fn labels(&self, row: &Row<'_>, version: Version) -> Result<Labels, String> {
        let mut builder = LabelsBuilder::default();
        let mut fault = None;
        let mut set = |name: &str, value: &str| {
            if name.is_empty() {
                fault = Some("a label without a name".to_owned());
            } else if builder.get(name).is_some() {
                fault = Some(format!("label {name:?} comes twice"));
            }
            builder.set(name, value);
        };
        let walked = match version {
            Version::V1 => v1::labels(row.message, &mut set),
            Version::V2 => v2::labels(row.message, &self.symbols, &mut set),
        };
        let labels = builder.build();
        if walked.is_err() {
            return Err(format!("{labels}: labels cannot be read"));
        }
        if let Some(fault) = fault {
            return Err(format!("{labels}: {fault}"));
        }
        if labels.get(METRIC_NAME).is_none() {
            return Err(format!("{labels}: the metric has no name"));
        }
        Ok(labels)
    }
}

/// Histograms and exemplars go by the series' name: they are few.
fn push_rare(request: &Request<'_>, version: Version, batch: &mut SeriesBatch, outcome: &mut Outcome) {
    let mut faulty = HashSet::new();
    let mut series_of = |place: usize, outcome: &mut Outcome| {
        let row = request.series.get(place)?;
        match request.labels(row, version) {
            Ok(labels) => Some(Series::new(labels)),
            Err(fault) => {
                if faulty.insert(place) {
                    outcome.fault(|| fault);
                }
                None
            }
        }
    };
    for of_one in request.histograms.chunk_by(|a, b| a.0 == b.0) {
        let Some(place) = of_one.first().map(|(place, _)| *place) else {
            continue;
        };
        let Some(series) = series_of(place, outcome) else {
            continue;
        };
        let mut good = Vec::with_capacity(of_one.len());
        for (_, sample) in of_one {
            match sample.value.validate() {
                Ok(()) => good.push(sample.clone()),
                Err(error) => outcome.fault(|| format!("{}: {error}", series.labels())),
            }
        }
        batch.push_histograms(series, good);
    }
    for (place, exemplar) in &request.exemplars {
        if let Some(series) = series_of(*place, outcome) {
            batch.push_exemplar(series, exemplar.clone());
        }
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
}
