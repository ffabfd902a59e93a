//! InfluxDB's line protocol over HTTP, in the forms of InfluxDB 1 and 2, and as much else as senders ask for when they start.
//!
//! Sources: docs.influxdata.com, "InfluxDB v1 API" and "InfluxDB v2 API".

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderName, HeaderValue, StatusCode, header};
use ingest::push::influx::{Frame, Lines, Precision};
use model::{Accepted, TenantId, TimeRange};
use serde_json::{Value, json};

use super::{PushRefusal, on_worker, receive};
use crate::app::App;
use crate::params::Params;
use crate::prometheus::answer::ApiError;

/// The version of InfluxDB whose interface this is; senders read it before they write.
const VERSION: HeaderValue = HeaderValue::from_static("1.8.10");
const VERSION_HEADER: HeaderName = HeaderName::from_static("x-influxdb-version");
const ERROR_HEADER: HeaderName = HeaderName::from_static("x-influxdb-error");

/// The paths, as InfluxDB has them and below `/influx`, where VictoriaMetrics has them.
pub(crate) fn routes() -> Router<Arc<App>> {
    let influx = || {
        Router::new()
            .route("/write", post(write_v1))
            .route("/api/v2/write", post(write_v2))
            .route("/query", get(query).post(query))
            .route("/ping", get(ping))
            .route("/health", get(health))
    };
    influx().nest("/influx", influx())
}

/// Whose words an answer is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    V1,
    V2,
}

async fn write_v1(State(app): State<Arc<App>>, request: Request) -> Response {
    write(&app, request, Dialect::V1).await
}

async fn write_v2(State(app): State<Arc<App>>, request: Request) -> Response {
    write(&app, request, Dialect::V2).await
}

/// 204: everything is stored. 400: what is stored is not to be sent again, and what is not never will be. 5xx: nothing is
/// stored, try again.
async fn write(app: &Arc<App>, request: Request, dialect: Dialect) -> Response {
    let mut response = match take(app, request, dialect).await {
        Ok((lines, accepted)) => match complaint(&lines, &accepted) {
            None => StatusCode::NO_CONTENT.into_response(),
            Some(message) => {
                let line = lines.faults.first().map(|fault| fault.line);
                dialect.refusal(StatusCode::BAD_REQUEST, &message, line)
            }
        },
        Err(refusal) => {
            let mut response = dialect.refusal(refusal.status, &refusal.message, None);
            if refusal.is_passing() {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, super::RETRY_AFTER);
            }
            response
        }
    };
    response.headers_mut().insert(VERSION_HEADER, VERSION);
    response
}

async fn take(app: &Arc<App>, request: Request, dialect: Dialect) -> Result<(Lines, Accepted), PushRefusal> {
    let params = Params::decode(b"", request.uri().query().unwrap_or_default());
    let written = params.get("precision");
    let precision = Precision::parse(written).ok_or_else(|| PushRefusal {
        status: StatusCode::BAD_REQUEST,
        message: format!("precision {written:?} is not known; write ns, us, ms, s, m or h"),
    })?;
    let database = match dialect {
        Dialect::V1 => params.get("db"),
        Dialect::V2 => params.get("bucket"),
    };
    let database = database.to_owned();
    let received = receive(app, request).await?;
    on_worker(app, received.tenant, move |push, origin| {
        let frame = Frame {
            precision,
            now_ms: origin.now_ms,
            database: &database,
        };
        push.influx(&received.body, received.encoding, &frame, origin.tenant)
    })
    .await
}

/// What was not stored; `None` where everything was.
fn complaint(lines: &Lines, accepted: &Accepted) -> Option<String> {
    if lines.lines_refused == 0 && accepted.refused.is_empty() {
        return None;
    }
    let mut parts: Vec<String> = lines
        .faults
        .iter()
        .map(|fault| format!("unable to parse: {fault}"))
        .collect();
    let unnamed = lines.lines_refused - lines.faults.len() as u64;
    if unnamed > 0 {
        parts.push(format!("and {unnamed} lines more"));
    }
    for (reason, count) in &accepted.refused {
        parts.push(format!("{count} samples refused: {reason}"));
    }
    let what = if lines.lines > 0 { "partial write: " } else { "" };
    let dropped = lines.lines_refused + accepted.refused_count();
    Some(format!("{what}{} dropped={dropped}", parts.join("; ")))
}

impl Dialect {
    fn refusal(self, status: StatusCode, message: &str, line: Option<usize>) -> Response {
        let body = match self {
            Self::V1 => json!({ "error": message }),
            Self::V2 => {
                let mut body = json!({ "code": code(status), "message": message });
                if let (Some(line), Some(fields)) = (line, body.as_object_mut()) {
                    fields.insert("line".to_owned(), json!(line));
                }
                body
            }
        };
        let mut response = as_json(status, &body);
        if let (Self::V1, Ok(value)) = (self, HeaderValue::from_str(message)) {
            response.headers_mut().insert(ERROR_HEADER, value);
        }
        response
    }
}

/// InfluxDB 2's word for a status.
fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "invalid",
        StatusCode::PAYLOAD_TOO_LARGE => "request too large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported media type",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ => "internal error",
    }
}

fn as_json(status: StatusCode, body: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, kind, format!("{body}\n")).into_response()
}

/// Answers the statements that senders begin with. There is nothing to create: a database is a label.
async fn query(State(app): State<Arc<App>>, params: Result<Params, ApiError>) -> Response {
    let params = match params {
        Ok(params) => params,
        Err(refusal) => return refusal.into_response(),
    };
    let mut results = Vec::new();
    let statements = params.get("q").split(';').map(str::trim);
    for (id, statement) in statements.filter(|statement| !statement.is_empty()).enumerate() {
        let words: Vec<String> = statement
            .split_whitespace()
            .take(3)
            .map(str::to_ascii_uppercase)
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["CREATE", "DATABASE", ..] | ["CREATE", "RETENTION", "POLICY"] => {
                results.push(json!({ "statement_id": id }));
            }
            ["SHOW", "DATABASES"] => {
                let values: Vec<Value> = databases(&app)
                    .await
                    .into_iter()
                    .map(|name| json!([name]))
                    .collect();
                let series = json!([{ "name": "databases", "columns": ["name"], "values": values }]);
                results.push(json!({ "statement_id": id, "series": series }));
            }
            _ => return not_answered(statement),
        }
    }
    if results.is_empty() {
        return Dialect::V1.refusal(StatusCode::BAD_REQUEST, "missing required parameter \"q\"", None);
    }
    let mut response = as_json(StatusCode::OK, &json!({ "results": results }));
    response.headers_mut().insert(VERSION_HEADER, VERSION);
    response
}

fn not_answered(statement: &str) -> Response {
    let start: String = statement.chars().take(80).collect();
    let message = format!(
        "{start:?} is not answered: this server takes InfluxDB's line protocol in and is asked in PromQL at /api/v1/query"
    );
    Dialect::V1.refusal(StatusCode::BAD_REQUEST, &message, None)
}

/// The databases that something was written to, as far as the store answers.
async fn databases(app: &Arc<App>) -> Vec<String> {
    let reader = Arc::clone(&app.deps.reader);
    let names = move || reader.label_values(TenantId::DEFAULT, "db", TimeRange::ALL, &[]);
    match tokio::task::spawn_blocking(names).await {
        Ok(Ok(names)) => names,
        _ => Vec::new(),
    }
}

async fn ping() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(VERSION_HEADER, VERSION);
    response
}

/// InfluxDB 2's answer about itself; in other words what `/-/ready` says.
async fn health(State(app): State<Arc<App>>) -> Response {
    let ready = app.deps.control.is_ready();
    let (status, word, message) = if ready {
        (StatusCode::OK, "pass", "ready for queries and writes")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "fail", "the server is starting")
    };
    let body = json!({
        "name": "influxdb",
        "message": message,
        "status": word,
        "checks": [],
        "version": app.deps.about.version,
    });
    as_json(status, &body)
}
