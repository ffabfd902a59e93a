//! Classic histograms as native ones with listed bounds, for `load_with_nhcb`.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::histogram::CUSTOM_BUCKETS;
use model::labels::METRIC_NAME;
use model::{Buckets, Histogram, Labels, is_stale};
use promql::series_notation::WrittenValue;

/// The parts of one classic histogram at one time.
#[derive(Debug, Clone, Default)]
struct Parts {
    /// Cumulative counts by bound.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// The native histograms of all classic ones among the series.
pub(crate) fn converted(
    series: &BTreeMap<Labels, Vec<Option<WrittenValue>>>,
) -> BTreeMap<Labels, Vec<Option<WrittenValue>>> {
    let mut all: BTreeMap<Labels, BTreeMap<usize, Parts>> = BTreeMap::new();
    for (labels, values) in series {
        let name = labels.metric_name();
        let bound = labels.get("le").and_then(model::number::parse_float);
        let Some((base, suffix @ ("bucket" | "count" | "sum"))) = name.rsplit_once('_') else {
            continue;
        };
        if (suffix == "bucket") != bound.is_some() {
            continue;
        }
        let mut builder = labels.retain(|label| label != "le").to_builder();
        builder.set(METRIC_NAME, base);
        let parts = all.entry(builder.build()).or_default();
        for (place, value) in values.iter().enumerate() {
            let Some(WrittenValue::Float(value)) = value else {
                continue;
            };
            if is_stale(*value) {
                continue;
            }
            let parts = parts.entry(place).or_default();
            match (suffix, bound) {
                ("bucket", Some(bound)) => parts.buckets.push((bound, *value)),
                ("count", _) => parts.count = Some(*value),
                _ => parts.sum = *value,
            }
        }
    }
    let mut found = BTreeMap::new();
    for (labels, by_place) in all {
        let mut values = Vec::new();
        for (place, parts) in by_place {
            if let Some(histogram) = convert(parts) {
                values.resize(place, None);
                values.push(Some(WrittenValue::Histogram {
                    histogram: Arc::new(histogram),
                    says_resets: false,
                }));
            }
        }
        if !values.is_empty() {
            found.insert(labels, values);
        }
    }
    found
}

fn convert(mut parts: Parts) -> Option<Histogram> {
    parts.buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
    let last = parts.buckets.last()?;
    let count = parts.count.unwrap_or(last.1);
    if last.0 != f64::INFINITY {
        parts.buckets.push((f64::INFINITY, count));
    }
    let mut before = 0.0;
    let mut counts = Vec::new();
    for (_, cumulative) in &parts.buckets {
        if *cumulative < before {
            return None;
        }
        counts.push(cumulative - before);
        before = *cumulative;
    }
    let bounds = parts.buckets.iter().map(|(bound, _)| *bound);
    Some(Histogram {
        schema: CUSTOM_BUCKETS,
        count,
        sum: parts.sum,
        positive: Buckets::from_sorted((0..).zip(counts)),
        custom_bounds: bounds.filter(|bound| bound.is_finite()).collect(),
        ..Histogram::default()
    })
}
