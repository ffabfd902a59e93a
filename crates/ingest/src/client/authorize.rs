//! What a request shows: credentials and further headers, with secrets from files read anew.

use std::path::Path;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use reqwest::RequestBuilder;
use tokio::io::AsyncReadExt as _;

use crate::config::HttpConfig;
use crate::error::IngestError;
use crate::limits::SECRET_FILE_BYTES_MAX;

/// Adds `http_headers`.
pub(super) async fn with_headers(
    mut request: RequestBuilder,
    config: &HttpConfig,
) -> Result<RequestBuilder, IngestError> {
    for (name, header) in &config.http_headers {
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

/// Adds `basic_auth`, `authorization` or `bearer_token`.
pub(super) async fn with_credentials(
    request: RequestBuilder,
    config: &HttpConfig,
) -> Result<RequestBuilder, IngestError> {
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
    Ok(request.header(AUTHORIZATION, credentials_header(scheme, &credentials)?))
}

/// The value of an `Authorization` header, kept out of logs.
pub(super) fn credentials_header(scheme: &str, credentials: &str) -> Result<HeaderValue, IngestError> {
    let mut value = HeaderValue::from_str(&format!("{scheme} {credentials}")).map_err(|_| {
        IngestError::Request("the credentials hold characters that no header may have".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads a secret anew, so that it can be rotated; blanks and line ends around it do not count.
pub(super) async fn secret_file(path: &str) -> Result<String, IngestError> {
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
