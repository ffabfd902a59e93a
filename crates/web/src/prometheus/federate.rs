//! `/federate`: the newest sample of every series that is asked for, in the forms that targets are scraped in.
//!
//! Source: prometheus/web, `federate.go`. Kinds are not told, because the samples of a family may come from different targets;
//! native histograms go out in protobuf alone, the only form that has them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use model::{
    HistogramSample, Labels, Matcher, ReadError, Sample, SampleColumns, Selector, TenantId, TimeRange,
};

use crate::app::App;
use crate::params::Params;
use crate::prometheus::answer::ApiError;
use exposition::{Exposition, Form, Measured};

mod exposition;
#[cfg(test)]
mod tests;

/// The label that is told empty where neither the series nor the external labels have it, so that whoever scrapes does not
/// put its own there.
const INSTANCE: &str = "instance";

/// Answers with the newest samples within the lookback.
pub(crate) async fn federate(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    params: Result<Params, ApiError>,
) -> Response {
    match answer(&app, &headers, params).await {
        Ok(response) => response,
        Err(refusal) => (refusal.status(), format!("{}\n", refusal.message())).into_response(),
    }
}

async fn answer(
    app: &Arc<App>,
    headers: &HeaderMap,
    params: Result<Params, ApiError>,
) -> Result<Response, ApiError> {
    if !app.deps.control.is_ready() {
        return Err(ApiError::unavailable(
            "the server is starting; ask /-/ready".to_owned(),
        ));
    }
    let params = params?;
    let mut any_of = Vec::new();
    for text in params.all("match[]") {
        let matchers =
            promql::parse_selector(text).map_err(|error| ApiError::bad_parameter("match[]", error))?;
        any_of.push(matchers);
    }
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let form = Form::negotiate(accept.unwrap_or_default());
    let external = external_labels(&app.deps.control.external_labels());
    let question = Question {
        any_of,
        now_ms: app.deps.clock.now_ms(),
        lookback_ms: app.config.query_lookback.as_millis_i64(),
        series_max: app.config.query_samples_max,
    };
    let reader = app.reader_of(params.tenant());
    let body = app
        .workers
        .run(app.config.query_timeout.0, move |task| {
            let found = question.newest(&*reader, task)?;
            Ok(write(&found, form, &external))
        })
        .await?
        .map_err(|error: ReadError| ApiError::from(error))?;
    let content_type = HeaderValue::from_static(form.content_type());
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, content_type)], body).into_response())
}

/// Sorted by name, and `instance` among them.
fn external_labels(labels: &Labels) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = labels
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    if labels.get(INSTANCE).is_none() {
        all.push((INSTANCE.to_owned(), String::new()));
        all.sort();
    }
    all
}

/// What is asked.
struct Question {
    any_of: Vec<Vec<Matcher>>,
    now_ms: i64,
    lookback_ms: i64,
    series_max: usize,
}

impl Question {
    /// The newest sample of every series of any selector, by name and labels; series that ended are left out.
    fn newest(
        &self,
        reader: &dyn model::SeriesRead,
        task: &crate::workers::Task,
    ) -> Result<BTreeMap<(String, Labels), Measured>, ReadError> {
        let from_ms = self.now_ms.saturating_sub(self.lookback_ms);
        let range = TimeRange::new(from_ms, self.now_ms).unwrap_or(TimeRange::at(self.now_ms));
        let mut found = BTreeMap::new();
        let (mut columns, mut histograms) = (SampleColumns::default(), Vec::new());
        for matchers in &self.any_of {
            let selector = Selector {
                tenant: TenantId::DEFAULT,
                matchers: matchers.clone(),
                range,
            };
            for series in reader.select(&selector)? {
                if found.len() >= self.series_max {
                    return Err(ReadError::Limit {
                        what: "series to federate".to_owned(),
                        limit: self.series_max as u64,
                    });
                }
                if task.is_over() {
                    return Err(ReadError::Limit {
                        what: "the time that federation takes".to_owned(),
                        limit: 0,
                    });
                }
                columns.clear();
                histograms.clear();
                series.read(range, &mut columns)?;
                series.read_histograms(range, &mut histograms)?;
                let labels = series.labels();
                if let Some(measured) =
                    newest(&columns, &histograms).filter(|_| !labels.metric_name().is_empty())
                {
                    found.insert((labels.metric_name().to_owned(), labels.clone()), measured);
                }
            }
        }
        Ok(found)
    }
}

/// The later of both; none where that is the marker that ends a series.
fn newest(columns: &SampleColumns, histograms: &[HistogramSample]) -> Option<Measured> {
    let float = columns.at_ms.last().zip(columns.values.last());
    let float = float.map(|(&at_ms, &value)| Sample { at_ms, value });
    match (float, histograms.last()) {
        (Some(float), Some(histogram)) if histogram.at_ms > float.at_ms => histogram_unless_stale(histogram),
        (Some(float), _) => (!model::is_stale(float.value)).then_some(Measured::Float(float)),
        (None, Some(histogram)) => histogram_unless_stale(histogram),
        (None, None) => None,
    }
}

fn histogram_unless_stale(sample: &HistogramSample) -> Option<Measured> {
    (!sample.value.is_stale()).then(|| Measured::Histogram(sample.clone()))
}

fn write(found: &BTreeMap<(String, Labels), Measured>, form: Form, external: &[(String, String)]) -> Vec<u8> {
    let mut exposition = Exposition::new(form);
    for ((name, labels), measured) in found {
        let own = labels.iter().filter(|(label, _)| *label != model::METRIC_NAME);
        let missing = external.iter().filter(|(label, _)| labels.get(label).is_none());
        let all = own.chain(missing.map(|(label, value)| (label.as_str(), value.as_str())));
        exposition.add(name, all, measured);
    }
    exposition.finish()
}
