//! Reads what targets expose as protobuf: families of `io.prometheus.client`, each with its length in front.
//!
//! In: a body as bytes.  Out: [`Family`] after [`Family`], and the two forms of a histogram in them.
//! Owns: nothing; one metric is in memory at a time.
//! Invariants: no bytes panic or allocate beyond their own length (`protobuf::tests`); a native histogram that is handed
//! out is valid (`protobuf::tests`).
//! Not here: names of series, relabelling, storing (`intake::protobuf`).
//! Start at: [`families`].

#[cfg(test)]
mod tests;
pub mod wire;

use model::{Buckets, MetricKind, ResetHint, Span};
use prost::Message as _;

use wire::{FamilyHead, Metric, MetricFamily, MetricType};

use crate::exposition::snippet;
use crate::push::protobuf::Fields;

/// `MetricFamily.metric`.
const METRIC: u32 = 4;

/// What is wrong with a body, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("message {message}: {reason}")]
pub struct MessageError {
    /// Which family, counted from 1.
    pub message: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// The families of a body in order. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Families<'a> {
    rest: &'a [u8],
    message: usize,
}

/// A family as it lies in the body.
#[derive(Debug, Clone)]
pub struct Family<'a> {
    /// What it says of all its metrics.
    pub head: FamilyHead,
    message: &'a [u8],
    place: usize,
}

/// Starts to read `body`.
pub fn families(body: &[u8]) -> Families<'_> {
    Families {
        rest: body,
        message: 0,
    }
}

impl<'a> Families<'a> {
    /// An error about the family that was read last.
    pub(crate) fn error_here(&self, reason: impl ToString) -> MessageError {
        MessageError {
            message: self.message,
            reason: reason.to_string(),
        }
    }

    fn read(&mut self) -> Result<Family<'a>, MessageError> {
        let mut rest = self.rest;
        self.rest = &[];
        let length = prost::encoding::decode_varint(&mut rest)
            .map_err(|_| self.error_here("its length is not a varint"))?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some((message, rest)) = rest.split_at_checked(length) else {
            let reason = format!("it should have {length} bytes, the body has {} more", rest.len());
            return Err(self.error_here(reason));
        };
        let head = FamilyHead::decode(message).map_err(|error| self.error_here(error))?;
        check(&head).map_err(|reason| self.error_here(reason))?;
        self.rest = rest;
        Ok(Family {
            head,
            message,
            place: self.message,
        })
    }
}

impl Family<'_> {
    /// The metrics of the family in order, each decoded when it is asked for. Ends after the first error.
    pub fn metrics(&self) -> impl Iterator<Item = Result<Metric, MessageError>> {
        let mut fields = Fields::new(self.message);
        let mut next = move || -> Result<Option<Metric>, String> {
            while let Some((number, value)) = fields.next_field().map_err(|error| error.to_string())? {
                if number == METRIC {
                    let message = value.bytes().map_err(|error| error.to_string())?;
                    return Metric::decode(message)
                        .map(Some)
                        .map_err(|error| error.to_string());
                }
            }
            Ok(None)
        };
        let mut broken = false;
        std::iter::from_fn(move || {
            let metric = if broken { None } else { next().transpose() };
            broken = matches!(metric, Some(Err(_)));
            metric
        })
        .map(|metric| {
            metric.map_err(|reason| MessageError {
                message: self.place,
                reason,
            })
        })
    }
}

impl<'a> Iterator for Families<'a> {
    type Item = Result<Family<'a>, MessageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        self.message += 1;
        Some(self.read())
    }
}

/// What Prometheus refuses (model/textparse/protobufparse.go, `Next`).
fn check(family: &FamilyHead) -> Result<(), String> {
    if family.name.is_empty() {
        return Err("the family has no name".to_owned());
    }
    let known = MetricType::try_from(family.r#type).map_err(|_| {
        format!(
            "family {:?} has the unknown type {}",
            snippet(&family.name),
            family.r#type
        )
    })?;
    if family.unit.is_empty() {
        return Ok(());
    }
    let stem = match known {
        MetricType::Counter => family.name.strip_suffix("_total").unwrap_or(&family.name),
        _ => &family.name,
    };
    let fits = stem
        .strip_suffix(family.unit.as_str())
        .is_some_and(|before| before.ends_with('_'));
    if fits {
        return Ok(());
    }
    Err(format!(
        "unit {:?} not a suffix of metric {:?}",
        snippet(&family.unit),
        snippet(&family.name)
    ))
}

/// Writes a family with its length in front.
pub fn write_delimited(family: &MetricFamily, out: &mut Vec<u8>) {
    out.extend(family.encode_length_delimited_to_vec());
}

impl FamilyHead {
    /// The family's kind in the words of the model.
    pub fn kind(&self) -> MetricKind {
        match self.r#type() {
            MetricType::Counter => MetricKind::Counter,
            MetricType::Gauge => MetricKind::Gauge,
            MetricType::Summary => MetricKind::Summary,
            MetricType::Untyped => MetricKind::Unknown,
            MetricType::Histogram => MetricKind::Histogram,
            MetricType::GaugeHistogram => MetricKind::GaugeHistogram,
        }
    }
}

impl wire::Histogram {
    /// Whether there is more in it than classic buckets (model/textparse/protobufparse.go, `isNativeHistogram`).
    pub fn is_native(&self) -> bool {
        self.zero_threshold > 0.0
            || self.zero_count > 0
            || !self.negative_delta.is_empty()
            || !self.positive_delta.is_empty()
            || !self.negative_span.is_empty()
            || !self.positive_span.is_empty()
    }

    /// All observations, whichever way they are counted.
    pub fn observations(&self) -> f64 {
        if self.sample_count_float > 0.0 {
            self.sample_count_float
        } else {
            self.sample_count as f64
        }
    }

    /// The native form; schemas finer than any this model has are made coarser.
    pub fn native(&self, kind: MetricKind) -> Result<model::Histogram, String> {
        let floats = self.sample_count_float > 0.0 || self.zero_count_float > 0.0;
        let side = |spans: &[wire::BucketSpan], deltas: &[i64], counts: &[f64]| Buckets {
            spans: spans
                .iter()
                .map(|span| Span {
                    offset: span.offset,
                    length: span.length,
                })
                .collect(),
            counts: if floats { counts.to_vec() } else { summed(deltas) },
        };
        let reset_hint = if kind == MetricKind::GaugeHistogram {
            ResetHint::Gauge
        } else {
            ResetHint::Unknown
        };
        let mut read = model::Histogram {
            reset_hint,
            schema: 0,
            zero_threshold: self.zero_threshold,
            zero_count: if floats {
                self.zero_count_float
            } else {
                self.zero_count as f64
            },
            count: if floats {
                self.sample_count_float
            } else {
                self.sample_count as f64
            },
            sum: ordinary(self.sample_sum),
            positive: side(&self.positive_span, &self.positive_delta, &self.positive_count),
            negative: side(&self.negative_span, &self.negative_delta, &self.negative_count),
            custom_bounds: model::Histogram::default().custom_bounds,
        };
        // Checked with a schema that is always right, because the buckets must be sound before they can be merged.
        read.validate().map_err(|error| error.to_string())?;
        read.positive = compact(&read.positive);
        read.negative = compact(&read.negative);
        crate::histograms::with_schema(read, self.schema)
            .ok_or_else(|| format!("histogram schema {} is unknown: known are -4 to 52", self.schema))
    }
}

impl wire::Bucket {
    /// Observations up to the bound, whichever way they are counted.
    pub fn observations(&self) -> f64 {
        if self.cumulative_count_float > 0.0 {
            self.cumulative_count_float
        } else {
            self.cumulative_count as f64
        }
    }
}

/// Any NaN as the ordinary one, so that no target can write a staleness marker.
pub(crate) fn ordinary(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}

/// Counts out of differences; those that run over end below zero, which no histogram may have.
fn summed(deltas: &[i64]) -> Vec<f64> {
    let mut count = 0_i64;
    let sum = |delta: &i64| {
        count = count.checked_add(*delta).unwrap_or(i64::MIN);
        count as f64
    };
    deltas.iter().map(sum).collect()
}

/// The same without empty buckets at the ends and in long rows.
fn compact(buckets: &Buckets) -> Buckets {
    Buckets::from_sorted(buckets.iter().filter(|(_, count)| *count > 0.0))
}
