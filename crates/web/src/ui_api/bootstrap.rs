//! What the page needs to know once: version, machine, time zone.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::ui_api::answer::json;

#[derive(Debug, Serialize)]
struct Bootstrap<'a> {
    version: &'a str,
    host_name: &'a str,
    data_dir: String,
    started_at_ms: i64,
    now_ms: i64,
    timezone: String,
    has_config_file: bool,
}

/// `GET /api/ui/bootstrap`
pub(crate) async fn bootstrap(State(app): State<Arc<App>>) -> Response {
    let about = &app.deps.about;
    let timezone = jiff::tz::TimeZone::system();
    json(&Bootstrap {
        version: &about.version,
        host_name: &about.host_name,
        data_dir: about.data_dir.display().to_string(),
        started_at_ms: about.started_at_ms,
        now_ms: app.deps.clock.now_ms(),
        timezone: timezone.iana_name().unwrap_or("UTC").to_owned(),
        has_config_file: app.deps.control.config_view().path.is_some(),
    })
}
