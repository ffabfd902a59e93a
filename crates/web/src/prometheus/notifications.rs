//! `/api/v1/notifications`: what the operator should know of the server itself.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::App;
use crate::prometheus::answer::Success;
use crate::prometheus::times::rfc3339;

/// One thing to know.
#[derive(Debug, Serialize)]
struct Notification {
    text: String,
    /// Since when, as far as that is known.
    date: String,
    active: bool,
}

/// `/api/v1/notifications`: a refused reload, a store that takes nothing, damaged files.
pub(crate) async fn notifications(State(app): State<Arc<App>>) -> Response {
    let control = &app.deps.control;
    let (config, store) = (control.config_view(), control.store_view());
    let now = rfc3339(Some(app.deps.clock.now_ms()));
    let reload = (!config.ok).then(|| match config.error {
        Some(error) => format!("Configuration reload has failed: {error}"),
        None => "Configuration reload has failed.".to_owned(),
    });
    let texts = reload.into_iter().chain(store.fault).chain(store.damage);
    let all: Vec<Notification> = texts
        .map(|text| Notification {
            text,
            date: now.clone(),
            active: true,
        })
        .collect();
    Success::of(all).into_response()
}
