//! What is known of a metric beside its samples: kind, help and unit.

use std::fmt;
use std::sync::Arc;

/// What an exporter says of one of its metrics.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetricMetadata {
    /// The metric family's name.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: MetricKind,
    /// One line for people.
    pub help: Arc<str>,
    /// The unit, or the empty string.
    pub unit: Arc<str>,
}

/// The kinds of metric that OpenMetrics 1.0 knows (section 5.1), which are also Prometheus'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum MetricKind {
    /// Only ever grows, or starts again at zero.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of observations in buckets.
    Histogram,
    /// Counts in buckets of a value that goes up and down.
    GaugeHistogram,
    /// Quantiles computed by the client.
    Summary,
    /// Constant facts in labels.
    Info,
    /// One of several states.
    StateSet,
    /// Nothing was said.
    #[default]
    Unknown,
}

impl MetricKind {
    /// The lower-case name as in exposition formats and the HTTP API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the name; `untyped` is the old text format's word for unknown.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            "gaugehistogram" => Self::GaugeHistogram,
            "summary" => Self::Summary,
            "info" => Self::Info,
            "stateset" => Self::StateSet,
            "unknown" | "untyped" => Self::Unknown,
            _ => return None,
        })
    }
}

impl fmt::Display for MetricKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
