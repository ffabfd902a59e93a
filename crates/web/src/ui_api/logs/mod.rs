//! What the page asks about log lines: columns of lines, volumes by level, fields with counts, patterns, and a live tail.
//!
//! In: windows and LogQL of the embedded page.  Out: JSON in columns; frames over a WebSocket.
//! Owns: nothing that outlives a request or a tail.
//! Invariants: pages of lines lose none and repeat none, whatever times they share (`tests/http/ui_logs.rs`); volumes add up to the
//! lines of the window (same place); a tail tells of every line it leaves out, or that it lost some (`tests/http/ui_logs_tail.rs`).
//! Not here: LogQL (`logql`), Loki's own API (`loki`).
//! Start at: [`routes`].

mod buckets;
mod columns;
mod field_values;
mod fields;
mod lines;
mod patterns;
mod tail;
mod volume;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::{get, post};
use http::StatusCode;
use logql::ast::{LogExpr, Stage};
use logql::{EvalError, Expr, Options, ParseError};
use model::{LogRead, TenantId};
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::limits::PAGE_QUERY_TIMEOUT;
use crate::loki::ask::{Took, Unanswered, put};
use crate::params::read_body;
use crate::prometheus::answer::ApiError;
use crate::tenancy::tenant_of;
use crate::ui_api::answer::{Place, UiError};

pub(crate) const NS_PER_MS: i64 = 1_000_000;
const MEND_SMALLER: &str = "Ask for a shorter window, or filter more.";

/// Every route under `/api/ui/logs`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/lines", post(lines::lines))
        .route("/volume", post(volume::volume))
        .route("/fields", post(fields::fields))
        .route("/field-values", post(field_values::field_values))
        .route("/patterns", post(patterns::patterns))
        .route("/tail", get(tail::tail))
}

/// A window of the page in nanoseconds: from when on, and before when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    from_ns: i64,
    to_ns: i64,
}

impl Bounds {
    fn of_ms(from_ms: i64, to_ms: i64) -> Result<Self, UiError> {
        let reach_ms = logql::limits::TIME_NS_MAX / NS_PER_MS;
        let in_reach = |at_ms: i64| (-reach_ms..=reach_ms).contains(&at_ms);
        if from_ms >= to_ms || !in_reach(from_ms) || !in_reach(to_ms) {
            return Err(UiError::bad_request(
                format!("the window from {from_ms} to {to_ms} is none"),
                "Name a window that begins before it ends, in milliseconds since the Unix epoch.",
            ));
        }
        Ok(Self {
            from_ns: from_ms * NS_PER_MS,
            to_ns: to_ms * NS_PER_MS,
        })
    }
}

/// The body of a request, and whose it is.
async fn read<T: DeserializeOwned>(app: &App, request: Request) -> Result<(TenantId, T), UiError> {
    if !app.deps.control.is_ready() {
        return Err(UiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server is starting",
            "It answers as soon as everything is loaded.",
        ));
    }
    let tenant = tenant_of(&request);
    let body = read_body(request).await?;
    let asked = serde_json::from_slice(&body)
        .map_err(|error| UiError::bad_request(error.to_string(), "Send what docs/api/ui.md describes."))?;
    Ok((tenant, asked))
}

/// An expression that asks for lines; `{}` are all.
fn parse_lines(query: &str) -> Result<LogExpr, UiError> {
    match logql::parse_browsing(query)? {
        Expr::Log(log) => Ok(log),
        Expr::Metric(_) | Expr::Variants(_) => Err(UiError::bad_request(
            "this query makes numbers, not lines",
            "Ask for lines, such as {app=\"shop\"} |= \"error\".",
        )),
    }
}

/// The same lines for numbers to be made of: a line that a stage could not read counts like any other.
fn countable(mut log: LogExpr) -> LogExpr {
    if !log
        .stages
        .iter()
        .all(|stage| matches!(stage, Stage::LineFilter(_)))
    {
        let errors = ["__error__", "__error_details__"];
        let named = errors.map(|name| logql::ast::NamedLabel::Name(name.to_owned()));
        log.stages.push(Stage::Drop(named.to_vec()));
    }
    log
}

/// Puts a question to the store; who leaves cancels it.
async fn ask<T: Send + 'static>(
    app: &Arc<App>,
    tenant: TenantId,
    question: impl Fn(&dyn LogRead, &Options) -> Result<T, EvalError> + Send + 'static,
) -> Result<(T, Took), UiError> {
    let timeout: Duration = PAGE_QUERY_TIMEOUT.min(app.config.query_timeout.0);
    Ok(put(app, tenant, timeout, question).await?)
}

impl From<ParseError> for UiError {
    fn from(error: ParseError) -> Self {
        let place = error.place.map(|(line, column)| Place { line, column });
        Self::bad_request(error.message, "Correct the query at the marked place.").at(place)
    }
}

impl From<Unanswered> for UiError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NoLines => Self::new(
                StatusCode::NOT_FOUND,
                "no log lines are kept here",
                "Look for storage.logs in the configuration.",
            ),
            Unanswered::Worker(error) => Self::from(error),
            Unanswered::Eval(error) => Self::from(error),
        }
    }
}

impl From<EvalError> for UiError {
    fn from(error: EvalError) -> Self {
        let message = error.to_string();
        match error {
            EvalError::Timeout => Self::new(StatusCode::GATEWAY_TIMEOUT, message, MEND_SMALLER),
            EvalError::Cancelled => Self::bad_request(message, "Ask again."),
            EvalError::Storage(error) => {
                let error = ApiError::from(error);
                Self::new(error.status(), error.message(), "Look at the log of the server.")
            }
            EvalError::Stage(_) => Self::bad_request(message, "Correct the query."),
            _ => Self::bad_request(message, MEND_SMALLER),
        }
    }
}
