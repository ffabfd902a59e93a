//! Errors of the page's API: a status code, what happened, and the mend.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use crate::prometheus::answer::{ApiError, json_response};
use crate::workers::WorkerError;

/// What happened, the mend, and where in a text the fault lies.
#[derive(Debug)]
pub(crate) struct UiError {
    status: StatusCode,
    message: String,
    mend: &'static str,
    place: Option<Place>,
}

/// A place in a text, both from 1; columns count bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    /// The line.
    pub(crate) line: usize,
    /// The column.
    pub(crate) column: usize,
}

#[derive(Debug, Serialize)]
struct Wrapped<'a> {
    error: Inner<'a>,
}

#[derive(Debug, Serialize)]
struct Inner<'a> {
    message: &'a str,
    mend: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
}

impl UiError {
    /// An error with its mend.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>, mend: &'static str) -> Self {
        Self {
            status,
            message: message.into(),
            mend,
            place: None,
        }
    }

    /// The same, at a place of a text.
    pub(crate) fn at(self, place: Option<Place>) -> Self {
        Self { place, ..self }
    }

    /// The request cannot be understood.
    pub(crate) fn bad_request(message: impl Into<String>, mend: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message, mend)
    }
}

impl From<WorkerError> for UiError {
    fn from(error: WorkerError) -> Self {
        let mend = match error {
            WorkerError::Busy { .. } | WorkerError::QueueTimeout => {
                "Wait a moment: other queries are using every worker."
            }
            WorkerError::Panicked => "Look at the log of the server and report what it says.",
        };
        let status = ApiError::from(error.clone()).status();
        Self::new(status, error.to_string(), mend)
    }
}

impl From<model::ReadError> for UiError {
    fn from(error: model::ReadError) -> Self {
        let error = ApiError::from(error);
        Self::new(error.status(), error.message(), "Look at the log of the server.")
    }
}

impl From<ApiError> for UiError {
    fn from(error: ApiError) -> Self {
        Self::new(
            error.status(),
            error.message(),
            "Send a smaller or a complete request.",
        )
    }
}

impl IntoResponse for UiError {
    fn into_response(self) -> Response {
        let body = Wrapped {
            error: Inner {
                message: &self.message,
                mend: self.mend,
                place: self.place,
            },
        };
        json_response(self.status, &body)
    }
}

/// A success.
pub(crate) fn json(body: &impl Serialize) -> Response {
    json_response(StatusCode::OK, body)
}

/// The wrong method on a known path.
pub(crate) async fn method_not_allowed() -> UiError {
    UiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path does not take this method",
        "Use the method that docs/api/ui.md names.",
    )
}

/// A path that is none.
pub(crate) async fn no_such_path() -> UiError {
    UiError::new(
        StatusCode::NOT_FOUND,
        "there is no such path",
        "Use the paths that docs/api/ui.md names.",
    )
}
