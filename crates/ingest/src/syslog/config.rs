//! The `syslog` section: where to listen, and what every message gets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use model::names::is_legacy_label_name;
use serde::Deserialize;

/// How syslog is heard. Off where no address is given.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address that takes packets.
    pub listen_udp: Option<SocketAddr>,
    /// The address that takes connections.
    pub listen_tcp: Option<SocketAddr>,
    /// The address that takes connections with TLS.
    pub listen_tls: Option<SocketAddr>,
    /// What is shown and asked for there.
    pub tls: TlsFiles,
    /// The zone of messages that tell none, by its IANA name; this machine's where it is not set.
    pub time_zone: Option<String>,
    /// Labels of every stream.
    pub labels: BTreeMap<String, String>,
}

/// Files in PEM form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsFiles {
    /// The certificate that is shown, with those between it and its authority.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
    /// Authorities of which clients must show a certificate; none is asked for where it is not set.
    pub client_ca_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen_udp: None,
            listen_tcp: None,
            listen_tls: None,
            tls: TlsFiles::default(),
            time_zone: None,
            labels: BTreeMap::from([("job".to_owned(), "syslog".to_owned())]),
        }
    }
}

impl Config {
    /// Whether anything is to be heard.
    pub fn is_on(&self) -> bool {
        self.listen_udp.is_some() || self.listen_tcp.is_some() || self.listen_tls.is_some()
    }

    /// Makes relative paths relative to `base`, the file's folder.
    pub fn resolve_paths(&mut self, base: &Path) {
        let files = [
            &mut self.tls.cert_file,
            &mut self.tls.key_file,
            &mut self.tls.client_ca_file,
        ];
        for file in files.into_iter().flatten() {
            *file = base.join(&file);
        }
    }

    /// The zone of messages that tell none.
    ///
    /// # Errors
    /// There is no zone of that name.
    pub(super) fn zone(&self) -> Result<TimeZone, String> {
        match &self.time_zone {
            None => Ok(TimeZone::system()),
            Some(name) => TimeZone::get(name).map_err(|error| error.to_string()),
        }
    }

    /// What is wrong with the section; an empty list says that it is valid.
    pub fn validate(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut add = |wrong: bool, what: String| {
            if wrong {
                faults.push(format!("syslog.{what}"));
            }
        };
        let has_cert = self.tls.cert_file.is_some() && self.tls.key_file.is_some();
        add(
            self.listen_tls.is_some() && !has_cert,
            "listen_tls needs a certificate; set tls.cert_file and tls.key_file".to_owned(),
        );
        add(
            self.listen_tls.is_none() && self.tls != TlsFiles::default(),
            "tls has no effect without listen_tls; set it, or remove tls".to_owned(),
        );
        let zone = self.zone();
        add(
            zone.is_err(),
            format!(
                "time_zone is {:?}, which is no zone; write a name such as Europe/Berlin",
                self.time_zone.as_deref().unwrap_or_default()
            ),
        );
        for name in self.labels.keys() {
            add(
                !is_legacy_label_name(name),
                format!(
                    "labels has {name:?}, which cannot name a label; use letters, digits and underscores"
                ),
            );
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_key() {
        let check = |text: &str, fault: &str| {
            let config: Config = stdx::yaml::read(text).unwrap();
            let faults = config.validate();
            assert!(
                faults.len() == 1 && faults[0].contains(fault),
                "{text}: {faults:?}"
            );
        };
        check("listen_tls: 127.0.0.1:6514", "tls.cert_file");
        check("tls: {cert_file: a, key_file: b}", "without listen_tls");
        check("time_zone: Nowhere/Land", "time_zone");
        check("labels: {a b: c}", "labels");
        assert!(Config::default().validate().is_empty() && !Config::default().is_on());
        let mut config: Config =
            stdx::yaml::read("{listen_tls: '127.0.0.1:6514', tls: {cert_file: a, key_file: /b}}").unwrap();
        config.resolve_paths(Path::new("/etc"));
        assert_eq!(config.tls.cert_file, Some("/etc/a".into()));
        assert_eq!(config.tls.key_file, Some("/b".into()));
        assert!(config.validate().is_empty() && config.is_on());
    }
}
