//! Random series of a few metrics: counters that start again, gauges with all that a float can be, classic histograms, gaps,
//! irregular times, stale markers, and few label values, so that series match.

use std::collections::BTreeMap;

use model::STALE_NAN;

use super::native::Native;
use testkit::Random;

pub(crate) type Labels = BTreeMap<String, String>;

/// The first time at which there may be a sample, in milliseconds: a whole minute.
pub(crate) const START_MS: i64 = 1_700_000_040_000;
/// The last.
pub(crate) const END_MS: i64 = START_MS + 30 * 60_000;

/// How the values of a metric move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moves {
    /// Up and down, in steps of a quarter.
    Gauge,
    /// As a gauge, with NaN, infinities and zeros of both signs.
    Rough,
    /// Few small whole numbers.
    Steps,
    /// Any fraction, so that sums are rounded.
    Fractions,
    /// Grows, and starts again now and then.
    Counter,
    /// A counter for each `le`.
    Buckets,
    One,
}

/// A metric, for the data and for the expressions.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    /// Its labels, each with its values.
    pub(crate) labels: &'static [(&'static str, &'static [&'static str])],
    pub(crate) moves: Moves,
}

const JOBS: &[&str] = &["api", "db"];
const SHARDS: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
const INSTANCES: &[&str] = &["a1", "a2", "a10"];

pub(crate) const METRICS: [Metric; 9] = [
    Metric {
        name: "temperature",
        labels: &[("job", JOBS), ("instance", INSTANCES)],
        moves: Moves::Gauge,
    },
    Metric {
        name: "load",
        labels: &[("job", JOBS), ("instance", INSTANCES)],
        moves: Moves::Rough,
    },
    Metric {
        name: "depth",
        labels: &[("job", JOBS), ("core", &["0", "1"])],
        moves: Moves::Steps,
    },
    Metric {
        name: "share",
        labels: &[("job", JOBS)],
        moves: Moves::Fractions,
    },
    Metric {
        name: "requests_total",
        labels: &[
            ("job", JOBS),
            ("instance", &["a1", "a2"]),
            ("code", &["200", "500"]),
        ],
        moves: Moves::Counter,
    },
    Metric {
        name: "errors_total",
        labels: &[("job", JOBS), ("instance", INSTANCES)],
        moves: Moves::Counter,
    },
    Metric {
        name: "latency_bucket",
        labels: &[("job", JOBS), ("le", &["0.1", "0.5", "1", "2.5", "+Inf"])],
        moves: Moves::Buckets,
    },
    Metric {
        name: "build_info",
        labels: &[("job", JOBS), ("version", &["1.0", "1.1"])],
        moves: Moves::One,
    },
    // So many series that several cores work on them.
    Metric {
        name: "backlog",
        labels: &[("job", JOBS), ("shard", SHARDS)],
        moves: Moves::Gauge,
    },
];

/// One series with all its samples.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    /// Times in milliseconds, rising.
    pub(crate) samples: Vec<(i64, f64)>,
}

/// Series of all metrics, some of them missing.
pub(crate) fn series(random: &mut Random) -> Vec<Series> {
    let mut all = Vec::new();
    for metric in &METRICS {
        let is_missing = random.pick(&[0, 10, 50]);
        for labels in label_sets(metric) {
            let weight = bound(&labels);
            let samples = samples(metric.moves, weight, random);
            if !random.chance(is_missing) {
                all.push(Series { labels, samples });
            }
        }
    }
    all
}

/// The bound of a bucket, at most 4; 1 of what is none.
fn bound(labels: &Labels) -> f64 {
    labels
        .get("le")
        .map_or(1.0, |le| le.parse::<f64>().map_or(4.0, |bound| bound.min(4.0)))
}

/// Every combination of the values of a metric's labels.
fn label_sets(metric: &Metric) -> Vec<Labels> {
    let name = ("__name__".to_owned(), metric.name.to_owned());
    let mut sets = vec![Labels::from([name])];
    for (label, values) in metric.labels {
        sets = sets
            .iter()
            .flat_map(|set| {
                values.iter().map(move |value| {
                    let mut set = set.clone();
                    set.insert((*label).to_owned(), (*value).to_owned());
                    set
                })
            })
            .collect();
    }
    sets
}

fn samples(moves: Moves, weight: f64, random: &mut Random) -> Vec<(i64, f64)> {
    let mut samples = Vec::new();
    let every_ms = random.pick(&[15_000, 30_000, 60_000, 60_000]);
    let is_regular = random.chance(60);
    let mut at_ms = START_MS + random.pick(&[0, 0, 60_000, 300_000, 137, 7_000]);
    let mut now = match moves {
        Moves::Counter => random.pick(&[0.0, 1.0, 50.0, 1000.0]),
        _ => 0.0,
    };
    while at_ms <= END_MS {
        now = value(moves, now, weight, random);
        let is_end = random.chance(3);
        samples.push((at_ms, if is_end { STALE_NAN } else { now }));
        at_ms += every_ms;
        if !is_regular {
            at_ms += random.between(0, every_ms);
        }
        if random.chance(3) || (is_end && random.chance(60)) {
            at_ms += random.pick(&[60_000, 299_999, 300_000, 420_000]);
        }
    }
    samples
}

fn value(moves: Moves, before: f64, weight: f64, random: &mut Random) -> f64 {
    match moves {
        Moves::Gauge => random.between(-40, 80) as f64 / 4.0,
        Moves::Rough => match random.below(24) {
            0..3 => f64::NAN,
            3 => f64::INFINITY,
            4 => f64::NEG_INFINITY,
            5 => 0.0,
            6 => -0.0,
            7 => before,
            _ => random.between(-50, 200) as f64 / 8.0,
        },
        Moves::Steps if random.chance(50) => before,
        Moves::Steps => random.between(-1, 3) as f64,
        Moves::Fractions => random.between(-1000, 3000) as f64 / 999.0,
        Moves::Counter if random.chance(5) => random.pick(&[0.0, 1.0, 5.0]),
        Moves::Counter if random.chance(20) => before,
        Moves::Counter => before + random.between(1, 64) as f64 / 4.0,
        Moves::Buckets if random.chance(5) => 0.0,
        Moves::Buckets => before + (weight * random.between(0, 8) as f64).ceil(),
        Moves::One => 1.0,
    }
}

/// The metric whose series are native histograms.
pub(crate) const NATIVE: Metric = Metric {
    name: "sizes",
    labels: &[("job", JOBS), ("instance", &["a1", "a2"])],
    moves: Moves::Counter,
};

/// One series of native histograms; nothing is a stale marker.
#[derive(Debug, Clone)]
pub(crate) struct NativeSeries {
    pub(crate) labels: Labels,
    pub(crate) samples: Vec<(i64, Option<Native>)>,
}

/// Native histograms that grow at the times of a counter's samples, and start again now and then.
pub(crate) fn natives(random: &mut Random) -> Vec<NativeSeries> {
    let mut all = Vec::new();
    for labels in label_sets(&NATIVE) {
        let mut now = Native::default();
        let mut natives = Vec::new();
        for (at_ms, value) in samples(Moves::One, 1.0, random) {
            if random.chance(5) {
                now = Native::default();
            }
            for _ in 0..random.below(4) {
                let count = random.between(1, 8) as f64;
                let index = random.between(-2, 5) as i32;
                *now.buckets.entry(index).or_default() += count;
                now.count += count;
                now.sum += count * 2.0_f64.powi(index);
            }
            if random.chance(30) {
                now.zero += 1.0;
                now.count += 1.0;
            }
            natives.push((at_ms, (!model::is_stale(value)).then(|| now.clone())));
        }
        all.push(NativeSeries {
            labels,
            samples: natives,
        });
    }
    all
}
