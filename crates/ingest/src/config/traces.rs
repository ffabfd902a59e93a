//! `tracing`: where Prometheus sends spans of its own. Checked so that its files load; nothing is sent.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use stdx::HumanDuration;

use super::section::{Checked, section};
use super::{TlsConfig, headers};

section! {
    /// The `tracing` section.
    pub struct TracingConfig {
        /// The protocol.
        pub client_type: TracingClient,
        /// `host:port`, or an address.
        pub endpoint: String,
        /// The share of requests that are traced.
        pub sampling_fraction: f64,
        /// Whether the connection is not encrypted.
        pub insecure: bool,
        /// How it is.
        pub tls_config: TlsConfig,
        /// Further headers.
        pub headers: BTreeMap<String, String>,
        /// `gzip` or nothing.
        pub compression: String,
        /// The most a request may take; 10 s where absent.
        #[serde(default = "seconds_10")]
        pub timeout: HumanDuration,
    }
}

/// The protocol of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TracingClient {
    /// OTLP over gRPC.
    #[default]
    Grpc,
    /// OTLP over HTTP.
    Http,
}

fn seconds_10() -> HumanDuration {
    HumanDuration::from_secs(10)
}

impl TracingConfig {
    /// Makes every relative path one below `base`.
    pub fn resolve_paths(&mut self, base: &Path) {
        self.tls_config.resolve_paths(base);
    }
}

impl Checked for TracingConfig {
    /// Source: prometheus/config, `TracingConfig.UnmarshalYAML`.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        headers::check_plain("headers", &self.headers, &mut faults);
        self.tls_config.check(&mut faults);
        if self.endpoint.is_empty() {
            faults.push("endpoint is missing; write for example localhost:4317".to_owned());
        }
        if !matches!(self.compression.as_str(), "" | "gzip") {
            faults.push(format!(
                "compression is {:?}; write gzip or leave it out",
                self.compression
            ));
        }
        if !(0.0..=1.0).contains(&self.sampling_fraction) {
            faults.push("sampling_fraction is not between 0 and 1; correct it".to_owned());
        }
        faults
    }
}
