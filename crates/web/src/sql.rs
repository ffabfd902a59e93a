//! `/api/sql`: a statement in, rows out, as JSON, CSV or Arrow's stream format.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use model::TenantId;
use serde::Deserialize;
use tokio::sync::oneshot;
use url::form_urlencoded;

use crate::app::App;
use crate::deps::{SqlFailure, SqlForm, SqlQuestion};
use crate::limits::{BODY_READ_TIMEOUT, SQL_BODY_BYTES_MAX};
use crate::prometheus::answer::ApiError;
use crate::tenancy::tenant_of;

/// A statement, and in which form its rows are wanted.
#[derive(Debug)]
pub(crate) struct Asked {
    tenant: TenantId,
    statement: String,
    form: SqlForm,
}

/// A statement in a body of JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonBody {
    query: String,
    format: Option<String>,
}

/// `/api/sql`
pub(crate) async fn answer(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, ApiError> {
    let Some(sql) = &app.deps.sql else {
        return Err(ApiError::not_found("no SQL is answered here".to_owned()));
    };
    let timeout = app.config.query_timeout.0;
    let place = app.workers.reserve(timeout).await?;
    let question = SqlQuestion {
        tenant: asked.tenant,
        statement: asked.statement,
        form: asked.form,
        timeout: timeout.saturating_sub(place.queued()),
        read_bytes_max: app.config.query_read_max.map(|size| size.0),
        memory_max: usize::try_from(app.config.query_memory_max.0).unwrap_or(usize::MAX),
    };
    let answer = sql.answer(question).await.map_err(|failure| {
        app.deps.telemetry.count_query_failure(failure.kind);
        refused(failure)
    })?;
    let failures = app.deps.telemetry.clone();
    // The place is taken until the last piece has gone out, but no longer than the statement may run: a client that takes nothing
    // must not keep others waiting.
    let (sent, all_sent) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let _ = tokio::time::timeout(timeout, all_sent).await;
        drop(place);
    });
    let chunks = answer.chunks.map(move |chunk| {
        let _until_sent = &sent;
        chunk.map_err(|failure| {
            failures.count_query_failure(failure.kind);
            tracing::warn!(reason = failure.message, "an answer to a statement ends early");
            std::io::Error::other(failure.message)
        })
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let kind = HeaderValue::from_static(answer.content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

fn refused(failure: SqlFailure) -> ApiError {
    match failure.kind {
        "bad_data" => ApiError::bad_data(failure.message),
        "limit" => ApiError::execution(failure.message),
        "timeout" => ApiError::timeout(failure.message),
        _ => ApiError::internal(failure.message),
    }
}

impl FromRequest<Arc<App>> for Asked {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, ApiError> {
        let tenant = tenant_of(&request);
        let (parts, body) = request.into_parts();
        let body = match parts.method {
            Method::POST => read(body).await?,
            _ => Vec::new(),
        };
        let address = parts.uri.query().unwrap_or_default().as_bytes();
        let (statement, format) = statement(&parts.headers, &body, address)?;
        if statement.trim().is_empty() {
            return Err(ApiError::bad_data(
                "no statement was sent; send one as the body, as the field \"query\" of JSON, or as the parameter `query`"
                    .to_owned(),
            ));
        }
        let form = match format {
            Some(name) => SqlForm::named(&name).ok_or_else(|| {
                ApiError::bad_parameter("format", format!("{name:?} is not one of json, csv, arrow"))
            })?,
            None => accepted(&parts.headers),
        };
        Ok(Self {
            tenant,
            statement,
            form,
        })
    }
}

async fn read(body: Body) -> Result<Vec<u8>, ApiError> {
    let whole = Limited::new(body, SQL_BODY_BYTES_MAX).collect();
    let whole = tokio::time::timeout(BODY_READ_TIMEOUT, whole).await;
    let whole = whole.map_err(|_| {
        ApiError::with_status(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive in time".to_owned(),
        )
    })?;
    let whole = whole.map_err(|error| {
        ApiError::with_status(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("cannot read the body: {error}"),
        )
    })?;
    Ok(whole.to_bytes().into())
}

/// The statement, and the form where it is named beside it.
fn statement(headers: &HeaderMap, body: &[u8], address: &[u8]) -> Result<(String, Option<String>), ApiError> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default()
        .trim();
    let parameter = |form: &[u8], name: &str| {
        let found = form_urlencoded::parse(form).find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned())
    };
    let format = parameter(address, "format");
    match kind {
        "application/json" => {
            let sent: JsonBody = serde_json::from_slice(body).map_err(|error| {
                ApiError::bad_data(format!(
                    "the body is not {{\"query\": \"…\", \"format\": \"json\"}}: {error}"
                ))
            })?;
            Ok((sent.query, sent.format.or(format)))
        }
        "application/x-www-form-urlencoded" => {
            let statement = parameter(body, "query").or_else(|| parameter(address, "query"));
            Ok((
                statement.unwrap_or_default(),
                parameter(body, "format").or(format),
            ))
        }
        _ if body.is_empty() => Ok((parameter(address, "query").unwrap_or_default(), format)),
        _ => {
            let statement = std::str::from_utf8(body)
                .map_err(|error| ApiError::bad_data(format!("the statement is not UTF-8: {error}")))?;
            Ok((statement.to_owned(), format))
        }
    }
}

/// The first form in `Accept` that there is; JSON where there is none.
fn accepted(headers: &HeaderMap) -> SqlForm {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    let mut wanted = accept.unwrap_or_default().split(',').map(|kind| {
        let kind = kind.split(';').next().unwrap_or_default();
        kind.trim()
    });
    let known = wanted.find_map(|kind| match kind {
        "application/json" => Some(SqlForm::Json),
        "text/csv" => Some(SqlForm::Csv),
        "application/vnd.apache.arrow.stream" => Some(SqlForm::Arrow),
        _ => None,
    });
    known.unwrap_or_default()
}
