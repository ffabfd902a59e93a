//! One request until it is taken, refused for good, or the endpoint goes.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use reqwest::Response;
use tracing::{debug, warn};

use super::endpoint::Endpoint;
use super::telemetry::ForwardTelemetry;
use crate::client::{read_capped, request_error};
use crate::limits::{REMOTE_WRITE_ANSWER_BYTES_MAX, REMOTE_WRITE_RETRY_AFTER_MAX};

const VERSION_HEADER: HeaderName = HeaderName::from_static("x-prometheus-remote-write-version");

/// What a body holds.
#[derive(Debug, Clone)]
pub(super) struct Body {
    /// Packed by Snappy.
    pub(super) bytes: Bytes,
    /// Samples and histograms in it.
    pub(super) samples: u64,
    /// Tells one body from another, so that their waits differ.
    pub(super) seed: u64,
}

/// How a try ended.
enum Tried {
    Taken,
    Refused(StatusCode, String),
    Failed {
        reason: String,
        retry_after: Option<Duration>,
    },
}

/// Sends a body until it is taken or refused. Both end it; the second is counted.
pub(super) async fn send(endpoint: &Endpoint, body: &Body, telemetry: &ForwardTelemetry) {
    let backoff = endpoint.backoff();
    for attempt in 0.. {
        let timeout = endpoint.section.remote_timeout.0;
        let tried = match tokio::time::timeout(timeout, once(endpoint, body)).await {
            Ok(tried) => tried,
            Err(_) => Tried::Failed {
                reason: format!("no answer within {} s", timeout.as_secs_f64()),
                retry_after: None,
            },
        };
        match tried {
            Tried::Taken => {
                telemetry.count_sent(endpoint.name(), body.samples);
                return;
            }
            Tried::Refused(status, answer) => {
                telemetry.count_dropped(endpoint.name(), "refused", body.samples);
                let name = endpoint.name();
                warn!(endpoint = name, %status, answer, samples = body.samples, "a remote store refuses samples");
                return;
            }
            Tried::Failed { reason, retry_after } => {
                telemetry.count_retry(endpoint.name());
                let wait = backoff
                    .wait(attempt, body.seed)
                    .max(retry_after.unwrap_or_default());
                if attempt == 0 {
                    warn!(
                        endpoint = endpoint.name(),
                        reason, "a remote store takes nothing, trying again"
                    );
                } else {
                    debug!(
                        endpoint = endpoint.name(),
                        reason, attempt, "a remote store still takes nothing"
                    );
                }
                tokio::time::sleep(wait).await;
            }
        }
    }
}

async fn once(endpoint: &Endpoint, body: &Body) -> Tried {
    let failed = |reason: String| Tried::Failed {
        reason,
        retry_after: None,
    };
    let request = match endpoint.client.post(endpoint.url.clone()).await {
        Ok(request) => request,
        Err(error) => return failed(error.to_string()),
    };
    let (content_type, version) = if endpoint.is_v2() {
        (
            "application/x-protobuf;proto=io.prometheus.write.v2.Request",
            "2.0.0",
        )
    } else {
        ("application/x-protobuf", "0.1.0")
    };
    let request = request
        .header(header::CONTENT_ENCODING, "snappy")
        .header(header::CONTENT_TYPE, content_type)
        .header(VERSION_HEADER, version)
        .headers(own_headers(endpoint))
        .body(body.bytes.clone());
    match request.send().await {
        Ok(response) => judge(response).await,
        Err(error) => failed(request_error(&error).to_string()),
    }
}

fn own_headers(endpoint: &Endpoint) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &endpoint.section.headers {
        // The configuration was checked; what cannot be sent all the same is left out.
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            headers.append(name, value);
        }
    }
    headers
}

/// Remote write specification 2.0, section "Retries & Backoff": 5xx and 429 pass, other 4xx do not.
async fn judge(response: Response) -> Tried {
    let status = response.status();
    if status.is_success() {
        return Tried::Taken;
    }
    let retry_after = retry_after(response.headers());
    let answer = read_capped(response, REMOTE_WRITE_ANSWER_BYTES_MAX, 0)
        .await
        .unwrap_or_default();
    let answer = String::from_utf8_lossy(&answer).trim().to_owned();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Tried::Failed {
            reason: format!("{status}: {answer}"),
            retry_after,
        };
    }
    Tried::Refused(status, answer)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(REMOTE_WRITE_RETRY_AFTER_MAX))
}
