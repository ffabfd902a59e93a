//! Tokens by the client credentials grant (RFC 6749, section 4.4): asked for once, used until shortly before they end.

use std::time::Duration;

use http::HeaderValue;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::authorize::{credentials_header, secret_file};
use super::body::{read_capped, request_error};
use super::{Setup, build};
use crate::config::OAuth2;
use crate::error::IngestError;
use crate::limits::{TOKEN_ANSWER_BYTES_MAX, TOKEN_ENDS_EARLY, TOKEN_TIMEOUT};

/// The tokens of one client.
#[derive(Debug)]
pub(super) struct Tokens {
    client: Client,
    config: OAuth2,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    /// How the server takes the client's secret, once that is known.
    style: Option<Style>,
}

#[derive(Clone)]
struct Token {
    header: HeaderValue,
    /// The secret that it was given for; another one asks anew.
    secret: String,
    good_until: Option<Instant>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("good_until", &self.good_until)
            .finish_non_exhaustive()
    }
}

/// How the client's secret is shown (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Header,
    Parameters,
}

/// RFC 6749, section 5.1.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    expires_in: Option<f64>,
}

impl Tokens {
    pub(super) fn new(config: &OAuth2, setup: &Setup) -> Result<Self, IngestError> {
        Ok(Self {
            client: build::side_client(&config.tls_config, config.proxy(), setup)?,
            config: config.clone(),
            state: Mutex::default(),
        })
    }

    /// The `Authorization` header of a token that is still good.
    pub(super) async fn header(&self) -> Result<HeaderValue, IngestError> {
        let secret = match &self.config.client_secret_file {
            Some(file) => secret_file(file).await?,
            None => self
                .config
                .client_secret
                .as_ref()
                .map(|secret| secret.expose().to_owned())
                .unwrap_or_default(),
        };
        // Held while a token is asked for: one question serves all who wait.
        let mut state = self.state.lock().await;
        let good = state.token.as_ref().filter(|token| {
            token.secret == secret && token.good_until.is_none_or(|until| Instant::now() < until)
        });
        if let Some(token) = good {
            return Ok(token.header.clone());
        }
        let token = self.ask(&secret, &mut state.style).await?;
        let header = token.header.clone();
        state.token = Some(token);
        Ok(header)
    }

    /// Asks for a token, in the way that the server is known to take, or in both.
    async fn ask(&self, secret: &str, style: &mut Option<Style>) -> Result<Token, IngestError> {
        let styles = match style {
            Some(known) => vec![*known],
            None => vec![Style::Header, Style::Parameters],
        };
        let mut refused = None;
        for way in styles {
            let asked = tokio::time::timeout(TOKEN_TIMEOUT, self.ask_once(secret, way)).await;
            match asked.unwrap_or(Err(IngestError::Timeout {
                timeout_seconds: TOKEN_TIMEOUT.as_secs_f64(),
            })) {
                Ok(token) => {
                    *style = Some(way);
                    return Ok(token);
                }
                Err(error) => refused = Some(error),
            }
        }
        let reason = refused.map_or_else(String::new, |error| error.to_string());
        Err(IngestError::Request(format!(
            "no token from oauth2.token_url: {reason}"
        )))
    }

    async fn ask_once(&self, secret: &str, style: Style) -> Result<Token, IngestError> {
        let response = self
            .question(secret, style)
            .send()
            .await
            .map_err(|error| request_error(&error))?;
        let status = response.status();
        let body = read_capped(response, TOKEN_ANSWER_BYTES_MAX, 0).await?;
        if status != StatusCode::OK {
            return Err(IngestError::HttpStatus { status });
        }
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|error| IngestError::Request(format!("the answer is no token: {error}")))?;
        let scheme = match answer.token_type.as_str() {
            kind if kind.is_empty() || kind.eq_ignore_ascii_case("bearer") => "Bearer",
            other => other,
        };
        let lives = answer.expires_in.filter(|seconds| *seconds > 0.0);
        let lives = lives.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Ok(Token {
            header: credentials_header(scheme, &answer.access_token)?,
            secret: secret.to_owned(),
            good_until: lives
                .and_then(|lives| Instant::now().checked_add(lives.saturating_sub(TOKEN_ENDS_EARLY))),
        })
    }

    fn question(&self, secret: &str, style: Style) -> RequestBuilder {
        let config = &self.config;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if !config.scopes.is_empty() {
            form.append_pair("scope", &config.scopes.join(" "));
        }
        form.extend_pairs(&config.endpoint_params);
        let request = self.client.post(&config.token_url);
        let request = match style {
            Style::Header => {
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                request.basic_auth(encoded(&config.client_id), Some(encoded(secret)))
            }
            Style::Parameters => {
                form.append_pair("client_id", &config.client_id);
                if !secret.is_empty() {
                    form.append_pair("client_secret", secret);
                }
                request
            }
        };
        request
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(http::header::ACCEPT, "application/json")
            .body(form.finish())
    }
}
