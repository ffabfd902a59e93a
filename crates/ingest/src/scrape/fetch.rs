//! One request to a target: headers, secrets from files, and a body that is read only as far as it may go.

use std::error::Error as _;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::{Client, RequestBuilder, Response};
use tokio::io::AsyncReadExt as _;
use url::Url;

use crate::config::protocol::BodyFormat;
use crate::config::{Job, NameEscaping, ScrapeProtocol};
use crate::error::IngestError;
use crate::exposition::Format;
use crate::limits::SECRET_FILE_BYTES_MAX;

const SCRAPE_TIMEOUT_HEADER: &str = "x-prometheus-scrape-timeout-seconds";

/// A body that was read whole.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) format: BodyFormat,
}

/// Scrapes once, within `timeout` altogether. `expected_bytes` is how large the last body was.
pub(super) async fn fetch(
    client: &Client,
    job: &Job,
    url: &Url,
    timeout: Duration,
    expected_bytes: usize,
) -> Result<Body, IngestError> {
    let scrape = async {
        let request = request(client, job, url, timeout).await?;
        let response = request.send().await.map_err(|error| request_error(&error))?;
        if response.status() != StatusCode::OK {
            let status = response.status();
            return Err(IngestError::HttpStatus { status });
        }
        let format = format_of(job, response.headers())?;
        let bytes = read_capped(response, job.body_bytes_max, expected_bytes).await?;
        Ok(Body { bytes, format })
    };
    match tokio::time::timeout(timeout, scrape).await {
        Ok(result) => result,
        Err(_) => Err(IngestError::Timeout {
            timeout_seconds: timeout.as_secs_f64(),
        }),
    }
}

async fn request(
    client: &Client,
    job: &Job,
    url: &Url,
    timeout: Duration,
) -> Result<RequestBuilder, IngestError> {
    let mut request = client
        .get(url.clone())
        .header(ACCEPT, accept(&job.protocols, job.escaping))
        .header(SCRAPE_TIMEOUT_HEADER, timeout.as_secs_f64().to_string());
    if !job.config.enable_compression.unwrap_or(true) {
        request = request.header(ACCEPT_ENCODING, "identity");
    }
    request = authenticate(request, job).await?;
    for (name, header) in &job.config.http.http_headers {
        let mut values: Vec<String> = header.values.clone();
        values.extend(header.secrets.iter().map(|secret| secret.expose().to_owned()));
        for file in &header.files {
            values.push(secret_file(file).await?);
        }
        for value in values {
            let (Ok(name), Ok(mut value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(&value),
            ) else {
                return Err(IngestError::Request(format!(
                    "header {name:?} cannot be sent with its value"
                )));
            };
            value.set_sensitive(true);
            request = request.header(name, value);
        }
    }
    Ok(request)
}

async fn authenticate(request: RequestBuilder, job: &Job) -> Result<RequestBuilder, IngestError> {
    let config = &job.config.http;
    if let Some(basic) = &config.basic_auth {
        let username = match &basic.username_file {
            Some(file) => secret_file(file).await?,
            None => basic.username.clone(),
        };
        let password = match &basic.password_file {
            Some(file) => Some(secret_file(file).await?),
            None => basic.password.as_ref().map(|secret| secret.expose().to_owned()),
        };
        return Ok(request.basic_auth(username, password.filter(|password| !password.is_empty())));
    }
    let (scheme, secret, file) = match &config.authorization {
        Some(own) => (
            own.scheme.as_deref(),
            own.credentials.as_ref(),
            own.credentials_file.as_ref(),
        ),
        None => (
            None,
            config.bearer_token.as_ref(),
            config.bearer_token_file.as_ref(),
        ),
    };
    let credentials = match file {
        Some(file) => secret_file(file).await?,
        None => secret
            .map(|secret| secret.expose().to_owned())
            .unwrap_or_default(),
    };
    if credentials.is_empty() {
        return Ok(request);
    }
    let scheme = scheme
        .map(str::trim)
        .filter(|scheme| !scheme.is_empty())
        .unwrap_or("Bearer");
    let mut value = HeaderValue::from_str(&format!("{scheme} {credentials}")).map_err(|_| {
        IngestError::Request("the credentials hold characters that no header may have".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(request.header(AUTHORIZATION, value))
}

/// Reads a secret anew, so that it can be rotated; blanks and line ends around it do not count.
async fn secret_file(path: &str) -> Result<String, IngestError> {
    let read = async {
        let mut text = String::new();
        let file = tokio::fs::File::open(path).await?;
        file.take(SECRET_FILE_BYTES_MAX).read_to_string(&mut text).await?;
        Ok(text.trim().to_owned())
    };
    read.await.map_err(|source| IngestError::ReadFile {
        path: Path::new(path).to_owned(),
        source,
    })
}

/// Formats by preference with falling weights, as Prometheus writes them.
pub(super) fn accept(protocols: &[ScrapeProtocol], escaping: NameEscaping) -> String {
    let mut accept = String::new();
    let mut weight = protocols.len() + 1;
    for protocol in protocols {
        accept.push_str(protocol.media_type());
        if protocol.takes_escaping() {
            let _ = write!(accept, ";escaping={}", escaping.as_str());
        }
        let _ = write!(accept, ";q=0.{weight},");
        weight = weight.saturating_sub(1);
    }
    let _ = write!(accept, "*/*;q=0.{weight}");
    accept
}

/// What the target says its body is, or what the job takes it for.
fn format_of(job: &Job, headers: &HeaderMap) -> Result<BodyFormat, IngestError> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let fallback = job.config.fallback_scrape_protocol.map(ScrapeProtocol::format);
    match media_type.to_ascii_lowercase().as_str() {
        "application/openmetrics-text" => Ok(BodyFormat::Text(Format::OpenMetrics)),
        "text/plain" => Ok(BodyFormat::Text(Format::Text)),
        "application/vnd.google.protobuf" => Ok(BodyFormat::Protobuf),
        _ => fallback.ok_or_else(|| IngestError::UnknownContentType {
            content_type: content_type.to_owned(),
        }),
    }
}

/// Reads the body piece by piece, after decompression, and stops at the limit: a small compressed body cannot fill
/// the memory.
async fn read_capped(
    mut response: Response,
    bytes_max: u64,
    expected_bytes: usize,
) -> Result<Vec<u8>, IngestError> {
    let mut bytes = Vec::with_capacity(expected_bytes.min(usize::try_from(bytes_max).unwrap_or(usize::MAX)));
    while let Some(piece) = response.chunk().await.map_err(|error| body_error(&error))? {
        if (bytes.len() as u64).saturating_add(piece.len() as u64) > bytes_max {
            return Err(IngestError::BodyTooLarge {
                limit_bytes: bytes_max,
            });
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn body_error(error: &reqwest::Error) -> IngestError {
    if error.is_decode() {
        IngestError::Decompress {
            reason: causes(error),
        }
    } else {
        request_error(error)
    }
}

fn request_error(error: &reqwest::Error) -> IngestError {
    IngestError::Request(causes(error))
}

/// The error and its causes in one line, without the URL, which the target's status shows anyway.
fn causes(error: &reqwest::Error) -> String {
    let mut text = match error {
        error if error.is_connect() => "cannot connect".to_owned(),
        error if error.is_redirect() => "cannot follow the redirect".to_owned(),
        error if error.is_body() => "the body broke off".to_owned(),
        error if error.is_decode() => "the body could not be decoded".to_owned(),
        _ => "the request failed".to_owned(),
    };
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            let _ = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_format_is_asked_for_first() {
        assert_eq!(
            accept(&ScrapeProtocol::DEFAULT, NameEscaping::AllowUtf8),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
        );
        assert_eq!(
            accept(&[ScrapeProtocol::PrometheusText0_0_4], NameEscaping::Underscores),
            "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
        );
        let protobuf = accept(&ScrapeProtocol::PROTOBUF_FIRST, NameEscaping::AllowUtf8);
        let first = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,";
        assert!(protobuf.starts_with(first), "{protobuf}");
    }
}
