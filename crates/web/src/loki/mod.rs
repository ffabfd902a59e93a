//! The Loki HTTP API under `/loki/api/v1`: the same paths, parameters, shapes and error words as Loki 3.
//!
//! In: requests with parameters in the address or a form.  Out: Loki's JSON, and plain texts for errors as Loki has them.
//! Owns: the places of live tails.
//! Invariants: what Grafana's Loki data source sends is answered in the forms it reads (`tests/http/loki_grafana.rs`); no answer is
//! held as text in whole (`body::tests`); a tail shows what was stored while it runs, or says that it could not (`tests/http/loki_tail.rs`).
//! Not here: evaluation (`logql`), pushes (`push::loki`).
//! Start at: [`routes`].

mod answer;
pub(crate) mod ask;
pub(crate) mod body;
mod delete;
mod detected;
pub(crate) mod field_values;
mod index;
pub(crate) mod patterns;
mod query;
mod statistics;
mod status;
mod streams;
pub(crate) mod tail;
mod times;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};

use crate::app::App;
use answer::LokiError;

/// Every route under `/loki/api/v1` but that of pushes, and what Loki has beside it.
pub(crate) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let asked = Router::new()
        .route("/query", get(query::instant).post(query::instant))
        .route("/query_range", get(query::range).post(query::range))
        .route("/format_query", get(query::format).post(query::format))
        .route("/labels", get(streams::label_names).post(streams::label_names))
        .route("/label", get(streams::label_names).post(streams::label_names))
        .route(
            "/label/{name}/values",
            get(streams::label_values).post(streams::label_values),
        )
        .route("/series", get(streams::series).post(streams::series))
        .route("/index/stats", get(index::stats).post(index::stats))
        .route("/index/volume", get(index::volume).post(index::volume))
        .route(
            "/index/volume_range",
            get(index::volume_range).post(index::volume_range),
        )
        .route("/detected_labels", get(detected::labels).post(detected::labels))
        .route("/detected_fields", get(detected::fields).post(detected::fields))
        .route(
            "/detected_field/{name}/values",
            get(detected::field_values).post(detected::field_values),
        )
        .route("/patterns", get(patterns::patterns).post(patterns::patterns))
        .route("/tail", get(tail::tail))
        .route(
            "/delete",
            get(delete::list)
                .post(delete::request)
                .put(delete::request)
                .delete(delete::cancel),
        )
        .route("/drilldown-limits", get(status::drilldown_limits))
        .route_layer(from_fn_with_state(Arc::clone(app), only_when_ready));
    let api = asked.route("/status/buildinfo", get(status::build_info));
    Router::new()
        .nest("/loki/api/v1", api)
        .route("/ready", get(status::ready))
        .route("/loki/{*rest}", any(no_such_path))
}

async fn only_when_ready(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if app.deps.control.is_ready() {
        next.run(request).await
    } else {
        LokiError::unavailable("the server is starting; ask /ready").into_response()
    }
}

/// No path under `/loki` is ever answered with the page.
async fn no_such_path(request: Request) -> LokiError {
    LokiError::not_found(format!("there is no {}", request.uri().path()))
}
