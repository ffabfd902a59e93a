//! What is scraped, and what relabelling dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use ingest::{DroppedTarget, TargetStatus};
use model::Labels;
use serde::{Serialize, Serializer};
use stdx::HumanDuration;

use crate::app::App;
use crate::json::LabelsJson;
use crate::params::Params;
use crate::prometheus::answer::Success;
use crate::prometheus::times::rfc3339;

/// `/api/v1/targets`, with `state=active|dropped|any` and `scrapePool`.
pub(crate) async fn targets(State(app): State<Arc<App>>, params: Params) -> Response {
    let state = params.get("state").to_ascii_lowercase();
    let pool = params.get("scrapePool");
    let wanted = |name: &str| pool.is_empty() || pool == name;
    let all = app.deps.scraper.targets();
    let counts = all.dropped_counts.iter();
    let mut dropped_counts: BTreeMap<&str, usize> = counts.map(|(name, count)| (&**name, *count)).collect();
    let with_active = matches!(&*state, "" | "any" | "active");
    let with_dropped = matches!(&*state, "" | "any" | "dropped");
    if !with_dropped {
        dropped_counts.clear();
    }
    let active = all
        .active
        .iter()
        .filter(|target| with_active && wanted(&target.scrape_pool));
    let dropped = all
        .dropped
        .iter()
        .filter(|target| with_dropped && wanted(&target.scrape_pool));
    Success::of(TargetsJson {
        active_targets: active.map(ActiveTarget::new).collect(),
        dropped_targets: dropped.map(DroppedTargetJson::new).collect(),
        dropped_target_counts: dropped_counts,
    })
    .into_response()
}

/// `/api/v1/scrape_pools`: the names of all scrape jobs, those without a target too.
pub(crate) async fn scrape_pools(State(app): State<Arc<App>>) -> Response {
    let all = app.deps.scraper.targets();
    let active = all.active.iter().map(|target| &*target.scrape_pool);
    let dropped = all.dropped_counts.keys().map(|name| &**name);
    let discovered = all.discovery.iter().map(|found| &*found.scrape_pool);
    let names: BTreeSet<&str> = active.chain(dropped).chain(discovered).collect();
    Success::of(BTreeMap::from([("scrapePools", names)])).into_response()
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TargetsJson<'a> {
    active_targets: Vec<ActiveTarget<'a>>,
    dropped_targets: Vec<DroppedTargetJson<'a>>,
    dropped_target_counts: BTreeMap<&'a str, usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActiveTarget<'a> {
    #[serde(serialize_with = "labels")]
    discovered_labels: &'a Labels,
    #[serde(serialize_with = "labels")]
    labels: &'a Labels,
    scrape_pool: &'a str,
    scrape_url: &'a str,
    global_url: &'a str,
    last_error: &'a str,
    last_scrape: String,
    last_scrape_duration: f64,
    health: &'static str,
    scrape_interval: String,
    scrape_timeout: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DroppedTargetJson<'a> {
    #[serde(serialize_with = "labels")]
    discovered_labels: &'a Labels,
    scrape_pool: &'a str,
}

impl<'a> ActiveTarget<'a> {
    fn new(target: &'a TargetStatus) -> Self {
        Self {
            discovered_labels: &target.discovered_labels,
            labels: &target.labels,
            scrape_pool: &target.scrape_pool,
            scrape_url: &target.scrape_url,
            global_url: &target.global_url,
            last_error: &target.last_error,
            last_scrape: rfc3339(target.last_scrape_ms),
            last_scrape_duration: target.last_duration.as_secs_f64(),
            health: target.health.as_str(),
            scrape_interval: HumanDuration(target.interval).to_string(),
            scrape_timeout: HumanDuration(target.timeout).to_string(),
        }
    }
}

impl<'a> DroppedTargetJson<'a> {
    fn new(target: &'a DroppedTarget) -> Self {
        Self {
            discovered_labels: &target.discovered_labels,
            scrape_pool: &target.scrape_pool,
        }
    }
}

fn labels<S: Serializer>(labels: &&Labels, serializer: S) -> Result<S::Ok, S::Error> {
    LabelsJson(labels).serialize(serializer)
}
