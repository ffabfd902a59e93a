//! What Grafana asks of a Loki beside its lines.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::answer::LokiError;
use crate::app::App;
use crate::limits::{LOKI_LINES_MAX, LOKI_VOLUME_SERIES_MAX};
use crate::prometheus::answer::json_response;

/// The version of Loki whose interface this is: Grafana compares it before it asks for volumes, fields and structured metadata.
const SPOKEN_VERSION: &str = "3.5.0";

/// `/loki/api/v1/status/buildinfo`; without an envelope, as Loki has it.
pub(super) async fn build_info(State(app): State<Arc<App>>) -> Response {
    let body = json!({
        "version": SPOKEN_VERSION,
        "application": format!("Watchkeeper {}", app.deps.about.version),
        "revision": app.deps.about.revision,
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    });
    json_response(StatusCode::OK, &body)
}

/// `/loki/api/v1/drilldown-limits`: what Grafana's Logs Drilldown may ask.
pub(super) async fn drilldown_limits(State(app): State<Arc<App>>) -> Response {
    let body = json!({
        "limits": {
            "discover_log_levels": true,
            "max_entries_limit_per_query": LOKI_LINES_MAX,
            "max_query_series": logql::limits::SERIES_MAX,
            "query_timeout": app.config.query_timeout.to_string(),
            "volume_enabled": true,
            "volume_max_series": LOKI_VOLUME_SERIES_MAX,
            "pattern_persistence_enabled": false,
            "metric_aggregation_enabled": false,
        },
        "pattern_ingester_enabled": false,
        "version": SPOKEN_VERSION,
    });
    json_response(StatusCode::OK, &body)
}

/// `/ready`
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.deps.logs.is_none() {
        return LokiError::not_found("no log lines are kept here").into_response();
    }
    if app.deps.control.is_ready() {
        (StatusCode::OK, "ready\n").into_response()
    } else {
        LokiError::unavailable("the server is starting; try again shortly").into_response()
    }
}
