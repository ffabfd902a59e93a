//! The names that the page's palette and completion search: metrics, hosts, targets, alerts.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use model::{Matcher, MetricMetadata, ReadError, SeriesRead, TenantId, TimeRange};
use serde::Serialize;

use crate::app::App;
use crate::limits::CATALOG_METRICS_MAX;
use crate::page::etag_of;
use crate::prometheus::answer::json_bytes;
use crate::ui_api::answer::UiError;

/// Names are gathered from series that had samples this recently.
const RECENT_MS: i64 = 60 * 60 * 1000;

/// `GET /api/ui/catalog`, with an ETag.
pub(crate) async fn catalog(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, UiError> {
    let now_ms = app.deps.clock.now_ms();
    let reader = Arc::clone(&app.deps.reader);
    let (metrics, hosts) = app
        .workers
        .run(app.config.query_timeout.0, move |_| {
            stored_names(&*reader, now_ms)
        })
        .await??;
    let catalog = Catalog {
        metrics,
        hosts,
        targets: targets(&app),
        alerts: alert_names(&app),
    };
    let body = serde_json::to_vec(&catalog).map_err(|error| {
        UiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            error.to_string(),
            "Look at the log of the server.",
        )
    })?;
    let etag = etag_of(&body);
    if headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| same_tag(known, &etag))
    {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let mut response = json_bytes(StatusCode::OK, body.into());
    response.headers_mut().insert(header::ETAG, etag);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// Compares weakly (RFC 9110 section 13.1.2): a proxy that compresses marks the tag as weak.
fn same_tag(known: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(known), Ok(etag)) = (known.to_str(), etag.to_str()) else {
        return false;
    };
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.split(',').any(|one| bare(one) == bare(etag))
}

#[derive(Debug, Serialize)]
struct Catalog {
    metrics: Vec<Metric>,
    hosts: Vec<String>,
    targets: Vec<Target>,
    alerts: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Metric {
    name: String,
    kind: &'static str,
    help: String,
    unit: String,
}

#[derive(Debug, Serialize)]
struct Target {
    job: String,
    instance: String,
}

fn stored_names(reader: &dyn SeriesRead, now_ms: i64) -> Result<(Vec<Metric>, Vec<String>), ReadError> {
    let range = TimeRange::new(now_ms.saturating_sub(RECENT_MS), i64::MAX).unwrap_or(TimeRange::ALL);
    let names = reader.label_values(TenantId::DEFAULT, model::labels::METRIC_NAME, range, &[])?;
    let described: BTreeMap<Arc<str>, MetricMetadata> = reader
        .metadata(TenantId::DEFAULT, None)?
        .into_iter()
        .map(|entry| (Arc::clone(&entry.name), entry))
        .collect();
    let metrics = names
        .into_iter()
        .take(CATALOG_METRICS_MAX)
        .map(|name| Metric::new(name, &described))
        .collect();
    let of_hosts = [vec![Matcher::equal("job", "host")]];
    let hosts = reader.label_values(TenantId::DEFAULT, "instance", range, &of_hosts)?;
    Ok((metrics, hosts))
}

impl Metric {
    /// A metric with what is known of its family.
    fn new(name: String, described: &BTreeMap<Arc<str>, MetricMetadata>) -> Self {
        let known = crate::prometheus::families_of(&name).find_map(|family| described.get(family));
        Self {
            kind: known.map_or("unknown", |entry| entry.kind.as_str()),
            help: known.map(|entry| entry.help.to_string()).unwrap_or_default(),
            unit: known.map(|entry| entry.unit.to_string()).unwrap_or_default(),
            name,
        }
    }
}

fn targets(app: &App) -> Vec<Target> {
    let active = app.deps.scraper.targets().active;
    active
        .into_iter()
        .map(|target| Target {
            instance: target.labels.get("instance").unwrap_or_default().to_owned(),
            job: target.job,
        })
        .collect()
}

fn alert_names(app: &App) -> Vec<String> {
    let groups = app.deps.alerting.groups();
    let mut names: Vec<String> = groups
        .into_iter()
        .flat_map(|group| group.rules)
        .filter(|rule| rule.kind == alerting::RuleKind::Alerting)
        .map(|rule| rule.name)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
