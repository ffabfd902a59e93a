//! Headers that a configuration may not set, because the client sets them itself.

use super::HttpHeader;

/// Source: prometheus/common/config `ReservedHeaders`, prometheus/config `reservedHeaders`.
const RESERVED: [&str; 18] = [
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
    "x-prometheus-scrape-timeout-seconds",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// Checks plain headers under `key`: remote endpoints and tracing have them as a mapping of texts.
pub(super) fn check_plain<'a>(
    key: &str,
    headers: impl IntoIterator<Item = (&'a String, &'a String)>,
    faults: &mut Vec<String>,
) {
    for (name, value) in headers {
        check_name(key, name, faults);
        check_value(key, name, value, faults);
    }
}

/// Checks `http_headers`.
pub(super) fn check_http_headers<'a>(
    headers: impl IntoIterator<Item = (&'a String, &'a HttpHeader)>,
    faults: &mut Vec<String>,
) {
    for (name, header) in headers {
        check_name("http_headers", name, faults);
        let secrets = header.secrets.iter().map(|secret| secret.expose());
        for value in header.values.iter().map(String::as_str).chain(secrets) {
            check_value("http_headers", name, value, faults);
        }
    }
}

fn check_name(key: &str, name: &str, faults: &mut Vec<String>) {
    if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
        faults.push(format!(
            "{key} has {name:?}, which is not a header name; rename it"
        ));
    }
    let lower = name.to_ascii_lowercase();
    if lower == "authorization" {
        faults.push(format!(
            "{key} sets {name:?}, which the client sets itself; use authorization, basic_auth or oauth2"
        ));
    } else if RESERVED.contains(&lower.as_str()) {
        faults.push(format!(
            "{key} sets {name:?}, which the client sets itself; remove it"
        ));
    }
}

fn check_value(key: &str, name: &str, value: &str, faults: &mut Vec<String>) {
    if http::HeaderValue::from_str(value).is_err() {
        faults.push(format!(
            "{key} gives {name:?} a value with characters that no header may have; remove them"
        ));
    }
}
