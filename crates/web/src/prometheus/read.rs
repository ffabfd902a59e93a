//! `/api/v1/read`: Prometheus' remote read, in samples or in streamed chunks (remote read API specification 1.0).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use ingest::push::Encoding;
use ingest::remote_read::{Answer, ChunkedAnswer, ReadQuery, ReadRequest, ReadSeries, SamplesAnswer, decode};
use model::{Labels, ReadError, SampleColumns, Selector, SeriesRead, TenantId, TimeRange};
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::limits::{BODY_BYTES_MAX, REMOTE_READ_BYTES_MAX, REMOTE_READS_MAX};
use crate::params::read_body;
use crate::pieces::{Pieces, Stopped, streamed};
use crate::prometheus::answer::ApiError;
use crate::tenancy::tenant_of;
use crate::workers::Task;

/// The media type of an answer in samples.
const SAMPLES: &str = "application/x-protobuf";
/// That of a streamed one.
const STREAMED: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

/// `POST /api/v1/read`
pub(crate) async fn read(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let tenant = tenant_of(&request);
    let packed = read_body(request).await?;
    let mut body = Vec::new();
    Encoding::Snappy
        .unpack(&packed, BODY_BYTES_MAX, &mut body)
        .map_err(|error| ApiError::bad_data(error.to_string()))?;
    let mut request = decode(&body).map_err(|error| ApiError::bad_data(error.to_string()))?;
    let place = take_place(&app)?;
    let external = app.deps.control.external_labels();
    for query in &mut request.queries {
        without_external(query, &external);
    }
    let reader = app.reader_of(tenant);
    if request.answer == Answer::StreamedChunks {
        return Ok(streamed(STREAMED, move |pieces| {
            let _place = place;
            chunks(&*reader, &request, &external, pieces)
        }));
    }
    let timeout = app.config.query_timeout.0;
    let packed = app.workers.run(timeout, move |task| {
        let _place = place;
        samples(&*reader, &request, &external, task)
    });
    let mut response = packed.await??.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SAMPLES));
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("snappy"));
    Ok(response)
}

/// What asks for an external label's very value is met by all series: they get the label on their way out.
fn without_external(query: &mut ReadQuery, external: &Labels) {
    query.matchers.retain(|matcher| {
        let is_external = external.get(matcher.name()) == Some(matcher.value());
        !(is_external && *matcher.op() == model::MatcherOp::Equal)
    });
}

/// Reading holds whole series in memory, so that only a few may at a time.
fn take_place(app: &App) -> Result<OwnedSemaphorePermit, ApiError> {
    Arc::clone(&app.remote_reads).try_acquire_owned().map_err(|_| {
        ApiError::unavailable(format!(
            "{REMOTE_READS_MAX} remote reads run already; try again when one has ended"
        ))
    })
}

/// All samples in one message.
fn samples(
    reader: &dyn SeriesRead,
    request: &ReadRequest,
    external: &Labels,
    task: &Task,
) -> Result<Vec<u8>, ApiError> {
    let mut answer = SamplesAnswer::default();
    for query in &request.queries {
        each::<ApiError>(reader, query, external, |series| {
            if task.is_over() {
                return Err(ApiError::timeout(
                    "the read took longer than server.query_timeout; ask for fewer series or a shorter time"
                        .to_owned(),
                ));
            }
            answer.add(&series);
            if answer.bytes() > REMOTE_READ_BYTES_MAX {
                return Err(ApiError::bad_data(format!(
                    "the answer is larger than {} MiB; ask for fewer series or a shorter time, or accept STREAMED_XOR_CHUNKS",
                    REMOTE_READ_BYTES_MAX >> 20
                )));
            }
            Ok(())
        })?;
        answer.end_result();
    }
    answer
        .finish()
        .ok_or_else(|| ApiError::internal("the answer cannot be packed".to_owned()))
}

/// Frames, series by series.
fn chunks(
    reader: &dyn SeriesRead,
    request: &ReadRequest,
    external: &Labels,
    pieces: &Pieces,
) -> Result<(), Stopped> {
    let mut answer = ChunkedAnswer::default();
    for (index, query) in request.queries.iter().enumerate() {
        each(reader, query, external, |series| {
            answer.add(index, &series);
            pieces.send(answer.take())
        })?;
    }
    Ok(())
}

/// Reads the series of a query one by one, external labels added where a series has none of that name.
fn each<E: From<ReadError>>(
    reader: &dyn SeriesRead,
    query: &ReadQuery,
    external: &Labels,
    mut take: impl FnMut(ReadSeries) -> Result<(), E>,
) -> Result<(), E> {
    let Some(range) = query.range else { return Ok(()) };
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: query.matchers.clone(),
        range,
    };
    for series in reader.select(&selector)? {
        let found = read_series(&*series, range, external)?;
        if !found.samples.is_empty() || !found.histograms.is_empty() {
            take(found)?;
        }
    }
    Ok(())
}

fn read_series(
    series: &dyn model::SelectedSeries,
    range: TimeRange,
    external: &Labels,
) -> Result<ReadSeries, ReadError> {
    let mut labels = series.labels().to_builder();
    for (name, value) in external {
        if series.labels().get(name).is_none() {
            labels.set(name, value);
        }
    }
    let (mut samples, mut histograms) = (SampleColumns::default(), Vec::new());
    series.read(range, &mut samples)?;
    if series.may_have_histograms() {
        series.read_histograms(range, &mut histograms)?;
    }
    Ok(ReadSeries {
        labels: labels.build(),
        samples,
        histograms,
    })
}
