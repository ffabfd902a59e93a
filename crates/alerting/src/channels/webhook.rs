//! Webhooks: the message as JSON in a POST request, as Alertmanager sends it.

use futures::FutureExt;
use futures::future::BoxFuture;
use reqwest::{Response, StatusCode};
use stdx::http_client::{HttpClient, NO_CERTIFICATES_MEND};

use crate::channels::{Channel, Delivery, http};
use crate::config::Settings;
use crate::error::ConfigError;
use crate::limits;

/// Posts messages to one address.
#[derive(Debug)]
pub struct WebhookChannel {
    http: HttpClient,
    settings: Settings,
}

pub(crate) fn make(settings: &Settings, receiver: &str) -> Result<Box<dyn Channel>, ConfigError> {
    let http = http::build(settings)?;
    if http.trusts_nobody {
        tracing::warn!(
            receiver,
            mend = NO_CERTIFICATES_MEND,
            "notifications over https will fail"
        );
    }
    Ok(Box::new(WebhookChannel {
        http,
        settings: settings.clone(),
    }))
}

impl Channel for WebhookChannel {
    fn send<'a>(&'a self, payload: &'a str, key: &'a str) -> BoxFuture<'a, Delivery> {
        async move {
            match self.post(payload, key).await {
                Ok(delivery) => delivery,
                Err(reason) => Delivery::Retry(reason),
            }
        }
        .boxed()
    }
}

impl WebhookChannel {
    async fn post(&self, payload: &str, key: &str) -> Result<Delivery, String> {
        let url = match (self.settings.text("url"), self.settings.text("url_file")) {
            (Some(url), _) => url.to_owned(),
            (None, Some(path)) => http::read_secret(path).await?,
            (None, None) => return Ok(Delivery::Refused("no address".to_owned())),
        };
        let request = self
            .http
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(payload.to_owned());
        let request = http::authorize(request, &self.settings).await?;
        let response = request
            .send()
            .await
            .map_err(|error| describe(error, self.http.trusts_nobody))?;
        let status = response.status();
        let receipt = format!("{} {}", status.as_u16(), beginning(response).await);
        Ok(judge(status, receipt.trim().to_owned()))
    }
}

fn judge(status: StatusCode, receipt: String) -> Delivery {
    let may_pass = status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
        );
    match status {
        _ if status.is_success() => Delivery::Sent(receipt),
        _ if may_pass => Delivery::Retry(receipt),
        _ => Delivery::Refused(receipt),
    }
}

/// The beginning of the answer; the rest is not read.
async fn beginning(mut response: Response) -> String {
    let mut bytes: Vec<u8> = Vec::new();
    while bytes.len() < limits::RECEIPT_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    bytes.truncate(limits::RECEIPT_BYTES_MAX);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The error with its causes and, where it is clear, the mend. An address may hold a token, so it is kept out.
fn describe(error: reqwest::Error, trusts_nobody: bool) -> String {
    let over_tls = error.url().is_some_and(|url| url.scheme() == "https");
    let text = stdx::http_client::chain(&error.without_url());
    if trusts_nobody && over_tls && text.contains("certificate") {
        return format!("{text}; {NO_CERTIFICATES_MEND}, and reload");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let verdict = |code: u16| judge(StatusCode::from_u16(code).unwrap(), String::new());
        for code in [500, 502, 503, 429, 408] {
            assert!(matches!(verdict(code), Delivery::Retry(_)), "{code}");
        }
        for code in [400, 401, 404, 410, 422, 301] {
            assert!(matches!(verdict(code), Delivery::Refused(_)), "{code}");
        }
        assert!(matches!(verdict(204), Delivery::Sent(_)));
    }
}
