//! `/api/v1/features`: what this server can do, so that clients need not guess from its version.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::prometheus::answer::Success;

/// Operators of the language that came after Prometheus 2, under the names of the list.
const OPERATORS: [&str; 8] = ["</", ">/", "!=", "!~", "=~", "atan2", "group_left", "group_right"];

type Group = BTreeMap<&'static str, bool>;

/// `/api/v1/features`
pub(crate) async fn features(State(app): State<Arc<App>>) -> Response {
    let all: BTreeMap<&str, Group> = BTreeMap::from([
        (
            "api",
            BTreeMap::from([
                ("admin", app.config.admin_api),
                ("exclude_alerts", true),
                ("label_values_match", true),
                ("lifecycle", true),
                ("query_stats", true),
                ("query_warnings", true),
                ("remote_write_receiver", true),
                ("time_range_labels", true),
                ("time_range_series", true),
            ]),
        ),
        (
            "otlp_receiver",
            BTreeMap::from([("delta_conversion", true), ("native_delta_ingestion", false)]),
        ),
        (
            "promql",
            BTreeMap::from([
                ("anchored", true),
                ("at_modifier", true),
                ("binop_fill_modifiers", true),
                ("duration_expr", true),
                ("experimental_functions", true),
                ("native_histograms", true),
                ("negative_offset", true),
                ("per_query_lookback_delta", true),
                ("smoothed", true),
                ("subqueries", true),
                ("utf8", true),
            ]),
        ),
        (
            "promql_functions",
            promql::functions::all()
                .iter()
                .map(|function| (function.name, true))
                .collect(),
        ),
        (
            "promql_operators",
            OPERATORS.map(|operator| (operator, true)).into(),
        ),
        (
            "rules",
            BTreeMap::from([
                ("keep_firing_for", true),
                ("query_offset", true),
                ("concurrent_rule_eval", false),
            ]),
        ),
    ]);
    Success::of(all).into_response()
}
