//! What HTTP channels share: the keys of `http_config`, the client, and the credentials of each request.

mod client;

use reqwest::RequestBuilder;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::config::{Settings, nearest};
use crate::error::ConfigError;

pub(crate) use client::build;

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

/// The keys of `tls_config` that delivery honours.
const TLS_KEYS: &[&str] = &[
    "ca",
    "ca_file",
    "cert",
    "cert_file",
    "key",
    "key_file",
    "insecure_skip_verify",
    "min_version",
    "max_version",
];

/// Refuses what delivery could not honour, so that nobody believes it does.
pub(crate) fn validate(settings: &Settings, place: &str, errors: &mut Vec<ConfigError>) {
    let Some(config) = settings.get("http_config") else {
        return;
    };
    let place = format!("{place}.http_config");
    let Some(config) = mapping(config, &place, errors) else {
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
        if let Some(auth) = config.get(outer).and_then(Value::as_object) {
            not_both(auth, inner, &format!("{place}.{outer}"), errors);
        }
    }
    validate_proxy(config, &place, errors);
    validate_headers(config, &place, errors);
    validate_tls(config, &place, errors);
}

fn validate_proxy(config: &Map<String, Value>, place: &str, errors: &mut Vec<ConfigError>) {
    let Some(proxy) = config.get("proxy_url").and_then(Value::as_str) else {
        return;
    };
    let usable = |text: &str| {
        url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    };
    if !proxy.is_empty() && !usable(proxy) {
        // The address may hold a password, so it is not repeated.
        errors.push(ConfigError::new(
            format!("{place}.proxy_url"),
            "not a valid http or https address",
            "write for example http://127.0.0.1:3128",
        ));
    }
}

fn validate_headers(config: &Map<String, Value>, place: &str, errors: &mut Vec<ConfigError>) {
    let headers = config.get("http_headers").and_then(Value::as_object);
    for (name, header) in headers.into_iter().flatten() {
        let mut values = ["values", "secrets"]
            .iter()
            .filter_map(|list| header.get(*list)?.as_array())
            .flatten();
        let value_is_good = |value: &Value| {
            value
                .as_str()
                .is_some_and(|text| HeaderValue::from_str(text).is_ok())
        };
        if HeaderName::from_bytes(name.as_bytes()).is_err() || !values.all(value_is_good) {
            errors.push(ConfigError::new(
                format!("{place}.http_headers.{name}"),
                "not a header that HTTP can carry",
                "write a plain name, and values of one line each",
            ));
        }
    }
}

fn validate_tls(config: &Map<String, Value>, place: &str, errors: &mut Vec<ConfigError>) {
    let Some(tls) = config.get("tls_config").filter(|tls| !tls.is_null()) else {
        return;
    };
    let place = format!("{place}.tls_config");
    let Some(tls) = mapping(tls, &place, errors) else {
        return;
    };
    for name in tls.keys().filter(|name| !TLS_KEYS.contains(&name.as_str())) {
        let (message, mend) = if name == "server_name" {
            (
                "delivery verifies the name in the address and no other".to_owned(),
                "remove server_name, and write that name in url".to_owned(),
            )
        } else {
            (format!("unknown key {name:?}"), nearest(name, TLS_KEYS))
        };
        errors.push(ConfigError::new(format!("{place}.{name}"), message, mend));
    }
    for name in ["ca", "cert", "key"] {
        not_both(tls, name, &place, errors);
    }
    let gives = |name: &str| given(tls, name).is_some() || given(tls, &format!("{name}_file")).is_some();
    if gives("cert") != gives("key") {
        errors.push(ConfigError::new(
            place.clone(),
            "a client certificate without its key, or a key without its certificate",
            "give both cert_file and key_file, or none",
        ));
    }
    if let Some(value) = tls
        .get("insecure_skip_verify")
        .filter(|value| !value.is_boolean())
    {
        errors.push(ConfigError::new(
            format!("{place}.insecure_skip_verify"),
            format!("{value} is neither true nor false"),
            "write true or false",
        ));
    }
    let versions = [
        ("min_version", &["TLS10", "TLS11", "TLS12", "TLS13"][..]),
        ("max_version", &["TLS12", "TLS13"]),
    ];
    for (name, known) in versions {
        if let Some(value) = given(tls, name).filter(|value| !known.contains(value)) {
            errors.push(ConfigError::new(
                format!("{place}.{name}"),
                format!("{value:?} is no version of TLS that can be used here"),
                "write TLS12 or TLS13",
            ));
        }
    }
    if given(tls, "min_version") == Some("TLS13") && given(tls, "max_version") == Some("TLS12") {
        errors.push(ConfigError::new(
            place,
            "min_version is above max_version",
            "swap them",
        ));
    }
}

/// The mapping under a key; anything else is a fault.
fn mapping<'a>(
    value: &'a Value,
    place: &str,
    errors: &mut Vec<ConfigError>,
) -> Option<&'a Map<String, Value>> {
    let found = value.as_object();
    if found.is_none() {
        errors.push(ConfigError::new(
            place,
            "expected a mapping",
            "write keys under it",
        ));
    }
    found
}

/// Refuses a value that is given as text and as a file.
fn not_both(config: &Map<String, Value>, name: &str, place: &str, errors: &mut Vec<ConfigError>) {
    let file = format!("{name}_file");
    if given(config, name).is_some() && given(config, &file).is_some() {
        errors.push(ConfigError::new(
            place,
            format!("at most one of {name} & {file} must be configured"),
            "keep one of them",
        ));
    }
}

/// The text under a key, unless it is empty.
fn given<'a>(config: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    config.get(name)?.as_str().filter(|text| !text.is_empty())
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
        for file in header
            .get("files")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            request = request.header(name, read_secret(file.as_str().unwrap_or_default()).await?);
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

#[cfg(test)]
mod tests;
