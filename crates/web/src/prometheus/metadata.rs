//! What is known of metrics: of all, and of those of each target.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use model::{Labels, Matcher, MetricMetadata, ReadError, SeriesRead, TenantId, TimeRange};
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use crate::app::App;
use crate::json::LabelsJson;
use crate::params::Params;
use crate::prometheus::answer::{ApiError, Success};

/// Endings that samples of one family add to its name (OpenMetrics 1.0 section 5).
const SAMPLE_SUFFIXES: [&str; 6] = ["_bucket", "_count", "_sum", "_total", "_created", "_info"];

/// `/api/v1/metadata`
pub(crate) async fn metadata(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let limit = number(&params, "limit")?;
    let limit_per_metric = number(&params, "limit_per_metric")?;
    let metric = params.get("metric").to_owned();
    super::series::read(&app, params.tenant(), move |reader| {
        let all = reader.metadata(TenantId::DEFAULT, (!metric.is_empty()).then_some(&*metric))?;
        let kept = limit.map_or(all.len(), |limit| limit.min(all.len()));
        let all = all.into_iter().take(kept).collect();
        let without_entries = limit_per_metric == Some(0);
        Ok(Success::of(ByMetric { all, without_entries }).into_response())
    })
    .await
}

/// `/api/v1/targets/metadata`: the store keeps metadata by metric; what a target has of it is read off its series.
pub(crate) async fn target_metadata(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = number(&params, "limit")?.unwrap_or(usize::MAX);
    let metric = params.get("metric").to_owned();
    let matchers = match params.get("match_target") {
        "" => Vec::new(),
        text => promql::parse_selector(text).map_err(|error| ApiError::bad_data(error.to_string()))?,
    };
    let targets = app
        .deps
        .scraper
        .targets()
        .active
        .into_iter()
        .map(|target| target.labels);
    let targets: Vec<Labels> = targets
        .filter(|labels| matchers.iter().all(|matcher| matcher.matches_labels(labels)))
        .collect();
    let now_ms = app.deps.clock.now_ms();
    let lookback_ms = app.config.query_lookback.as_millis_i64();
    let range = TimeRange::new(now_ms.saturating_sub(lookback_ms), now_ms)
        .map_err(|error| ApiError::bad_data(error.to_string()))?;
    let found = read_targets(&app, params.tenant(), move |reader| {
        let known = KnownMetadata::read(reader, &metric)?;
        let mut found = Vec::new();
        for target in targets {
            if found.len() >= limit {
                break;
            }
            let names = known.of_target(reader, &target, range)?;
            let with_name = metric.is_empty();
            found.extend(names.into_iter().map(|metadata| TargetMetadata {
                target: target.clone(),
                metadata,
                with_name,
            }));
        }
        found.truncate(limit);
        Ok(found)
    })
    .await?;
    if found.is_empty() {
        return Err(ApiError::not_found("specified metadata not found".to_owned()));
    }
    Ok(Success::of(found).into_response())
}

async fn read_targets(
    app: &App,
    tenant: TenantId,
    ask: impl FnOnce(&dyn SeriesRead) -> Result<Vec<TargetMetadata>, ReadError> + Send + 'static,
) -> Result<Vec<TargetMetadata>, ApiError> {
    let reader = app.reader_of(tenant);
    let answer = app
        .workers
        .run(app.config.query_timeout.0, move |_| ask(&*reader))
        .await?;
    answer.map_err(ApiError::from)
}

fn number(params: &Params, name: &str) -> Result<Option<usize>, ApiError> {
    match params.get(name) {
        "" => Ok(None),
        // Prometheus takes any negative number for "no limit".
        text => text
            .parse::<i64>()
            .map(|number| usize::try_from(number).ok())
            .map_err(|_| ApiError::bad_data(format!("{name} must be a number"))),
    }
}

/// Metadata by family, or of the one that was asked for.
struct KnownMetadata {
    by_family: BTreeMap<Arc<str>, MetricMetadata>,
}

impl KnownMetadata {
    fn read(reader: &dyn SeriesRead, metric: &str) -> Result<Self, ReadError> {
        let all = reader.metadata(TenantId::DEFAULT, (!metric.is_empty()).then_some(metric))?;
        let by_family = all
            .into_iter()
            .map(|entry| (Arc::clone(&entry.name), entry))
            .collect();
        Ok(Self { by_family })
    }

    /// The entries of the families that a target has series of.
    fn of_target(
        &self,
        reader: &dyn SeriesRead,
        target: &Labels,
        range: TimeRange,
    ) -> Result<Vec<MetricMetadata>, ReadError> {
        let matchers: Vec<Matcher> = target
            .iter()
            .map(|(name, value)| Matcher::equal(name, value))
            .collect();
        let names = reader.label_values(TenantId::DEFAULT, model::labels::METRIC_NAME, range, &[matchers])?;
        let families: BTreeMap<&Arc<str>, &MetricMetadata> =
            names.iter().filter_map(|name| self.family_of(name)).collect();
        Ok(families.into_values().cloned().collect())
    }

    fn family_of(&self, name: &str) -> Option<(&Arc<str>, &MetricMetadata)> {
        families_of(name).find_map(|family| self.by_family.get_key_value(family))
    }
}

/// The families that a sample's name may belong to: the name itself, then without what samples add to it.
pub(crate) fn families_of(name: &str) -> impl Iterator<Item = &str> {
    let shorter = SAMPLE_SUFFIXES
        .iter()
        .filter_map(move |suffix| name.strip_suffix(suffix));
    std::iter::once(name).chain(shorter)
}

/// `{"metric": [{"type", "help", "unit"}]}`
struct ByMetric {
    all: Vec<MetricMetadata>,
    without_entries: bool,
}

impl Serialize for ByMetric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.all.len()))?;
        for entry in &self.all {
            let entries = [Entry(entry)];
            map.serialize_entry(
                &*entry.name,
                if self.without_entries {
                    &[][..]
                } else {
                    &entries[..]
                },
            )?;
        }
        map.end()
    }
}

struct Entry<'a>(&'a MetricMetadata);

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entry = serializer.serialize_struct("Entry", 3)?;
        entry.serialize_field("type", self.0.kind.as_str())?;
        entry.serialize_field("help", &*self.0.help)?;
        entry.serialize_field("unit", &*self.0.unit)?;
        entry.end()
    }
}

/// One line of `/targets/metadata`; the name is left out where one was asked for.
struct TargetMetadata {
    target: Labels,
    metadata: MetricMetadata,
    with_name: bool,
}

impl Serialize for TargetMetadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entry = serializer.serialize_struct("TargetMetadata", 4 + usize::from(self.with_name))?;
        entry.serialize_field("target", &LabelsJson(&self.target))?;
        if self.with_name {
            entry.serialize_field("metric", &*self.metadata.name)?;
        }
        entry.serialize_field("type", self.metadata.kind.as_str())?;
        entry.serialize_field("help", &*self.metadata.help)?;
        entry.serialize_field("unit", &*self.metadata.unit)?;
        entry.end()
    }
}
