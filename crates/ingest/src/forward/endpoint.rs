//! One `remote_write` section, made ready: where requests go, what they carry, and how long is waited.

use std::time::Duration;

use model::Labels;
use stdx::Backoff;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::client::{HttpClient, Setup};
use crate::config::remote::{RemoteWrite, RemoteWriteMessage};
use crate::error::IngestError;
use crate::relabel::{self, TooMuchMade};

/// A store that samples are sent to.
#[derive(Debug)]
pub(super) struct Endpoint {
    name: String,
    pub(super) url: Url,
    pub(super) section: RemoteWrite,
    pub(super) external_labels: Labels,
    pub(super) client: HttpClient,
}

/// Its name in metrics, logs and the queue, where no other has the same.
pub(super) fn name(section: &RemoteWrite) -> String {
    match section.name.as_deref() {
        Some(name) if !name.is_empty() => name.to_owned(),
        // The address may hold a password, so that its hash stands for it.
        _ => format!("{:06x}", xxh3_64(written_url(section).as_bytes()) >> 40),
    }
}

/// Why nothing can be sent to a section that Prometheus would take.
pub(super) fn fault(section: &RemoteWrite) -> Option<String> {
    let name = name(section);
    if section.cloud_signature {
        return Some(format!(
            "remote_write {name:?}: requests are not signed for sigv4, azuread or google_iam, so nothing is sent; use basic_auth, \
             authorization or oauth2"
        ));
    }
    parse_url(section).is_none().then(|| {
        format!(
            "remote_write {name:?}: url is not an http or https address, so nothing is sent; write for example \
             http://host:9090/api/v1/write"
        )
    })
}

fn written_url(section: &RemoteWrite) -> &str {
    section.url.as_deref().unwrap_or_default()
}

fn parse_url(section: &RemoteWrite) -> Option<Url> {
    let url = Url::parse(written_url(section)).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

impl Endpoint {
    /// Reads the certificates that the section names.
    pub(super) fn new(
        name: &str,
        section: &RemoteWrite,
        external_labels: &Labels,
    ) -> Result<Self, IngestError> {
        let url = parse_url(section).ok_or_else(|| IngestError::InvalidConfig {
            messages: fault(section).into_iter().collect(),
        })?;
        let setup = Setup {
            owner: format!("remote_write {name:?}"),
            gzip: false,
            idle: Duration::from_mins(5),
            unix_socket: None,
        };
        Ok(Self {
            client: HttpClient::new(&section.http, &setup)?,
            section: section.clone(),
            external_labels: external_labels.clone(),
            name: name.to_owned(),
            url,
        })
    }

    /// Its name in metrics, logs and the queue.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether another was made of the same configuration.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.section == other.section && self.external_labels == other.external_labels
    }

    pub(super) fn backoff(&self) -> Backoff {
        let queue = &self.section.queue_config;
        Backoff {
            first: queue.min_backoff.0,
            ceiling: queue.max_backoff.0,
        }
    }

    /// What a series is called there; `None` where it is not sent. External labels come first, then the rules, as in
    /// Prometheus.
    pub(super) fn labels(&self, labels: &Labels) -> Result<Option<Labels>, TooMuchMade> {
        let mut builder = labels.to_builder();
        for (name, value) in &self.external_labels {
            if builder.get(name).is_none() {
                builder.set(name, value);
            }
        }
        let kept = relabel::apply(&self.section.write_relabel_configs, &mut builder)?;
        let labels = kept.then(|| builder.build());
        Ok(labels.filter(|labels| !labels.is_empty()))
    }

    pub(super) fn is_v2(&self) -> bool {
        self.section.protobuf_message == RemoteWriteMessage::V2
    }
}
