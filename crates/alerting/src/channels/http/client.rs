//! The client of one channel: proxy, redirects, and the certificates that its `http_config` names.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, Proxy, redirect};
use serde_json::Value;
use stdx::http_client::{self, HttpClient, chain};
use stdx::tls::{Pem, Tls, TlsSettings, TlsVersion};

use crate::config::Settings;
use crate::error::ConfigError;
use crate::limits;

/// Builds the client. Certificates are read now; other files are read for every request.
///
/// # Errors
/// What cannot be read or used, by its key below the channel.
pub(crate) fn build(settings: &Settings) -> Result<HttpClient, ConfigError> {
    let none = Value::Null;
    let config = settings.get("http_config").unwrap_or(&none);
    let tls = config.get("tls_config").unwrap_or(&none);
    let tls = tls_of(tls)?;
    let http2 = config.get("enable_http2").and_then(Value::as_bool) != Some(false);
    let configured = || {
        let builder = with_proxy(plain(settings, config), config)?;
        tls.configure(builder, http2)
            .map_err(|fault| unusable(&fault.place, &fault.reason))
    };
    let failed = |error: reqwest::Error| {
        ConfigError::new(
            "http_config",
            format!("no HTTP client can be built of it: {}", chain(&error)),
            "mend tls_config and proxy_url",
        )
    };
    http_client::build(configured, tls.trusts_machine(), failed)
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

/// What `tls_config` says. Its certificates are read now.
fn tls_of(config: &Value) -> Result<Tls, ConfigError> {
    let text = |key: &str| {
        config
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let pem = |name: &str| {
        let key = format!("{name}_file");
        let file = text(&key);
        let given = Pem::given(text(name), file, name).map_err(|error| {
            let path = file.unwrap_or_default();
            unusable(&key, &format!("cannot read {path}: {error}"))
        })?;
        // Messages name the key: whoever reads them looks at the configuration.
        let place = if text(name).is_some() {
            name.to_owned()
        } else {
            key
        };
        Ok::<_, ConfigError>(given.map(|pem| Pem { place, ..pem }))
    };
    let version = |name: &str| match text(name)? {
        "TLS13" => Some(TlsVersion::V13),
        // Older ones are not spoken: as a lower bound they mean this one.
        "TLS10" | "TLS11" | "TLS12" => Some(TlsVersion::V12),
        _ => None,
    };
    let settings = TlsSettings {
        ca: pem("ca")?,
        cert: pem("cert")?,
        key: pem("key")?,
        server_name: None,
        skip_verify: config.get("insecure_skip_verify").and_then(Value::as_bool) == Some(true),
        min_version: version("min_version"),
        max_version: version("max_version"),
    };
    Tls::new(settings).map_err(|fault| unusable(&fault.place, &fault.reason))
}

fn unusable(key: &str, message: &str) -> ConfigError {
    ConfigError::new(
        format!("http_config.tls_config.{key}"),
        message,
        "name a readable file in PEM form",
    )
}
