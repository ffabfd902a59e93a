//! From a body to a batch: labels of the target, relabelling and limits, then through the door to the store.
//!
//! In: a body, what is known of its target ([`SeriesCache`]) and the rules of its job ([`SampleRules`]).
//! Out: rows of a [`SeriesBatch`], staleness markers, metadata; all of it to [`model::SeriesWrite`].
//! Owns: nothing.
//! Invariants: the outcomes are those of Prometheus' scrape loop (`intake::tests`); what is not stored is counted.
//! Not here: reading the text (`exposition`), fetching it (`scrape`).
//! Start at: [`read_body`].

#[cfg(test)]
mod tests;

use model::labels::METRIC_NAME;
use model::names::{is_legacy_label_name, is_legacy_metric_name};
use model::{
    Labels, LabelsBuilder, MetricMetadata, STALE_NAN, SeriesBatch, SeriesWrite, TenantId, WriteError,
};

use crate::error::IngestError;
use crate::exposition::{Entry, Exposed, Exposition, Format, LabelPairs, parse_series};
use crate::relabel::{self, Rule};
use crate::series_cache::{Known, SeriesCache, SlotIndex};
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
    /// Labels of a series; 0 is no limit.
    pub label_limit: usize,
    /// Bytes of a label name; 0 is no limit.
    pub label_name_length_limit: usize,
    /// Bytes of a label value; 0 is no limit.
    pub label_value_length_limit: usize,
    /// Whether only names of letters, digits and underscores are allowed.
    pub legacy_names: bool,
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
    /// Exemplars, which are not kept.
    pub exemplars: u64,
    /// Series whose labels had to be read.
    pub parsed: u64,
}

/// Reads a body into `batch`, in a round that the caller began, and returns what was found even where it fails.
/// After a failure the batch is of no use.
pub fn read_body(
    cache: &mut SeriesCache,
    rules: &SampleRules,
    format: Format,
    body: &str,
    at_ms: i64,
    batch: &mut SeriesBatch,
) -> (Tally, Result<(), IngestError>) {
    let mut reader = Reader {
        cache,
        rules,
        format,
        at_ms,
        tally: Tally::default(),
        pairs: Vec::new(),
    };
    let result = reader.read(body, batch);
    (reader.tally, result)
}

struct Reader<'r, 'b> {
    cache: &'r mut SeriesCache,
    rules: &'r SampleRules,
    format: Format,
    at_ms: i64,
    tally: Tally,
    pairs: LabelPairs<'b>,
}

impl<'b> Reader<'_, 'b> {
    fn read(&mut self, body: &'b str, batch: &mut SeriesBatch) -> Result<(), IngestError> {
        let mut exposition = Exposition::new(self.format, body);
        while let Some(entry) = exposition.next() {
            match entry? {
                Entry::Sample(sample) => self.take(sample, batch, &exposition)?,
                metadata => self.cache.families.note(&metadata),
            }
        }
        // Read to the end all the same, so that the counts tell how far over the limit the target is.
        if self.over_limit() {
            return Err(IngestError::TooManySamples {
                limit: self.rules.sample_limit,
            });
        }
        Ok(())
    }

    fn over_limit(&self) -> bool {
        self.rules.sample_limit > 0 && self.tally.kept > self.rules.sample_limit
    }

    fn take(
        &mut self,
        sample: Exposed<'b>,
        batch: &mut SeriesBatch,
        exposition: &Exposition<'b>,
    ) -> Result<(), IngestError> {
        self.tally.scraped += 1;
        self.tally.exemplars += u64::from(sample.exemplar.is_some());
        let (known, is_new) = match self.cache.find(sample.series) {
            Some(known) => (known, false),
            None => (self.learn(sample.series, exposition)?, true),
        };
        let Known::Kept(slot) = known else {
            return Ok(());
        };
        self.tally.kept += 1;
        let stored = !self.over_limit() && self.push(slot, sample, batch);
        self.tally.series_added += u64::from(is_new && stored);
        Ok(())
    }

    /// Adds the sample; `false` where its series stood in the body before, with the same time stamp.
    fn push(&mut self, slot: SlotIndex, sample: Exposed<'_>, batch: &mut SeriesBatch) -> bool {
        let own_time = sample.at_ms.filter(|_| self.rules.honor_timestamps);
        let tracked = own_time.is_none() || self.rules.track_timestamps_staleness;
        let first = self.cache.see(slot, tracked);
        if !first && own_time.is_none() {
            self.tally.duplicates += 1;
            return false;
        }
        if let Some(series) = self.cache.series(slot) {
            batch.push_one(series.clone(), own_time.unwrap_or(self.at_ms), sample.value);
        }
        true
    }

    fn learn(&mut self, series: &'b str, exposition: &Exposition<'b>) -> Result<Known, IngestError> {
        self.tally.parsed += 1;
        parse_series(series, self.format, &mut self.pairs).map_err(|fault| exposition.error_here(fault))?;
        let labels = self.rules.relabelled(&self.pairs);
        if let Some(labels) = &labels {
            self.rules.check(labels, series)?;
        }
        Ok(self.cache.learn(series, labels))
    }
}

// === impl SampleRules ===

impl SampleRules {
    /// Joins the labels of a series with those of its target and relabels them; `None` where they are dropped.
    /// Source: prometheus/scrape, `mutateSampleLabels`.
    fn relabelled(&self, pairs: &LabelPairs<'_>) -> Option<Labels> {
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
        let kept = relabel::apply(&self.relabel, &mut labels);
        let labels = kept.then(|| labels.build())?;
        (!labels.is_empty()).then_some(labels)
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
    for series in cache.vanished() {
        batch.push_one(series.clone(), at_ms, STALE_NAN);
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
        for (reason, count) in &accepted.refused {
            telemetry.count_refused(reason.as_str(), *count);
        }
    }
    if !news.is_empty() {
        writer.describe(TenantId::DEFAULT, news)?;
    }
    Ok(())
}
