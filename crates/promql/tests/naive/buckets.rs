//! Classic histograms: quantiles and fractions by linear interpolation within buckets (querying/functions,
//! `histogram_quantile()`, `histogram_fraction()`).

use std::collections::BTreeMap;

use super::data::Labels;
use super::evaluate::{Context, Entry, scalar, vector};
use super::number::{Number, Outcome, Stop};
use super::tree::Expr;

/// An upper bound and how many observations are not above it.
type Bucket = (f64, Number);
/// Differences below this share of the sum of two counts are rounding.
const TINY: f64 = 1e-12;

pub(crate) fn quantile(arguments: &[Expr], context: Context<'_>) -> Outcome<Vec<Entry>> {
    let q = scalar(&arguments[0], context)?;
    of_histograms(&arguments[1], context, |buckets| quantile_of(q, buckets))
}

pub(crate) fn fraction(arguments: &[Expr], context: Context<'_>) -> Outcome<Vec<Entry>> {
    let (lower, upper) = (scalar(&arguments[0], context)?, scalar(&arguments[1], context)?);
    if lower.slack > 0.0 || upper.slack > 0.0 {
        return Err(Stop::Undecided("rounding decides a bucket"));
    }
    of_histograms(&arguments[2], context, |buckets| {
        fraction_of(lower.value, upper.value, buckets)
    })
}

/// Every histogram's value: series that differ only in `le`, which says the bound.
fn of_histograms(
    argument: &Expr,
    context: Context<'_>,
    f: impl Fn(&[Bucket]) -> Outcome<Number>,
) -> Outcome<Vec<Entry>> {
    let mut histograms: BTreeMap<Labels, Vec<Bucket>> = BTreeMap::new();
    for mut entry in vector(argument, context)? {
        let Some(bound) = entry.labels.remove("le").and_then(|le| le.parse::<f64>().ok()) else {
            continue;
        };
        histograms
            .entry(entry.labels)
            .or_default()
            .push((bound, entry.number));
    }
    let mut results = Vec::new();
    for (labels, mut buckets) in histograms {
        buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
        let number = f(&merged(buckets)?)?;
        results.push(Entry {
            labels,
            drops_name: true,
            number,
        });
    }
    Ok(results)
}

/// Buckets of the same bound are one.
fn merged(buckets: Vec<Bucket>) -> Outcome<Vec<Bucket>> {
    let mut merged: Vec<Bucket> = Vec::new();
    for (bound, count) in buckets {
        match merged.last_mut() {
            Some(last) if last.0 == bound => last.1 = last.1.with(count, |left, right| left + right)?,
            _ => merged.push((bound, count)),
        }
    }
    Ok(merged)
}

fn quantile_of(q: Number, buckets: &[Bucket]) -> Outcome<Number> {
    if q.value.is_nan() {
        return Ok(Number::exact(f64::NAN));
    }
    if q.is_below(Number::exact(0.0))? {
        return Ok(Number::exact(f64::NEG_INFINITY));
    }
    if Number::exact(1.0).is_below(q)? {
        return Ok(Number::exact(f64::INFINITY));
    }
    let last = buckets.len() - 1;
    if buckets.len() < 2 || buckets[last].0 != f64::INFINITY {
        return Ok(Number::exact(f64::NAN));
    }
    if buckets.iter().any(|(_, count)| !count.value.is_finite()) {
        return Err(Stop::Undecided("a bucket without a number"));
    }
    let buckets = rising(buckets);
    let all = buckets[last].1;
    if all.value == 0.0 {
        return Ok(Number::exact(f64::NAN));
    }
    let rank = q.with(all, |q, all| q * all)?;
    let mut place = 0;
    while place < last && buckets[place].1.is_below(rank)? {
        place += 1;
    }
    let upper = buckets[place].0;
    if place == last {
        return Ok(Number::exact(buckets[last - 1].0));
    }
    if place == 0 && upper <= 0.0 {
        return Ok(Number::exact(upper));
    }
    let (lower, below) = match place.checked_sub(1) {
        Some(before) => buckets[before],
        None => (0.0, Number::exact(0.0)),
    };
    let share = rank.with(below, |rank, below| rank - below)?;
    let width = buckets[place].1.with(below, |count, below| count - below)?;
    let share = share.with(width, |share, width| share / width)?;
    let found = share.map(|share| lower + (upper - lower) * share)?;
    Number::rounded(found.value, found.slack)
}

/// Counts that never fall: what is a little less, by rounding or otherwise, is raised.
fn rising(buckets: &[Bucket]) -> Vec<Bucket> {
    let mut rising: Vec<Bucket> = Vec::new();
    for (bound, count) in buckets {
        let mut count = *count;
        if let Some((_, before)) = rising.last() {
            let difference = count.value - before.value;
            if difference < 0.0 || difference.abs() < TINY * (count.value + before.value) {
                count = *before;
            }
        }
        rising.push((*bound, count));
    }
    rising
}

fn fraction_of(lower: f64, upper: f64, buckets: &[Bucket]) -> Outcome<Number> {
    let last = buckets.len() - 1;
    if buckets[last].0 != f64::INFINITY {
        return Ok(Number::exact(f64::NAN));
    }
    for pair in buckets.windows(2) {
        // Unlike that of quantiles, the documentation of fractions mends nothing.
        if !pair[0].1.value.is_finite() || pair[1].1.is_below(pair[0].1)? {
            return Err(Stop::Undecided("buckets that do not rise"));
        }
    }
    let all = buckets[last].1;
    if all.value == 0.0 || lower.is_nan() || upper.is_nan() {
        return Ok(Number::exact(f64::NAN));
    }
    if lower >= upper {
        return Ok(Number::exact(0.0));
    }
    let between = rank_of(upper, buckets)?.with(rank_of(lower, buckets)?, |upper, lower| upper - lower)?;
    let share = between.with(all, |between, all| between / all)?;
    // Differences of ranks lose what their ranks were rounded by.
    Number::rounded(share.value, share.slack + 8.0 * f64::EPSILON)
}

/// How many observations are taken to be below a value.
fn rank_of(value: f64, buckets: &[Bucket]) -> Outcome<Number> {
    let (mut lower, mut below) = (f64::NEG_INFINITY, Number::exact(0.0));
    for (upper, count) in buckets {
        if lower == f64::NEG_INFINITY && *upper > 0.0 {
            lower = 0.0;
        }
        if value <= lower {
            return Ok(below);
        }
        if value < *upper {
            if lower == f64::NEG_INFINITY || *upper == f64::INFINITY {
                return Ok(below);
            }
            let share = (value - lower) / (upper - lower);
            return below.with(*count, |below, count| below + (count - below) * share);
        }
        (lower, below) = (*upper, *count);
    }
    Ok(below)
}
