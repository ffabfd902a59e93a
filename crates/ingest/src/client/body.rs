//! Bodies of answers, read within their limit, and what went wrong in one line.

use std::error::Error as _;
use std::fmt::Write as _;

use reqwest::Response;

use crate::error::IngestError;

/// Reads the body piece by piece, after decompression, and stops at the limit: a small compressed body cannot fill
/// the memory. `expected_bytes` is how large the body will probably be.
///
/// # Errors
/// A body above `bytes_max`, one that breaks off, or one that cannot be decompressed.
pub async fn read_capped(
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

/// What went wrong before there was an answer.
pub fn request_error(error: &reqwest::Error) -> IngestError {
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
