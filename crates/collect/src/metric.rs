//! What a metric is called, counts and means: the one place each name is written.

use std::sync::Arc;

use model::{MetricKind, MetricMetadata};

/// One metric that this room emits; sources list theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name, in Prometheus' form of OpenTelemetry's.
    pub name: &'static str,
    /// Counter or gauge.
    pub kind: MetricKind,
    /// Label names beside `job` and `instance`, in the order values are given.
    pub labels: &'static [&'static str],
    /// The unit in OpenMetrics' words; empty for plain counts.
    pub unit: &'static str,
    /// One line for people.
    pub help: &'static str,
}

impl Metric {
    pub(crate) const fn counter(
        name: &'static str,
        labels: &'static [&'static str],
        unit: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind: MetricKind::Counter,
            labels,
            unit,
            help,
        }
    }

    pub(crate) const fn gauge(
        name: &'static str,
        labels: &'static [&'static str],
        unit: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind: MetricKind::Gauge,
            labels,
            unit,
            help,
        }
    }

    /// The same as a store keeps it.
    pub fn metadata(&self) -> MetricMetadata {
        MetricMetadata {
            name: Arc::from(self.name),
            kind: self.kind,
            help: Arc::from(self.help),
            unit: Arc::from(self.unit),
        }
    }
}
