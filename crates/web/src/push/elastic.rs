//! Elasticsearch's bulk protocol, and as much else as its clients ask for before they send: Filebeat, Logstash, Fluent Bit, Vector, the
//! official clients.
//!
//! Sources: elastic.co/docs, "Elasticsearch API": Bulk, Info, License, Cluster health, Index templates, ILM.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use ingest::push::elastic::{BulkOutcome, Item};
use serde_json::{Value, json};

use super::{PushRefusal, RETRY_AFTER, Received, on_logs_worker, receive};
use crate::app::App;
use crate::json::write_text;
use crate::prometheus::answer::{json_bytes, json_response};

/// The version of Elasticsearch whose interface this is: the last whose protocol both its own clients and those of 9 speak.
const SPOKEN_VERSION: &str = "8.17.0";

/// Official clients speak to nothing that does not say so.
const PRODUCT: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-elastic-product"),
    HeaderValue::from_static("Elasticsearch"),
);

/// The paths below `/elasticsearch`, and the bulk path where Elasticsearch has it.
pub(crate) fn routes() -> Router<Arc<App>> {
    let setup = || any(setup);
    let own = Router::new()
        .route("/", get(info))
        .route("/_bulk", post(bulk).put(bulk))
        .route("/{index}/_bulk", post(bulk_of_index).put(bulk_of_index))
        .route("/{index}/_doc", post(document))
        .route("/{index}/_doc/{id}", post(document_named).put(document_named))
        .route("/{index}/_create/{id}", post(document_named).put(document_named))
        .route("/_license", get(license))
        .route("/_xpack", get(xpack))
        .route("/_cluster/health", get(health))
        .route("/_nodes", get(nodes))
        .route("/_nodes/http", get(nodes))
        .route("/_template/{name}", setup())
        .route("/_index_template/{name}", setup())
        .route("/_component_template/{name}", setup())
        .route("/_ilm/policy/{name}", setup())
        .route("/_ingest/pipeline/{name}", setup())
        .route("/_data_stream/{name}", setup())
        .route("/{index}", setup())
        .fallback(nothing_else)
        .layer(from_fn(name_product));
    Router::new()
        .route("/_bulk", post(bulk).put(bulk))
        .route("/elasticsearch/", get(info))
        .route_layer(from_fn(name_product))
        .nest("/elasticsearch", own)
}

async fn name_product(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let (name, value) = PRODUCT;
    response.headers_mut().insert(name, value);
    response
}

async fn info(State(app): State<Arc<App>>) -> Response {
    let about = &app.deps.about;
    let body = json!({
        "name": about.host_name,
        "cluster_name": "watchkeeper",
        "cluster_uuid": "watchkeeper",
        "version": {
            "number": SPOKEN_VERSION,
            "build_flavor": "default",
            "build_type": "tar",
            "build_hash": about.revision,
            "build_date": "2024-12-11T12:08:05.663969764Z",
            "build_snapshot": false,
            "lucene_version": "9.12.0",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "You Know, for Search",
    });
    json_response(StatusCode::OK, &body)
}

async fn license() -> Response {
    let body = json!({"license": {
        "status": "active",
        "uid": "watchkeeper",
        "type": "basic",
        "issue_date": "2024-01-01T00:00:00.000Z",
        "issue_date_in_millis": 1_704_067_200_000_i64,
        "max_nodes": 1000,
        "issued_to": "watchkeeper",
        "issuer": "elasticsearch",
        "start_date_in_millis": -1,
    }});
    json_response(StatusCode::OK, &body)
}

async fn xpack() -> Response {
    let body = json!({
        "license": {"uid": "watchkeeper", "type": "basic", "mode": "basic", "status": "active"},
        "features": {"ilm": {"available": false, "enabled": false}},
        "tagline": "You know, for X",
    });
    json_response(StatusCode::OK, &body)
}

async fn health(State(app): State<Arc<App>>) -> Response {
    let status = if app.deps.control.is_ready() {
        "green"
    } else {
        "red"
    };
    let body = json!({
        "cluster_name": "watchkeeper",
        "status": status,
        "timed_out": false,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": 1,
        "active_shards": 1,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": 0,
        "active_shards_percent_as_number": 100.0,
    });
    json_response(StatusCode::OK, &body)
}

/// No further node: clients that look for some go on with the address they have.
async fn nodes() -> Response {
    json_response(
        StatusCode::OK,
        &json!({"cluster_name": "watchkeeper", "nodes": {}}),
    )
}

/// Templates, policies, pipelines and indices: there is nothing to set up, so what is asked for is there, and what is set is set.
async fn setup(request: Request) -> Response {
    match *request.method() {
        Method::GET | Method::HEAD => json_response(StatusCode::OK, &json!({})),
        Method::PUT | Method::POST => json_response(StatusCode::OK, &json!({"acknowledged": true})),
        _ => error(
            StatusCode::METHOD_NOT_ALLOWED,
            "illegal_argument_exception",
            "what is stored here is not changed over this interface",
        ),
    }
}

async fn nothing_else(request: Request) -> Response {
    let reason = format!(
        "{} is not served here: lines are sent to _bulk, and asked for under /loki/api/v1",
        request.uri().path()
    );
    error(StatusCode::NOT_FOUND, "invalid_index_name_exception", &reason)
}

async fn bulk(State(app): State<Arc<App>>, request: Request) -> Response {
    take_bulk(&app, request, None).await
}

async fn bulk_of_index(State(app): State<Arc<App>>, Path(index): Path<String>, request: Request) -> Response {
    take_bulk(&app, request, Some(index)).await
}

async fn document(State(app): State<Arc<App>>, Path(index): Path<String>, request: Request) -> Response {
    take_document(&app, request, &index, None).await
}

async fn document_named(
    State(app): State<Arc<App>>,
    Path((index, id)): Path<(String, String)>,
    request: Request,
) -> Response {
    take_document(&app, request, &index, Some(&id)).await
}

/// 200: every action has its own answer; 4xx and 5xx: nothing was taken, and 429 and 503 are to be tried again.
async fn take_bulk(app: &Arc<App>, request: Request, index: Option<String>) -> Response {
    let started = Instant::now();
    let taken = async {
        let received = receive(app, request).await?;
        on_logs_worker(app, received.tenant, move |logs, origin| {
            let Received { body, encoding, .. } = &received;
            let outcome = logs.elastic_bulk(body, *encoding, index.as_deref(), origin)?;
            Ok(answer(&outcome, started))
        })
        .await
    };
    match taken.await {
        Ok(body) => json_bytes(StatusCode::OK, body.into()),
        Err(refusal) => refused(&refusal),
    }
}

/// One document is a bulk of one.
async fn take_document(app: &Arc<App>, request: Request, index: &str, id: Option<&str>) -> Response {
    let action = json!({"index": {"_index": index, "_id": id}}).to_string();
    let taken = async {
        let received = receive(app, request).await?;
        on_logs_worker(app, received.tenant, move |logs, origin| {
            logs.elastic_document(&action, &received.body, received.encoding, origin)
        })
        .await
    };
    match taken.await {
        Ok(BulkOutcome { items, .. }) => match items.first() {
            Some(item) => match &item.fault {
                None => json_response(StatusCode::CREATED, &stored(item, 0)),
                Some(fault) => error(
                    StatusCode::from_u16(fault.status).unwrap_or(StatusCode::BAD_REQUEST),
                    fault.kind,
                    &fault.reason,
                ),
            },
            None => error(
                StatusCode::BAD_REQUEST,
                "parse_exception",
                "request body is required",
            ),
        },
        Err(refusal) => refused(&refusal),
    }
}

/// The answer to a bulk, written item by item: there may be millions.
fn answer(outcome: &BulkOutcome, started: Instant) -> Vec<u8> {
    let errors = outcome.items.iter().any(|item| item.fault.is_some());
    let took = started.elapsed().as_millis();
    let mut out = format!("{{\"took\":{took},\"errors\":{errors},\"items\":[").into_bytes();
    for (place, item) in outcome.items.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(format!("{{\"{}\":", item.action.as_str()).as_bytes());
        write_item(&mut out, item, place);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}

fn write_item(out: &mut Vec<u8>, item: &Item, place: usize) {
    out.extend_from_slice(b"{\"_index\":");
    write_text(out, &item.index);
    out.extend_from_slice(b",\"_id\":");
    write_text(out, &item.id);
    match &item.fault {
        None => out.extend_from_slice(
            format!(
                ",\"_version\":1,\"result\":\"created\",\"_shards\":{{\"total\":1,\"successful\":1,\"failed\":0}},\
                 \"_seq_no\":{place},\"_primary_term\":1,\"status\":201}}"
            )
            .as_bytes(),
        ),
        Some(fault) => {
            out.extend_from_slice(
                format!(
                    ",\"status\":{},\"error\":{{\"type\":\"{}\",\"reason\":",
                    fault.status, fault.kind
                )
                .as_bytes(),
            );
            write_text(out, &fault.reason);
            out.extend_from_slice(b"}}");
        }
    }
}

fn stored(item: &Item, place: usize) -> Value {
    let mut out = Vec::new();
    write_item(&mut out, item, place);
    serde_json::from_slice(&out).unwrap_or_default()
}

fn refused(refusal: &PushRefusal) -> Response {
    let kind = match refusal.status {
        StatusCode::BAD_REQUEST => "illegal_argument_exception",
        StatusCode::TOO_MANY_REQUESTS => "es_rejected_execution_exception",
        StatusCode::PAYLOAD_TOO_LARGE => "content_too_long_exception",
        status if status.is_server_error() => "process_cluster_event_timeout_exception",
        _ => "parse_exception",
    };
    let mut response = error(refusal.status, kind, &refusal.message);
    if refusal.is_passing() {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

/// An error in Elasticsearch's form.
fn error(status: StatusCode, kind: &str, reason: &str) -> Response {
    let cause = json!({"type": kind, "reason": reason});
    let body = json!({
        "error": {"root_cause": [cause], "type": kind, "reason": reason},
        "status": status.as_u16(),
    });
    json_response(status, &body).into_response()
}
