//! All metrics while they are added up, found by the way they are written.

use model::labels::METRIC_NAME;
use model::{LabelsBuilder, SeriesBatch, SeriesId, TenantId};
use rustc_hash::FxHashMap;

use super::config::Config;
use super::line::{self, Event};
use super::metric::{Kind, Metric};
use crate::limits::STATSD_SKETCH_BUCKETS_MAX;

/// Ways of writing that are remembered for each metric that may be, before all are forgotten and learnt anew.
const SPELLINGS_PER_METRIC: usize = 4;

/// Everything that is being added up.
#[derive(Debug)]
pub(super) struct State {
    config: Config,
    metrics: FxHashMap<SeriesId, Metric>,
    /// Which metric a name with its tags is, as written.
    spellings: FxHashMap<Box<str>, SeriesId>,
    key: String,
    /// The way of writing that was turned away last, and why: a line may have thousands of values.
    refused: Option<(String, &'static str)>,
    flushed_ms: i64,
    turned_ms: i64,
    sketch_buckets: usize,
}

impl State {
    pub(super) fn new(config: &Config, now_ms: i64) -> Self {
        Self {
            config: config.clone(),
            metrics: FxHashMap::default(),
            spellings: FxHashMap::default(),
            key: String::new(),
            refused: None,
            flushed_ms: now_ms,
            turned_ms: now_ms,
            sketch_buckets: 0,
        }
    }

    pub(super) fn metric_count(&self) -> usize {
        self.metrics.len()
    }

    /// Adds up an event; tells why not where it is turned away.
    pub(super) fn take(&mut self, event: &Event<'_>, now_ms: i64) -> Result<(), &'static str> {
        self.key.clear();
        self.key.push_str(event.name);
        self.key.push('|');
        self.key.push_str(event.tags);
        let id = match self.spellings.get(self.key.as_str()) {
            Some(id) => *id,
            None => self.learn_or_refuse(event, now_ms)?,
        };
        let kind = Kind::of(&event.value);
        let metric = self.metrics.get_mut(&id).ok_or("lost")?;
        if metric.kind() != kind {
            return Err("conflicting_type");
        }
        if kind == Kind::Observed && self.sketch_buckets >= STATSD_SKETCH_BUCKETS_MAX {
            return Err("too_many_observations");
        }
        let buckets_before = metric.sketch_buckets();
        metric.add(&event.value, event.rate, &self.config);
        metric.seen_ms = now_ms;
        self.sketch_buckets = self.sketch_buckets + metric.sketch_buckets() - buckets_before;
        Ok(())
    }

    /// Learns a way of writing, unless it was turned away just before.
    fn learn_or_refuse(&mut self, event: &Event<'_>, now_ms: i64) -> Result<SeriesId, &'static str> {
        if let Some((key, reason)) = &self.refused
            && *key == self.key
        {
            return Err(reason);
        }
        let learnt = self.learn(event, now_ms);
        self.refused = learnt.err().map(|reason| (self.key.clone(), reason));
        learnt
    }

    fn learn(&mut self, event: &Event<'_>, now_ms: i64) -> Result<SeriesId, &'static str> {
        let mut labels = LabelsBuilder::default();
        for (name, value) in &self.config.labels {
            labels.set(name.as_str(), value.as_str());
        }
        for (name, value) in line::labels(event.tags) {
            if name.starts_with("__") || name == "le" || name == "quantile" {
                return Err("reserved_tag");
            }
            labels.set(name, value);
        }
        labels.set(METRIC_NAME, line::metric_name(event.name));
        let labels = labels.build();
        let id = labels.id();
        if !self.metrics.contains_key(&id) {
            if self.metrics.len() >= self.config.metrics_max {
                return Err("too_many_metrics");
            }
            let metric = Metric::new(Kind::of(&event.value), &labels, &self.config, now_ms);
            self.metrics.insert(id, metric);
        }
        if self.spellings.len() >= self.config.metrics_max.saturating_mul(SPELLINGS_PER_METRIC) {
            self.spellings.clear();
        }
        self.spellings.insert(self.key.as_str().into(), id);
        Ok(id)
    }

    /// A sample of every metric, and the ends of those that nobody sent for long.
    pub(super) fn flush(&mut self, now_ms: i64) -> SeriesBatch {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        // There may be room now.
        self.refused = None;
        self.end_idle(now_ms, &mut batch);
        let half_window_ms = self.config.quantile_window.as_millis_i64() / 2;
        let turns = now_ms.saturating_sub(self.turned_ms) >= half_window_ms;
        for metric in self.metrics.values_mut() {
            metric.write(self.flushed_ms, now_ms, &self.config, &mut batch);
            if turns {
                metric.turn();
            }
        }
        if turns {
            self.turned_ms = now_ms;
            self.sketch_buckets = self.metrics.values().map(Metric::sketch_buckets).sum();
        }
        self.flushed_ms = now_ms;
        batch
    }

    fn end_idle(&mut self, now_ms: i64, batch: &mut SeriesBatch) {
        let idle_ms = self.config.idle_after.as_millis_i64();
        if idle_ms == 0 {
            return;
        }
        let count = self.metrics.len();
        self.metrics.retain(|_, metric| {
            let idle = now_ms.saturating_sub(metric.seen_ms) >= idle_ms;
            if idle {
                metric.end(now_ms, batch);
            }
            !idle
        });
        if self.metrics.len() < count {
            let metrics = &self.metrics;
            self.spellings.retain(|_, id| metrics.contains_key(id));
            self.sketch_buckets = self.metrics.values().map(Metric::sketch_buckets).sum();
        }
    }
}
