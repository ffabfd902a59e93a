//! `dns_sd_configs`: targets named by DNS records.

use serde::{Deserialize, Deserializer, de};
use stdx::HumanDuration;

use crate::config::section::{Checked, section};

section! {
    /// An entry of `dns_sd_configs`.
    pub struct DnsDiscovery {
        /// Names to ask for.
        pub names: Vec<String>,
        /// The kind of record; `SRV` where absent.
        #[serde(rename = "type")]
        pub record: DnsRecord,
        /// The port of targets whose records name none.
        pub port: Option<u16>,
        /// Time between questions.
        #[serde(default = "crate::config::discovery::seconds_30")]
        pub refresh_interval: HumanDuration,
    }
}

/// Kinds of DNS records that name targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DnsRecord {
    /// Host and port.
    #[default]
    Srv,
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// A mail server.
    Mx,
    /// A name server.
    Ns,
}

impl<'de> Deserialize<'de> for DnsRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.to_ascii_uppercase().as_str() {
            "SRV" => Ok(Self::Srv),
            "A" => Ok(Self::A),
            "AAAA" => Ok(Self::Aaaa),
            "MX" => Ok(Self::Mx),
            "NS" => Ok(Self::Ns),
            _ => Err(de::Error::custom(format!(
                "unknown type {text:?} of DNS records; write SRV, A, AAAA, MX or NS"
            ))),
        }
    }
}

impl Checked for DnsDiscovery {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.names.is_empty() {
            faults.push("dns_sd_configs: names is empty; name at least one".to_owned());
        }
        if self.record != DnsRecord::Srv && self.port.is_none_or(|port| port == 0) {
            faults.push("dns_sd_configs: port is missing; only SRV records name one themselves".to_owned());
        }
        super::check_refresh("dns_sd_configs", self.refresh_interval, &mut faults);
        faults
    }
}
