//! From a body to a batch: labels of the target, relabelling and limits, then through the door to the store.
//!
//! In: a body, what is known of its target ([`SeriesCache`]) and the rules of its job ([`SampleRules`]).
//! Out: rows of a [`SeriesBatch`], staleness markers, metadata; all of it to [`model::SeriesWrite`].
//! Owns: nothing.
//! Invariants: the outcomes are those of Prometheus' scrape loop (`intake::tests`); what is not stored is counted.
//! Not here: reading the text (`exposition`), fetching it (`scrape`).
//! Start at: [`read_body`].

mod created;
mod lines;
mod protobuf;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use model::labels::METRIC_NAME;
use model::names::{is_legacy_label_name, is_legacy_metric_name};
use model::{
    Exemplar, Histogram, HistogramSample, Labels, LabelsBuilder, MetricKind, MetricMetadata, STALE_NAN,
    Sample, SeriesBatch, SeriesWrite, TenantId, WriteError,
};

use crate::error::IngestError;
use crate::exposition::snippet;
use crate::exposition::{Fault, Format, LabelPairs, parse_series};
use crate::histograms::{self, HistogramRules};
use crate::limits::EXEMPLAR_LABEL_CHARS_MAX;
use crate::relabel::{self, Rule, TooMuchMade};
use crate::series_cache::{Form, Known, SeriesCache, SlotIndex};
use crate::telemetry::Telemetry;

/// What a job does to the samples of one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SampleRules {
    /// Labels that every series of the target carries.
    pub target_labels: Labels,
    /// Whether labels of the body win over those of the target.
    pub honor_labels: bool,
    /// Whether time stamps of the body are used.
    pub honor_timestamps: bool,
    /// Whether series with time stamps of their own end with a marker too.
    pub track_timestamps_staleness: bool,
    /// `metric_relabel_configs`.
    pub relabel: Vec<Rule>,
    /// Samples after relabelling; 0 is no limit.
    pub sample_limit: u64,
    /// Series at a time, those that the target gave up within the last hour among them; 0 is no limit.
    pub series_limit: usize,
    /// Labels of a series; 0 is no limit.
    pub label_limit: usize,
    /// Bytes of a label name; 0 is no limit.
    pub label_name_length_limit: usize,
    /// Bytes of a label value; 0 is no limit.
    pub label_value_length_limit: usize,
    /// Whether only names of letters, digits and underscores are allowed.
    pub legacy_names: bool,
    /// Which forms of histograms are kept.
    pub histograms: HistogramRules,
}

/// What was found in a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Samples in the body.
    pub scraped: u64,
    /// Samples after relabelling.
    pub kept: u64,
    /// Series that the target did not have in its scrape before.
    pub series_added: u64,
    /// Samples left out because their series stood in the body before.
    pub duplicates: u64,
    /// Exemplars left out because their labels are too long.
    pub exemplars_dropped: u64,
    /// Series whose labels had to be read.
    pub parsed: u64,
}

/// Reads a body of text into `batch`, in a round that the caller began, and returns what was found even where it fails.
/// After a failure the batch is of no use.
pub fn read_body(
    cache: &mut SeriesCache,
    rules: &SampleRules,
    format: Format,
    body: &str,
    at_ms: i64,
    batch: &mut SeriesBatch,
) -> (Tally, Result<(), IngestError>) {
    let mut reader = Reader::new(cache, rules, at_ms, batch);
    let result = lines::read(&mut reader, format, body).and_then(|()| reader.verdict());
    (reader.tally, result)
}

/// Reads a body of delimited protobuf messages, as [`read_body`] does one of text.
pub fn read_protobuf(
    cache: &mut SeriesCache,
    rules: &SampleRules,
    body: &[u8],
    at_ms: i64,
    batch: &mut SeriesBatch,
) -> (Tally, Result<(), IngestError>) {
    let mut reader = Reader::new(cache, rules, at_ms, batch);
    let result = protobuf::read(&mut reader, body).and_then(|()| reader.verdict());
    (reader.tally, result)
}

/// What all forms of a body are read with.
struct Reader<'r> {
    cache: &'r mut SeriesCache,
    rules: &'r SampleRules,
    batch: &'r mut SeriesBatch,
    at_ms: i64,
    tally: Tally,
    /// The kind of the family that the samples belong to.
    kind: MetricKind,
    /// The first histogram with too many buckets.
    too_many_buckets: Option<IngestError>,
}

/// A sample as found in a body.
struct Found<'a> {
    /// Name and labels as written.
    series: &'a str,
    /// How they are written.
    format: Format,
    /// The sample's own time.
    at_ms: Option<i64>,
    value: Reading<'a>,
    /// Since when it counts, milliseconds since the Unix epoch; 0 where the body does not tell it with the sample.
    start_ms: i64,
}

/// What was measured.
#[derive(Clone, Copy)]
enum Reading<'a> {
    Float(f64),
    Histogram(&'a Arc<Histogram>),
}

impl<'r> Reader<'r> {
    fn new(
        cache: &'r mut SeriesCache,
        rules: &'r SampleRules,
        at_ms: i64,
        batch: &'r mut SeriesBatch,
    ) -> Self {
        cache.allow(rules.series_limit, at_ms);
        Self {
            cache,
            rules,
            batch,
            at_ms,
            tally: Tally::default(),
            kind: MetricKind::Unknown,
            too_many_buckets: None,
        }
    }

    /// What is wrong with the body as a whole. It was read to the end all the same, so that the counts tell how far over
    /// the limit the target is.
    fn verdict(&mut self) -> Result<(), IngestError> {
        if self.over_limit() {
            return Err(IngestError::TooManySamples {
                limit: self.rules.sample_limit,
            });
        }
        self.too_many_buckets.take().map_or(Ok(()), Err)
    }

    fn over_limit(&self) -> bool {
        self.rules.sample_limit > 0 && self.tally.kept > self.rules.sample_limit
    }

    /// Takes a sample in. Returns its series where the sample is stored; `place` makes a fault of its labels an error.
    fn take(
        &mut self,
        found: &Found<'_>,
        place: impl FnOnce(Fault) -> IngestError,
    ) -> Result<Option<SlotIndex>, IngestError> {
        self.tally.scraped += 1;
        let (known, is_new) = match self.cache.find(found.series) {
            Some(known) => (known, false),
            None => (self.learn(found, place)?, true),
        };
        self.tally.kept += u64::from(known != Known::Dropped);
        let Known::Kept(slot) = known else {
            return Ok(None);
        };
        let stored = !self.over_limit() && self.push(slot, found);
        self.tally.series_added += u64::from(is_new && stored);
        Ok(stored.then_some(slot))
    }

    /// Adds the sample; `false` where its series stood in the body before, with the same time stamp.
    fn push(&mut self, slot: SlotIndex, found: &Found<'_>) -> bool {
        let own_time = found.at_ms.filter(|_| self.rules.honor_timestamps);
        let tracked = own_time.is_none() || self.rules.track_timestamps_staleness;
        let form = match found.value {
            Reading::Float(_) => Form::Float,
            Reading::Histogram(_) => Form::Histogram,
        };
        let first = self.cache.see(slot, form, tracked);
        if !first && own_time.is_none() {
            self.tally.duplicates += 1;
            return false;
        }
        let at_ms = own_time.unwrap_or(self.at_ms);
        self.add(slot, at_ms, (found.value, found.start_ms));
        true
    }

    fn add(&mut self, slot: SlotIndex, at_ms: i64, (value, start_ms): (Reading<'_>, i64)) {
        let Some(series) = self.cache.series(slot) else {
            return;
        };
        match value {
            Reading::Float(value) => {
                self.batch
                    .push_started(series.clone(), &[Sample { at_ms, value }], &[start_ms]);
            }
            Reading::Histogram(value) => {
                let sample = HistogramSample {
                    at_ms,
                    value: Arc::clone(value),
                    start_ms,
                };
                self.batch.push_histograms(series.clone(), vec![sample]);
            }
        }
    }

    fn learn(
        &mut self,
        found: &Found<'_>,
        place: impl FnOnce(Fault) -> IngestError,
    ) -> Result<Known, IngestError> {
        self.tally.parsed += 1;
        let mut pairs = LabelPairs::new();
        parse_series(found.series, found.format, &mut pairs).map_err(place)?;
        normalise_bounds(self.kind, &mut pairs);
        let relabelled = self.rules.relabelled(&pairs);
        let labels = relabelled.map_err(|source| IngestError::Relabel {
            series: snippet(found.series).to_owned(),
            source,
        })?;
        if let Some(labels) = &labels {
            self.rules.check(labels, found.series)?;
        }
        Ok(self.cache.learn(found.series, labels))
    }

    /// Adds an exemplar of a series whose sample was stored, unless it was stored before. One without a time of its own was
    /// there at the time of the scrape.
    fn exemplar(&mut self, slot: SlotIndex, labels: Labels, value: f64, own_ms: Option<i64>) {
        let chars: usize = labels
            .iter()
            .map(|(name, value)| name.chars().count() + value.chars().count())
            .sum();
        if chars > EXEMPLAR_LABEL_CHARS_MAX {
            self.tally.exemplars_dropped += 1;
            return;
        }
        let exemplar = Exemplar {
            labels,
            value,
            at_ms: own_ms.unwrap_or(self.at_ms),
        };
        let Some(series) = self.cache.series(slot).cloned() else {
            return;
        };
        if self
            .cache
            .exemplars
            .is_new(series.id(), &exemplar, own_ms.is_some())
        {
            self.batch.push_exemplar(series, exemplar);
        }
    }

    /// A native histogram as coarse as the job asks; `None`, and an error for the whole body, where that is not enough.
    fn fitted(&mut self, histogram: Histogram, series: &str) -> Option<Arc<Histogram>> {
        let rules = &self.rules.histograms;
        let fitted = histograms::fit(histogram, rules);
        if fitted.is_none() && self.too_many_buckets.is_none() {
            self.too_many_buckets = Some(IngestError::TooManyBuckets {
                series: series.to_owned(),
                limit: rules.bucket_limit,
            });
        }
        fitted.map(Arc::new)
    }
}

/// Writes bounds and quantiles as OpenMetrics does (`1.0`, not `1`), whatever form they came in, so that a series is the same
/// in every form (Prometheus 3, `normalizeFloatsInLabelValues`).
fn normalise_bounds(kind: MetricKind, pairs: &mut LabelPairs<'_>) {
    let label = match kind {
        MetricKind::Histogram => "le",
        MetricKind::Summary => "quantile",
        _ => return,
    };
    for (_, value) in pairs.iter_mut().filter(|(name, _)| name == label) {
        if let Some(number) = model::number::parse_float(value) {
            *value = Cow::Owned(histograms::bound_text(number));
        }
    }
}

// === impl SampleRules ===

impl SampleRules {
    /// Joins the labels of a series with those of its target and relabels them; `None` where they are dropped.
    /// Source: prometheus/scrape, `mutateSampleLabels`.
    fn relabelled(&self, pairs: &LabelPairs<'_>) -> Result<Option<Labels>, TooMuchMade> {
        let mut labels = LabelsBuilder::default();
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            labels.set(name.as_ref(), value.as_ref());
        }
        let mut conflicts = Vec::new();
        for (name, value) in &self.target_labels {
            let exposed = labels.get(name).map(str::to_owned);
            match exposed {
                Some(_) if self.honor_labels => continue,
                Some(exposed) => conflicts.push((name, exposed)),
                // An exposed label that is empty counts as exposed under honor_labels, as in Prometheus.
                None if self.honor_labels && pairs.iter().any(|(exposed, _)| exposed == name) => continue,
                None => {}
            }
            labels.set(name, value);
        }
        export_conflicts(&mut labels, conflicts);
        let kept = relabel::apply(&self.relabel, &mut labels)?;
        let labels = kept.then(|| labels.build());
        Ok(labels.filter(|labels| !labels.is_empty()))
    }

    fn check(&self, labels: &Labels, series: &str) -> Result<(), IngestError> {
        let name = labels.metric_name();
        if name.is_empty() {
            return Err(IngestError::NameLost {
                series: series.to_owned(),
            });
        }
        if self.legacy_names && !has_legacy_names(labels) {
            return Err(IngestError::InvalidName {
                series: labels.to_string(),
            });
        }
        let exceeds = |limit_name, got: usize, limit: usize| {
            let over = limit > 0 && got > limit;
            over.then(|| IngestError::LabelLimit {
                limit_name,
                metric: name.chars().take(50).collect(),
                got,
                limit,
            })
        };
        let count = exceeds("label_limit", labels.len(), self.label_limit);
        let name_bytes = labels
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or_default();
        let value_bytes = labels
            .iter()
            .map(|(_, value)| value.len())
            .max()
            .unwrap_or_default();
        count
            .or_else(|| {
                exceeds(
                    "label_name_length_limit",
                    name_bytes,
                    self.label_name_length_limit,
                )
            })
            .or_else(|| {
                exceeds(
                    "label_value_length_limit",
                    value_bytes,
                    self.label_value_length_limit,
                )
            })
            .map_or(Ok(()), Err)
    }
}

/// What the body called as the target does gets `exported_` in front, until the name is free.
fn export_conflicts(labels: &mut LabelsBuilder, mut conflicts: Vec<(&str, String)>) {
    conflicts.sort_by_key(|(name, _)| name.len());
    for (name, value) in conflicts {
        let mut exported = format!("exported_{name}");
        while labels.get(&exported).is_some() {
            exported.insert_str(0, "exported_");
        }
        labels.set(exported, value);
    }
}

fn has_legacy_names(labels: &Labels) -> bool {
    labels.iter().all(|(name, value)| {
        is_legacy_label_name(name) && (name != METRIC_NAME || is_legacy_metric_name(value))
    })
}

/// Adds the markers that end what was alive and is gone; returns how many.
pub fn push_stale(cache: &SeriesCache, at_ms: i64, batch: &mut SeriesBatch) -> u64 {
    let mut count = 0;
    let ended = Arc::new(Histogram {
        sum: STALE_NAN,
        ..Histogram::default()
    });
    for (series, form) in cache.vanished() {
        match form {
            Form::Float => batch.push_one(series.clone(), at_ms, STALE_NAN),
            Form::Histogram => {
                let value = Arc::clone(&ended);
                batch.push_histograms(series.clone(), vec![HistogramSample::new(at_ms, value)]);
            }
        }
        count += 1;
    }
    count
}

/// Writes a batch and what is new about metrics. Blocks on the store's disk: call it from a blocking task.
pub fn write(
    writer: &dyn SeriesWrite,
    batch: &SeriesBatch,
    news: &[MetricMetadata],
    now_ms: i64,
    telemetry: &Telemetry,
) -> Result<(), WriteError> {
    if !batch.is_empty() {
        let accepted = writer.append(batch, now_ms).inspect_err(|_| {
            telemetry.write_failures.inc();
            telemetry.count_refused("store_failed", batch.sample_count() as u64);
        })?;
        telemetry.samples_stored.inc_by(accepted.stored);
        telemetry.exemplars_stored.inc_by(accepted.exemplars_stored);
        for (reason, count) in &accepted.refused {
            telemetry.count_refused(reason.as_str(), *count);
        }
    }
    if !news.is_empty() {
        writer.describe(TenantId::DEFAULT, news)?;
    }
    Ok(())
}
