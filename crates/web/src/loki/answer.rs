//! Loki's answers: data in an envelope, and errors as plain text.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use logql::{EvalError, ParseError};
use model::{DeleteError, ReadError};
use serde::Serialize;

use crate::prometheus::answer::json_response;
use crate::workers::WorkerError;

/// What Loki answers when the client has left (nginx' status 499).
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Why there is no answer: a status and a text, as Loki writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LokiError {
    status: StatusCode,
    message: String,
}

/// Data with `status`.
#[derive(Debug, Serialize)]
pub(super) struct Success<T> {
    status: &'static str,
    data: T,
}

impl<T: Serialize> Success<T> {
    /// The answer with this data.
    pub(super) fn response(data: T) -> Response {
        let status = "success";
        json_response(StatusCode::OK, &Self { status, data })
    }
}

impl LokiError {
    /// The request itself is wrong.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// One parameter is wrong.
    pub(super) fn bad_parameter(name: &str, reason: impl std::fmt::Display) -> Self {
        Self::bad_request(format!("invalid parameter {name:?}: {reason}"))
    }

    /// There is nothing of that name.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// Not now.
    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// A name for counters.
    pub(super) fn kind(&self) -> &'static str {
        match self.status.as_u16() {
            504 => "timeout",
            CLIENT_CLOSED_REQUEST => "canceled",
            400..=499 => "execution",
            _ => "internal",
        }
    }

    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, message }
    }
}

impl From<ParseError> for LokiError {
    fn from(error: ParseError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<EvalError> for LokiError {
    fn from(error: EvalError) -> Self {
        let message = error.to_string();
        match error {
            EvalError::Timeout => Self::new(StatusCode::GATEWAY_TIMEOUT, message),
            EvalError::Cancelled => {
                let status = StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::BAD_REQUEST);
                Self::new(status, message)
            }
            EvalError::Storage(error) => Self::from(error),
            _ => Self::bad_request(message),
        }
    }
}

impl From<ReadError> for LokiError {
    fn from(error: ReadError) -> Self {
        let status = match error {
            ReadError::Closed => StatusCode::SERVICE_UNAVAILABLE,
            ReadError::Limit { .. } | ReadError::TooMuch { .. } => StatusCode::BAD_REQUEST,
            ReadError::Interrupted => StatusCode::GATEWAY_TIMEOUT,
            ReadError::Damaged { .. } | ReadError::Io { .. } | ReadError::Version { .. } => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self::new(status, error.to_string())
    }
}

impl From<DeleteError> for LokiError {
    fn from(error: DeleteError) -> Self {
        let status = match error {
            DeleteError::BadQuery(_) | DeleteError::TooLate { .. } => StatusCode::BAD_REQUEST,
            DeleteError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            DeleteError::Store { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl From<WorkerError> for LokiError {
    fn from(error: WorkerError) -> Self {
        let status = match error {
            // Grafana tries again after 429 only.
            WorkerError::Busy { .. } => StatusCode::TOO_MANY_REQUESTS,
            WorkerError::QueueTimeout => StatusCode::GATEWAY_TIMEOUT,
            WorkerError::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl IntoResponse for LokiError {
    fn into_response(self) -> Response {
        (self.status, format!("{}\n", self.message)).into_response()
    }
}
