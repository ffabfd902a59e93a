//! The order of series in a block: by metric, then by labels; a histogram's buckets follow its count, the highest first.
//!
//! Neighbours of one histogram are alike: the count holds all of the highest bucket, and a bucket all of the one below it. So a
//! bucket's counts are written as the difference to those of the series before, which takes fewer bits. What is asked for
//! most often, the count, leans on nothing.

use std::cmp::Ordering;

use model::{Labels, METRIC_NAME};

/// The label that holds a bucket's upper bound.
const BOUND: &str = "le";
/// How a histogram's metrics end that lie beside each other.
const COUNT: &str = "_count";
const BUCKET: &str = "_bucket";

/// How two series of one tenant are ordered in blocks.
pub(crate) fn block_order(a: &Labels, b: &Labels) -> Ordering {
    by_family(a.metric_name(), b.metric_name())
        .then_with(|| others(a).cmp(others(b)))
        .then_with(|| is_count(b).cmp(&is_count(a)))
        .then_with(|| bound(b).total_cmp(&bound(a)))
        .then_with(|| a.cmp(b))
}

/// Whether `labels` are those of a bucket, and `before` those of a higher bucket or the count of the same histogram.
pub(super) fn may_lean(labels: &Labels, before: &Labels) -> bool {
    labels.get(BOUND).is_some()
        && may_be_leant_on(before)
        && by_family(labels.metric_name(), before.metric_name()).is_eq()
        && others(labels).eq(others(before))
}

/// Whether a bucket may lean on a series with these labels.
pub(super) fn may_be_leant_on(labels: &Labels) -> bool {
    labels.get(BOUND).is_some() || is_count(labels)
}

fn is_count(labels: &Labels) -> bool {
    labels.metric_name().ends_with(COUNT)
}

/// By name, where counts stand among the buckets.
fn by_family(a: &str, b: &str) -> Ordering {
    if !a.ends_with(COUNT) && !b.ends_with(COUNT) {
        return a.cmp(b);
    }
    let family = |name| {
        let (metric, ending) = str::strip_suffix(name, COUNT).map_or((name, ""), |metric| (metric, BUCKET));
        metric.bytes().chain(ending.bytes())
    };
    family(a).cmp(family(b))
}

/// All labels but the metric's name and the bound.
fn others(labels: &Labels) -> impl Iterator<Item = (&str, &str)> {
    labels
        .iter()
        .filter(|(name, _)| !matches!(*name, METRIC_NAME | BOUND))
}

/// Without a bound comes last, what is no number first.
fn bound(labels: &Labels) -> f64 {
    let bound = labels.get(BOUND).map(str::parse::<f64>);
    bound.map_or(f64::NEG_INFINITY, |bound| bound.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(metric: &str, job: &str, le: &str, zone: &str) -> Labels {
        Labels::from_pairs([("__name__", metric), ("job", job), ("le", le), ("zone", zone)])
    }

    #[test]
    fn buckets_follow_their_count_from_the_highest_down() {
        let ordered = [
            series("d_bare", "a", "", "x"),
            series("d_count", "a", "", "x"),
            series("d_bucket", "a", "odd", "x"),
            series("d_bucket", "a", "+Inf", "x"),
            series("d_bucket", "a", "10", "x"),
            series("d_bucket", "a", "2.5", "x"),
            series("d_bucket", "a", "0.5", "x"),
            series("d_bucket", "a", "", "x"),
            series("d_count", "a", "", "y"),
            series("d_bucket", "a", "0.5", "y"),
            series("d_bucket", "b", "0.1", "x"),
            series("d_bus_count", "a", "", "x"),
            series("d_bus_bucket", "a", "1", "x"),
            series("d_calls", "a", "", "x"),
            series("d_sum", "a", "", "x"),
        ];
        for (place, a) in ordered.iter().enumerate() {
            for (other, b) in ordered.iter().enumerate() {
                assert_eq!(block_order(a, b), place.cmp(&other), "{a:?} {b:?}");
            }
        }
        let leans: Vec<usize> = (1..ordered.len())
            .filter(|place| may_lean(&ordered[*place], &ordered[place - 1]))
            .collect();
        assert_eq!(leans, [2, 3, 4, 5, 6, 9, 12]);
    }
}
