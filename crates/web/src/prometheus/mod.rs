//! The Prometheus HTTP API under `/api/v1`: the same paths, parameters, shapes and error words as Prometheus 2.42 and 3.
//!
//! In: requests with parameters in the address or a form.  Out: Prometheus' JSON envelope.
//! Owns: nothing.
//! Invariants: recorded answers of a Prometheus are given again (`tests/conformance.rs`); a large result is never
//! held as text in whole (`result_body::tests`); every answer under this path is JSON, errors too (`tests/http/routes.rs`).
//! Not here: the page's own API (`ui_api`), evaluation (`promql`).
//! Start at: [`routes`].

mod admin;
pub(crate) mod answer;
mod exemplars;
mod features;
pub(crate) mod federate;
mod metadata;
mod notifications;
mod parse_query;
mod query;
mod read;
mod result_body;
mod rules;
pub(crate) mod selectors;
mod series;
mod status;
mod targets;
mod times;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::app::App;
use answer::ApiError;
pub(crate) use metadata::families_of;
pub use result_body::answer_json;

/// Every route under `/api/v1`.
pub(crate) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let gated = Router::new()
        .route("/query", get(query::instant).post(query::instant))
        .route("/query_range", get(query::range).post(query::range))
        .route(
            "/query_exemplars",
            get(exemplars::query_exemplars).post(exemplars::query_exemplars),
        )
        .route("/format_query", get(query::format).post(query::format))
        .route(
            "/parse_query",
            get(parse_query::parse_query).post(parse_query::parse_query),
        )
        .route("/read", post(read::read))
        .route("/features", get(features::features))
        .route("/notifications", get(notifications::notifications))
        .route("/series", get(series::series).post(series::series))
        .route("/labels", get(series::label_names).post(series::label_names))
        .route("/label/{name}/values", get(series::label_values))
        .route("/metadata", get(metadata::metadata))
        .route("/scrape_pools", get(targets::scrape_pools))
        .route("/targets", get(targets::targets))
        .route("/targets/metadata", get(metadata::target_metadata))
        .route("/rules", get(rules::rules))
        .route("/alerts", get(rules::alerts))
        .route("/alertmanagers", get(rules::alertmanagers))
        .route(
            "/admin/tsdb/delete_series",
            post(admin::delete_series).put(admin::delete_series),
        )
        .route(
            "/admin/tsdb/clean_tombstones",
            post(admin::clean_tombstones).put(admin::clean_tombstones),
        )
        .route("/admin/tsdb/snapshot", post(admin::snapshot).put(admin::snapshot))
        .route("/status/config", get(status::config))
        .route("/status/flags", get(status::flags))
        .route("/status/buildinfo", get(status::build_info))
        .route("/status/runtimeinfo", get(status::runtime_info))
        .route("/status/tsdb", get(status::tsdb))
        .route_layer(from_fn_with_state(Arc::clone(app), only_when_ready));
    gated
        .route("/status/walreplay", get(status::wal_replay))
        .method_not_allowed_fallback(method_not_allowed)
}

/// Prometheus answers nothing but the progress of its start before it is ready.
async fn only_when_ready(
    State(app): State<Arc<App>>,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    if app.deps.control.is_ready() {
        next.run(request).await
    } else {
        ApiError::unavailable("the server is starting; ask /-/ready".to_owned()).into_response()
    }
}

async fn method_not_allowed() -> ApiError {
    ApiError::with_status(
        http::StatusCode::METHOD_NOT_ALLOWED,
        "this path does not take this method".to_owned(),
    )
}
