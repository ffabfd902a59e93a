//! The HTTP client of one job: TLS, proxy, redirects.

use std::path::PathBuf;

use reqwest::{Certificate, Client, ClientBuilder, Identity, Proxy, redirect, tls};
use stdx::http_client;
use tracing::warn;

use crate::config::tls::TlsVersion;
use crate::config::{Job, Secret};
use crate::error::IngestError;
use crate::limits::{IDLE_CONNECTIONS_PER_HOST_MAX, REDIRECTS_MAX};

/// Builds the client; reads certificates that the configuration names.
pub(super) fn build(job: &Job) -> Result<Client, IngestError> {
    let build_error = |source| IngestError::BuildClient {
        job: job.config.job_name.clone(),
        source,
    };
    let configured = || -> Result<ClientBuilder, IngestError> {
        let builder = with_proxy(plain(job), job).map_err(build_error)?;
        with_tls(builder, job)
    };
    let tls = &job.config.http.tls_config;
    let trusts_machine = tls.ca.is_none() && tls.ca_file.is_none();
    let built = http_client::build(configured, trusts_machine, build_error)?;
    if built.trusts_nobody {
        warn!(
            job = job.config.job_name,
            mend = http_client::NO_CERTIFICATES_MEND,
            "https targets will fail"
        );
    }
    Ok(built.client)
}

fn plain(job: &Job) -> ClientBuilder {
    let follow = job.config.http.follow_redirects.unwrap_or(true);
    let builder = Client::builder()
        .user_agent(concat!("Watchkeeper/", env!("CARGO_PKG_VERSION")))
        .gzip(job.config.enable_compression.unwrap_or(true))
        .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST_MAX)
        .pool_idle_timeout(job.interval.0.saturating_mul(2))
        .referer(false)
        .redirect(if follow {
            redirect::Policy::limited(REDIRECTS_MAX)
        } else {
            redirect::Policy::none()
        });
    if job.config.http.enable_http2.unwrap_or(true) {
        builder
    } else {
        builder.http1_only()
    }
}

fn with_proxy(builder: ClientBuilder, job: &Job) -> Result<ClientBuilder, reqwest::Error> {
    if job.config.http.proxy_from_environment {
        return Ok(builder);
    }
    let builder = builder.no_proxy();
    let Some(url) = job.config.http.proxy_url.as_deref().filter(|url| !url.is_empty()) else {
        return Ok(builder);
    };
    let exceptions = job
        .config
        .http
        .no_proxy
        .as_deref()
        .and_then(reqwest::NoProxy::from_string);
    let mut headers = http::HeaderMap::new();
    for (name, values) in &job.config.http.proxy_connect_header {
        for value in values {
            let name = http::HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_str(value.expose())) {
                headers.append(name, value);
            }
        }
    }
    Ok(builder.proxy(Proxy::all(url)?.no_proxy(exceptions).headers(headers)))
}

fn with_tls(mut builder: ClientBuilder, job: &Job) -> Result<ClientBuilder, IngestError> {
    let config = &job.config.http.tls_config;
    if let Some((pem, place)) = text_or_file(config.ca.as_deref(), config.ca_file.as_deref(), "ca")? {
        let bad = |error: &reqwest::Error| bad_file(&place, error);
        let certificates = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|error| bad(&error))?;
        builder = builder.tls_certs_only(certificates);
    }
    let key = config.key.as_ref().map(Secret::expose);
    let cert = text_or_file(config.cert.as_deref(), config.cert_file.as_deref(), "cert")?;
    let key = text_or_file(key, config.key_file.as_deref(), "key")?;
    if let (Some((cert, place)), Some((key, _))) = (cert, key) {
        let both = format!("{key}\n{cert}");
        let identity = Identity::from_pem(both.as_bytes()).map_err(|error| bad_file(&place, &error))?;
        builder = builder.identity(identity);
    }
    if let Some(version) = config.min_version {
        builder = builder.tls_version_min(version_of(version));
    }
    if let Some(version) = config.max_version {
        builder = builder.tls_version_max(version_of(version));
    }
    Ok(builder.tls_danger_accept_invalid_certs(config.insecure_skip_verify))
}

fn version_of(version: TlsVersion) -> tls::Version {
    match version {
        TlsVersion::Tls10 | TlsVersion::Tls11 | TlsVersion::Tls12 => tls::Version::TLS_1_2,
        TlsVersion::Tls13 => tls::Version::TLS_1_3,
    }
}

/// A PEM text from the configuration or the file it names, and where it came from.
fn text_or_file(
    text: Option<&str>,
    file: Option<&str>,
    key: &str,
) -> Result<Option<(String, PathBuf)>, IngestError> {
    if let Some(text) = text {
        return Ok(Some((
            text.to_owned(),
            PathBuf::from(format!("tls_config: {key}")),
        )));
    }
    let Some(path) = file.map(PathBuf::from) else {
        return Ok(None);
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((text, path))),
        Err(source) => Err(IngestError::ReadFile { path, source }),
    }
}

fn bad_file(place: &std::path::Path, error: &reqwest::Error) -> IngestError {
    IngestError::BadFile {
        path: place.to_owned(),
        reason: format!("not a PEM text that can be used: {error}"),
    }
}
