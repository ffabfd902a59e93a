//! Native histograms of series, as they are read: with what is known of resets.

use std::sync::Arc;

use model::{Extent, HistogramSample, SampleColumns, SelectedSeries, TimeRange};

use super::Evaluator;
use super::select::span;
use crate::error::EvalError;
use crate::histogram::{Hints, tell_resets, weight};
use crate::limits::HISTOGRAM_REACH_MS;

impl Evaluator<'_> {
    /// Reads the histograms of one series into a buffer that is used again and again; `samples` are its numbers of the same
    /// time.
    pub(super) fn read_histograms(
        &self,
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
        let Some(first_ms) = histograms.first().map(|sample| sample.at_ms) else {
            self.tell_damage(&**series);
            return Ok(());
        };
        // What the first one says of resets is about the one before.
        let mut earlier = Vec::new();
        let mut between = SampleColumns::default();
        let earliest_ms = first_ms.saturating_sub(HISTOGRAM_REACH_MS);
        let until_ms = range.from_ms().saturating_sub(1);
        if earliest_ms <= until_ms {
            series
                .read_histograms(span(earliest_ms, until_ms), &mut earlier)
                .map_err(EvalError::Storage)?;
        }
        if let Some(last) = earlier.last() {
            series
                .read(span(last.at_ms, until_ms), &mut between)
                .map_err(EvalError::Storage)?;
        }
        self.tell_damage(&**series);
        let read = histograms.iter().chain(&earlier);
        let read: usize = read.map(|sample| weight(&sample.value)).sum();
        // Their chunks were counted with the numbers'.
        self.note_read(read, Extent::default);
        self.hold(read)?;
        self.release(read);
        tell_resets(earlier.last(), histograms, hints, |from_ms, to_ms| {
            [&between, samples].iter().any(|numbers| {
                let place = numbers.at_ms.partition_point(|at_ms| *at_ms < from_ms);
                numbers.at_ms.get(place).is_some_and(|at_ms| *at_ms < to_ms)
            })
        });
        Ok(())
    }
}
