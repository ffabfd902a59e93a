//! Functions of histograms, classic ones above all, whose buckets are series with a label `le`.

use std::collections::hash_map::Entry;

use model::Labels;
use model::number::{format_float, parse_float};
use rustc_hash::FxHashMap;

use super::native_quantile;
use crate::error::EvalError;
use crate::eval::{Column, Evaluated, Evaluator, Grid, is_present, merge_same_labels};
use crate::plan::{CallPlan, Op};

/// The label of a bucket's upper bound.
const BUCKET_LABEL: &str = "le";

/// Counts that differ by less than this share are taken for equal: rates of equal counters differ by rounding.
const SMALL_DIFFERENCE: f64 = 1e-12;

/// One bucket at one step: its upper bound, and how many observations lie at or below it.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    bound: f64,
    count: f64,
}

/// The series of one histogram: bounds, and places in the vector.
pub(super) struct Histogram {
    pub(super) labels: Labels,
    buckets: Vec<(f64, usize)>,
    /// At these steps a native histogram of the same labels contradicts it.
    pub(super) contradicted: Option<Vec<bool>>,
}

pub(crate) fn quantile(
    evaluator: &mut Evaluator<'_>,
    call: &CallPlan,
    grid: Grid,
) -> Result<Evaluated, EvalError> {
    let [q, vector] = call.args.as_slice() else {
        return Ok(Evaluated::Vector(Vec::new()));
    };
    let at = q.at;
    let q = evaluator.scalar(q, grid)?;
    for q in &q {
        evaluator.doubt_quantile(*q, at);
    }
    let mut columns = evaluator.vector(vector, grid)?;
    let found = histograms(evaluator, &mut columns, vector.at);
    let results = quantiles_of(evaluator, &columns, &found, &q, vector.at, grid)?;
    merge_same_labels(results).map(Evaluated::Vector)
}

/// `histogram_quantiles(v, "label", q1, …)`: the quantile stands in the label.
pub(crate) fn quantiles(
    evaluator: &mut Evaluator<'_>,
    call: &CallPlan,
    grid: Grid,
) -> Result<Evaluated, EvalError> {
    let [vector, label, quantiles @ ..] = call.args.as_slice() else {
        return Ok(Evaluated::Vector(Vec::new()));
    };
    let Op::Text {
        value: label,
        not_utf8: None,
    } = &label.op
    else {
        return Err(EvalError::execution(
            "invalid label name in histogram_quantiles()",
        ));
    };
    let mut columns = evaluator.vector(vector, grid)?;
    let found = histograms(evaluator, &mut columns, vector.at);
    let mut results = Vec::new();
    for plan in quantiles {
        let q = evaluator.scalar(plan, grid)?;
        for q in &q {
            evaluator.doubt_quantile(*q, plan.at);
        }
        for column in quantiles_of(evaluator, &columns, &found, &q, vector.at, grid)? {
            let mut by_value: FxHashMap<u64, Column> = FxHashMap::default();
            for (step, (q, value)) in q.iter().zip(&column.values).enumerate() {
                let found = match by_value.entry(q.to_bits()) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => {
                        evaluator.check()?;
                        evaluator.hold(grid.steps)?;
                        let mut labels = column.labels.to_builder();
                        labels.set(label.as_str(), open_metrics_float(*q));
                        new.insert(Column::blank(labels.build(), true, grid.steps))
                    }
                };
                if let Some(cell) = found.values.get_mut(step) {
                    *cell = *value;
                }
            }
            results.extend(by_value.into_values());
        }
    }
    merge_same_labels(results).map(Evaluated::Vector)
}

/// A number as OpenMetrics writes it: whole numbers with `.0`.
fn open_metrics_float(value: f64) -> String {
    let text = format_float(value);
    if value.is_finite() && !text.contains(['.', 'e']) {
        format!("{text}.0")
    } else {
        text
    }
}

pub(crate) fn fraction(
    evaluator: &mut Evaluator<'_>,
    call: &CallPlan,
    grid: Grid,
) -> Result<Evaluated, EvalError> {
    let [lower, upper, vector] = call.args.as_slice() else {
        return Ok(Evaluated::Vector(Vec::new()));
    };
    let lower = evaluator.scalar(lower, grid)?;
    let upper = evaluator.scalar(upper, grid)?;
    let mut columns = evaluator.vector(vector, grid)?;
    let found = histograms(evaluator, &mut columns, vector.at);
    let mut results = native_quantile::fractions(evaluator, &columns, (&lower, &upper), vector.at, grid)?;
    for (turn, histogram) in found.iter().enumerate() {
        evaluator.check_at(turn)?;
        let mut result = result_of(histogram, grid);
        for (step, cell) in result.values.iter_mut().enumerate() {
            let mut buckets = buckets_at(&columns, histogram, step);
            let bound = |values: &[f64]| values.get(step).copied().unwrap_or(f64::NAN);
            if !buckets.is_empty() {
                *cell = fraction_between(bound(&lower), bound(&upper), &mut buckets);
            }
        }
        results.push(result);
    }
    merge_same_labels(results).map(Evaluated::Vector)
}

fn quantiles_of(
    evaluator: &mut Evaluator<'_>,
    columns: &[Column],
    found: &[Histogram],
    q: &[f64],
    at: usize,
    grid: Grid,
) -> Result<Vec<Column>, EvalError> {
    let mut results = native_quantile::quantiles(evaluator, columns, q, at, grid)?;
    for (turn, histogram) in found.iter().enumerate() {
        evaluator.check_at(turn)?;
        let mut result = result_of(histogram, grid);
        let mut was_fixed = false;
        for (step, cell) in result.values.iter_mut().enumerate() {
            let mut buckets = buckets_at(columns, histogram, step);
            if !buckets.is_empty() {
                let q = q.get(step).copied().unwrap_or(f64::NAN);
                *cell = quantile_of(q, &mut buckets, &mut was_fixed);
            }
        }
        if was_fixed {
            let name = histogram.labels.metric_name();
            evaluator.inform(
                at,
                &format!(
                    "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) for metric name {name:?}"
                ),
            );
        }
        results.push(result);
    }
    Ok(results)
}

fn result_of(histogram: &Histogram, grid: Grid) -> Column {
    Column::blank(histogram.labels.clone(), true, grid.steps)
}

/// Sorts series into histograms by their labels without the bucket's, in the order in which they first appear.
fn histograms(evaluator: &mut Evaluator<'_>, columns: &mut [Column], at: usize) -> Vec<Histogram> {
    let mut places: FxHashMap<Labels, usize> = FxHashMap::default();
    let mut found: Vec<Histogram> = Vec::new();
    let numbers = |column: &&Column| column.values.iter().any(|value| is_present(*value));
    for (member, column) in columns.iter().enumerate().filter(|(_, column)| numbers(column)) {
        let written = column.labels.get(BUCKET_LABEL).unwrap_or_default();
        let Some(bound) = parse_float(written) else {
            let name = column.labels.metric_name();
            evaluator.warn(
                at,
                &format!(
                    "bucket label \"le\" is missing or has a malformed value of {written:?} for metric name {name:?}"
                ),
            );
            continue;
        };
        let labels = column.labels.retain(|name| name != BUCKET_LABEL);
        let place = *places.entry(labels.clone()).or_insert_with(|| {
            found.push(Histogram {
                labels,
                buckets: Vec::new(),
                contradicted: None,
            });
            found.len() - 1
        });
        if let Some(histogram) = found.get_mut(place) {
            histogram.buckets.push((bound, member));
        }
    }
    for histogram in &mut found {
        histogram
            .buckets
            .sort_by(|left, right| left.0.total_cmp(&right.0));
    }
    native_quantile::settle(evaluator, columns, &mut found, &places, at);
    found
}

impl Histogram {
    /// Whether any of its buckets has a sample at a step.
    pub(super) fn has(&self, columns: &[Column], step: usize) -> bool {
        let mut members = self.buckets.iter();
        members.any(|(_, place)| {
            columns
                .get(*place)
                .is_some_and(|column| column.at(step).is_some())
        })
    }
}

/// The buckets that have a sample at a step, sorted by bound, those of equal bound added up.
fn buckets_at(columns: &[Column], histogram: &Histogram, step: usize) -> Vec<Bucket> {
    if histogram.contradicted.as_ref().and_then(|steps| steps.get(step)) == Some(&true) {
        return Vec::new();
    }
    let mut buckets: Vec<Bucket> = Vec::with_capacity(histogram.buckets.len());
    for (bound, place) in &histogram.buckets {
        let Some(count) = columns.get(*place).and_then(|column| column.at(step)) else {
            continue;
        };
        match buckets.last_mut() {
            Some(last) if last.bound == *bound => last.count += count,
            _ => buckets.push(Bucket { bound: *bound, count }),
        }
    }
    buckets
}

/// The quantile by linear interpolation within a bucket (prometheus/promql `BucketQuantile`).
fn quantile_of(q: f64, buckets: &mut [Bucket], was_fixed: &mut bool) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    if buckets.last().is_none_or(|last| last.bound != f64::INFINITY) {
        return f64::NAN;
    }
    *was_fixed |= make_monotonic(buckets);
    let [finite @ .., overflow] = &*buckets else {
        return f64::NAN;
    };
    let Some(highest) = finite.last() else {
        return f64::NAN;
    };
    if overflow.count == 0.0 || overflow.count.is_nan() {
        return f64::NAN;
    }
    let rank = q * overflow.count;
    let place = finite.partition_point(|bucket| bucket.count < rank);
    let Some(bucket) = finite.get(place) else {
        return highest.bound;
    };
    let below = place.checked_sub(1).and_then(|place| finite.get(place));
    match below {
        None if bucket.bound <= 0.0 => bucket.bound,
        None => bucket.bound * (rank / bucket.count),
        Some(below) => {
            let share = (rank - below.count) / (bucket.count - below.count);
            below.bound + (bucket.bound - below.bound) * share
        }
    }
}

/// Makes counts grow from bucket to bucket; says whether more than rounding had to be mended.
fn make_monotonic(buckets: &mut [Bucket]) -> bool {
    let mut was_fixed = false;
    let mut buckets = buckets.iter_mut();
    let Some(mut before) = buckets.next().map(|bucket| bucket.count) else {
        return false;
    };
    for bucket in buckets {
        if is_close(before, bucket.count) {
            bucket.count = before;
        } else if bucket.count < before {
            bucket.count = before;
            was_fixed = true;
        } else {
            before = bucket.count;
        }
    }
    was_fixed
}

fn is_close(left: f64, right: f64) -> bool {
    let difference = (left - right).abs();
    left == right
        || (left != 0.0 && right != 0.0 && difference / (left.abs() + right.abs()) < SMALL_DIFFERENCE)
}

/// The share of observations between two bounds (prometheus/promql `BucketFraction`).
fn fraction_between(lower: f64, upper: f64, buckets: &mut [Bucket]) -> f64 {
    let Some(last) = buckets.last() else {
        return f64::NAN;
    };
    if last.bound != f64::INFINITY || last.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    let total = last.count;
    if lower >= upper {
        return 0.0;
    }
    (rank_of(upper, buckets) - rank_of(lower, buckets)) / total
}

/// How many observations lie at or below `value`.
fn rank_of(value: f64, buckets: &[Bucket]) -> f64 {
    let mut rank = 0.0;
    // The lowest bucket begins at zero, unless it lies below zero altogether.
    let mut from = match buckets.first() {
        Some(first) if first.bound > 0.0 => 0.0,
        _ => f64::NEG_INFINITY,
    };
    for bucket in buckets {
        if value <= from {
            return rank;
        }
        if value < bucket.bound {
            // No share of an infinite bucket can be told: what lies in it counts as lying at its infinite end.
            if from == f64::NEG_INFINITY {
                return bucket.count;
            }
            if bucket.bound == f64::INFINITY {
                return rank;
            }
            return rank + (bucket.count - rank) * (value - from) / (bucket.bound - from);
        }
        rank = bucket.count;
        from = bucket.bound;
    }
    rank
}
