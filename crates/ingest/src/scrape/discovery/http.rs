//! `http_sd_configs`: a server answers with a JSON list of groups.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE};
use url::Url;

use super::{Findings, Group, Source, Sources, refresh};
use crate::client::{HttpClient, Setup, read_capped, request_error};
use crate::config::{HttpDiscovery, ScrapeConfig, TargetGroup};
use crate::error::IngestError;
use crate::limits::TARGETS_FILE_BYTES_MAX;

/// The label that names the address a target was found at.
const URL: &str = "__meta_url";
const REFRESH_HEADER: &str = "x-prometheus-refresh-interval-seconds";

#[derive(Debug)]
struct HttpSource {
    client: HttpClient,
    url: Url,
    config: HttpDiscovery,
}

pub(super) fn sources(job: &ScrapeConfig) -> Sources {
    let source = |config: &HttpDiscovery| {
        let setup = Setup {
            owner: format!("job {:?}: http_sd_configs", job.job_name),
            gzip: true,
            idle: config.refresh_interval.0.saturating_mul(2),
            unix_socket: None,
        };
        let url = Url::parse(&config.url)
            .map_err(|error| IngestError::Discovery(format!("{}: url: {error}", setup.owner)))?;
        Ok(Arc::new(HttpSource {
            client: HttpClient::new(&config.http, &setup)?,
            url,
            config: config.clone(),
        }) as Arc<dyn Source>)
    };
    job.http_sd_configs.iter().map(source).collect()
}

impl Source for HttpSource {
    fn look(self: Arc<Self>, findings: Arc<Findings>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            refresh::every(self.config.refresh_interval.0, &findings, || self.ask()).await;
        })
    }
}

impl HttpSource {
    async fn ask(&self) -> Result<BTreeMap<String, Group>, IngestError> {
        let seconds = self.config.refresh_interval.0.as_secs_f64();
        let request = self
            .client
            .get(self.url.clone())
            .await?
            .header(ACCEPT, "application/json")
            .header(REFRESH_HEADER, seconds.to_string());
        let response = request.send().await.map_err(|error| request_error(&error))?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(IngestError::HttpStatus { status });
        }
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        if !is_json(&content_type) {
            return Err(IngestError::Discovery(format!(
                "the answer has the content type {content_type:?}; it must be application/json"
            )));
        }
        let body = read_capped(response, TARGETS_FILE_BYTES_MAX, 0).await?;
        let groups: Vec<TargetGroup> = serde_json::from_slice(&body).map_err(|error| {
            IngestError::Discovery(format!("the answer is no list of target groups: {error}"))
        })?;
        let url = self.config.url.as_str();
        let place =
            |(place, group): (usize, &TargetGroup)| (format!("{place:08}"), Group::of(group, &[(URL, url)]));
        Ok(groups.iter().enumerate().map(place).collect())
    }
}

/// `application/json`, with nothing behind it but a character set that is UTF-8.
fn is_json(content_type: &str) -> bool {
    let lower = content_type.to_ascii_lowercase();
    let (media, parameter) = lower.split_once(';').unwrap_or((&lower, ""));
    let parameter = parameter.trim();
    media.trim() == "application/json"
        && (parameter.is_empty() || matches!(parameter, "charset=utf-8" | "charset=\"utf-8\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_in_utf8_is_read() {
        let check = |content_type: &str, expected: bool| {
            assert_eq!(is_json(content_type), expected, "{content_type}");
        };
        check("application/json", true);
        check("Application/JSON; charset=UTF-8", true);
        check("application/json;charset=\"utf-8\"", true);
        check("application/json; charset=latin1", false);
        check("text/plain", false);
        check("", false);
    }
}
