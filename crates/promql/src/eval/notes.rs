//! Annotations with the place in the expression that they speak of, in Prometheus' own texts (util/annotations), and what storage lost.

use model::SelectedSeries;

use super::Evaluator;
use crate::error::line_and_column;
use crate::histogram::Added;

/// What is noted about samples, those of histograms above all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Note {
    FloatsAndHistograms = 1,
    NotCounter = 1 << 1,
    NotGauge = 1 << 2,
    ExponentialAndCustom = 1 << 3,
    HistogramsIgnored = 1 << 4,
    ReconciledInAddition = 1 << 5,
    ReconciledInSubtraction = 1 << 6,
    ReconciledInAggregation = 1 << 7,
    ResetsCollideInAddition = 1 << 8,
    ResetsCollideInSubtraction = 1 << 9,
    ResetsCollideInAggregation = 1 << 10,
    QuantileIsNan = 1 << 11,
    QuantileIsSkewed = 1 << 12,
    FractionExcludesNans = 1 << 13,
    FloatsAndHistogramsAggregated = 1 << 14,
    ClassicAndNative = 1 << 15,
    StartsOverlap = 1 << 16,
}

/// Notes, each once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Notes(u32);

impl Notes {
    pub(crate) fn add(&mut self, note: Note) {
        self.0 |= note as u32;
    }

    pub(crate) fn add_if(&mut self, holds: bool, note: Note) {
        if holds {
            self.add(note);
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(crate) fn has(self, note: Note) -> bool {
        self.0 & note as u32 != 0
    }

    /// Notes what had to be done to add up histograms of an aggregation.
    pub(crate) fn add_aggregated(&mut self, added: Added) {
        self.add_if(added.bounds_reconciled, Note::ReconciledInAggregation);
        self.add_if(added.resets_collide, Note::ResetsCollideInAggregation);
    }
}

const ALL: [Note; 17] = [
    Note::FloatsAndHistograms,
    Note::NotCounter,
    Note::NotGauge,
    Note::ExponentialAndCustom,
    Note::HistogramsIgnored,
    Note::ReconciledInAddition,
    Note::ReconciledInSubtraction,
    Note::ReconciledInAggregation,
    Note::ResetsCollideInAddition,
    Note::ResetsCollideInSubtraction,
    Note::ResetsCollideInAggregation,
    Note::QuantileIsNan,
    Note::QuantileIsSkewed,
    Note::FractionExcludesNans,
    Note::FloatsAndHistogramsAggregated,
    Note::ClassicAndNative,
    Note::StartsOverlap,
];

impl Note {
    /// What is said, and whether it is a warning.
    fn text(self, metric: &str) -> (String, bool) {
        let for_metric = |text: &str| {
            if metric.is_empty() {
                text.to_owned()
            } else {
                format!("{text} for metric name {metric:?}")
            }
        };
        match self {
            Self::FloatsAndHistograms => (
                format!("encountered a mix of histograms and floats for metric name {metric:?}"),
                true,
            ),
            Self::FloatsAndHistogramsAggregated => (
                "encountered a mix of histograms and floats for aggregation".to_owned(),
                true,
            ),
            Self::NotCounter => (
                format!("this native histogram metric is not a counter: {metric:?}"),
                true,
            ),
            Self::NotGauge => (
                format!("this native histogram metric is not a gauge: {metric:?}"),
                true,
            ),
            Self::ExponentialAndCustom => (
                format!(
                    "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {metric:?}"
                ),
                true,
            ),
            Self::ClassicAndNative => (
                for_metric("vector contains a mix of classic and native histograms"),
                true,
            ),
            Self::StartsOverlap => (
                format!(
                    "sample has start time that overlaps with previous sample timestamp for metric {metric:?}"
                ),
                true,
            ),
            Self::HistogramsIgnored => (
                format!(
                    "ignored histograms in a range containing both floats and histograms for metric name {metric:?}"
                ),
                false,
            ),
            Self::ReconciledInAddition => (reconciled("addition"), false),
            Self::ReconciledInSubtraction => (reconciled("subtraction"), false),
            Self::ReconciledInAggregation => (reconciled("aggregation"), false),
            Self::ResetsCollideInAddition => (collision("addition"), true),
            Self::ResetsCollideInSubtraction => (collision("subtraction"), true),
            Self::ResetsCollideInAggregation => (collision("aggregation"), true),
            Self::QuantileIsNan => (
                for_metric("input to histogram_quantile has NaN observations, result is NaN"),
                false,
            ),
            Self::QuantileIsSkewed => (
                for_metric("input to histogram_quantile has NaN observations, result is skewed higher"),
                false,
            ),
            Self::FractionExcludesNans => (
                for_metric(
                    "input to histogram_fraction has NaN observations, which are excluded from all fractions",
                ),
                false,
            ),
        }
    }
}

fn reconciled(operation: &str) -> String {
    format!("mismatched custom buckets were reconciled during {operation}")
}

fn collision(operation: &str) -> String {
    format!("conflicting counter resets during histogram {operation}")
}

impl Evaluator<'_> {
    /// Tells what was noted about the series of a metric.
    pub(crate) fn tell(&self, notes: Notes, metric: &str, at: usize) {
        if notes == Notes::default() {
            return;
        }
        for note in ALL.into_iter().filter(|note| notes.has(*note)) {
            match note.text(metric) {
                (text, true) => self.warn(at, &text),
                (text, false) => self.inform(at, &text),
            }
        }
    }

    /// Notes that the answer may be wrong.
    pub(crate) fn warn(&self, at: usize, text: &str) {
        let place = self.place(at);
        let mut annotations = self.account.annotations.lock();
        annotations
            .warnings
            .insert(format!("PromQL warning: {text} ({place})"));
    }

    /// Notes that the question may be wrong.
    pub(crate) fn inform(&self, at: usize, text: &str) {
        let place = self.place(at);
        let mut annotations = self.account.annotations.lock();
        annotations.infos.insert(format!("PromQL info: {text} ({place})"));
    }

    /// Notes which files lost something of a series that was read.
    pub(super) fn tell_damage(&self, series: &dyn SelectedSeries) {
        let files = series.damaged_files();
        if !files.is_empty() {
            self.account.damaged_files.lock().extend(files);
        }
    }

    fn place(&self, at: usize) -> String {
        let (line, column) = line_and_column(self.source, at);
        format!("{line}:{column}")
    }
}
