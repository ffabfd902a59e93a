//! Moving series in and out in bulk: `POST /api/v1/import/…` and `GET /api/v1/export/…`.
//!
//! In: OpenMetrics text or a stream of series, of any length and age.  Out: the same, and what became of what came in.
//! Owns: the few places for transfers under way.
//! Invariants: no body is held in whole, whatever its length (`import::Body`); a transfer that was cut is noticed by its reader
//! (the binary's tests of transfers); a client that leaves ends the work.
//! Not here: the forms themselves (`ingest::import`), the blocks that old samples go to (`tsdb`).
//! Start at: [`routes`].

mod answer;
mod export;
mod import;
mod openmetrics;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use model::{Matcher, ReadError, Selector, SeriesRead, TenantId, TimeRange};

use crate::app::App;
use crate::params::{Params, TIME_MS_MAX, TIME_MS_MIN};
use crate::prometheus::answer::ApiError;
use crate::prometheus::selectors;

pub use answer::ImportAnswer;
pub use openmetrics::OpenMetricsWriter;

/// The paths of all transfers.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/import/openmetrics", post(import::openmetrics))
        .route("/api/v1/import/series", post(import::series))
        .route("/api/v1/export/openmetrics", get(export::openmetrics))
        .route("/api/v1/export/series", get(export::series))
}

/// Calls `each` for every series that any of the selectors wants (every series where there is none), each once, in order; its
/// samples are read one series at a time.
pub fn each_series<E: From<ReadError>>(
    reader: &dyn SeriesRead,
    any_of: &[Vec<Matcher>],
    range: TimeRange,
    mut each: impl FnMut(&dyn model::SelectedSeries) -> Result<(), E>,
) -> Result<(), E> {
    let everything = [Vec::new()];
    let any_of = if any_of.is_empty() { &everything } else { any_of };
    let mut found = Vec::new();
    for matchers in any_of {
        found.extend(reader.select(&Selector {
            tenant: TenantId::DEFAULT,
            matchers: matchers.clone(),
            range,
        })?);
    }
    if any_of.len() > 1 {
        found.sort_by(|a, b| a.labels().cmp(b.labels()));
        found.dedup_by(|a, b| a.labels() == b.labels());
    }
    // Given up one by one: each holds the places of all its chunks.
    found.into_iter().try_for_each(|series| each(&*series))
}

/// `match[]`, `start` and `end`: everything where they are absent.
fn wanted(params: &Params) -> Result<ingest::import::Wanted, ApiError> {
    let from_ms = params.time_or("start", TIME_MS_MIN)?;
    let to_ms = params.time_or("end", TIME_MS_MAX)?;
    Ok(ingest::import::Wanted {
        any_of: selectors::selectors(params, "match[]")?,
        range: TimeRange::new(from_ms, to_ms).map_err(|error| ApiError::bad_data(error.to_string()))?,
    })
}

/// A place for a transfer, as long as it lasts.
fn take_place(app: &App) -> Result<tokio::sync::OwnedSemaphorePermit, ApiError> {
    if !app.deps.control.is_ready() {
        return Err(ApiError::unavailable(
            "the server is starting; try again shortly".to_owned(),
        ));
    }
    Arc::clone(&app.transfers).try_acquire_owned().map_err(|_| {
        ApiError::unavailable(format!(
            "{} imports and exports run already; try again when one has ended",
            crate::limits::TRANSFERS_MAX
        ))
    })
}
