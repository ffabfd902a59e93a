//! Counts of what is in memory, for people.

use hashbrown::HashMap;
use model::{SeriesStatistics, TenantId, TimeRange};
use rustc_hash::FxBuildHasher;

use super::Head;

type Counts = HashMap<String, u64, FxBuildHasher>;

impl Head {
    /// Fills in what concerns memory; lists hold at most `limit` entries, largest first.
    pub(crate) fn statistics(&self, tenant: TenantId, limit: usize) -> SeriesStatistics {
        let mut statistics = SeriesStatistics::default();
        let mut values_by_label = Counts::default();
        let mut pairs = Counts::default();
        let mut bytes_by_label = Counts::default();
        if let Some(postings) = self.index.read().tenants.get(&tenant) {
            statistics.head_series = postings.all.len();
            for (name, by_value) in &postings.by_name {
                for (value, slots) in by_value {
                    *pairs.entry(format!("{name}={value}")).or_default() += slots.len();
                }
            }
        }
        let mut series_by_metric = Counts::default();
        for (pair, &count) in &pairs {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            *values_by_label.entry_ref(name).or_default() += 1;
            *bytes_by_label.entry_ref(name).or_default() += value.len() as u64;
            if name == model::labels::METRIC_NAME {
                series_by_metric.insert(value.to_owned(), count);
            }
        }
        statistics.head_label_pairs = pairs.len() as u64;
        self.for_each(|series| {
            if series.tenant() == tenant {
                let (chunks, range) = series.extent();
                statistics.head_chunks += chunks;
                if let Some(range) = range {
                    let known: Option<TimeRange> = statistics.head_range;
                    statistics.head_range = Some(known.map_or(range, |known| known.union(&range)));
                }
            }
        });
        statistics.series_by_metric = largest(series_by_metric, limit);
        statistics.values_by_label = largest(values_by_label, limit);
        statistics.bytes_by_label = largest(bytes_by_label, limit);
        statistics.series_by_label_pair = largest(pairs, limit);
        statistics
    }
}

fn largest(counts: Counts, limit: usize) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.truncate(limit);
    counts
}
