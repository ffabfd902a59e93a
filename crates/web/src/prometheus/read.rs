//! `/api/v1/read`: Prometheus' remote read, in samples or in streamed chunks (remote read API specification 1.0).

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use ingest::push::Encoding;
use ingest::remote_read::{Answer, ChunkedAnswer, ReadQuery, ReadRequest, ReadSeries, SamplesAnswer, decode};
use model::{Labels, ReadError, SampleColumns, Selector, SeriesRead, TenantId, TimeRange};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::app::App;
use crate::limits::{BODY_BYTES_MAX, REMOTE_READ_SAMPLES_MAX, REMOTE_READS_MAX, TRANSFER_PIECES_WAITING};
use crate::params::read_body;
use crate::prometheus::answer::ApiError;
use crate::tenancy::tenant_of;

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
        return Ok(stream(reader, request, external, place));
    }
    let answer = tokio::task::spawn_blocking(move || {
        let _place = place;
        samples(&*reader, &request, &external)
    });
    let packed = answer.await.map_err(|error| {
        tracing::error!(%error, "remote read panicked");
        ApiError::internal("the request ended in a fault of the program, which was logged".to_owned())
    })??;
    let mut response = packed.into_response();
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
fn samples(reader: &dyn SeriesRead, request: &ReadRequest, external: &Labels) -> Result<Vec<u8>, ApiError> {
    let mut answer = SamplesAnswer::default();
    let mut count = 0;
    for query in &request.queries {
        let mut all = Vec::new();
        each(reader, query, external, &mut |series| {
            count += series.samples.len() + series.histograms.len();
            all.push(series);
            count <= REMOTE_READ_SAMPLES_MAX
        })?;
        if count > REMOTE_READ_SAMPLES_MAX {
            return Err(ApiError::execution(format!(
                "the answer has more than {REMOTE_READ_SAMPLES_MAX} samples; ask for fewer series or a shorter time, or accept \
                 STREAMED_XOR_CHUNKS"
            )));
        }
        answer.add_result(&all);
    }
    answer
        .finish()
        .ok_or_else(|| ApiError::internal("the answer cannot be packed".to_owned()))
}

/// Frames, written on a blocking thread while the client reads.
fn stream(
    reader: Arc<dyn SeriesRead>,
    request: ReadRequest,
    external: Labels,
    place: OwnedSemaphorePermit,
) -> Response {
    let (sender, mut receiver) = mpsc::channel::<io::Result<Bytes>>(TRANSFER_PIECES_WAITING);
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let mut answer = ChunkedAnswer::default();
        for (index, query) in request.queries.iter().enumerate() {
            let done = each(&*reader, query, &external, &mut |series| {
                answer.add(index, &series);
                let frames = answer.take();
                frames.is_empty() || sender.blocking_send(Ok(frames.into())).is_ok()
            });
            if let Err(error) = done {
                tracing::warn!(%error, "remote read ended early");
                // The connection breaks off, so that nobody takes a part for the whole.
                let _ = sender.blocking_send(Err(io::Error::other(error)));
                return;
            }
        }
        let _ = sender.blocking_send(Ok(answer.finish().into()));
    });
    let body = Body::from_stream(async_stream::stream! {
        while let Some(piece) = receiver.recv().await {
            yield piece;
        }
    });
    let mut response = (StatusCode::OK, body).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(STREAMED));
    response
}

/// Reads the series of a query one by one, external labels added where a series has none of that name; ends where `take` says
/// false.
fn each(
    reader: &dyn SeriesRead,
    query: &ReadQuery,
    external: &Labels,
    take: &mut dyn FnMut(ReadSeries) -> bool,
) -> Result<(), ReadError> {
    let Some(range) = query.range else { return Ok(()) };
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: query.matchers.clone(),
        range,
    };
    for series in reader.select(&selector)? {
        let found = read_series(&*series, range, external)?;
        let is_empty = found.samples.is_empty() && found.histograms.is_empty();
        if !is_empty && !take(found) {
            break;
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
