//! The messages of `io.prometheus.client` (prometheus/client_model, metrics.proto), as far as they are read and written.

use prost::Message;

/// A label of a metric.
#[derive(Clone, PartialEq, Message)]
pub struct LabelPair {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A point in time (google.protobuf.Timestamp).
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Timestamp {
    /// Seconds since the Unix epoch.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds of the second.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl Timestamp {
    /// Milliseconds since the Unix epoch, smaller parts cut off.
    pub fn at_ms(self) -> i64 {
        self.seconds
            .saturating_mul(1_000)
            .saturating_add(i64::from(self.nanos) / 1_000_000)
    }

    /// The point in time of milliseconds.
    pub fn from_ms(at_ms: i64) -> Self {
        Self {
            seconds: at_ms.div_euclid(1_000),
            nanos: (at_ms.rem_euclid(1_000) * 1_000_000) as i32,
        }
    }
}

/// An example of what was measured.
#[derive(Clone, PartialEq, Message)]
pub struct Exemplar {
    /// The example's own labels.
    #[prost(message, repeated, tag = "1")]
    pub label: Vec<LabelPair>,
    /// The observation.
    #[prost(double, tag = "2")]
    pub value: f64,
    /// When it was.
    #[prost(message, optional, tag = "3")]
    pub timestamp: Option<Timestamp>,
}

/// The value of a gauge.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Gauge {
    /// The value.
    #[prost(double, tag = "1")]
    pub value: f64,
}

/// The value of a counter.
#[derive(Clone, PartialEq, Message)]
pub struct Counter {
    /// The value.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// An example.
    #[prost(message, optional, tag = "2")]
    pub exemplar: Option<Exemplar>,
    /// When it was 0.
    #[prost(message, optional, tag = "3")]
    pub created_timestamp: Option<Timestamp>,
}

/// The value of a metric whose kind is not said.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Untyped {
    /// The value.
    #[prost(double, tag = "1")]
    pub value: f64,
}

/// One quantile of a summary.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Quantile {
    /// Which, from 0 to 1.
    #[prost(double, tag = "1")]
    pub quantile: f64,
    /// Its value.
    #[prost(double, tag = "2")]
    pub value: f64,
}

/// The value of a summary.
#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    /// Observations.
    #[prost(uint64, tag = "1")]
    pub sample_count: u64,
    /// Their sum.
    #[prost(double, tag = "2")]
    pub sample_sum: f64,
    /// Quantiles.
    #[prost(message, repeated, tag = "3")]
    pub quantile: Vec<Quantile>,
    /// When it was empty.
    #[prost(message, optional, tag = "4")]
    pub created_timestamp: Option<Timestamp>,
}

/// The value of a histogram, classic, native or both.
#[derive(Clone, PartialEq, Message)]
pub struct Histogram {
    /// Observations.
    #[prost(uint64, tag = "1")]
    pub sample_count: u64,
    /// Observations, where they are fractions.
    #[prost(double, tag = "4")]
    pub sample_count_float: f64,
    /// Their sum.
    #[prost(double, tag = "2")]
    pub sample_sum: f64,
    /// Classic buckets.
    #[prost(message, repeated, tag = "3")]
    pub bucket: Vec<Bucket>,
    /// When it was empty.
    #[prost(message, optional, tag = "15")]
    pub created_timestamp: Option<Timestamp>,
    /// How fine the native buckets are.
    #[prost(sint32, tag = "5")]
    pub schema: i32,
    /// The breadth of the zero bucket.
    #[prost(double, tag = "6")]
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    #[prost(uint64, tag = "7")]
    pub zero_count: u64,
    /// The same, where they are fractions.
    #[prost(double, tag = "8")]
    pub zero_count_float: f64,
    /// Runs of buckets of negative observations.
    #[prost(message, repeated, tag = "9")]
    pub negative_span: Vec<BucketSpan>,
    /// Their counts, each as the difference to the one before.
    #[prost(sint64, repeated, tag = "10")]
    pub negative_delta: Vec<i64>,
    /// Their counts, where they are fractions.
    #[prost(double, repeated, tag = "11")]
    pub negative_count: Vec<f64>,
    /// Runs of buckets of positive observations.
    #[prost(message, repeated, tag = "12")]
    pub positive_span: Vec<BucketSpan>,
    /// Their counts, each as the difference to the one before.
    #[prost(sint64, repeated, tag = "13")]
    pub positive_delta: Vec<i64>,
    /// Their counts, where they are fractions.
    #[prost(double, repeated, tag = "14")]
    pub positive_count: Vec<f64>,
    /// Examples for native buckets.
    #[prost(message, repeated, tag = "16")]
    pub exemplars: Vec<Exemplar>,
}

/// A classic bucket.
#[derive(Clone, PartialEq, Message)]
pub struct Bucket {
    /// Observations up to the bound.
    #[prost(uint64, tag = "1")]
    pub cumulative_count: u64,
    /// The same, where they are fractions.
    #[prost(double, tag = "4")]
    pub cumulative_count_float: f64,
    /// The bound.
    #[prost(double, tag = "2")]
    pub upper_bound: f64,
    /// An example.
    #[prost(message, optional, tag = "3")]
    pub exemplar: Option<Exemplar>,
}

/// A run of native buckets.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct BucketSpan {
    /// The index of the first bucket, or the gap to the run before.
    #[prost(sint32, tag = "1")]
    pub offset: i32,
    /// How many buckets.
    #[prost(uint32, tag = "2")]
    pub length: u32,
}

/// One metric of a family: labels and a value.
#[derive(Clone, PartialEq, Message)]
pub struct Metric {
    /// Labels.
    #[prost(message, repeated, tag = "1")]
    pub label: Vec<LabelPair>,
    /// The value of a gauge.
    #[prost(message, optional, tag = "2")]
    pub gauge: Option<Gauge>,
    /// The value of a counter.
    #[prost(message, optional, tag = "3")]
    pub counter: Option<Counter>,
    /// The value of a summary.
    #[prost(message, optional, tag = "4")]
    pub summary: Option<Summary>,
    /// The value of something else.
    #[prost(message, optional, tag = "5")]
    pub untyped: Option<Untyped>,
    /// The value of a histogram.
    #[prost(message, optional, tag = "7")]
    pub histogram: Option<Histogram>,
    /// Milliseconds since the Unix epoch; 0 is no time.
    #[prost(int64, tag = "6")]
    pub timestamp_ms: i64,
}

/// Metrics of one name.
#[derive(Clone, PartialEq, Message)]
pub struct MetricFamily {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// One line for people.
    #[prost(string, tag = "2")]
    pub help: String,
    /// The kind.
    #[prost(enumeration = "MetricType", tag = "3")]
    pub r#type: i32,
    /// The metrics.
    #[prost(message, repeated, tag = "4")]
    pub metric: Vec<Metric>,
    /// The unit.
    #[prost(string, tag = "5")]
    pub unit: String,
}

/// What a family says of all its metrics, read without them: a metric of a few bytes takes hundreds in memory.
#[derive(Clone, PartialEq, Message)]
pub struct FamilyHead {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// One line for people.
    #[prost(string, tag = "2")]
    pub help: String,
    /// The kind.
    #[prost(enumeration = "MetricType", tag = "3")]
    pub r#type: i32,
    /// The unit.
    #[prost(string, tag = "5")]
    pub unit: String,
}

/// The kind of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum MetricType {
    /// Only ever grows.
    Counter = 0,
    /// Goes up and down.
    Gauge = 1,
    /// Quantiles of the client.
    Summary = 2,
    /// Nothing was said.
    Untyped = 3,
    /// Counts in buckets.
    Histogram = 4,
    /// Counts in buckets that may fall.
    GaugeHistogram = 5,
}
