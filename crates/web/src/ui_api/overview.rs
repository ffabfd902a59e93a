//! The first page in one answer: this machine, targets, alerts, ingestion, configuration.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use collect::HostSummary;
use ingest::{Health, TargetStatus};
use model::{AlertPhase, Labels, SeriesStatistics, TenantId};
use serde::{Serialize, Serializer};

use crate::app::App;
use crate::deps::{ConfigView, StoreView};
use crate::json::LabelsJson;
use crate::limits::OVERVIEW_ALERTS_MAX;
use crate::ui_api::alerts::{self, AlertCounts, AlertRow};
use crate::ui_api::answer::{UiError, json};

/// `GET /api/ui/overview`
pub(crate) async fn overview(State(app): State<Arc<App>>) -> Result<Response, UiError> {
    let reader = Arc::clone(&app.deps.reader);
    let counts = move |_: &crate::workers::Task| reader.statistics(TenantId::DEFAULT, 0);
    let statistics = app.workers.run(app.config.query_timeout.0, counts).await??;
    let now_ms = app.deps.clock.now_ms();
    let mut alerts = app.deps.alerting.alerts();
    let alert_counts = AlertCounts::of_rows(&alerts);
    alerts.retain(|alert| matches!(alert.state, AlertPhase::Pending | AlertPhase::Firing));
    alerts::sort(&mut alerts);
    let targets = app.deps.scraper.targets().active;
    Ok(json(&Overview {
        now_ms,
        host: host(&app),
        targets: TargetsJson {
            counts: TargetCounts::of(&targets),
            rows: targets.iter().map(TargetRow::new).collect(),
        },
        alerts: AlertsJson {
            counts: alert_counts,
            rows: alerts
                .iter()
                .take(OVERVIEW_ALERTS_MAX)
                .map(AlertRow::new)
                .collect(),
        },
        ingest: Ingest::new(&app, &statistics, now_ms),
        store: app.deps.control.store_view().into(),
        config: ConfigJson::new(&app.deps.control.config_view()),
    }))
}

/// What is known of this machine; only its name where it is not watched.
fn host(app: &App) -> HostSummary {
    app.deps.host.as_ref().map_or_else(
        || HostSummary {
            name: app.deps.about.host_name.clone(),
            ..HostSummary::default()
        },
        |host| host.summary(),
    )
}

#[derive(Debug, Serialize)]
struct Overview<'a> {
    now_ms: i64,
    host: HostSummary,
    targets: TargetsJson<'a>,
    alerts: AlertsJson<'a>,
    ingest: Ingest,
    store: StoreJson,
    config: ConfigJson,
}

#[derive(Debug, Serialize)]
struct StoreJson {
    fault: Option<String>,
    damage: Vec<String>,
}

impl From<StoreView> for StoreJson {
    fn from(view: StoreView) -> Self {
        let StoreView { fault, damage } = view;
        Self { fault, damage }
    }
}

#[derive(Debug, Serialize)]
struct TargetsJson<'a> {
    #[serde(flatten)]
    counts: TargetCounts,
    rows: Vec<TargetRow<'a>>,
}

#[derive(Debug, Serialize)]
struct AlertsJson<'a> {
    #[serde(flatten)]
    counts: AlertCounts,
    rows: Vec<AlertRow<'a>>,
}

#[derive(Debug, Serialize)]
struct Ingest {
    series: u64,
    samples_per_second: Option<f64>,
    lag_seconds: Option<f64>,
}

impl Ingest {
    /// The lag is the age of the newest sample of all.
    fn new(app: &App, statistics: &SeriesStatistics, now_ms: i64) -> Self {
        let newest_ms = statistics.head_range.map(|range| range.to_ms());
        Self {
            series: statistics.head_series,
            samples_per_second: app.hub.samples_per_second(),
            lag_seconds: newest_ms.map(|newest_ms| now_ms.saturating_sub(newest_ms).max(0) as f64 / 1000.0),
        }
    }
}

/// How many targets are up, down, or not scraped yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct TargetCounts {
    up: usize,
    down: usize,
    unknown: usize,
}

impl TargetCounts {
    /// Counts targets.
    pub(crate) fn of(targets: &[TargetStatus]) -> Self {
        let mut counts = Self::default();
        for target in targets {
            *match target.health {
                Health::Up => &mut counts.up,
                Health::Down => &mut counts.down,
                Health::Unknown => &mut counts.unknown,
            } += 1;
        }
        counts
    }
}

#[derive(Debug, Serialize)]
struct SeriesRefusedJson<'a> {
    count: u64,
    metric: &'a str,
    limit: u64,
}

#[derive(Debug, Serialize)]
struct TargetRow<'a> {
    job: &'a str,
    instance: &'a str,
    url: &'a str,
    health: &'static str,
    last_scrape_ms: Option<i64>,
    last_duration_seconds: Option<f64>,
    last_error: Option<&'a str>,
    series_refused: Option<SeriesRefusedJson<'a>>,
    interval_ms: u64,
    #[serde(serialize_with = "labels")]
    labels: &'a Labels,
}

impl<'a> TargetRow<'a> {
    fn new(target: &'a TargetStatus) -> Self {
        Self {
            job: &target.job,
            instance: target.labels.get("instance").unwrap_or_default(),
            url: &target.scrape_url,
            health: target.health.as_str(),
            last_scrape_ms: target.last_scrape_ms,
            last_duration_seconds: target.last_scrape_ms.map(|_| target.last_duration.as_secs_f64()),
            last_error: Some(&*target.last_error).filter(|error| !error.is_empty()),
            series_refused: target.series_refused.as_ref().map(|refused| SeriesRefusedJson {
                count: refused.count,
                metric: &refused.metric,
                limit: refused.limit,
            }),
            interval_ms: target.interval.as_millis() as u64,
            labels: &target.labels,
        }
    }
}

fn labels<S: Serializer>(labels: &&Labels, serializer: S) -> Result<S::Ok, S::Error> {
    LabelsJson(labels).serialize(serializer)
}

/// The configuration's state, without the configuration.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ConfigJson {
    path: Option<String>,
    loaded_at_ms: i64,
    ok: bool,
    error: Option<String>,
    warnings: Vec<String>,
}

impl ConfigJson {
    /// What the page may see of it.
    pub(crate) fn new(view: &ConfigView) -> Self {
        Self {
            path: view.path.clone(),
            loaded_at_ms: view.loaded_at_ms,
            ok: view.ok,
            error: view.error.clone(),
            warnings: view.warnings.clone(),
        }
    }
}
