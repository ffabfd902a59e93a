//! The newest exemplars, in a ring: what a chart shows beside its lines. They are in the log, and are back after a start for as
//! long as the log goes back.

use std::collections::{BTreeMap, VecDeque};

use model::{Exemplar, Labels, Matcher, Series, SeriesId, TenantId, TimeRange};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// Exemplars of all series, the oldest first.
#[derive(Debug)]
pub(crate) struct Exemplars {
    /// How many there may be.
    max: usize,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Entry>,
    /// The newest exemplar of each series, which scrapes repeat until there is another.
    newest: FxHashMap<(TenantId, SeriesId), Exemplar>,
}

#[derive(Debug)]
struct Entry {
    tenant: TenantId,
    series: Series,
    exemplar: Exemplar,
}

impl Exemplars {
    /// Keeps the newest `max`.
    pub(crate) fn keeping(max: usize) -> Self {
        Self {
            max,
            ring: Mutex::default(),
        }
    }

    /// Whether any are kept.
    pub(crate) fn are_kept(&self) -> bool {
        self.max > 0
    }

    /// Whether an exemplar says something that the newest of its series does not.
    pub(crate) fn is_new(&self, tenant: TenantId, series: &Series, exemplar: &Exemplar) -> bool {
        let ring = self.ring.lock();
        ring.newest.get(&(tenant, series.id())) != Some(exemplar)
    }

    /// Takes an exemplar in; the oldest goes where there is no room.
    pub(crate) fn push(&self, tenant: TenantId, series: &Series, exemplar: Exemplar) {
        if !self.are_kept() {
            return;
        }
        let mut ring = self.ring.lock();
        if ring.entries.len() >= self.max
            && let Some(oldest) = ring.entries.pop_front()
        {
            let key = (oldest.tenant, oldest.series.id());
            if ring.newest.get(&key) == Some(&oldest.exemplar) {
                ring.newest.remove(&key);
            }
        }
        ring.newest.insert((tenant, series.id()), exemplar.clone());
        ring.entries.push_back(Entry {
            tenant,
            series: series.clone(),
            exemplar,
        });
    }

    /// The exemplars in `range` of the series that meet any of the conditions, by series, in order of time.
    pub(crate) fn select(
        &self,
        tenant: TenantId,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Vec<(Labels, Vec<Exemplar>)> {
        let ring = self.ring.lock();
        let wanted = |labels: &Labels| {
            any_of
                .iter()
                .any(|all| all.iter().all(|matcher| matcher.matches_labels(labels)))
        };
        let mut found: BTreeMap<Labels, Vec<Exemplar>> = BTreeMap::new();
        for entry in &ring.entries {
            let labels = entry.series.labels();
            if entry.tenant == tenant && range.contains(entry.exemplar.at_ms) && wanted(labels) {
                found
                    .entry(labels.clone())
                    .or_default()
                    .push(entry.exemplar.clone());
            }
        }
        for exemplars in found.values_mut() {
            exemplars.sort_by_key(|exemplar| exemplar.at_ms);
        }
        found.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_exemplars_are_known_and_the_oldest_give_way() {
        let exemplars = Exemplars::keeping(5);
        assert!(!Exemplars::keeping(0).are_kept());
        let series = Series::new(Labels::from_pairs([("__name__", "d_bucket")]));
        let exemplar = |at_ms: i64| Exemplar {
            labels: Labels::from_pairs([("trace_id", "abc")]),
            value: 0.5,
            at_ms,
        };
        for at_ms in 0..=5 {
            assert!(exemplars.is_new(TenantId::DEFAULT, &series, &exemplar(at_ms)));
            exemplars.push(TenantId::DEFAULT, &series, exemplar(at_ms));
            assert!(!exemplars.is_new(TenantId::DEFAULT, &series, &exemplar(at_ms)));
        }
        let all = [vec![Matcher::equal("__name__", "d_bucket")]];
        let found = exemplars.select(TenantId::DEFAULT, TimeRange::new(0, 2).unwrap(), &all);
        assert_eq!(found.len(), 1);
        let times: Vec<i64> = found[0].1.iter().map(|exemplar| exemplar.at_ms).collect();
        assert_eq!(times, [1, 2]);
        assert!(exemplars.select(TenantId(1), TimeRange::ALL, &all).is_empty());
    }
}
