//! One request to a target: headers, and a body that is read only as far as it may go.

use std::fmt::Write as _;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use reqwest::RequestBuilder;
use url::Url;

use crate::client::{HttpClient, read_capped, request_error};
use crate::config::protocol::BodyFormat;
use crate::config::{Job, NameEscaping, ScrapeProtocol};
use crate::error::IngestError;
use crate::exposition::Format;

const SCRAPE_TIMEOUT_HEADER: &str = "x-prometheus-scrape-timeout-seconds";

/// A body that was read whole.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) format: BodyFormat,
}

/// Scrapes once, within `timeout` altogether. `expected_bytes` is how large the last body was.
pub(super) async fn fetch(
    client: &HttpClient,
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
    client: &HttpClient,
    job: &Job,
    url: &Url,
    timeout: Duration,
) -> Result<RequestBuilder, IngestError> {
    let request = client
        .get(url.clone())
        .await?
        .header(ACCEPT, accept(&job.protocols, job.escaping))
        .header(SCRAPE_TIMEOUT_HEADER, timeout.as_secs_f64().to_string());
    if job.config.enable_compression.unwrap_or(true) {
        return Ok(request);
    }
    Ok(request.header(ACCEPT_ENCODING, "identity"))
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
