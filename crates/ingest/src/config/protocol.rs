//! The formats a target can be asked for.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use crate::exposition::Format;

/// A format in its version, as `scrape_protocols` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScrapeProtocol {
    /// Delimited protobuf messages, the only format that carries native histograms.
    PrometheusProto,
    /// The text format 0.0.4.
    PrometheusText0_0_4,
    /// The text format 1.0.0, which adds quoted names.
    PrometheusText1_0_0,
    /// OpenMetrics 0.0.1.
    OpenMetricsText0_0_1,
    /// OpenMetrics 1.0.0.
    OpenMetricsText1_0_0,
}

/// How the bytes of a body are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFormat {
    /// As lines of text.
    Text(Format),
    /// As messages.
    Protobuf,
}

const PROTOCOLS: [(&str, ScrapeProtocol); 5] = [
    ("PrometheusProto", ScrapeProtocol::PrometheusProto),
    ("PrometheusText0.0.4", ScrapeProtocol::PrometheusText0_0_4),
    ("PrometheusText1.0.0", ScrapeProtocol::PrometheusText1_0_0),
    ("OpenMetricsText0.0.1", ScrapeProtocol::OpenMetricsText0_0_1),
    ("OpenMetricsText1.0.0", ScrapeProtocol::OpenMetricsText1_0_0),
];

impl ScrapeProtocol {
    /// What is asked for where nothing is configured, best first.
    pub const DEFAULT: [Self; 4] = [
        Self::OpenMetricsText1_0_0,
        Self::OpenMetricsText0_0_1,
        Self::PrometheusText1_0_0,
        Self::PrometheusText0_0_4,
    ];

    /// What is asked for where native histograms are wanted and nothing else is configured.
    pub const PROTOBUF_FIRST: [Self; 5] = [
        Self::PrometheusProto,
        Self::OpenMetricsText1_0_0,
        Self::OpenMetricsText0_0_1,
        Self::PrometheusText1_0_0,
        Self::PrometheusText0_0_4,
    ];

    /// The media type for the `Accept` header, without escaping.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::PrometheusProto => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
            Self::PrometheusText0_0_4 => "text/plain;version=0.0.4",
            Self::PrometheusText1_0_0 => "text/plain;version=1.0.0",
            Self::OpenMetricsText0_0_1 => "application/openmetrics-text;version=0.0.1",
            Self::OpenMetricsText1_0_0 => "application/openmetrics-text;version=1.0.0",
        }
    }

    /// Whether the format can carry names that are not legacy names.
    pub fn takes_escaping(self) -> bool {
        matches!(self, Self::PrometheusText1_0_0 | Self::OpenMetricsText1_0_0)
    }

    /// How bodies of this format are read.
    pub fn format(self) -> BodyFormat {
        match self {
            Self::PrometheusProto => BodyFormat::Protobuf,
            Self::PrometheusText0_0_4 | Self::PrometheusText1_0_0 => BodyFormat::Text(Format::Text),
            Self::OpenMetricsText0_0_1 | Self::OpenMetricsText1_0_0 => BodyFormat::Text(Format::OpenMetrics),
        }
    }
}

impl fmt::Display for ScrapeProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = PROTOCOLS.iter().find(|(_, protocol)| protocol == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl<'de> Deserialize<'de> for ScrapeProtocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = PROTOCOLS.iter().find(|(name, _)| *name == text);
        known.map(|(_, protocol)| *protocol).ok_or_else(|| {
            let names: Vec<&str> = PROTOCOLS.iter().map(|(name, _)| *name).collect();
            de::Error::custom(format!(
                "unknown scrape protocol {text:?}; write one of {}",
                names.join(", ")
            ))
        })
    }
}
