//! The state of the process: build, runtime, flags, configuration, store.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use model::{SeriesStatistics, TenantId};
use serde::Serialize;

use crate::app::App;
use crate::params::Params;
use crate::prometheus::answer::{ApiError, Success};
use crate::prometheus::times::rfc3339;

/// Entries in each list of `/status/tsdb`, where the request does not say.
const TOP_ENTRIES: usize = 10;
/// Upstream refuses longer lists.
const TOP_ENTRIES_MAX: usize = 10_000;

/// The version of Prometheus whose API is spoken here. Clients ask for it to learn what they may ask for: of a lower one, Grafana
/// keeps to requests of Prometheus' early days.
const SPOKEN_VERSION: &str = "3.5.0";

/// `/api/v1/status/config`
pub(crate) async fn config(State(app): State<Arc<App>>) -> Response {
    let yaml = app.deps.control.config_view().yaml;
    Success::of(BTreeMap::from([("yaml", yaml)])).into_response()
}

/// `/api/v1/status/flags`
pub(crate) async fn flags(State(app): State<Arc<App>>) -> Response {
    let flags: BTreeMap<String, String> = app.deps.control.flags().into_iter().collect();
    Success::of(flags).into_response()
}

/// `/api/v1/status/buildinfo`
pub(crate) async fn build_info(State(app): State<Arc<App>>) -> Response {
    Success::of(BuildInfo {
        version: SPOKEN_VERSION,
        application: format!("Watchkeeper {}", app.deps.about.version),
        revision: app.deps.about.revision.clone(),
        branch: "",
        build_user: "",
        build_date: "",
        go_version: "",
    })
    .into_response()
}

/// `/api/v1/status/runtimeinfo`
pub(crate) async fn runtime_info(State(app): State<Arc<App>>) -> Response {
    let deps = &app.deps;
    let config = deps.control.config_view();
    let folder = std::env::current_dir().unwrap_or_default();
    let metrics = tokio::runtime::Handle::current().metrics();
    Success::of(RuntimeInfo {
        start_time: rfc3339(Some(deps.about.started_at_ms)),
        cwd: folder.display().to_string(),
        hostname: deps.about.host_name.clone(),
        server_time: rfc3339(Some(deps.clock.now_ms())),
        reload_config_success: config.ok,
        last_config_time: rfc3339(Some(config.loaded_at_ms)),
        corruption_count: deps.control.replay().damaged,
        goroutine_count: metrics.num_alive_tasks(),
        gomaxprocs: metrics.num_workers(),
        gomemlimit: 0,
        gogc: "",
        godebug: "",
        storage_retention: deps.about.retention.clone(),
    })
    .into_response()
}

/// `/api/v1/status/tsdb`
pub(crate) async fn tsdb(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let limit = match params.get("limit") {
        "" => TOP_ENTRIES,
        text => text
            .parse()
            .ok()
            .filter(|limit| (1..=TOP_ENTRIES_MAX).contains(limit))
            .ok_or_else(|| ApiError::bad_data(format!("limit must be between 1 and {TOP_ENTRIES_MAX}")))?,
    };
    super::series::read(&app, params.tenant(), move |reader| {
        let statistics = reader.statistics(TenantId::DEFAULT, limit)?;
        Ok(Success::of(TsdbStatus::new(&statistics)).into_response())
    })
    .await
}

/// `/api/v1/status/walreplay`; answers before the server is ready.
pub(crate) async fn wal_replay(State(app): State<Arc<App>>) -> Response {
    let replay = app.deps.control.replay();
    let state = match (app.deps.control.is_ready(), replay.current) {
        (true, _) => "done",
        (false, 0) => "waiting",
        (false, _) => "in progress",
    };
    Success::of(WalReplay {
        min: replay.first,
        max: replay.last,
        current: replay.current,
        state,
    })
    .into_response()
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildInfo {
    version: &'static str,
    /// Ours: what answers.
    application: String,
    revision: String,
    branch: &'static str,
    build_user: &'static str,
    build_date: &'static str,
    go_version: &'static str,
}

/// Tasks stand for goroutines and worker threads for `GOMAXPROCS`; what only Go has is empty.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeInfo {
    start_time: String,
    #[serde(rename = "CWD")]
    cwd: String,
    hostname: String,
    server_time: String,
    reload_config_success: bool,
    last_config_time: String,
    corruption_count: u64,
    goroutine_count: usize,
    #[serde(rename = "GOMAXPROCS")]
    gomaxprocs: usize,
    #[serde(rename = "GOMEMLIMIT")]
    gomemlimit: i64,
    #[serde(rename = "GOGC")]
    gogc: &'static str,
    #[serde(rename = "GODEBUG")]
    godebug: &'static str,
    storage_retention: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TsdbStatus<'a> {
    head_stats: HeadStatistics,
    series_count_by_metric_name: Vec<Counted<'a>>,
    /// Ours: whose new series were refused.
    refused_series_count_by_metric_name: Vec<Counted<'a>>,
    label_value_count_by_label_name: Vec<Counted<'a>>,
    memory_in_bytes_by_label_name: Vec<Counted<'a>>,
    series_count_by_label_value_pair: Vec<Counted<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HeadStatistics {
    num_series: u64,
    num_label_pairs: u64,
    chunk_count: u64,
    min_time: i64,
    max_time: i64,
}

#[derive(Debug, Serialize)]
struct Counted<'a> {
    name: &'a str,
    value: u64,
}

#[derive(Debug, Serialize)]
struct WalReplay {
    min: u64,
    max: u64,
    current: u64,
    state: &'static str,
}

impl<'a> TsdbStatus<'a> {
    fn new(statistics: &'a SeriesStatistics) -> Self {
        let range = statistics.head_range;
        Self {
            head_stats: HeadStatistics {
                num_series: statistics.head_series,
                num_label_pairs: statistics.head_label_pairs,
                chunk_count: statistics.head_chunks,
                // Prometheus' own ends of time stand for an empty head.
                min_time: range.map_or(i64::MAX, |range| range.from_ms()),
                max_time: range.map_or(i64::MIN, |range| range.to_ms()),
            },
            series_count_by_metric_name: counted(&statistics.series_by_metric),
            refused_series_count_by_metric_name: counted(&statistics.series_refused_by_metric),
            label_value_count_by_label_name: counted(&statistics.values_by_label),
            memory_in_bytes_by_label_name: counted(&statistics.bytes_by_label),
            series_count_by_label_value_pair: counted(&statistics.series_by_label_pair),
        }
    }
}

fn counted(list: &[(String, u64)]) -> Vec<Counted<'_>> {
    list.iter()
        .map(|(name, value)| Counted { name, value: *value })
        .collect()
}
