//! How requests to targets authenticate and connect.

use serde::{Deserialize, Deserializer, de};

use super::secret::Secret;

/// User name and password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BasicAuth {
    /// The user name.
    pub username: String,
    /// The file that holds the user name.
    pub username_file: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The file that holds the password; read at every scrape.
    pub password_file: Option<String>,
}

/// The `Authorization` header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Authorization {
    /// The word before the credentials; `Bearer` where absent.
    #[serde(rename = "type")]
    pub scheme: Option<String>,
    /// The credentials.
    pub credentials: Option<Secret>,
    /// The file that holds them; read at every scrape.
    pub credentials_file: Option<String>,
}

/// A header of its own; all values are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpHeader {
    /// Values.
    pub values: Vec<String>,
    /// Values that must not show.
    pub secrets: Vec<Secret>,
    /// Files that hold values; read at every scrape.
    pub files: Vec<String>,
}

/// TLS of the connections to targets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// Certificates that are trusted instead of the system's, as text.
    pub ca: Option<String>,
    /// The same in a file.
    pub ca_file: Option<String>,
    /// The certificate shown to the target, as text.
    pub cert: Option<String>,
    /// The same in a file.
    pub cert_file: Option<String>,
    /// Its key, as text.
    pub key: Option<Secret>,
    /// The same in a file.
    pub key_file: Option<String>,
    /// The name that the target's certificate must have; refused, because this build verifies the address only.
    pub server_name: Option<String>,
    /// Whether the target's certificate is not verified.
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
