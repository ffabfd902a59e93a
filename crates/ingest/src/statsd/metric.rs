//! One metric while it is added up: its value so far, and the series it is stored as.

use model::labels::METRIC_NAME;
use model::{Labels, LabelsBuilder, Series, SeriesBatch};

use super::config::{Config, Form};
use super::distinct::Distinct;
use super::line::Value;
use super::sketch::Sketch;
use crate::histograms::bound_text;

/// What a metric is; the first value of it decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Set,
    Observed,
}

/// A metric.
#[derive(Debug)]
pub(super) struct Metric {
    /// In the order in which values are written.
    series: Vec<Series>,
    total: Total,
    pub(super) seen_ms: i64,
    /// Whether no sample of it is stored yet.
    new: bool,
}

#[derive(Debug)]
enum Total {
    Counter(f64),
    Gauge(f64),
    Set(Distinct),
    Summary {
        window: Window,
        sum: f64,
        count: f64,
    },
    Histogram {
        /// Observations in each bucket, the one without a bound last.
        buckets: Vec<f64>,
        sum: f64,
    },
}

/// Observations of the last one to two halves of the window.
#[derive(Debug, Default)]
struct Window {
    now: Sketch,
    before: Sketch,
}

impl Kind {
    pub(super) fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Count(_) => Self::Counter,
            Value::Set(_) | Value::Move(_) => Self::Gauge,
            Value::Member(_) => Self::Set,
            Value::Time(_) | Value::Observe(_) => Self::Observed,
        }
    }
}

impl Metric {
    pub(super) fn new(kind: Kind, labels: &Labels, config: &Config, now_ms: i64) -> Self {
        let name = labels.metric_name().to_owned();
        let named = |part: &str, label: Option<(&str, f64)>| {
            let mut own: LabelsBuilder = labels.to_builder();
            own.set(METRIC_NAME, [name.as_str(), part].concat());
            if let Some((label, value)) = label {
                own.set(label, bound_text(value));
            }
            Series::new(own.build())
        };
        let (mut series, total) = match (kind, config.observations) {
            (Kind::Counter, _) => (vec![named("", None)], Total::Counter(0.0)),
            (Kind::Gauge, _) => (vec![named("", None)], Total::Gauge(0.0)),
            (Kind::Set, _) => (vec![named("", None)], Total::Set(Distinct::default())),
            (Kind::Observed, Form::Summary) => {
                let shares = config.quantiles.iter();
                let quantiles = shares
                    .map(|share| named("", Some(("quantile", *share))))
                    .collect();
                let total = Total::Summary {
                    window: Window::default(),
                    sum: 0.0,
                    count: 0.0,
                };
                (quantiles, total)
            }
            (Kind::Observed, Form::Histogram) => {
                let bounds = config.buckets.iter().copied().chain([f64::INFINITY]);
                let buckets: Vec<Series> = bounds
                    .map(|bound| named("_bucket", Some(("le", bound))))
                    .collect();
                let total = Total::Histogram {
                    buckets: vec![0.0; buckets.len()],
                    sum: 0.0,
                };
                (buckets, total)
            }
        };
        if kind == Kind::Observed {
            series.extend([named("_sum", None), named("_count", None)]);
        }
        Self {
            series,
            total,
            seen_ms: now_ms,
            new: true,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match &self.total {
            Total::Counter(_) => Kind::Counter,
            Total::Gauge(_) => Kind::Gauge,
            Total::Set(_) => Kind::Set,
            Total::Summary { .. } | Total::Histogram { .. } => Kind::Observed,
        }
    }

    /// Adds a value of the metric's own kind.
    pub(super) fn add(&mut self, value: &Value<'_>, rate: f64, config: &Config) {
        match (&mut self.total, value) {
            (Total::Counter(total), Value::Count(by)) => *total += by,
            (Total::Gauge(total), Value::Set(to)) => *total = *to,
            (Total::Gauge(total), Value::Move(by)) => *total += by,
            (Total::Set(members), Value::Member(member)) => members.add(member),
            (_, Value::Time(millis)) => self.observe(millis / 1_000.0, 1.0 / rate, config),
            (_, Value::Observe(observed)) => self.observe(*observed, 1.0 / rate, config),
            _ => {}
        }
    }

    fn observe(&mut self, observed: f64, weight: f64, config: &Config) {
        match &mut self.total {
            Total::Summary { window, sum, count } => {
                window.now.observe(observed, weight);
                *sum += observed * weight;
                *count += weight;
            }
            Total::Histogram { buckets, sum } => {
                let place = config.buckets.partition_point(|bound| *bound < observed);
                if let Some(bucket) = buckets.get_mut(place) {
                    *bucket += weight;
                }
                *sum += observed * weight;
            }
            _ => {}
        }
    }

    /// Buckets that its quantiles hold.
    pub(super) fn sketch_buckets(&self) -> usize {
        match &self.total {
            Total::Summary { window, .. } => window.now.len() + window.before.len(),
            _ => 0,
        }
    }

    /// Lets the older half of the window go.
    pub(super) fn turn(&mut self) {
        if let Total::Summary { window, .. } = &mut self.total {
            window.before = std::mem::take(&mut window.now);
        }
    }

    /// Writes its samples. What is counted began with nothing at `since_ms`, when the metric is new.
    pub(super) fn write(&mut self, since_ms: i64, now_ms: i64, config: &Config, batch: &mut SeriesBatch) {
        let values = self.values(config);
        let quantiles = match &self.total {
            Total::Gauge(_) | Total::Set(_) => values.len(),
            Total::Summary { .. } => config.quantiles.len(),
            _ => 0,
        };
        for (place, (series, value)) in self.series.iter().zip(values).enumerate() {
            if self.new && place >= quantiles && since_ms < now_ms {
                batch.push_one(series.clone(), since_ms, 0.0);
            }
            batch.push_one(series.clone(), now_ms, value);
        }
        self.new = false;
        if let Total::Set(members) = &mut self.total {
            *members = Distinct::default();
        }
    }

    fn values(&self, config: &Config) -> Vec<f64> {
        match &self.total {
            Total::Counter(total) | Total::Gauge(total) => vec![*total],
            Total::Set(members) => vec![members.count()],
            Total::Summary { window, sum, count } => {
                let shares = config.quantiles.iter();
                let quantiles = shares.map(|share| window.now.quantile(&window.before, *share));
                quantiles.chain([*sum, *count]).collect()
            }
            Total::Histogram { buckets, sum } => {
                let mut count = 0.0;
                let cumulative = buckets.iter().map(|bucket| {
                    count += bucket;
                    count
                });
                let mut values: Vec<f64> = cumulative.collect();
                values.extend([*sum, count]);
                values
            }
        }
    }

    /// Ends its series.
    pub(super) fn end(&self, now_ms: i64, batch: &mut SeriesBatch) {
        for series in self.series.iter().filter(|_| !self.new) {
            batch.push_one(series.clone(), now_ms, model::STALE_NAN);
        }
    }
}
