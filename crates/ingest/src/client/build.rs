//! Builds a client: TLS, proxy, redirects.

use reqwest::{Client, ClientBuilder, Proxy, redirect};
use stdx::http_client;
use stdx::tls::{Pem, Tls, TlsSettings, TlsVersion as Spoken};
use tracing::warn;

use super::Setup;
use crate::config::tls::TlsVersion;
use crate::config::{HttpConfig, Secret, TlsConfig, http};
use crate::error::IngestError;
use crate::limits::{IDLE_CONNECTIONS_PER_HOST_MAX, REDIRECTS_MAX};

/// The client of a section.
pub(super) fn client(config: &HttpConfig, setup: &Setup) -> Result<Client, IngestError> {
    let plain = || {
        let follow = config.follow_redirects.unwrap_or(true);
        plain(setup).redirect(if follow {
            redirect::Policy::limited(REDIRECTS_MAX)
        } else {
            redirect::Policy::none()
        })
    };
    let http2 = config.enable_http2.unwrap_or(true);
    finish(plain, &config.tls_config, config.proxy(), http2, setup)
}

/// A client for a question beside the owner's own, which has TLS and proxy of its own.
pub(super) fn side_client(
    tls: &TlsConfig,
    proxy: http::Proxy<'_>,
    setup: &Setup,
) -> Result<Client, IngestError> {
    finish(|| plain(setup), tls, proxy, true, setup)
}

fn plain(setup: &Setup) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("Watchkeeper/", env!("CARGO_PKG_VERSION")))
        .gzip(setup.gzip)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST_MAX)
        .pool_idle_timeout(setup.idle)
        .referer(false)
}

fn finish(
    plain: impl Fn() -> ClientBuilder,
    tls: &TlsConfig,
    proxy: http::Proxy<'_>,
    http2: bool,
    setup: &Setup,
) -> Result<Client, IngestError> {
    let tls = tls_of(tls)?;
    let build_error = |source| IngestError::BuildClient {
        owner: setup.owner.clone(),
        source,
    };
    let configured = || -> Result<ClientBuilder, IngestError> {
        let mut builder = with_proxy(plain(), proxy).map_err(build_error)?;
        if !http2 {
            builder = builder.http1_only();
        }
        if let Some(socket) = &setup.unix_socket {
            builder = builder.unix_socket(socket.as_path());
        }
        tls.configure(builder, http2).map_err(bad_tls)
    };
    let built = http_client::build(configured, tls.trusts_machine(), build_error)?;
    if built.trusts_nobody {
        warn!(
            owner = setup.owner,
            mend = http_client::NO_CERTIFICATES_MEND,
            "https requests will fail"
        );
    }
    Ok(built.client)
}

fn with_proxy(builder: ClientBuilder, proxy: http::Proxy<'_>) -> Result<ClientBuilder, reqwest::Error> {
    if proxy.from_environment {
        return Ok(builder);
    }
    let builder = builder.no_proxy();
    let Some(address) = proxy.address() else {
        return Ok(builder);
    };
    let exceptions = proxy.exceptions.and_then(reqwest::NoProxy::from_string);
    let mut headers = ::http::HeaderMap::new();
    for (name, values) in proxy.headers {
        for value in values {
            let name = ::http::HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, ::http::HeaderValue::from_str(value.expose())) {
                headers.append(name, value);
            }
        }
    }
    Ok(builder.proxy(Proxy::all(address)?.no_proxy(exceptions).headers(headers)))
}

fn tls_of(config: &TlsConfig) -> Result<Tls, IngestError> {
    let pem = |text: Option<&str>, file: Option<&str>, key: &str| {
        Pem::given(text, file, &format!("tls_config: {key}")).map_err(|source| IngestError::ReadFile {
            path: file.unwrap_or_default().into(),
            source,
        })
    };
    let key = config.key.as_ref().map(Secret::expose);
    let settings = TlsSettings {
        ca: pem(config.ca.as_deref(), config.ca_file.as_deref(), "ca")?,
        cert: pem(config.cert.as_deref(), config.cert_file.as_deref(), "cert")?,
        key: pem(key, config.key_file.as_deref(), "key")?,
        server_name: config.server_name.clone().filter(|name| !name.is_empty()),
        skip_verify: config.insecure_skip_verify,
        min_version: config.min_version.map(spoken),
        max_version: config.max_version.map(spoken),
    };
    Tls::new(settings).map_err(bad_tls)
}

fn bad_tls(fault: stdx::tls::TlsFault) -> IngestError {
    IngestError::BadFile {
        path: fault.place.into(),
        reason: fault.reason,
    }
}

/// Older versions are not spoken: as a lower bound they mean 1.2.
fn spoken(version: TlsVersion) -> Spoken {
    match version {
        TlsVersion::Tls10 | TlsVersion::Tls11 | TlsVersion::Tls12 => Spoken::V12,
        TlsVersion::Tls13 => Spoken::V13,
    }
}
