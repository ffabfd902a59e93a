//! `/api/v1/query_exemplars`: the exemplars of all series that an expression asks for.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use model::{Exemplar, Labels, Matcher, TenantId, TimeRange};
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::app::App;
use crate::json::LabelsJson;
use crate::params::{Params, TIME_MS_MAX, TIME_MS_MIN};
use crate::prometheus::answer::{ApiError, Success};
use crate::prometheus::series::read;

/// `/api/v1/query_exemplars`
pub(crate) async fn query_exemplars(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, ApiError> {
    let from_ms = params.time_or("start", TIME_MS_MIN)?;
    let to_ms = params.time_or("end", TIME_MS_MAX)?;
    let range = TimeRange::new(from_ms, to_ms)
        .map_err(|_| ApiError::bad_data("end timestamp must not be before start timestamp".to_owned()))?;
    let expr = app
        .parse(params.get("query"))
        .map_err(|error| ApiError::bad_data(error.to_string()))?;
    let any_of: Vec<Vec<Matcher>> = expr
        .selectors()
        .iter()
        .map(|asked| asked.matchers.to_vec())
        .collect();
    read(&app, params.tenant(), move |reader| {
        let found = reader.exemplars(TenantId::DEFAULT, range, &any_of)?;
        let found: Vec<OfSeries> = found
            .into_iter()
            .map(|(labels, exemplars)| OfSeries { labels, exemplars })
            .collect();
        Ok(Success::of(found).into_response())
    })
    .await
}

/// A series and its exemplars.
struct OfSeries {
    labels: Labels,
    exemplars: Vec<Exemplar>,
}

/// An exemplar in Prometheus' form.
#[derive(Serialize)]
struct ExemplarJson<'a> {
    labels: LabelsJson<'a>,
    /// A text, so that every float has one.
    value: String,
    /// Seconds since the epoch.
    timestamp: f64,
}

impl Serialize for OfSeries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let exemplars: Vec<ExemplarJson<'_>> = self
            .exemplars
            .iter()
            .map(|exemplar| ExemplarJson {
                labels: LabelsJson(&exemplar.labels),
                value: model::number::format_float(exemplar.value),
                timestamp: exemplar.at_ms as f64 / 1000.0,
            })
            .collect();
        let mut of_series = serializer.serialize_struct("OfSeries", 2)?;
        of_series.serialize_field("seriesLabels", &LabelsJson(&self.labels))?;
        of_series.serialize_field("exemplars", &exemplars)?;
        of_series.end()
    }
}
