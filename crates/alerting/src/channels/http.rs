//! What HTTP channels share: the client and the credentials of an `http_config`.

use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use crate::config::{Settings, nearest};
use crate::error::{ConfigError, Error};
use crate::limits;

/// The keys of `http_config` that delivery honours.
const KEYS: &[&str] = &[
    "basic_auth",
    "authorization",
    "bearer_token",
    "bearer_token_file",
    "follow_redirects",
    "enable_http2",
    "proxy_url",
    "tls_config",
    "http_headers",
];

/// Refuses what delivery could not honour, so that nobody believes it does.
pub(crate) fn validate(settings: &Settings, place: &str, errors: &mut Vec<ConfigError>) {
    let Some(config) = settings.get("http_config") else {
        return;
    };
    let place = format!("{place}.http_config");
    let Some(config) = config.as_object() else {
        errors.push(ConfigError::new(
            place,
            "expected a mapping",
            "write keys under it",
        ));
        return;
    };
    for name in config.keys().filter(|name| !KEYS.contains(&name.as_str())) {
        errors.push(ConfigError::new(
            format!("{place}.{name}"),
            format!("{name:?} is unknown or not supported for delivery"),
            nearest(name, KEYS),
        ));
    }
    let auths = ["basic_auth", "authorization", "bearer_token", "bearer_token_file"];
    if auths.iter().filter(|name| config.contains_key(**name)).count() > 1 {
        errors.push(ConfigError::new(
            place.clone(),
            "at most one of basic_auth, authorization, bearer_token & bearer_token_file must be configured",
            "keep one of them",
        ));
    }
    for (outer, inner) in [
        ("basic_auth", "password"),
        ("basic_auth", "username"),
        ("authorization", "credentials"),
    ] {
        let file = format!("{inner}_file");
        if config
            .get(outer)
            .is_some_and(|auth| auth.get(inner).is_some() && auth.get(&file).is_some())
        {
            errors.push(ConfigError::new(
                format!("{place}.{outer}"),
                format!("at most one of {inner} & {file} must be configured"),
                "keep one of them",
            ));
        }
    }
}

/// Builds the client of one channel.
pub(crate) fn client(settings: &Settings, receiver: &str) -> Result<Client, Error> {
    // Another room may have installed it already; then this does nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let failed = |source| Error::Client {
        receiver: receiver.to_owned(),
        source,
    };
    let config = settings.get("http_config");
    let setting = |name: &str| config.and_then(|config| config.get(name));
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
    if setting("follow_redirects").and_then(Value::as_bool) == Some(false) {
        builder = builder.redirect(reqwest::redirect::Policy::none());
    }
    builder = match setting("proxy_url").and_then(Value::as_str) {
        Some(proxy) => builder.proxy(reqwest::Proxy::all(proxy).map_err(failed)?),
        None => builder.no_proxy(),
    };
    if let Some(tls) = setting("tls_config") {
        if tls.get("insecure_skip_verify").and_then(Value::as_bool) == Some(true) {
            builder = builder.danger_accept_invalid_certs(true);
        }
        if let Some(pem) = tls
            .get("ca_file")
            .and_then(Value::as_str)
            .and_then(|path| std::fs::read(path).ok())
        {
            builder = builder.add_root_certificate(reqwest::Certificate::from_pem(&pem).map_err(failed)?);
        }
    }
    builder.build().map_err(failed)
}

/// Adds the credentials and headers of `http_config`. Files are read for every request, so that they can be changed.
pub(crate) async fn authorize(
    mut request: RequestBuilder,
    settings: &Settings,
) -> Result<RequestBuilder, String> {
    let Some(config) = settings.get("http_config") else {
        return Ok(request);
    };
    if let Some(auth) = config.get("basic_auth") {
        let username = text_or_file(auth, "username").await?.unwrap_or_default();
        request = request.basic_auth(username, text_or_file(auth, "password").await?);
    }
    if let Some(auth) = config.get("authorization") {
        let scheme = auth.get("type").and_then(Value::as_str).unwrap_or("Bearer");
        let credentials = text_or_file(auth, "credentials").await?.unwrap_or_default();
        request = request.header("authorization", format!("{scheme} {credentials}"));
    }
    if let Some(token) = text_or_file(config, "bearer_token").await? {
        request = request.bearer_auth(token);
    }
    let headers = config.get("http_headers").and_then(Value::as_object);
    for (name, header) in headers.into_iter().flatten() {
        for list in ["values", "secrets"] {
            for value in header.get(list).and_then(Value::as_array).into_iter().flatten() {
                request = request.header(name, value.as_str().unwrap_or_default());
            }
        }
    }
    Ok(request)
}

/// The text under `name`, or the content of the file under `name_file`.
async fn text_or_file(config: &Value, name: &str) -> Result<Option<String>, String> {
    if let Some(text) = config.get(name).and_then(Value::as_str) {
        return Ok(Some(text.to_owned()));
    }
    match config.get(format!("{name}_file")).and_then(Value::as_str) {
        Some(path) => read_secret(path).await.map(Some),
        None => Ok(None),
    }
}

/// The trimmed content of a file with a secret.
pub(crate) async fn read_secret(path: &str) -> Result<String, String> {
    match tokio::fs::read_to_string(path).await {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => Err(format!("cannot read {path}: {error}")),
    }
}
