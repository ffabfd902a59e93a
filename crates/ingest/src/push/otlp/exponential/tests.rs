//! Buckets move, merge and are refused as the specification of native histograms has it.

use super::*;

fn point(scale: i32, offset: i32, counts: &[u64]) -> ExponentialPoint<'static> {
    ExponentialPoint {
        scale,
        count: counts.iter().sum(),
        sum: Some(1.0),
        positive: Side {
            offset,
            counts: counts.to_vec(),
        },
        ..ExponentialPoint::default()
    }
}

fn filled(histogram: &Histogram) -> Vec<(i32, f64)> {
    histogram
        .positive
        .iter()
        .filter(|(_, count)| *count > 0.0)
        .collect()
}

#[test]
fn bucket_indices_move_by_one() {
    let histogram = Sparse::of_point(&point(3, -1, &[4, 0, 2, 1]))
        .unwrap()
        .to_histogram();
    assert_eq!(filled(&histogram), [(0, 4.0), (2, 2.0), (3, 1.0)]);
    assert_eq!((histogram.schema, histogram.zero_threshold), (3, 1e-128));
    assert_eq!(histogram.validate(), Ok(()));
}

#[test]
fn too_fine_scales_are_made_coarser() {
    // Prometheus' own cases of convertBucketsLayout, scaled down by 1 and 2.
    let scaled = |scale, offset, counts: &[u64]| {
        let histogram = Sparse::of_point(&point(scale, offset, counts))
            .unwrap()
            .to_histogram();
        assert_eq!(histogram.schema, 8);
        filled(&histogram)
    };
    assert_eq!(scaled(9, 0, &[4, 3, 2, 1]), [(1, 7.0), (2, 3.0)]);
    assert_eq!(scaled(10, 0, &[4, 3, 2, 1]), [(1, 10.0)]);
    assert_eq!(scaled(9, 5, &[4, 3, 2, 1]), [(3, 4.0), (4, 5.0), (5, 1.0)]);
    assert_eq!(scaled(9, -3, &[1, 1, 1]), [(-1, 1.0), (0, 2.0)]);
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let refused = |point: ExponentialPoint<'_>| Sparse::of_point(&point).unwrap_err();
    assert!(refused(point(-5, 0, &[1])).contains("coarsest"));
    assert!(refused(point(8, i32::MAX, &[0, 1])).contains("out of range"));
    let mut wrong = point(0, 0, &[1, 2]);
    wrong.count = 4;
    assert!(refused(wrong.clone()).contains("its count is 4"));
    // An observation of NaN is counted and in no bucket.
    wrong.sum = Some(f64::NAN);
    Sparse::of_point(&wrong).unwrap();
    wrong.zero_threshold = f64::NAN;
    assert!(refused(wrong).contains("zero threshold"));
    assert!(Sparse::of_point(&point(i32::MAX, 7, &[1])).is_ok());
}

#[test]
fn histograms_of_different_resolution_add_up() {
    let mut total = Sparse::of_point(&point(1, 0, &[1, 1, 1, 1])).unwrap();
    let mut other = point(0, 1, &[5, 5]);
    other.zero_threshold = 2.0;
    total.add(Sparse::of_point(&other).unwrap());
    let histogram = total.to_histogram();
    // The first bucket ends at 2, which is zero now.
    assert_eq!(filled(&histogram), [(2, 7.0), (3, 5.0)]);
    let counts = (histogram.zero_count, histogram.count, histogram.sum);
    assert_eq!(counts, (2.0, 14.0, 2.0));
    assert_eq!((histogram.schema, histogram.zero_threshold), (0, 2.0));
}

#[test]
fn listed_buckets_become_custom_ones() {
    let mut point = HistogramPoint {
        count: 6,
        sum: Some(3.0),
        counts: vec![1, 0, 5],
        bounds: vec![0.5, 1.0],
        ..HistogramPoint::default()
    };
    let histogram = custom_histogram(&point).unwrap();
    assert_eq!(filled(&histogram), [(0, 1.0), (2, 5.0)]);
    assert_eq!(
        (histogram.schema, &histogram.custom_bounds[..]),
        (-53, [0.5, 1.0].as_slice())
    );
    point.bounds.push(f64::INFINITY);
    assert_eq!(custom_histogram(&point).unwrap(), histogram);
    point.bounds = vec![1.0];
    assert!(custom_histogram(&point).unwrap_err().contains("one more"));
    point.bounds = vec![1.0, 0.5];
    assert!(custom_histogram(&point).is_err());
}
