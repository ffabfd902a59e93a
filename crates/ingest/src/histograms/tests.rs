//! Merging and converting, against what the bounds say.

use proptest::prelude::*;

use super::*;

fn native(schema: i8, positive: &[(i32, f64)]) -> Histogram {
    Histogram {
        schema,
        count: positive.iter().map(|(_, count)| count).sum(),
        positive: Buckets::from_sorted(positive.iter().copied()),
        ..Histogram::default()
    }
}

fn filled(buckets: &Buckets) -> Vec<(i32, f64)> {
    buckets.iter().filter(|(_, count)| *count > 0.0).collect()
}

#[test]
fn a_histogram_is_made_as_coarse_as_the_limit_asks() {
    let fine = native(
        2,
        &[
            (-7, 1.0),
            (-3, 1.0),
            (0, 1.0),
            (1, 1.0),
            (4, 1.0),
            (5, 1.0),
            (9, 1.0),
        ],
    );
    let rules = HistogramRules {
        bucket_limit: 4,
        ..HistogramRules::default()
    };
    // Schema 0 ends buckets at powers of two: -7..=-4 end at -1, -3..=0 at 0, 1..=4 at 1, 5..=8 at 2, 9 at 3.
    let coarse = fit(fine.clone(), &rules).unwrap();
    assert!(
        coarse.positive.counts.len() <= 4 && coarse.schema < 0,
        "{coarse:?}"
    );
    let rules = HistogramRules {
        schema_max: 0,
        ..HistogramRules::default()
    };
    let coarse = fit(fine, &rules).unwrap();
    assert_eq!(coarse.schema, 0);
    let expected = [(-1, 1.0), (0, 2.0), (1, 2.0), (2, 1.0), (3, 1.0)];
    assert_eq!(filled(&coarse.positive), expected);
}

#[test]
fn what_no_schema_fits_is_refused() {
    let wide = native(-4, &[(-9, 1.0), (0, 1.0), (9, 1.0)]);
    let rules = HistogramRules {
        bucket_limit: 2,
        ..HistogramRules::default()
    };
    assert_eq!(fit(wide, &rules), None);
    assert_eq!(with_schema(native(0, &[]), 53), None);
    assert_eq!(with_schema(native(0, &[]), -5), None);
    let finest = with_schema(native(0, &[(1 << 20, 3.0)]), 52).unwrap();
    assert_eq!((finest.schema, filled(&finest.positive)), (8, vec![(1, 3.0)]));
}

#[test]
fn factors_choose_schemas_as_prometheus_does() {
    for (factor, schema) in [
        (65536.0, -4),
        (256.0, -3),
        (16.0, -2),
        (4.0, -1),
        (2.0, 0),
        (1.4, 1),
        (1.1, 2),
        (1.09, 3),
        (1.04, 4),
        (1.02, 5),
        (1.01, 6),
        (1.005, 7),
        (1.002, 8),
        (1.0, 8),
        (0.0, 8),
    ] {
        assert_eq!(schema_of_factor(factor), schema, "{factor}");
    }
}

#[test]
fn classic_buckets_become_listed_bounds() {
    let classic = Classic {
        buckets: vec![(0.1, 1.0), (f64::INFINITY, 5.0), (1.0, 4.0), (0.5, 1.0)],
        count: Some(5.0),
        sum: 3.5,
    };
    let native = classic.to_native().unwrap();
    assert_eq!(&*native.custom_bounds, [0.1, 0.5, 1.0]);
    assert_eq!(filled(&native.positive), [(0, 1.0), (2, 3.0), (3, 1.0)]);
    assert_eq!(
        (native.count, native.sum, native.schema),
        (5.0, 3.5, CUSTOM_BUCKETS)
    );

    let check = |buckets: &[(f64, f64)], count: Option<f64>| {
        let classic = Classic {
            buckets: buckets.to_vec(),
            count,
            sum: 0.0,
        };
        classic.to_native().map(|native| native.count)
    };
    assert_eq!(check(&[(1.0, 2.0)], Some(3.0)), Some(3.0), "+Inf may be left out");
    assert_eq!(check(&[], Some(3.0)), Some(3.0), "and so may every bucket");
    assert_eq!(check(&[(1.0, 2.0)], None), Some(2.0), "and the count");
    assert_eq!(check(&[], None), None);
    assert_eq!(check(&[(1.0, 2.0), (2.0, 1.0)], None), None, "counts never fall");
    assert_eq!(
        check(&[(f64::INFINITY, 2.0)], Some(3.0)),
        None,
        "both counts agree"
    );
    assert_eq!(check(&[(f64::NAN, 2.0)], Some(2.0)), None);
}

proptest! {
    #[test]
    fn merging_keeps_every_observation(
        buckets in proptest::collection::btree_map(-3000..3000_i32, 1..100_u32, 0..60),
        schema in -4..=8_i8,
        limit in 0..40_usize,
    ) {
        let list: Vec<(i32, f64)> = buckets.iter().map(|(index, count)| (*index, f64::from(*count))).collect();
        let rules = HistogramRules { bucket_limit: limit, ..HistogramRules::default() };
        let whole = native(schema, &list);
        if let Some(coarse) = fit(whole.clone(), &rules) {
            prop_assert_eq!(coarse.validate(), Ok(()));
            prop_assert!(limit == 0 || coarse.positive.counts.len() <= limit);
            let sum: f64 = coarse.positive.counts.iter().sum();
            prop_assert_eq!(sum, whole.count);
            // Every observation lies in the bucket that its upper bound falls into.
            let by = schema - coarse.schema;
            for (index, _) in &list {
                let place = index.div_euclid(1 << by) + i32::from(index.rem_euclid(1 << by) > 0);
                prop_assert!(filled(&coarse.positive).iter().any(|(coarse, _)| *coarse == place));
            }
        } else {
            prop_assert!(limit > 0);
        }
    }
}
