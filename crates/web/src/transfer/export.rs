//! Giving out: series by series, written on a blocking thread while the client reads.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use ingest::import::frames::{self, FrameWriter};
use model::{SampleColumns, SelectedSeries, SeriesRead, TenantId, TimeRange};

use super::{OpenMetricsWriter, each_series, take_place, wanted};
use crate::app::App;
use crate::limits::ENCODE_CHUNK_BYTES;
use crate::params::Params;
use crate::pieces::{Pieces, Stopped, streamed};
use crate::prometheus::answer::ApiError;

/// OpenMetrics 1.0's own media type.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

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

fn give(
    app: &Arc<App>,
    params: &Params,
    content_type: &'static str,
    write: impl FnOnce(&dyn SeriesRead, &ingest::import::Wanted, &Pieces) -> Result<(), Stopped> + Send + 'static,
) -> Result<Response, ApiError> {
    let place = take_place(app)?;
    let wanted = wanted(params)?;
    let reader = app.reader_of(params.tenant());
    Ok(streamed(content_type, move |pieces| {
        let _place = place;
        write(&*reader, &wanted, pieces)
    }))
}
