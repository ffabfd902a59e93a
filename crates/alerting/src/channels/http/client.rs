//! The client of one channel: proxy, redirects, and the certificates that its `http_config` names.

use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, Identity, Proxy, redirect, tls};
use serde_json::Value;
use stdx::http_client::{self, HttpClient};

use crate::config::Settings;
use crate::error::ConfigError;
use crate::limits;

/// Whom to trust and what to show, read from the files that name it.
#[derive(Default)]
struct Certificates {
    /// Trusted instead of the machine's.
    trusted: Option<Vec<Certificate>>,
    /// Shown to the server.
    own: Option<Identity>,
}

/// Builds the client. Certificates are read now; other files are read for every request.
///
/// # Errors
/// What cannot be read or used, by its key below the channel.
pub(crate) fn build(settings: &Settings) -> Result<HttpClient, ConfigError> {
    let none = Value::Null;
    let config = settings.get("http_config").unwrap_or(&none);
    let tls = config.get("tls_config").unwrap_or(&none);
    let certificates = Certificates::read(tls)?;
    let configured = || {
        let builder = with_proxy(plain(settings, config), config)?;
        Ok(with_tls(builder, tls, &certificates))
    };
    let failed = |error: reqwest::Error| {
        ConfigError::new(
            "http_config",
            format!("no HTTP client can be built of it: {}", chain(&error)),
            "mend tls_config and proxy_url",
        )
    };
    http_client::build(configured, certificates.trusted.is_none(), failed)
}

fn plain(settings: &Settings, config: &Value) -> ClientBuilder {
    let timeout = settings
        .text("timeout")
        .and_then(|text| stdx::HumanDuration::parse(text).ok())
        .filter(|timeout| timeout.as_millis_i64() > 0)
        .map_or(Duration::from_millis(limits::SEND_TIMEOUT_MS), |timeout| {
            timeout.0
        });
    let mut builder = Client::builder()
        .user_agent(concat!("watchkeeper/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_millis(limits::SEND_TIMEOUT_MS)))
        .pool_max_idle_per_host(limits::SENDS_AT_ONCE_MAX);
    if config.get("follow_redirects").and_then(Value::as_bool) == Some(false) {
        builder = builder.redirect(redirect::Policy::none());
    }
    if config.get("enable_http2").and_then(Value::as_bool) == Some(false) {
        builder = builder.http1_only();
    }
    builder
}

fn with_proxy(builder: ClientBuilder, config: &Value) -> Result<ClientBuilder, ConfigError> {
    let address = config.get("proxy_url").and_then(Value::as_str);
    let Some(address) = address.filter(|address| !address.is_empty()) else {
        return Ok(builder.no_proxy());
    };
    // The address may hold a password, so it is kept out of the text.
    let proxy = Proxy::all(address).map_err(|error| {
        ConfigError::new(
            "http_config.proxy_url",
            format!("not the address of a proxy: {}", error.without_url()),
            "write for example http://127.0.0.1:3128",
        )
    })?;
    Ok(builder.proxy(proxy))
}

fn with_tls(mut builder: ClientBuilder, tls: &Value, certificates: &Certificates) -> ClientBuilder {
    if let Some(trusted) = &certificates.trusted {
        builder = builder.tls_certs_only(trusted.iter().cloned());
    }
    if let Some(own) = &certificates.own {
        builder = builder.identity(own.clone());
    }
    let version = |name: &str| match tls.get(name)?.as_str()? {
        "TLS13" => Some(tls::Version::TLS_1_3),
        // Older ones are not spoken: as a lower bound they mean this one.
        "TLS10" | "TLS11" | "TLS12" => Some(tls::Version::TLS_1_2),
        _ => None,
    };
    if let Some(version) = version("min_version") {
        builder = builder.tls_version_min(version);
    }
    if let Some(version) = version("max_version") {
        builder = builder.tls_version_max(version);
    }
    let skips = tls.get("insecure_skip_verify").and_then(Value::as_bool);
    builder.tls_danger_accept_invalid_certs(skips == Some(true))
}

// === impl Certificates ===

impl Certificates {
    fn read(tls: &Value) -> Result<Self, ConfigError> {
        let mut read = Self::default();
        if let Some((key, pem)) = pem(tls, "ca")? {
            let trusted = Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default();
            if trusted.is_empty() {
                return Err(unusable(&key, "it holds no certificate in PEM form"));
            }
            try_out(&key, || Client::builder().tls_certs_only(trusted.iter().cloned()))?;
            read.trusted = Some(trusted);
        }
        if let (Some((cert_key, cert)), Some((_, key))) = (pem(tls, "cert")?, pem(tls, "key")?) {
            let both = format!("{key}\n{cert}");
            let own = Identity::from_pem(both.as_bytes()).map_err(|error| {
                unusable(
                    &cert_key,
                    &format!("with its key it is no identity: {}", chain(&error)),
                )
            })?;
            try_out(&cert_key, || {
                Client::builder().tls_certs_only([]).identity(own.clone())
            })?;
            read.own = Some(own);
        }
        Ok(read)
    }
}

/// Builds a client with one certificate alone: its fault is said here, where its key is known.
fn try_out(key: &str, configured: impl Fn() -> ClientBuilder) -> Result<(), ConfigError> {
    let failed = |error: reqwest::Error| unusable(key, &chain(&error));
    http_client::build(|| Ok(configured()), false, failed).map(|_| ())
}

/// The PEM text under `name`, or in the file under `name_file`, with the key that gave it.
fn pem(tls: &Value, name: &str) -> Result<Option<(String, String)>, ConfigError> {
    let text = |key: &str| {
        tls.get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    if let Some(text) = text(name) {
        return Ok(Some((name.to_owned(), text.to_owned())));
    }
    let key = format!("{name}_file");
    let Some(path) = text(&key) else {
        return Ok(None);
    };
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((key, text))),
        Err(error) => Err(unusable(&key, &format!("cannot read {path}: {error}"))),
    }
}

fn unusable(key: &str, message: &str) -> ConfigError {
    ConfigError::new(
        format!("http_config.tls_config.{key}"),
        message,
        "name a readable file in PEM form",
    )
}

/// An error with its causes: "builder error" alone helps nobody.
pub(in crate::channels) fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
