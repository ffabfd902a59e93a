//! HTTP clients by configuration: who is trusted, which proxy, and what is shown with every request.
//!
//! In: [`HttpConfig`].  Out: [`HttpClient`], for scrapes, for discovery and for whoever else asks over HTTP.
//! Owns: the tokens that `oauth2` gives, until they end.
//! Invariants: files with secrets are read for every request, so that they can be rotated (`tests/client.rs`); a body is
//! read as far as it may go and no further (`tests/scrape_limits.rs`).
//! Not here: what is asked and what is done with the answer.
//! Start at: [`HttpClient::new`].

mod authorize;
mod body;
mod build;
mod oauth2;

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use url::Url;

use crate::config::HttpConfig;
use crate::error::IngestError;
use oauth2::Tokens;

pub use body::{read_capped, request_error};

/// What a client is like beyond its configuration.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Whose client it is, for messages: `job "node"`.
    pub owner: String,
    /// Whether compressed answers are asked for.
    pub gzip: bool,
    /// How long a connection stays open without a request.
    pub idle: Duration,
    /// The socket that all connections go to.
    pub unix_socket: Option<PathBuf>,
}

/// A client that authenticates as its configuration says.
#[derive(Debug)]
pub struct HttpClient {
    client: Client,
    config: HttpConfig,
    tokens: Option<Tokens>,
}

impl HttpClient {
    /// Builds the client; reads the certificates that the configuration names.
    ///
    /// # Errors
    /// The file or setting that cannot be used.
    pub fn new(config: &HttpConfig, setup: &Setup) -> Result<Self, IngestError> {
        let tokens = config.oauth2.as_ref().map(|oauth2| Tokens::new(oauth2, setup));
        Ok(Self {
            client: build::client(config, setup)?,
            config: config.clone(),
            tokens: tokens.transpose()?,
        })
    }

    /// A GET request with the credentials and headers of the configuration.
    ///
    /// # Errors
    /// A file with a secret that cannot be read, or a token that is not given.
    pub async fn get(&self, url: Url) -> Result<RequestBuilder, IngestError> {
        self.authorize(self.client.get(url)).await
    }

    /// A POST request, likewise.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post(&self, url: Url) -> Result<RequestBuilder, IngestError> {
        self.authorize(self.client.post(url)).await
    }

    async fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, IngestError> {
        let request = authorize::with_headers(request, &self.config).await?;
        match &self.tokens {
            Some(tokens) => Ok(request.header(http::header::AUTHORIZATION, tokens.header().await?)),
            None => authorize::with_credentials(request, &self.config).await,
        }
    }
}

/// Host and port as an address has them: an IPv6 address stands in brackets.
pub(crate) fn host_port(host: &str, port: impl std::fmt::Display) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
