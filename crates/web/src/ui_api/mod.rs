//! The page's own API under `/api/ui`: columns instead of pairs, whole pictures instead of parts (docs/api/ui.md).
//!
//! In: requests of the embedded page.  Out: JSON with times in milliseconds; server-sent events.
//! Owns: the ring of recent events, the memory of collection intervals.
//! Invariants: one bad expression leaves the other queries whole (`tests/http/ui_series.rs`); a client of the stream gets
//! every event or is told how many it lost (`tests/http/stream.rs`).
//! Not here: promises to other clients; those use `/api/v1`.
//! Start at: [`routes`].

mod alerts;
mod answer;
mod bootstrap;
mod catalog;
mod grid;
pub(crate) mod interval;
mod logs;
mod overview;
mod processes;
mod series;
pub(crate) mod stream;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};

use crate::app::App;

/// Every route under `/api/ui`.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/bootstrap", get(bootstrap::bootstrap))
        .route("/series", post(series::series))
        .route("/overview", get(overview::overview))
        .route("/alerts", get(alerts::alerts))
        .route("/processes", get(processes::processes))
        .route("/catalog", get(catalog::catalog))
        .route("/stream", get(stream::stream))
        .nest("/logs", logs::routes())
        .route("/{*rest}", any(answer::no_such_path))
        .method_not_allowed_fallback(answer::method_not_allowed)
}
