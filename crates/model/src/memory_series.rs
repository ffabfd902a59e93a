//! A store of series in memory behind the doors, by the simplest code there is: rule unit tests play on it, and engines are
//! judged against it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::{
    Accepted, Exemplar, HistogramSample, Labels, Matcher, MetricMetadata, NO_START, ReadError, Refusal,
    Sample, SampleColumns, SelectedSeries, Selector, Series, SeriesBatch, SeriesRead, SeriesStatistics,
    SeriesWrite, TenantId, TimeRange, WriteError,
};

/// A store of series that lives and dies with the process. Takes samples in any order; of two values at one time the
/// first stays and the second is refused, unless they are the same.
#[derive(Debug, Default)]
pub struct MemorySeries {
    kept: RwLock<Kept>,
}

/// Samples by time; shared with the selections that see them as they were.
type Numbers = BTreeMap<i64, Known>;
type Histograms = BTreeMap<i64, HistogramSample>;

#[derive(Debug, Default)]
struct Kept {
    series: BTreeMap<(TenantId, Labels), Arc<Numbers>>,
    histograms: BTreeMap<(TenantId, Labels), Arc<Histograms>>,
    exemplars: BTreeMap<(TenantId, Labels), Vec<Exemplar>>,
    metadata: BTreeMap<(TenantId, Arc<str>), MetricMetadata>,
}

/// What is known of one time: the value and since when it counts.
#[derive(Debug, Clone, Copy)]
struct Known {
    value: f64,
    start_ms: i64,
}

#[derive(Debug)]
struct Selected {
    labels: Labels,
    samples: Arc<Numbers>,
    histograms: Arc<Histograms>,
}

impl MemorySeries {
    /// An empty store.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Adds samples of one series of the default tenant, without making a batch of them.
    pub fn add(&self, labels: &[(&str, &str)], samples: &[(i64, f64)]) {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        let samples: Vec<Sample> = samples
            .iter()
            .map(|&(at_ms, value)| Sample { at_ms, value })
            .collect();
        batch.push(Series::new(Labels::from_pairs(labels.iter().copied())), &samples);
        self.take_in(&batch);
    }

    /// Every series of the default tenant with its samples, sorted by labels.
    pub fn dump(&self) -> Vec<(Labels, Vec<(i64, f64)>)> {
        let kept = self.kept.read();
        kept.series
            .iter()
            .filter(|((tenant, _), _)| *tenant == TenantId::DEFAULT)
            .map(|((_, labels), samples)| {
                (
                    labels.clone(),
                    samples.iter().map(|(t, known)| (*t, known.value)).collect(),
                )
            })
            .collect()
    }

    /// Every native histogram of the default tenant, sorted by labels and time.
    pub fn dump_histograms(&self) -> Vec<(Labels, Vec<HistogramSample>)> {
        let kept = self.kept.read();
        kept.histograms
            .iter()
            .filter(|((tenant, _), _)| *tenant == TenantId::DEFAULT)
            .map(|((_, labels), samples)| (labels.clone(), samples.values().cloned().collect()))
            .collect()
    }

    /// Every exemplar of the default tenant, by labels of its series, in order of arrival.
    pub fn dump_exemplars(&self) -> Vec<(Labels, Vec<Exemplar>)> {
        let kept = self.kept.read();
        kept.exemplars
            .iter()
            .filter(|((tenant, _), _)| *tenant == TenantId::DEFAULT)
            .map(|((_, labels), exemplars)| (labels.clone(), exemplars.clone()))
            .collect()
    }

    /// What is known of the metrics of the default tenant, sorted by name.
    pub fn dump_metadata(&self) -> Vec<MetricMetadata> {
        let kept = self.kept.read();
        kept.metadata
            .iter()
            .filter(|((tenant, _), _)| *tenant == TenantId::DEFAULT)
            .map(|(_, entry)| entry.clone())
            .collect()
    }

    /// Deletes the samples in `range` of the default tenant's series that meet all `matchers`; samples that come later are not
    /// concerned.
    pub fn delete(&self, matchers: &[Matcher], range: TimeRange) {
        let mut kept = self.kept.write();
        for ((tenant, labels), samples) in &mut kept.series {
            let meets = matchers.iter().all(|matcher| matcher.matches_labels(labels));
            if *tenant == TenantId::DEFAULT && meets {
                Arc::make_mut(samples).retain(|&at_ms, _| !range.contains(at_ms));
            }
        }
    }

    fn take_in(&self, batch: &SeriesBatch) -> Accepted {
        let mut kept = self.kept.write();
        let mut accepted = Accepted::default();
        for ((series, samples), starts) in batch.iter().zip(batch.row_starts()) {
            let column = kept
                .series
                .entry((batch.tenant, series.labels().clone()))
                .or_default();
            let column = Arc::make_mut(column);
            for (place, sample) in samples.iter().enumerate() {
                match column.entry(sample.at_ms) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(Known {
                            value: sample.value,
                            start_ms: starts.get(place).copied().unwrap_or(NO_START),
                        });
                        accepted.stored += 1;
                    }
                    Entry::Occupied(known) if known.get().value.to_bits() == sample.value.to_bits() => {
                        accepted.stored += 1;
                    }
                    Entry::Occupied(_) => accepted.refuse(Refusal::DuplicateTimestamp, 1),
                }
            }
        }
        for (series, samples) in batch.histograms() {
            let key = (batch.tenant, series.labels().clone());
            let column = Arc::make_mut(kept.histograms.entry(key).or_default());
            for sample in samples {
                match column.entry(sample.at_ms) {
                    Entry::Vacant(place) => {
                        place.insert(sample.clone());
                        accepted.stored += 1;
                        accepted.histograms_stored += 1;
                    }
                    Entry::Occupied(_) => accepted.refuse(Refusal::DuplicateTimestamp, 1),
                }
            }
        }
        for (series, exemplar) in batch.exemplars() {
            let key = (batch.tenant, series.labels().clone());
            kept.exemplars.entry(key).or_default().push(exemplar.clone());
            accepted.exemplars_stored += 1;
        }
        accepted
    }

    fn matching(&self, tenant: TenantId, range: TimeRange, any_of: &[Vec<Matcher>]) -> Vec<Labels> {
        let kept = self.kept.read();
        let times = range.from_ms()..=range.to_ms();
        let of_numbers = kept
            .series
            .iter()
            .filter(|(_, samples)| samples.range(times.clone()).next().is_some());
        let of_histograms = kept
            .histograms
            .iter()
            .filter(|(_, samples)| samples.range(times.clone()).next().is_some());
        let keys = of_numbers
            .map(|(key, _)| key)
            .chain(of_histograms.map(|(key, _)| key));
        let fits = |labels: &Labels| {
            let mut any_of = any_of.iter();
            any_of.len() == 0 || any_of.any(|all| all.iter().all(|m| m.matches_labels(labels)))
        };
        let found: BTreeSet<Labels> = keys
            .filter(|(owner, labels)| *owner == tenant && fits(labels))
            .map(|(_, labels)| labels.clone())
            .collect();
        found.into_iter().collect()
    }
}

impl SeriesWrite for MemorySeries {
    fn append(&self, batch: &SeriesBatch, _now_ms: i64) -> Result<Accepted, WriteError> {
        Ok(self.take_in(batch))
    }

    fn describe(&self, tenant: TenantId, metadata: &[MetricMetadata]) -> Result<(), WriteError> {
        let mut kept = self.kept.write();
        for entry in metadata {
            kept.metadata
                .insert((tenant, Arc::clone(&entry.name)), entry.clone());
        }
        Ok(())
    }
}

impl SeriesRead for MemorySeries {
    fn select(&self, selector: &Selector) -> Result<Vec<Arc<dyn SelectedSeries>>, ReadError> {
        let labels = self.matching(
            selector.tenant,
            selector.range,
            std::slice::from_ref(&selector.matchers),
        );
        let kept = self.kept.read();
        let mut selected: Vec<Arc<dyn SelectedSeries>> = Vec::with_capacity(labels.len());
        for labels in labels {
            let key = (selector.tenant, labels);
            selected.push(Arc::new(Selected {
                samples: kept.series.get(&key).cloned().unwrap_or_default(),
                histograms: kept.histograms.get(&key).cloned().unwrap_or_default(),
                labels: key.1,
            }));
        }
        Ok(selected)
    }

    fn label_names(
        &self,
        tenant: TenantId,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Result<Vec<String>, ReadError> {
        let matching = self.matching(tenant, range, any_of);
        let mut names: Vec<String> = matching
            .iter()
            .flat_map(|labels| labels.iter().map(|(name, _)| name.to_owned()))
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn label_values(
        &self,
        tenant: TenantId,
        name: &str,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Result<Vec<String>, ReadError> {
        let matching = self.matching(tenant, range, any_of);
        let mut values: Vec<String> = matching
            .iter()
            .filter_map(|labels| labels.get(name))
            .map(str::to_owned)
            .collect();
        values.sort();
        values.dedup();
        Ok(values)
    }

    fn exemplars(
        &self,
        tenant: TenantId,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Result<Vec<(Labels, Vec<Exemplar>)>, ReadError> {
        let kept = self.kept.read();
        let meets = |labels: &Labels| {
            any_of
                .iter()
                .any(|all| all.iter().all(|matcher| matcher.matches_labels(labels)))
        };
        let mut found = Vec::new();
        for ((_, labels), exemplars) in kept
            .exemplars
            .iter()
            .filter(|((owner, labels), _)| *owner == tenant && meets(labels))
        {
            let mut within: Vec<Exemplar> = exemplars.clone();
            within.retain(|exemplar| range.contains(exemplar.at_ms));
            within.sort_by_key(|exemplar| exemplar.at_ms);
            if !within.is_empty() {
                found.push((labels.clone(), within));
            }
        }
        Ok(found)
    }

    fn metadata(&self, tenant: TenantId, metric: Option<&str>) -> Result<Vec<MetricMetadata>, ReadError> {
        let kept = self.kept.read();
        Ok(kept
            .metadata
            .iter()
            .filter(|((owner, name), _)| *owner == tenant && metric.is_none_or(|wanted| wanted == &**name))
            .map(|(_, entry)| entry.clone())
            .collect())
    }

    fn statistics(&self, tenant: TenantId, _limit: usize) -> Result<SeriesStatistics, ReadError> {
        let head_series = self
            .kept
            .read()
            .series
            .keys()
            .filter(|(owner, _)| *owner == tenant)
            .count() as u64;
        Ok(SeriesStatistics {
            head_series,
            ..SeriesStatistics::default()
        })
    }
}

impl SelectedSeries for Selected {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn read(&self, range: TimeRange, out: &mut SampleColumns) -> Result<(), ReadError> {
        for (&at_ms, known) in self.samples.range(range.from_ms()..=range.to_ms()) {
            out.push_started(at_ms, known.value, known.start_ms);
        }
        Ok(())
    }

    fn may_have_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    fn read_histograms(&self, range: TimeRange, out: &mut Vec<HistogramSample>) -> Result<(), ReadError> {
        let wanted = self.histograms.range(range.from_ms()..=range.to_ms());
        out.extend(wanted.map(|(_, sample)| sample.clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_selected_in_order() {
        let store = MemorySeries::new();
        store.add(&[("__name__", "up"), ("job", "b")], &[(2000, 0.0), (1000, 1.0)]);
        store.add(&[("__name__", "up"), ("job", "a")], &[(1000, 1.0)]);
        store.add(&[("__name__", "up"), ("job", "a")], &[(1000, 7.0)]);
        let selector = Selector {
            tenant: TenantId::DEFAULT,
            matchers: vec![Matcher::equal("__name__", "up")],
            range: TimeRange::new(0, 1500).unwrap(),
        };
        let selected = store.select(&selector).unwrap();
        let mut read = Vec::new();
        for series in &selected {
            let mut columns = SampleColumns::default();
            series.read(selector.range, &mut columns).unwrap();
            read.push((
                series.labels().to_string(),
                columns.iter().map(|s| (s.at_ms, s.value)).collect::<Vec<_>>(),
            ));
        }
        assert_eq!(
            read,
            [
                (r#"up{job="a"}"#.into(), vec![(1000, 1.0)]),
                (r#"up{job="b"}"#.into(), vec![(1000, 1.0)])
            ]
        );
        let names = store.label_names(TenantId::DEFAULT, TimeRange::ALL, &[]).unwrap();
        assert_eq!(names, ["__name__", "job"]);
    }

    #[test]
    fn starts_come_back_with_their_samples() {
        let store = MemorySeries::new();
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        let series = Series::new(Labels::from_pairs([("__name__", "requests_total")]));
        let sample = |at_ms| Sample { at_ms, value: 1.0 };
        batch.push_one(series.clone(), 1000, 1.0);
        batch.push_started(series.clone(), &[sample(3000), sample(4000)], &[2000]);
        batch.push_one(series, 5000, 1.0);
        store.append(&batch, 0).unwrap();
        let selector = Selector {
            tenant: TenantId::DEFAULT,
            matchers: Vec::new(),
            range: TimeRange::new(2000, 6000).unwrap(),
        };
        let mut columns = SampleColumns::default();
        store.select(&selector).unwrap()[0]
            .read(selector.range, &mut columns)
            .unwrap();
        assert_eq!(columns.at_ms, [3000, 4000, 5000]);
        assert_eq!(columns.starts.slice(0..3), [2000, 0, 0]);
    }
}
