//! The `server:` section: where to listen, who may ask, and how much a query may use.

mod otlp_listen;

use std::net::{Ipv4Addr, SocketAddr};

use model::TenantId;
use serde::{Deserialize, Deserializer, Serialize};
use stdx::{HumanBytes, HumanDuration};
use url::Url;

use crate::error::Error;
use crate::limits::{QUERY_CACHE_BYTES, QUERY_CONCURRENCY_MAX, QUERY_MEMORY_MIN, QUERY_SPILL_BYTES};
pub use otlp_listen::OtlpListen;

/// Where to listen, who may ask, and how much a query may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port of the HTTP server. Loopback unless told otherwise.
    #[serde(deserialize_with = "listen_address")]
    pub listen: SocketAddr,
    /// Where metrics are taken by OTLP over gRPC. Loopback, port 4317, where it is not set.
    pub grpc_listen: OtlpListen,
    /// Where metrics are taken by OTLP over HTTP. Loopback, port 4318, where it is not set.
    pub otlp_http_listen: OtlpListen,
    /// Where people reach the server, when that is not the listening address: behind a proxy, for links in pages.
    pub external_url: Option<Url>,
    /// Further host names under which browsers may ask a server that listens on loopback.
    pub allowed_hosts: Vec<String>,
    /// No query runs longer, whatever its `timeout` parameter says.
    pub query_timeout: HumanDuration,
    /// Queries that run at the same time; one per CPU, at least two, where it is not set.
    pub query_concurrency: Option<usize>,
    /// Samples that one query may load.
    pub query_samples_max: usize,
    /// Memory that the values of one query may take.
    pub query_memory_max: HumanBytes,
    /// Bytes of segments of log lines that one query may read; no limit where it is not set.
    pub query_read_max: Option<HumanBytes>,
    /// Disk that the rows of all running SQL statements may take, where they do not fit into memory.
    pub query_spill_max: HumanBytes,
    /// Memory for answers to range queries that are used again; 0: none are kept.
    pub query_cache_size: HumanBytes,
    /// How far back an instant selector looks for a sample.
    pub query_lookback: HumanDuration,
    /// Whether the start of a window such as `[5m]` belongs to it.
    pub query_windows: QueryWindows,
    /// Whether queries and rules may use what Prometheus has behind feature flags.
    pub query_experimental: bool,
    /// Whether the starts of samples say when a counter started again.
    pub query_start_timestamps: QueryStarts,
    /// Whether series can be deleted, and snapshots made, over HTTP.
    pub admin_api: bool,
}

/// Whether the start of a window belongs to it; the end always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryWindows {
    /// `(start, end]`, as Prometheus does since 3.0.
    #[default]
    LeftOpen,
    /// `[start, end]`, as Prometheus 2 did; for expressions that count on it.
    Closed,
}

/// What counters are judged by beside their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryStarts {
    /// By the starts of their samples, where senders tell them, as Prometheus does with `use-start-timestamps`.
    #[default]
    Used,
    /// By nothing else, as Prometheus does without; where senders tell wrong starts.
    Ignored,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9595)),
            grpc_listen: OtlpListen::Standard,
            otlp_http_listen: OtlpListen::Standard,
            external_url: None,
            allowed_hosts: Vec::new(),
            query_timeout: HumanDuration::from_secs(120),
            query_concurrency: None,
            query_samples_max: 50_000_000,
            query_memory_max: HumanBytes(promql::limits::MEMORY_MAX as u64),
            query_read_max: None,
            query_spill_max: HumanBytes(QUERY_SPILL_BYTES),
            query_cache_size: HumanBytes(QUERY_CACHE_BYTES),
            query_lookback: HumanDuration::from_secs(300),
            query_windows: QueryWindows::default(),
            query_experimental: true,
            query_start_timestamps: QueryStarts::default(),
            admin_api: false,
        }
    }
}

impl Config {
    /// Everything that is wrong with the section, each with its key and the mend.
    pub fn validate(&self) -> Vec<Error> {
        let mut faults = Vec::new();
        let mut fault = |key: &'static str, problem: String| faults.push(Error::Config { key, problem });
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
        if let Some(url) = self.external_url.as_ref().filter(|url| !is_web(url)) {
            fault(
                "external_url",
                format!(
                    "`{url}` is not an address of a web server; write for example https://watch.example.org"
                ),
            );
        }
        self.check_otlp_ports(&mut fault);
        for host in &self.allowed_hosts {
            let clean = host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
            if host.is_empty() || !clean {
                fault(
                    "allowed_hosts",
                    format!(
                        "{host:?} is not a host name; write it without scheme, port and path, for example watch.lan"
                    ),
                );
            }
        }
        if self.query_timeout.0.is_zero() {
            fault(
                "query_timeout",
                "must be longer than 0; write for example 2m".to_owned(),
            );
        }
        if self
            .query_concurrency
            .is_some_and(|count| !(1..=QUERY_CONCURRENCY_MAX).contains(&count))
        {
            fault(
                "query_concurrency",
                format!("must be 1 to {QUERY_CONCURRENCY_MAX}; leave the key out for one per CPU"),
            );
        }
        if self.query_samples_max == 0 {
            fault(
                "query_samples_max",
                "must be at least 1; the default is 50000000".to_owned(),
            );
        }
        if self.query_memory_max.0 < QUERY_MEMORY_MIN {
            fault(
                "query_memory_max",
                format!(
                    "must be at least {}; the default is 512MiB",
                    HumanBytes(QUERY_MEMORY_MIN)
                ),
            );
        }
        if self.query_lookback.0.is_zero() {
            fault(
                "query_lookback",
                "must be longer than 0; the default is 5m".to_owned(),
            );
        }
        faults
    }

    /// How queries in PromQL are evaluated, whoever asks.
    pub fn query_options(&self) -> promql::Options {
        promql::Options {
            tenant: TenantId::DEFAULT,
            lookback_ms: self.query_lookback.as_millis_i64(),
            samples_max: self.query_samples_max,
            memory_max: usize::try_from(self.query_memory_max.0).unwrap_or(usize::MAX),
            windows: match self.query_windows {
                QueryWindows::LeftOpen => promql::Windows::LeftOpen,
                QueryWindows::Closed => promql::Windows::Closed,
            },
            starts: match self.query_start_timestamps {
                QueryStarts::Used => promql::Starts::Used,
                QueryStarts::Ignored => promql::Starts::Ignored,
            },
            ..promql::Options::default()
        }
    }

    /// Reads an expression, without what is not let in.
    pub fn parse(&self, text: &str) -> Result<promql::Expr, promql::ParseError> {
        let expr = promql::parse(text)?;
        self.check_expression(&expr)?;
        Ok(expr)
    }

    /// Whether the expression uses only what is let in.
    pub fn check_expression(&self, expr: &promql::Expr) -> Result<(), promql::ParseError> {
        match expr.first_experimental() {
            Some(mut error) if !self.query_experimental => {
                error
                    .message
                    .push_str(" and not let in; set server.query_experimental: true");
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// No two of the ports may be the same one.
    fn check_otlp_ports(&self, fault: &mut impl FnMut(&'static str, String)) {
        let (grpc, http) = (self.grpc_listen.named(), self.otlp_http_listen.named());
        let same = |address: Option<SocketAddr>, other: Option<SocketAddr>| {
            address.is_some_and(|address| address.port() != 0 && Some(address) == other)
        };
        if same(grpc, Some(self.listen)) || same(grpc, http) {
            fault(
                "grpc_listen",
                "is the address of another listener; give it one of its own".to_owned(),
            );
        }
        if same(http, Some(self.listen)) {
            fault(
                "otlp_http_listen",
                "is the address of `listen`, which takes OTLP at /v1/metrics anyway; leave the key out"
                    .to_owned(),
            );
        }
    }
}

fn listen_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    parse_address(&String::deserialize(deserializer)?)
}

/// Reads an address to listen on.
pub(crate) fn parse_address<E: serde::de::Error>(text: &str) -> Result<SocketAddr, E> {
    text.parse().map_err(|_| {
        E::custom(format!(
            "{text:?} is not an address to listen on; write an IP address and a port, for example 127.0.0.1:9595 \
             or [::1]:9595, or 0.0.0.0:9595 for every interface"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_listens_on_loopback_and_is_valid() {
        let config = Config::default();
        assert!(config.listen.ip().is_loopback());
        assert!(config.validate().is_empty());
    }

    #[test]
    fn every_fault_names_its_key_and_the_mend() {
        let config: Config = serde_json::from_str(
            r#"{"external_url": "ftp://x/", "allowed_hosts": ["http://a"], "query_timeout": "0s", "query_concurrency": 0}"#,
        )
        .unwrap();
        let faults: Vec<String> = config.validate().iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), 4, "{faults:?}");
        for (fault, key) in faults.iter().zip([
            "external_url",
            "allowed_hosts",
            "query_timeout",
            "query_concurrency",
        ]) {
            assert!(fault.starts_with(&format!("server.{key}: ")), "{fault}");
        }
    }

    #[test]
    fn ports_for_otlp_are_standard_named_or_off() {
        let read = |value: &str| serde_json::from_str::<Config>(&format!(r#"{{"grpc_listen": {value}}}"#));
        assert_eq!(Config::default().grpc_listen, OtlpListen::Standard);
        let named = OtlpListen::At("0.0.0.0:4317".parse().unwrap());
        for (value, listen) in [
            (r#""0.0.0.0:4317""#, named),
            (r#""off""#, OtlpListen::Off),
            ("false", OtlpListen::Off),
            ("null", OtlpListen::Standard),
        ] {
            let config = read(value).unwrap();
            assert_eq!(config.grpc_listen, listen, "{value}");
            let written = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<Config>(&written).unwrap(), config);
        }
        assert!(read("4317").is_err());
        assert!(
            read(r#""localhost:4317""#)
                .unwrap_err()
                .to_string()
                .contains("off")
        );
        let same: Config = serde_json::from_str(
            r#"{"grpc_listen": "127.0.0.1:9595", "otlp_http_listen": "127.0.0.1:9595"}"#,
        )
        .unwrap();
        assert_eq!(same.validate().len(), 2);
    }

    #[test]
    fn unknown_keys_and_bad_addresses_are_refused() {
        let refused = |text: &str| serde_json::from_str::<Config>(text).unwrap_err().to_string();
        assert!(refused(r#"{"tls": {}}"#).contains("unknown field `tls`"));
        assert!(refused(r#"{"listen": "localhost"}"#).contains("127.0.0.1:9595"));
    }
}
