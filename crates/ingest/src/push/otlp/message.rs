//! The messages of OTLP metrics (opentelemetry-proto 1.x, `metrics/v1/metrics.proto`), as both encodings are read into.

use std::borrow::Cow;

/// An attribute; its value is kept as the text that a label holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Attribute<'a> {
    /// The key.
    pub(super) key: Cow<'a, str>,
    /// The value as text.
    pub(super) value: Cow<'a, str>,
}

/// The library that measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Scope<'a> {
    /// Its name.
    pub(super) name: Cow<'a, str>,
    /// Its version.
    pub(super) version: Cow<'a, str>,
    /// The schema of its telemetry.
    pub(super) schema_url: Cow<'a, str>,
    /// Further facts.
    pub(super) attributes: Vec<Attribute<'a>>,
}

/// A metric without its points.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Metric<'a> {
    /// The name.
    pub(super) name: Cow<'a, str>,
    /// One line for people.
    pub(super) description: Cow<'a, str>,
    /// The unit, in UCUM.
    pub(super) unit: Cow<'a, str>,
    /// What its points are.
    pub(super) kind: Kind,
}

/// What the points of a metric are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// None of the known ones.
    #[default]
    Unknown,
    /// Values that go up and down.
    Gauge,
    /// Sums.
    Sum {
        /// Whether it never falls.
        monotonic: bool,
        /// Since when its points count.
        temporality: Temporality,
    },
    /// Counts in listed buckets.
    Histogram(Temporality),
    /// Counts in buckets that grow exponentially.
    Exponential(Temporality),
    /// Quantiles.
    Summary,
}

/// Since when points count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Temporality {
    /// Not said, which is a fault.
    #[default]
    Unspecified,
    /// Since the point before.
    Delta,
    /// Since the start.
    Cumulative,
}

/// What all points have.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Head<'a> {
    /// What tells this point's series from others of the metric.
    pub(super) attributes: Vec<Attribute<'a>>,
    /// Since when it counts, in nanoseconds since the Unix epoch; 0 where unknown.
    pub(super) start_ns: u64,
    /// When it was taken, in nanoseconds since the Unix epoch.
    pub(super) time_ns: u64,
    /// `DataPointFlags`.
    pub(super) flags: u32,
}

/// A point of a gauge or sum.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct NumberPoint<'a> {
    /// What all points have.
    pub(super) head: Head<'a>,
    /// The value.
    pub(super) value: Option<f64>,
    /// Examples.
    pub(super) exemplars: Vec<Exemplar<'a>>,
}

/// A point of a histogram with listed buckets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct HistogramPoint<'a> {
    /// What all points have.
    pub(super) head: Head<'a>,
    /// All observations.
    pub(super) count: u64,
    /// The sum of all observations, where it means something.
    pub(super) sum: Option<f64>,
    /// One count for each bucket, not cumulative.
    pub(super) counts: Vec<u64>,
    /// Upper bounds of all buckets but the last.
    pub(super) bounds: Vec<f64>,
    /// Examples.
    pub(super) exemplars: Vec<Exemplar<'a>>,
}

/// A point of an exponential histogram.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ExponentialPoint<'a> {
    /// What all points have.
    pub(super) head: Head<'a>,
    /// All observations.
    pub(super) count: u64,
    /// The sum of all observations, where it means something.
    pub(super) sum: Option<f64>,
    /// Bounds grow by `2^(2^-scale)`.
    pub(super) scale: i32,
    /// Observations that are as good as zero.
    pub(super) zero_count: u64,
    /// How far from zero those may be.
    pub(super) zero_threshold: f64,
    /// Buckets of positive observations.
    pub(super) positive: Side,
    /// Buckets of negative observations.
    pub(super) negative: Side,
    /// Examples.
    pub(super) exemplars: Vec<Exemplar<'a>>,
}

/// Consecutive buckets of an exponential histogram.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Side {
    /// The index of the first; bucket `i` spans from `base^i` (without) to `base^(i+1)`.
    pub(super) offset: i32,
    /// Their counts, not cumulative.
    pub(super) counts: Vec<u64>,
}

/// A point of a summary.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct SummaryPoint<'a> {
    /// What all points have.
    pub(super) head: Head<'a>,
    /// All observations.
    pub(super) count: u64,
    /// Their sum.
    pub(super) sum: f64,
    /// Quantiles and their values.
    pub(super) quantiles: Vec<(f64, f64)>,
}

/// An example of what was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Exemplar<'a> {
    /// Attributes that the point's series does not have.
    pub(super) attributes: Vec<Attribute<'a>>,
    /// When it was measured, in nanoseconds since the Unix epoch.
    pub(super) time_ns: u64,
    /// The observation.
    pub(super) value: Option<f64>,
    /// The trace, or nothing.
    pub(super) trace_id: Cow<'a, [u8]>,
    /// The span, or nothing.
    pub(super) span_id: Cow<'a, [u8]>,
}

impl Head<'_> {
    /// `DataPointFlags.FLAG_NO_RECORDED_VALUE`: the series ends here.
    pub(super) fn is_end(&self) -> bool {
        self.flags & 1 == 1
    }

    /// When it was taken, in milliseconds since the Unix epoch.
    pub(super) fn at_ms(&self) -> i64 {
        (self.time_ns / 1_000_000) as i64
    }
}

impl Temporality {
    /// `AggregationTemporality` on the wire.
    pub(super) fn from_wire(number: u64) -> Self {
        match number {
            1 => Self::Delta,
            2 => Self::Cumulative,
            _ => Self::Unspecified,
        }
    }
}
