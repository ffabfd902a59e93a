//! Native histograms of series, as they are read: with what is known of resets.

use std::sync::Arc;

use model::{HistogramSample, SampleColumns, SelectedSeries, TimeRange};

use super::Evaluator;
use super::select::span;
use crate::error::EvalError;
use crate::histogram::{Hints, tell_resets, weight};

impl Evaluator<'_> {
    /// Reads the histograms of one series into a buffer that is used again and again; `samples` are its numbers of the same
    /// time.
    pub(super) fn read_histograms(
        &mut self,
        series: &Arc<dyn SelectedSeries>,
        range: TimeRange,
        samples: &SampleColumns,
        hints: Hints,
        histograms: &mut Vec<HistogramSample>,
    ) -> Result<(), EvalError> {
        histograms.clear();
        if !series.may_have_histograms() {
            return Ok(());
        }
        series
            .read_histograms(range, histograms)
            .map_err(EvalError::Storage)?;
        if histograms.is_empty() {
            return Ok(());
        }
        let read = histograms.iter().map(|sample| weight(&sample.value)).sum();
        self.statistics.samples_read += read as u64;
        self.hold(read)?;
        self.release(read);
        // What the first one says of resets is about the one before.
        let mut earlier = Vec::new();
        let earliest = span(
            range.from_ms().saturating_sub(self.options.lookback_ms),
            range.from_ms().saturating_sub(1),
        );
        series
            .read_histograms(earliest, &mut earlier)
            .map_err(EvalError::Storage)?;
        tell_resets(earlier.last(), histograms, hints, |from_ms, to_ms| {
            let place = samples.at_ms.partition_point(|at_ms| *at_ms < from_ms);
            samples.at_ms.get(place).is_some_and(|at_ms| *at_ms < to_ms)
        });
        Ok(())
    }
}
