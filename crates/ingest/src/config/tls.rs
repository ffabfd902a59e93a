//! `tls_config`: whom to trust, what to show, which versions to speak.

use std::path::Path;

use serde::{Deserialize, Deserializer, de};
use stdx::paths::resolve;

use super::Secret;

/// TLS of connections to servers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// Certificates that are trusted instead of the system's, as text.
    pub ca: Option<String>,
    /// The same in a file.
    pub ca_file: Option<String>,
    /// The certificate shown to the server, as text.
    pub cert: Option<String>,
    /// The same in a file.
    pub cert_file: Option<String>,
    /// Its key, as text.
    pub key: Option<Secret>,
    /// The same in a file.
    pub key_file: Option<String>,
    /// The name that the server's certificate must have, in place of the host in the address.
    pub server_name: Option<String>,
    /// Whether the server's certificate is not verified.
    pub insecure_skip_verify: bool,
    /// The oldest version allowed.
    pub min_version: Option<TlsVersion>,
    /// The newest version allowed.
    pub max_version: Option<TlsVersion>,
}

/// A version of TLS. 1.0 and 1.1 are known by name only: as a lower bound they mean 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.0, not spoken.
    Tls10,
    /// TLS 1.1, not spoken.
    Tls11,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl TlsConfig {
    pub(super) fn resolve_paths(&mut self, base: &Path) {
        for path in [&mut self.ca_file, &mut self.cert_file, &mut self.key_file]
            .into_iter()
            .flatten()
        {
            resolve(path, base);
        }
    }

    pub(super) fn check(&self, faults: &mut Vec<String>) {
        let both = [
            (self.ca.is_some() && self.ca_file.is_some(), "ca"),
            (self.cert.is_some() && self.cert_file.is_some(), "cert"),
            (self.key.is_some() && self.key_file.is_some(), "key"),
        ];
        let both = both.iter().filter(|(wrong, _)| *wrong);
        faults.extend(
            both.map(|(_, key)| format!("tls_config has both {key} and {key}_file; keep one of them")),
        );
        let cert = self.cert.is_some() || self.cert_file.is_some();
        let key = self.key.is_some() || self.key_file.is_some();
        let versions = self.min_version.zip(self.max_version);
        let others = [
            (
                cert != key,
                "has a client certificate without its key or a key without its certificate; give both or none",
            ),
            (
                versions.is_some_and(|(min, max)| min > max),
                "has a min_version above its max_version; swap them",
            ),
            (
                self.max_version.is_some_and(|max| max < TlsVersion::Tls12),
                "has a max_version below TLS12, the oldest version that this build speaks; raise it",
            ),
        ];
        let others = others.iter().filter(|(wrong, _)| *wrong);
        faults.extend(others.map(|(_, what)| format!("tls_config {what}")));
    }
}

impl<'de> Deserialize<'de> for TlsVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "TLS10" => Ok(Self::Tls10),
            "TLS11" => Ok(Self::Tls11),
            "TLS12" => Ok(Self::Tls12),
            "TLS13" => Ok(Self::Tls13),
            _ => Err(de::Error::custom(format!(
                "unknown TLS version {text:?}; write TLS12 or TLS13"
            ))),
        }
    }
}
