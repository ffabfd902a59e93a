//! The series that both servers get: a few metrics, their labels made to be joined, their values from a seed.
//!
//! Values are multiples of small powers of two, so that sums of them are exact in whichever order they are added.
//! Counters with gaps start high and never fall: how far `rate` extends a window back that begins with a gap and almost at
//! zero is not the same in Prometheus 2 and 3.

use super::random::Random;

/// Between two samples of a series.
pub(super) const STEP_MS: i64 = 15_000;
/// How far samples lie behind the multiples of their step: nothing that a query may name comes to lie on a sample.
pub(super) const SHIFT_MS: i64 = 137;
/// How much time the samples cover. A Prometheus keeps this much in memory without writing a block.
pub(super) const SPAN_MS: i64 = 135 * 60_000;

/// The value that says that a series has ended.
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// A metric, for the data and for the queries.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    /// Its labels besides the name, each with its values.
    pub(super) labels: &'static [(&'static str, &'static [&'static str])],
    pub(super) kind: Kind,
    /// Whether no two of its series have the same value at a time, and none is NaN.
    pub(super) is_distinct: bool,
    /// Whether its series have gaps, begin late and end early.
    has_gaps: bool,
}

/// How the values of a metric move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any number, up and down.
    #[default]
    Gauge,
    /// As a gauge, with NaN and infinities.
    Rough,
    /// A small whole number that never changes.
    Constant,
    /// A small whole number that changes now and then.
    Steps,
    /// Grows, and falls to almost zero now and then unless it has gaps.
    Counter,
    /// A counter for each `le`, none below that of a smaller bound.
    Buckets,
    /// One.
    Info,
}

const INSTANCES: &[&str] = &["a", "b", "c", "d"];
const JOBS: &[&str] = &["api", "db"];
const BOUNDS: &[&str] = &["0.1", "0.5", "1", "2.5", "10", "+Inf"];

/// Every metric. The label `job` follows from `instance`, so that both can be joined on.
pub(super) const METRICS: &[Metric] = &[
    metric(
        "temperature",
        &[("instance", INSTANCES), ("room", &["x", "y"])],
        Kind::Gauge,
    )
    .distinct(),
    metric(
        "load",
        &[("instance", INSTANCES), ("core", &["0", "1"])],
        Kind::Rough,
    )
    .with_gaps(),
    metric(
        "limit",
        &[("instance", INSTANCES), ("kind", &["soft", "hard"])],
        Kind::Constant,
    ),
    metric("depth", &[("instance", INSTANCES)], Kind::Steps).with_gaps(),
    metric(
        "requests_total",
        &[
            ("instance", INSTANCES),
            ("method", &["get", "put"]),
            ("code", &["200", "500"]),
        ],
        Kind::Counter,
    )
    .distinct(),
    metric(
        "errors_total",
        &[("instance", INSTANCES), ("method", &["get", "put"])],
        Kind::Counter,
    )
    .distinct()
    .with_gaps(),
    metric(
        "latency_seconds_bucket",
        &[("instance", &["a", "b", "c"]), ("le", BOUNDS)],
        Kind::Buckets,
    ),
    metric(
        "build_info",
        &[("instance", INSTANCES), ("version", &["1.0"])],
        Kind::Info,
    ),
];

const fn metric(
    name: &'static str,
    labels: &'static [(&'static str, &'static [&'static str])],
    kind: Kind,
) -> Metric {
    Metric {
        name,
        labels,
        kind,
        is_distinct: false,
        has_gaps: false,
    }
}

impl Metric {
    const fn distinct(mut self) -> Self {
        self.is_distinct = true;
        self
    }

    const fn with_gaps(mut self) -> Self {
        self.has_gaps = true;
        self
    }

    /// Whether `rate` and `increase` have a meaning that both sides share.
    pub(super) fn is_counter(&self) -> bool {
        matches!(self.kind, Kind::Counter | Kind::Buckets)
    }
}

/// One series with all its samples.
#[derive(Debug, Clone)]
pub(super) struct Series {
    /// Sorted by name, with `__name__`.
    pub(super) labels: Vec<(String, String)>,
    /// Times in milliseconds, rising.
    pub(super) samples: Vec<(i64, f64)>,
}

/// Every series of every metric over the span that ends at `end_ms`.
pub(super) fn series(seed: u64, end_ms: i64) -> Vec<Series> {
    let mut random = Random::new(seed, u64::MAX);
    let mut all = Vec::new();
    for metric in METRICS {
        for set in label_sets(metric) {
            let base = all.len() as i64;
            let values = values(metric, &set, base, &mut random);
            let mut samples = at_times(values, end_ms);
            if metric.has_gaps {
                thin_out(&mut samples, &mut random);
            }
            all.push(Series {
                labels: labels(metric, set),
                samples,
            });
        }
    }
    all
}

/// Every combination of the values of a metric's labels; the bounds of one histogram follow each other.
fn label_sets(metric: &Metric) -> Vec<Vec<(&'static str, &'static str)>> {
    let mut sets = vec![Vec::new()];
    for (name, values) in metric.labels {
        let longer = |set: &Vec<_>| {
            let set = set.clone();
            values.iter().map(move |value| {
                let mut set = set.clone();
                set.push((*name, *value));
                set
            })
        };
        sets = sets.iter().flat_map(longer).collect();
    }
    sets
}

fn labels(metric: &Metric, set: Vec<(&'static str, &'static str)>) -> Vec<(String, String)> {
    let is_of_api = |(name, value): &(&str, &str)| *name == "instance" && matches!(*value, "a" | "b");
    let job = if set.iter().any(is_of_api) { "api" } else { "db" };
    debug_assert!(JOBS.contains(&job));
    let mut labels = vec![("__name__", metric.name), ("job", job)];
    labels.extend(set);
    labels.sort_unstable();
    labels
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// One value for each step of the span, as the kind of the metric has it.
fn values(metric: &Metric, set: &[(&str, &str)], base: i64, random: &mut Random) -> Vec<f64> {
    let steps = SPAN_MS / STEP_MS;
    let mut now = base as f64;
    let mut values = Vec::new();
    // Bounds below this one; each brings a share of its own, so that no bucket falls below the one before.
    let below = set.iter().find(|(name, _)| *name == "le");
    let below = below.and_then(|(_, bound)| BOUNDS.iter().position(|other| other == bound));
    let below = below.unwrap_or(0) as f64;
    now = match metric.kind {
        Kind::Counter => 100_000.0 + base as f64 * 512.0,
        Kind::Buckets => 60_000.0 * (below + 1.0),
        Kind::Constant => random.pick(&[1.0, 2.0, 2.0, 5.0, 8.0]),
        Kind::Info => 1.0,
        _ => now,
    };
    for step in 0..steps {
        now = match metric.kind {
            Kind::Gauge => random.between(-60 << 20, 60 << 20) as f64 / f64::from(1 << 20),
            Kind::Rough => rough(random),
            Kind::Constant | Kind::Info => now,
            Kind::Steps if random.chance(20) => random.between(-3, 6) as f64,
            Kind::Steps => now,
            Kind::Counter if !metric.has_gaps && random.below(150) == 0 => base as f64 / 64.0,
            Kind::Counter if random.chance(15) => now,
            Kind::Counter => now + random.between(0, 20 << 10) as f64 / 1024.0,
            // The same for all bounds of a histogram, times their place.
            Kind::Buckets => now + (step % 7) as f64 * (below + 1.0) + (step % 3) as f64 * below,
        };
        values.push(now);
    }
    values
}

fn rough(random: &mut Random) -> f64 {
    match random.below(40) {
        0 => f64::NAN,
        1 => f64::INFINITY,
        2 => f64::NEG_INFINITY,
        3 => 0.0,
        _ => random.between(-200, 1000) as f64 / 64.0,
    }
}

fn at_times(values: Vec<f64>, end_ms: i64) -> Vec<(i64, f64)> {
    let first_ms = end_ms - SPAN_MS + SHIFT_MS;
    values
        .into_iter()
        .zip(0..)
        .map(|(value, step)| (first_ms + step * STEP_MS, value))
        .collect()
}

/// Lets a series begin late, end early or both, and takes out some stretches; half of those begin with a stale marker.
fn thin_out(samples: &mut Vec<(i64, f64)>, random: &mut Random) {
    let length = samples.len() as i64;
    let end = if random.chance(50) {
        random.between(length / 2, length)
    } else {
        length
    };
    let begin = if random.chance(50) {
        random.between(0, length / 3)
    } else {
        0
    };
    let end_is_marked = random.chance(70);
    let gaps: Vec<(i64, i64, bool)> = (0..random.below(5))
        .map(|_| {
            let first = random.between(begin, end);
            (first, first + random.between(1, 40), random.chance(50))
        })
        .chain([(end, length, end_is_marked)])
        .collect();
    let mut at = -1;
    samples.retain_mut(|(_, value)| {
        at += 1;
        for (first, last, is_marked) in &gaps {
            if *is_marked && at == *first {
                *value = f64::from_bits(STALE_BITS);
                return true;
            }
            if (*first..*last).contains(&at) {
                return false;
            }
        }
        at >= begin
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const END_MS: i64 = 1_700_000_100_000;

    #[test]
    fn no_sample_lies_on_a_whole_second_and_times_rise() {
        for one in series(1, END_MS) {
            assert!(one.labels.is_sorted());
            assert!(one.samples.iter().all(|(at, _)| at.rem_euclid(1000) == SHIFT_MS));
            assert!(one.samples.is_sorted_by(|a, b| a.0 < b.0));
            assert!(one.samples.last().is_some_and(|(at, _)| *at < END_MS));
        }
    }

    #[test]
    fn the_data_has_what_makes_queries_differ() {
        let all = series(1, END_MS);
        assert!((50..100).contains(&all.len()), "{}", all.len());
        let any = |holds: fn(f64) -> bool| {
            all.iter()
                .any(|one| one.samples.iter().any(|(_, value)| holds(*value)))
        };
        assert!(any(|value| value.to_bits() == STALE_BITS));
        assert!(any(|value| value.is_nan() && value.to_bits() != STALE_BITS));
        assert!(any(|value| value == f64::NEG_INFINITY));
        let steps = (SPAN_MS / STEP_MS) as usize;
        assert!(all.iter().any(|one| one.samples.len() < steps - 10));
        let falls = |one: &Series| one.samples.windows(2).any(|pair| pair[1].1 < pair[0].1);
        let counters = |one: &&Series| one.labels.iter().any(|(_, value)| value == "requests_total");
        assert!(all.iter().filter(counters).any(falls));
        let counters = |one: &&Series| one.labels.iter().any(|(_, value)| value == "errors_total");
        assert!(!all.iter().filter(counters).any(falls));
    }

    #[test]
    fn buckets_hold_what_smaller_ones_hold() {
        let all = series(1, END_MS);
        let buckets: Vec<&Series> = all
            .iter()
            .filter(|one| {
                one.labels
                    .iter()
                    .any(|(_, value)| value == "latency_seconds_bucket")
            })
            .collect();
        assert_eq!(buckets.len(), 18);
        for histogram in buckets.chunks(6) {
            for pair in histogram.windows(2) {
                let both = pair[0].samples.iter().zip(&pair[1].samples);
                assert!(both.into_iter().all(|(small, large)| small.1 <= large.1));
            }
        }
    }
}
