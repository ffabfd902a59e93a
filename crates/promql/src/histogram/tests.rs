//! The arithmetic holds for histograms of any layout.

use model::{Buckets, Histogram};
use proptest::prelude::*;

use super::trim::Keep;
use super::*;

/// A side of buckets with whole counts, so that sums are exact.
fn side() -> impl Strategy<Value = Vec<(i32, f64)>> {
    proptest::collection::btree_map(-40i32..40, 0u32..100, 0..12)
        .prop_map(|buckets| buckets.into_iter().map(|(i, c)| (i, f64::from(c))).collect())
}

fn exponential() -> impl Strategy<Value = Histogram> {
    let threshold = prop::sample::select(vec![0.0, 0.001, 0.25, 1.0, 3.0]);
    (-4i8..=8, threshold, 0u32..50, side(), side(), any::<i16>()).prop_map(
        |(schema, zero_threshold, zero, positive, negative, sum)| {
            let count: f64 = positive.iter().chain(&negative).map(|(_, count)| count).sum();
            Histogram {
                schema,
                zero_threshold,
                zero_count: f64::from(zero),
                count: count + f64::from(zero),
                sum: f64::from(sum),
                positive: Side::from_pairs(positive).into_buckets(),
                negative: Side::from_pairs(negative).into_buckets(),
                ..Histogram::default()
            }
        },
    )
}

fn custom() -> impl Strategy<Value = Histogram> {
    let bounds = proptest::collection::btree_set(-20i32..20, 0..8);
    (bounds, proptest::collection::vec(0u32..100, 9)).prop_map(|(bounds, counts)| {
        let bounds: Vec<f64> = bounds.into_iter().map(f64::from).collect();
        let counts = counts.into_iter().take(bounds.len() + 1).map(f64::from);
        let positive = Buckets::from_sorted((0..).zip(counts));
        Histogram {
            schema: CUSTOM_BUCKETS,
            count: positive.counts.iter().sum(),
            positive,
            custom_bounds: bounds.into(),
            ..Histogram::default()
        }
    })
}

fn sum_of(left: &Histogram, right: &Histogram) -> FloatHistogram {
    let mut sum = FloatHistogram::from(left);
    sum.add(right).unwrap();
    sum.compact();
    sum
}

fn count_in_buckets(tally: &FloatHistogram) -> f64 {
    tally.zero_count
        + tally
            .positive
            .iter()
            .chain(tally.negative.iter())
            .map(|(_, c)| c)
            .sum::<f64>()
}

proptest! {
    #[test]
    fn addition_commutes(left in exponential(), right in exponential()) {
        prop_assert_eq!(sum_of(&left, &right), sum_of(&right, &left));
    }

    #[test]
    fn addition_of_listed_bounds_commutes(left in custom(), right in custom()) {
        prop_assert_eq!(sum_of(&left, &right), sum_of(&right, &left));
    }

    #[test]
    fn addition_loses_no_observation(left in exponential(), right in exponential()) {
        let sum = sum_of(&left, &right);
        prop_assert_eq!(sum.count, left.count + right.count);
        prop_assert_eq!(count_in_buckets(&sum), sum.count);
    }

    #[test]
    fn reduced_before_or_after_adding(left in exponential(), right in exponential(), steps in 0i8..6) {
        let (mut left, mut right) = (left, right);
        right.schema = left.schema;
        // A zero bucket of another width swallows buckets that depend on the resolution.
        left.zero_threshold = 0.0;
        right.zero_threshold = 0.0;
        let schema = left.schema.saturating_sub(steps).max(-4);
        let mut added_first = sum_of(&left, &right);
        added_first.reduce_resolution(schema);
        let mut reduced_first = FloatHistogram::from(&left);
        reduced_first.reduce_resolution(schema);
        let mut other = FloatHistogram::from(&right);
        other.reduce_resolution(schema);
        reduced_first.add(&other.into()).unwrap();
        reduced_first.compact();
        prop_assert_eq!(reduced_first, added_first);
    }

    #[test]
    fn what_is_added_can_be_taken_away(left in exponential(), right in exponential()) {
        let mut right = right;
        right.schema = left.schema;
        right.zero_threshold = left.zero_threshold;
        let mut back = sum_of(&left, &right);
        back.subtract(&right).unwrap();
        back.compact();
        let mut wanted = FloatHistogram::from(&left);
        wanted.compact();
        prop_assert_eq!(back, wanted);
    }

    #[test]
    fn a_running_sum_is_the_sum(histograms in proptest::collection::vec(exponential(), 1..6)) {
        let mut plain = FloatHistogram::from(&histograms[0]);
        let mut running = RunningHistogram::from(&histograms[0]);
        for histogram in &histograms[1..] {
            plain.add(histogram).unwrap();
            running.add(histogram).unwrap();
        }
        prop_assert_eq!(running.settled(), plain);
    }

    #[test]
    fn a_counter_that_grew_was_not_reset(before in exponential(), more in exponential()) {
        let now: Histogram = sum_of(&before, &more).into();
        prop_assert!(!reset::has_fallen(&now, &before) || now.zero_threshold > before.zero_threshold);
        if before.count > 0.0 && more.count == 0.0 {
            prop_assert!(reset::has_fallen(&more, &now));
        }
    }

    #[test]
    fn a_quantile_is_where_its_share_ends(histogram in exponential(), q in 0.0f64..1.0) {
        let mut histogram = histogram;
        // Buckets within the zero bucket would be counted at two places.
        histogram.count -= histogram.zero_count;
        histogram.zero_count = 0.0;
        histogram.zero_threshold = 0.0;
        prop_assume!(histogram.count > 0.0);
        let (value, _) = quantile(q, &histogram);
        let (share, _) = fraction(f64::NEG_INFINITY, value, &histogram);
        prop_assert!((share - q).abs() < 1e-6, "{share} at {value}");
    }

    #[test]
    fn what_is_trimmed_off_either_end_is_all(histogram in exponential(), value in -300.0f64..300.0) {
        let trimmed = |keep| {
            let mut tally = FloatHistogram::from(&histogram);
            tally.trim(value, keep);
            tally.count
        };
        let all = trimmed(Keep::Below) + trimmed(Keep::Above);
        prop_assert!((all - histogram.count).abs() <= 1e-6 * histogram.count.max(1.0));
    }

    #[test]
    fn nothing_panics(
        left in prop_oneof![exponential(), custom()],
        right in prop_oneof![exponential(), custom()],
        value in any::<f64>(),
        index in any::<i32>(),
    ) {
        let mut left = left;
        left.positive = Buckets::from_sorted([(index, value.abs())]);
        let mut tally = FloatHistogram::from(&left);
        let _ = tally.add(&right);
        let _ = tally.subtract(&right);
        tally.reduce_resolution(-4);
        tally.trim(value, Keep::Above);
        tally.divide(value);
        let histogram: Histogram = tally.into();
        let _ = (quantile(value, &histogram), fraction(value, index.into(), &histogram), text(&histogram));
        let _ = (is_reset(&left, &right), is_reset(&right, &left), variance(&histogram));
        let mut mean = Mean::new(&right);
        let _ = mean.add(&left);
        let _ = mean.value();
    }
}

#[test]
fn the_zero_bucket_grows_to_the_end_of_a_populated_bucket() {
    let narrow = Histogram {
        zero_threshold: 0.1,
        zero_count: 1.0,
        count: 4.0,
        positive: Buckets::from_sorted([(0, 3.0)]),
        ..Histogram::default()
    };
    let wide = Histogram {
        zero_threshold: 0.6,
        zero_count: 5.0,
        count: 5.0,
        ..Histogram::default()
    };
    // 0.6 lies in the bucket from 0.5 to 1.
    let sum = sum_of(&narrow, &wide);
    assert_eq!((sum.zero_threshold, sum.zero_count), (1.0, 9.0));
    assert!(sum.positive.is_empty());
}

#[test]
fn what_is_known_of_resets_adds_up() {
    use ResetHint::{Gauge, No, Unknown, Yes};
    let of = |hint| Histogram {
        reset_hint: hint,
        ..Histogram::default()
    };
    let check = |left, right, wanted, collides| {
        let mut sum = FloatHistogram::from(&of(left));
        let added = sum.add(&of(right)).unwrap();
        assert_eq!(
            (sum.hint, added.resets_collide),
            (wanted, collides),
            "{left:?} and {right:?}"
        );
    };
    check(No, No, No, false);
    check(No, Unknown, Unknown, false);
    check(Unknown, Yes, Unknown, false);
    check(Yes, No, Unknown, true);
    check(Gauge, Yes, Gauge, false);
    check(No, Gauge, Gauge, false);
    check(Unknown, Gauge, Gauge, false);
}

#[test]
fn a_mean_survives_sums_that_overflow() {
    let of = |count| Histogram {
        count,
        sum: 1.0,
        ..Histogram::default()
    };
    let mut mean = Mean::new(&of(f64::MAX));
    for _ in 0..3 {
        mean.add(&of(f64::MAX)).unwrap();
    }
    let value = mean.value();
    assert!((value.count / f64::MAX - 1.0).abs() < 1e-12);
    assert!((value.sum - 1.0).abs() < 1e-12);
}
