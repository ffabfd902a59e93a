//! The order of series in a block: by metric, then by labels; the buckets of one histogram follow each other by bound.
//!
//! Neighbours of one histogram are alike: a bucket holds all of the bucket before it. So its counts are written as the
//! difference to that one's, which is what fell into the bucket itself, and takes fewer bits.

use std::cmp::Ordering;

use model::Labels;

/// The label that holds a bucket's upper bound.
pub(super) const BOUND: &str = "le";

/// How two series of one tenant are ordered in blocks.
pub(crate) fn block_order(a: &Labels, b: &Labels) -> Ordering {
    a.metric_name()
        .cmp(b.metric_name())
        .then_with(|| without_bound(a).cmp(without_bound(b)))
        .then_with(|| bound(a).total_cmp(&bound(b)))
        .then_with(|| a.get(BOUND).cmp(&b.get(BOUND)))
}

/// Whether both are buckets of one histogram.
pub(super) fn are_siblings(a: &Labels, b: &Labels) -> bool {
    a.get(BOUND).is_some() && b.get(BOUND).is_some() && without_bound(a).eq(without_bound(b))
}

fn without_bound(labels: &Labels) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().filter(|(name, _)| *name != BOUND)
}

/// What is no number comes last.
fn bound(labels: &Labels) -> f64 {
    let bound = labels.get(BOUND).map(str::parse::<f64>);
    bound.map_or(f64::NEG_INFINITY, |bound| bound.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_by_bound() {
        let bucket = |job: &str, le: &str, zone: &str| {
            Labels::from_pairs([("__name__", "d_bucket"), ("job", job), ("le", le), ("zone", zone)])
        };
        let ordered = [
            bucket("a", "", "x"),
            bucket("a", "0.5", "x"),
            bucket("a", "2.5", "x"),
            bucket("a", "10", "x"),
            bucket("a", "+Inf", "x"),
            bucket("a", "odd", "x"),
            bucket("a", "0.5", "y"),
            bucket("b", "0.1", "x"),
        ];
        for pair in ordered.windows(2) {
            assert_eq!(block_order(&pair[0], &pair[1]), Ordering::Less, "{pair:?}");
        }
        assert!(are_siblings(&ordered[1], &ordered[4]));
        assert!(!are_siblings(&ordered[0], &ordered[1]));
        assert!(!are_siblings(&ordered[1], &ordered[6]));
    }
}
