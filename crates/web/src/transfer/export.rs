//! Giving out: series by series, written on a blocking thread while the client reads.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use ingest::import::frames::{self, FrameWriter};
use model::{ReadError, SampleColumns, SelectedSeries, SeriesRead, TenantId, TimeRange};
use tokio::sync::mpsc;

use super::{OpenMetricsWriter, each_series, take_place, wanted};
use crate::app::App;
use crate::limits::{ENCODE_CHUNK_BYTES, TRANSFER_PIECES_WAITING};
use crate::params::Params;
use crate::prometheus::answer::ApiError;

/// OpenMetrics 1.0's own media type.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Why the giving ended early.
enum Stopped {
    /// The client is gone.
    Left,
    /// The store cannot be read.
    Read(ReadError),
}

impl From<ReadError> for Stopped {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// `GET /api/v1/export/openmetrics`
pub(super) async fn openmetrics(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    give(&app, &params, OPENMETRICS, |reader, wanted, pieces| {
        let mut writer = OpenMetricsWriter::new(reader.metadata(TenantId::DEFAULT, None)?);
        let mut text = String::new();
        each_series::<Stopped>(reader, &wanted.any_of, wanted.range, |series| {
            let (samples, histograms) = read(series, wanted.range)?;
            writer.add(series.labels(), &samples, histograms.len(), &mut text);
            if text.len() >= ENCODE_CHUNK_BYTES {
                pieces.send(std::mem::take(&mut text).into_bytes())?;
            }
            Ok(())
        })?;
        writer.finish(&mut text);
        pieces.send(text.into_bytes())
    })
}

/// `GET /api/v1/export/series`: what `watchkeeper export parquet --url` reads.
pub(super) async fn series(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    give(&app, &params, frames::CONTENT_TYPE, |reader, wanted, pieces| {
        let mut writer = FrameWriter::default();
        each_series::<Stopped>(reader, &wanted.any_of, wanted.range, |series| {
            let (samples, histograms) = read(series, wanted.range)?;
            writer.add(series.labels(), &samples, &histograms, |frame| pieces.send(frame))
        })?;
        pieces.send(writer.finish())
    })
}

fn read(
    series: &dyn SelectedSeries,
    range: TimeRange,
) -> Result<(SampleColumns, Vec<model::HistogramSample>), Stopped> {
    let (mut samples, mut histograms) = (SampleColumns::default(), Vec::new());
    series.read(range, &mut samples)?;
    series.read_histograms(range, &mut histograms)?;
    Ok((samples, histograms))
}

/// The way of pieces to the client.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Pieces {
    fn send(&self, piece: Vec<u8>) -> Result<(), Stopped> {
        self.0.blocking_send(Ok(piece.into())).map_err(|_| Stopped::Left)
    }
}

fn give(
    app: &Arc<App>,
    params: &Params,
    content_type: &'static str,
    write: impl FnOnce(&dyn SeriesRead, &ingest::import::Wanted, &Pieces) -> Result<(), Stopped> + Send + 'static,
) -> Result<Response, ApiError> {
    let place = take_place(app)?;
    let wanted = wanted(params)?;
    let reader = app.reader_of(params.tenant());
    let (sender, mut receiver) = mpsc::channel(TRANSFER_PIECES_WAITING);
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let pieces = Pieces(sender);
        if let Err(Stopped::Read(error)) = write(&*reader, &wanted, &pieces) {
            tracing::warn!(%error, "export ended early");
            // The connection breaks off, so that nobody takes a part for the whole.
            let _ = pieces.0.blocking_send(Err(io::Error::other(error)));
        }
    });
    let body = Body::from_stream(async_stream::stream! {
        while let Some(piece) = receiver.recv().await {
            yield piece;
        }
    });
    let mut response = body.into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(response)
}
