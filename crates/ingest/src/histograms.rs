//! Native histograms made to fit what a job allows, and classic histograms turned into native ones.
//!
//! In: histograms as exposed, and a job's [`HistogramRules`].  Out: [`model::Histogram`]s within the limits.
//! Owns: nothing.
//! Invariants: merging buckets keeps every observation (`histograms::tests`); a classic histogram that is converted has
//! the counts of its buckets (`histograms::tests`).
//! Not here: reading them (`exposition`), naming their series (`intake`).
//! Start at: [`fit`] and [`Classic::to_native`].

#[cfg(test)]
mod tests;

use model::histogram::{CUSTOM_BUCKETS, EXPONENTIAL_SCHEMAS};
use model::{Buckets, Histogram};

/// The finest schema that is read, to be made coarser at once (the native histograms specification, "Schema").
const SCHEMA_READ_MAX: i32 = 52;

/// What a job does about histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistogramRules {
    /// Whether native histograms are kept.
    pub scrape_native: bool,
    /// Whether the classic form is kept beside a native one.
    pub keep_classic: bool,
    /// Whether classic histograms become native ones with listed bounds.
    pub convert_classic: bool,
    /// Buckets of a native histogram; 0 is no limit.
    pub bucket_limit: usize,
    /// The finest schema that is kept.
    pub schema_max: i8,
}

impl Default for HistogramRules {
    fn default() -> Self {
        Self {
            scrape_native: false,
            keep_classic: false,
            convert_classic: false,
            bucket_limit: 0,
            schema_max: *EXPONENTIAL_SCHEMAS.end(),
        }
    }
}

/// The finest schema whose bounds grow at least by `factor` from bucket to bucket (prometheus/scrape, `pickSchema`).
pub fn schema_of_factor(factor: f64) -> i8 {
    if factor.is_nan() || factor <= 1.0 {
        return *EXPONENTIAL_SCHEMAS.end();
    }
    let floor = (-factor.log2().log2()).floor();
    let (coarsest, finest) = (*EXPONENTIAL_SCHEMAS.start(), *EXPONENTIAL_SCHEMAS.end());
    floor.clamp(f64::from(coarsest), f64::from(finest)) as i8
}

/// Gives a histogram the schema its buckets were counted with; `None` where there is none like it.
pub(crate) fn with_schema(mut histogram: Histogram, schema: i32) -> Option<Histogram> {
    let finest = i32::from(*EXPONENTIAL_SCHEMAS.end());
    if schema < i32::from(*EXPONENTIAL_SCHEMAS.start()) || schema > SCHEMA_READ_MAX {
        return None;
    }
    if schema > finest {
        merge_both(&mut histogram, (schema - finest) as u32);
    }
    histogram.schema = schema.min(finest) as i8;
    Some(histogram)
}

/// Makes a histogram as coarse as the rules ask; `None` where it has too many buckets even so.
pub fn fit(mut histogram: Histogram, rules: &HistogramRules) -> Option<Histogram> {
    let exponential = histogram.schema != CUSTOM_BUCKETS;
    if exponential && histogram.schema > rules.schema_max {
        let coarser_by = (histogram.schema - rules.schema_max) as u32;
        merge_both(&mut histogram, coarser_by);
        histogram.schema = rules.schema_max;
    }
    while rules.bucket_limit > 0 && bucket_count(&histogram) > rules.bucket_limit {
        if !exponential || histogram.schema <= *EXPONENTIAL_SCHEMAS.start() {
            return None;
        }
        merge_both(&mut histogram, 1);
        histogram.schema -= 1;
    }
    Some(histogram)
}

fn bucket_count(histogram: &Histogram) -> usize {
    histogram.positive.counts.len() + histogram.negative.counts.len()
}

fn merge_both(histogram: &mut Histogram, coarser_by: u32) {
    histogram.positive = merged(&histogram.positive, coarser_by);
    histogram.negative = merged(&histogram.negative, coarser_by);
}

/// Each schema has every second bound of the next finer one, and bucket `i` ends at bound `i`.
fn merged(buckets: &Buckets, coarser_by: u32) -> Buckets {
    let mut coarse: Vec<(i32, f64)> = Vec::new();
    for (index, count) in buckets.iter().filter(|(_, count)| *count > 0.0) {
        let place = (index.saturating_sub(1) >> coarser_by.min(31)).saturating_add(1);
        match coarse.last_mut() {
            Some((last, sum)) if *last == place => *sum += count,
            _ => coarse.push((place, count)),
        }
    }
    Buckets::from_sorted(coarse)
}

/// A bound or quantile as OpenMetrics writes it in a label (Prometheus, `FormatOpenMetricsFloat`).
pub fn bound_text(value: f64) -> String {
    let mut text = model::number::format_float(value);
    if value.is_finite() && !text.contains(['.', 'e']) {
        text.push_str(".0");
    }
    text
}

/// A classic histogram while its series are gathered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Classic {
    /// Upper bounds and the observations up to each.
    pub buckets: Vec<(f64, f64)>,
    /// All observations.
    pub count: Option<f64>,
    /// Their sum.
    pub sum: f64,
}

impl Classic {
    /// The native form with listed bounds; `None` where counts fall from bucket to bucket, or do not agree, or where there
    /// is nothing to convert. Source: prometheus/util/convertnhcb.
    pub fn to_native(&self) -> Option<Histogram> {
        let mut buckets = self.buckets.clone();
        if buckets.iter().any(|(bound, _)| bound.is_nan()) {
            return None;
        }
        buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        buckets.dedup_by_key(|(bound, _)| *bound);
        let count = self.count.or(buckets.last().map(|(_, count)| *count))?;
        if buckets.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
            buckets.push((f64::INFINITY, count));
        }
        if buckets.last().is_some_and(|(_, last)| *last != count) {
            return None;
        }
        let mut before = 0.0;
        let mut counts = Vec::with_capacity(buckets.len());
        for (_, cumulative) in &buckets {
            counts.push(cumulative - before);
            before = *cumulative;
        }
        buckets.pop();
        let used = (0_i32..)
            .zip(counts.iter().copied())
            .filter(|(_, count)| *count != 0.0);
        let native = Histogram {
            schema: CUSTOM_BUCKETS,
            count,
            sum: self.sum,
            positive: Buckets::from_sorted(used),
            custom_bounds: buckets.iter().map(|(bound, _)| *bound).collect(),
            ..Histogram::default()
        };
        native.validate().is_ok().then_some(native)
    }
}
