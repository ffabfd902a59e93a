//! Native histograms of one schema: their series, what becomes of them, and the numbers they are summed up in
//! (querying/functions; docs/specs/native_histograms).

use std::collections::BTreeMap;

use super::aggregate::group_of;
use super::data::{Labels, NativeSeries};
use super::evaluate::{Context, Entry, scalar};
use super::number::{Number, Outcome, Stop};
use super::select::meets;
use super::tree::{Natives, Selector};

/// Bounds of buckets are the powers of two.
pub(crate) const SCHEMA: i8 = 0;
/// The zero bucket reaches so far.
pub(crate) const ZERO_THRESHOLD: f64 = 0.0625;
/// Counts are rounded by less than this share of the largest.
const ROUNDED: f64 = 1e-12;

/// A histogram: whole numbers at first, any number after arithmetic.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Native {
    pub(crate) zero: f64,
    /// Counts by index; the bucket `i` reaches from 2^(i-1) to 2^i.
    pub(crate) buckets: BTreeMap<i32, f64>,
    pub(crate) count: f64,
    pub(crate) sum: f64,
}

struct Labelled {
    labels: Labels,
    drops_name: bool,
    native: Native,
}

impl Native {
    /// This one plus so many times the other.
    fn plus(&self, times: f64, other: &Self) -> Self {
        let mut sum = self.clone();
        sum.zero += times * other.zero;
        sum.count += times * other.count;
        sum.sum += times * other.sum;
        for (index, count) in &other.buckets {
            *sum.buckets.entry(*index).or_default() += times * count;
        }
        sum
    }

    fn times(&self, factor: f64) -> Self {
        Self::default().plus(factor, self)
    }

    /// Whether any count is less than before.
    fn is_reset_of(&self, before: &Self) -> bool {
        let falls = |(index, count): (&i32, &f64)| self.buckets.get(index).is_none_or(|now| now < count);
        self.count < before.count || self.zero < before.zero || before.buckets.iter().any(falls)
    }
}

/// A function of native histograms that gives numbers.
pub(crate) fn numbers(
    name: &str,
    parameter: Option<&super::tree::Expr>,
    natives: &Natives,
    context: Context<'_>,
) -> Outcome<Vec<Entry>> {
    let q = match parameter {
        Some(parameter) => scalar(parameter, context)?,
        None => Number::exact(f64::NAN),
    };
    let mut results = Vec::new();
    for one in evaluate(natives, context) {
        let native = &one.native;
        let value = match name {
            "histogram_count" => native.count,
            "histogram_sum" => native.sum,
            "histogram_avg" => native.sum / native.count,
            "histogram_quantile" => quantile(q, native)?,
            other => panic!("no function: {other}"),
        };
        let slack = if name == "histogram_avg" {
            ROUNDED * value.abs()
        } else {
            ROUNDED * native.sum.abs().max(native.count)
        };
        let number = Number::within(value, slack)?;
        results.push(Entry {
            labels: one.labels,
            drops_name: true,
            number,
        });
    }
    Ok(results)
}

fn evaluate(natives: &Natives, context: Context<'_>) -> Vec<Labelled> {
    match natives {
        Natives::Selector(selector) => newest(selector, context),
        Natives::OverRange {
            name,
            selector,
            range_ms,
        } => over_range(name, selector, *range_ms, context),
        Natives::Times { factor, inner } => {
            let mut all = evaluate(inner, context);
            for one in &mut all {
                one.native = one.native.times(*factor);
                one.drops_name = true;
            }
            all
        }
        Natives::Aggregate {
            op,
            is_without,
            labels,
            inner,
        } => {
            let mut groups: BTreeMap<Labels, Vec<Native>> = BTreeMap::new();
            for one in evaluate(inner, context) {
                groups
                    .entry(group_of(*is_without, labels, &one.labels))
                    .or_default()
                    .push(one.native);
            }
            let of = |(labels, members): (Labels, Vec<Native>)| Labelled {
                labels,
                drops_name: true,
                native: total(&members, *op == "avg"),
            };
            groups.into_iter().map(of).collect()
        }
    }
}

/// The sum, or the mean.
fn total(members: &[Native], is_mean: bool) -> Native {
    let sum = members
        .iter()
        .fold(Native::default(), |sum, native| sum.plus(1.0, native));
    if is_mean {
        sum.times(1.0 / members.len() as f64)
    } else {
        sum
    }
}

fn matching<'a>(selector: &'a Selector, context: Context<'a>) -> impl Iterator<Item = &'a NativeSeries> {
    context
        .natives
        .iter()
        .filter(|series| meets(selector, &series.labels))
}

fn newest(selector: &Selector, context: Context<'_>) -> Vec<Labelled> {
    let at_ms = context.shifted(selector.shift);
    let mut found = Vec::new();
    for series in matching(selector, context) {
        let mut newest = None;
        for (sampled_ms, native) in &series.samples {
            if *sampled_ms > at_ms - context.settings.lookback_ms && *sampled_ms <= at_ms {
                newest = native.as_ref();
            }
        }
        if let Some(native) = newest {
            let (labels, native) = (series.labels.clone(), native.clone());
            found.push(Labelled {
                labels,
                drops_name: false,
                native,
            });
        }
    }
    found
}

fn over_range(name: &str, selector: &Selector, range_ms: i64, context: Context<'_>) -> Vec<Labelled> {
    let end_ms = context.shifted(selector.shift);
    let start_ms = end_ms - range_ms;
    let mut found = Vec::new();
    for series in matching(selector, context) {
        let mut samples: Vec<(i64, &Native)> = Vec::new();
        for (at_ms, native) in &series.samples {
            if let (true, Some(native)) = (*at_ms > start_ms && *at_ms <= end_ms, native) {
                samples.push((*at_ms, native));
            }
        }
        if let Some(native) = of_window(name, &samples, (start_ms, end_ms)) {
            let labels = series.labels.clone();
            found.push(Labelled {
                labels,
                drops_name: name != "last_over_time",
                native,
            });
        }
    }
    found
}

fn of_window(name: &str, samples: &[(i64, &Native)], window: (i64, i64)) -> Option<Native> {
    let all: Vec<Native> = samples.iter().map(|(_, native)| (*native).clone()).collect();
    let last = all.last()?;
    match name {
        "sum_over_time" => Some(total(&all, false)),
        "avg_over_time" => Some(total(&all, true)),
        "last_over_time" => Some(last.clone()),
        "increase" => extrapolated(samples, window, true),
        "delta" => extrapolated(samples, window, false),
        "rate" => {
            let seconds = (window.1 - window.0) as f64 / 1000.0;
            Some(extrapolated(samples, window, true)?.times(1.0 / seconds))
        }
        other => panic!("no function: {other}"),
    }
}

/// Every count as the same function of numbers extrapolates it; how far back follows from the count of observations.
fn extrapolated(samples: &[(i64, &Native)], window: (i64, i64), is_counter: bool) -> Option<Native> {
    let [first, .., last] = samples else {
        return None;
    };
    let mut change = last.1.plus(-1.0, first.1);
    for pair in samples.windows(2) {
        if is_counter && pair[1].1.is_reset_of(pair[0].1) {
            change = change.plus(1.0, pair[0].1);
        }
    }
    let sampled = (last.0 - first.0) as f64 / 1000.0;
    let distance = sampled / (samples.len() - 1) as f64;
    let reach = |beyond_ms: i64| {
        let beyond = beyond_ms as f64 / 1000.0;
        if beyond >= distance * 1.1 {
            distance / 2.0
        } else {
            beyond
        }
    };
    let (mut to_start, to_end) = (reach(first.0 - window.0), reach(window.1 - last.0));
    if is_counter && change.count > 0.0 {
        to_start = to_start.min(sampled * first.1.count / change.count);
    }
    Some(change.times((sampled + to_start + to_end) / sampled))
}

/// The quantile: linear within the zero bucket, exponential within others.
fn quantile(q: Number, native: &Native) -> Outcome<f64> {
    if q.slack > 0.0 {
        return Err(Stop::Undecided("rounding decides a bucket"));
    }
    if q.value < 0.0 {
        return Ok(f64::NEG_INFINITY);
    }
    if q.value > 1.0 {
        return Ok(f64::INFINITY);
    }
    if native.count == 0.0 || q.value.is_nan() {
        return Ok(f64::NAN);
    }
    let counts = native.buckets.values().chain([&native.zero]);
    if native.count < 0.0 || counts.clone().any(|count| *count < 0.0) {
        return Err(Stop::Undecided("a count below zero"));
    }
    let rank = q.value * native.count;
    let near = |count: f64| (count - rank).abs() <= ROUNDED * native.count;
    let has_positive = native.buckets.values().any(|count| *count > 0.0);
    let lowest = if has_positive { 0.0 } else { -ZERO_THRESHOLD };
    let mut below = native.zero;
    if near(below) && below > 0.0 && has_positive {
        return Err(Stop::Undecided("a rank between two buckets"));
    }
    if native.zero > 0.0 && rank <= below {
        return Ok(lowest + (ZERO_THRESHOLD - lowest) * (rank / native.zero));
    }
    let populated: Vec<(i32, f64)> = native
        .buckets
        .iter()
        .map(|(i, c)| (*i, *c))
        .filter(|(_, c)| *c > 0.0)
        .collect();
    for (place, (index, count)) in populated.iter().enumerate() {
        let is_last = place + 1 == populated.len();
        if !is_last && near(below + count) && populated[place + 1].0 != index + 1 {
            return Err(Stop::Undecided("a rank between two buckets"));
        }
        if rank <= below + count || is_last {
            let share = ((rank - below) / count).min(1.0);
            return Ok((f64::from(*index - 1) + share).exp2());
        }
        below += count;
    }
    Err(Stop::Undecided("a rank above all buckets"))
}
