//! Prometheus' JSON envelope: `status`, `data`, `errorType`, `error`, `warnings`, `infos`.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::workers::WorkerError;

/// What Prometheus answers when the client has left (nginx' status 499).
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// An answer that is no data: one of Prometheus' error types with its status code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

/// Data and what was remarked while it was gathered.
#[derive(Debug, Clone)]
pub(crate) struct Success<T> {
    /// The field `data`.
    pub(crate) data: T,
    /// The field `warnings`, left out when empty.
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct SuccessJson<'a, T> {
    status: &'static str,
    data: &'a T,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
}

#[derive(Debug, Serialize)]
struct ErrorJson<'a> {
    status: &'static str,
    #[serde(rename = "errorType")]
    error_type: &'a str,
    error: &'a str,
}

// === impl ApiError ===

impl ApiError {
    /// The request itself is wrong.
    pub(crate) fn bad_data(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_data", message)
    }

    /// One parameter is wrong.
    pub(crate) fn bad_parameter(name: &str, reason: impl std::fmt::Display) -> Self {
        Self::bad_data(format!("invalid parameter {name:?}: {reason}"))
    }

    /// The expression is right but cannot be carried out on this data.
    pub(crate) fn execution(message: String) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "execution", message)
    }

    /// There is nothing of that name.
    pub(crate) fn not_found(message: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// It took too long.
    pub(crate) fn timeout(message: String) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", message)
    }

    /// Not now.
    pub(crate) fn unavailable(message: String) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }

    /// Something broke that the client cannot mend.
    pub(crate) fn internal(message: String) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// A refusal that Prometheus' types do not know; `bad_data` with a status of its own.
    pub(crate) fn with_status(status: StatusCode, message: String) -> Self {
        Self::new(status, "bad_data", message)
    }

    /// The error type in Prometheus' words.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// The status code.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The text for people.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    fn new(status: StatusCode, kind: &'static str, message: String) -> Self {
        Self {
            status,
            kind,
            message,
        }
    }
}

impl From<WorkerError> for ApiError {
    fn from(error: WorkerError) -> Self {
        let message = error.to_string();
        match error {
            WorkerError::Busy { .. } => Self::unavailable(message),
            WorkerError::QueueTimeout => Self::timeout(message),
            WorkerError::Panicked => Self::internal(message),
        }
    }
}

impl From<promql::EvalError> for ApiError {
    fn from(error: promql::EvalError) -> Self {
        use promql::EvalError;
        let message = error.to_string();
        match error {
            EvalError::Timeout => Self::timeout(message),
            EvalError::Cancelled => {
                let status = StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::BAD_REQUEST);
                Self::new(status, "canceled", message)
            }
            EvalError::Storage(_) => Self::internal(message),
            _ => Self::execution(message),
        }
    }
}

impl From<model::ReadError> for ApiError {
    fn from(error: model::ReadError) -> Self {
        match error {
            model::ReadError::Closed => Self::unavailable(error.to_string()),
            model::ReadError::Limit { .. } | model::ReadError::TooMuch { .. } => {
                Self::execution(error.to_string())
            }
            model::ReadError::Interrupted => Self::timeout(error.to_string()),
            model::ReadError::Damaged { .. }
            | model::ReadError::Io { .. }
            | model::ReadError::Version { .. } => Self::internal(error.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorJson {
            status: "error",
            error_type: self.kind,
            error: &self.message,
        };
        json_response(self.status, &body)
    }
}

// === impl Success ===

impl<T> Success<T> {
    /// Data without a remark.
    pub(crate) fn of(data: T) -> Self {
        Self {
            data,
            warnings: Vec::new(),
        }
    }
}

impl<T> Success<Vec<T>> {
    /// Keeps at most `limit` entries and says so when there were more.
    pub(crate) fn truncated(mut data: Vec<T>, limit: Option<usize>) -> Self {
        let mut warnings = Vec::new();
        if let Some(limit) = limit.filter(|limit| *limit < data.len()) {
            data.truncate(limit);
            warnings.push("results truncated due to limit".to_owned());
        }
        Self { data, warnings }
    }
}

impl<T: Serialize> IntoResponse for Success<T> {
    fn into_response(self) -> Response {
        let body = SuccessJson {
            status: "success",
            data: &self.data,
            warnings: &self.warnings,
        };
        json_response(StatusCode::OK, &body)
    }
}

/// A JSON body with its status.
pub(crate) fn json_response(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => json_bytes(status, bytes.into()),
        Err(error) => {
            tracing::error!(%error, "answer cannot be written as json");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A body that is JSON already.
pub(crate) fn json_bytes(status: StatusCode, body: axum::body::Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
