//! Zeros at the moments in which counters were created, so that what they counted until they were first sent shows in rates.
//!
//! As Prometheus' created-timestamp zero ingestion: a zero is written where the moment lies before the sample that tells it and
//! after everything that is known of the series. So it is written once, and never among samples that are there already.

use std::sync::Arc;

use model::{Histogram, HistogramSample, ResetHint, Series, SeriesBatch, SeriesNumber, TenantId, WriteError};

use super::Push;
use crate::limits::PUSH_CREATED_AGE_MAX_MS;

/// The moments that a request tells.
#[derive(Debug, Default)]
pub(super) struct Births {
    on: bool,
    now_ms: i64,
    told: Vec<Birth>,
}

#[derive(Debug)]
struct Birth {
    number: SeriesNumber,
    created_ms: i64,
    histogram: Option<(Series, Arc<Histogram>)>,
}

impl Births {
    pub(super) fn new(on: bool, now_ms: i64) -> Self {
        Self {
            on,
            now_ms,
            told: Vec::new(),
        }
    }

    /// Whether zeros are written at all, and could be at this moment.
    pub(super) fn may_be(&self, created_ms: i64, sample_ms: i64) -> bool {
        // Zeros of long ago would tell nothing that anybody looks at, and need blocks of their days.
        let oldest_ms = self.now_ms.saturating_sub(PUSH_CREATED_AGE_MAX_MS);
        self.on && created_ms > 0 && (oldest_ms..sample_ms).contains(&created_ms)
    }

    /// Notes the moment of a series, for which [`may_be`](Self::may_be) was asked.
    pub(super) fn note(&mut self, number: SeriesNumber, created_ms: i64) {
        self.told.push(Birth {
            number,
            created_ms,
            histogram: None,
        });
    }

    /// The same of a native histogram.
    pub(super) fn note_histogram(
        &mut self,
        number: SeriesNumber,
        series: &Series,
        first: &HistogramSample,
        created_ms: i64,
    ) {
        self.told.push(Birth {
            number,
            created_ms,
            histogram: Some((series.clone(), Arc::clone(&first.value))),
        });
    }
}

impl Push {
    /// Writes the zeros that lie after everything that is known of their series.
    pub(super) fn write_births(
        &self,
        tenant: TenantId,
        mut births: Births,
        now_ms: i64,
    ) -> Result<(), WriteError> {
        if births.told.is_empty() {
            return Ok(());
        }
        // Of several moments of a series the first one: the others have samples before them.
        births
            .told
            .sort_by_key(|birth| (birth.number.slot, birth.number.generation, birth.created_ms));
        births.told.dedup_by_key(|birth| birth.number);
        let numbers: Vec<SeriesNumber> = births.told.iter().map(|birth| birth.number).collect();
        let known = self.writer.newest_ms(&numbers);
        let mut zeros = SeriesBatch::new(tenant);
        for (birth, newest_ms) in births.told.into_iter().zip(known) {
            if newest_ms.is_none_or(|newest_ms| newest_ms >= birth.created_ms) {
                continue;
            }
            match birth.histogram {
                None => zeros.push_numbered(birth.number, birth.created_ms, 0.0),
                Some((series, first)) => zeros.push_histograms(
                    series,
                    vec![HistogramSample::new(birth.created_ms, Arc::new(empty(&first)))],
                ),
            }
        }
        if !zeros.is_empty() {
            let accepted = self.writer.append(&zeros, now_ms)?;
            self.telemetry.created_zeros.inc_by(accepted.stored);
        }
        Ok(())
    }
}

/// A histogram of the same form that counted nothing.
fn empty(first: &Histogram) -> Histogram {
    Histogram {
        reset_hint: ResetHint::Yes,
        schema: first.schema,
        zero_threshold: first.zero_threshold,
        custom_bounds: Arc::clone(&first.custom_bounds),
        ..Histogram::default()
    }
}
