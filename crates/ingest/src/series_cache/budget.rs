//! How many series a target may have. What it has goes on being stored; further new series are refused, and counted by metric.
//!
//! A series that the target gave up counts for an hour, because the store has it at hand for about as long: a label that
//! changes with every scrape is stopped as surely as a million series at once.

use model::SeriesId;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Known;
use crate::limits::{DEPARTED_SERIES_MS, REFUSED_METRICS_MAX, REFUSED_TEXTS_MAX};

/// The name that stands for all metrics that are not told apart.
const OTHERS: &str = "(others)";

/// The budget of one target.
#[derive(Debug)]
pub struct Budget {
    /// Series at a time.
    limit: usize,
    /// The time of this round.
    now_ms: i64,
    /// Series that the target gave up, and when.
    departed: FxHashMap<SeriesId, i64>,
    /// When `departed` was cleared of old ones last.
    cleared_ms: i64,
    /// Texts of series that were refused, by hash; they still are while there is no room.
    refused_texts: FxHashSet<u64>,
    /// What was refused in this round, by metric.
    refused: Vec<(Box<str>, u64)>,
    /// The place in `refused` of the metric before: bodies are ordered by metric.
    last: usize,
}

/// What was refused of a scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesRefused {
    /// Samples of new series.
    pub count: u64,
    /// The metric that most of them belong to.
    pub metric: String,
    /// How many series the target may have.
    pub limit: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            limit: usize::MAX,
            now_ms: i64::MIN,
            departed: FxHashMap::default(),
            cleared_ms: i64::MIN,
            refused_texts: FxHashSet::default(),
            refused: Vec::new(),
            last: 0,
        }
    }
}

impl Budget {
    /// Starts a round at `now_ms` with `known` series; 0 is no limit.
    pub(super) fn begin(&mut self, limit: usize, known: usize, now_ms: i64) {
        self.limit = if limit == 0 { usize::MAX } else { limit };
        self.now_ms = now_ms;
        self.refused.clear();
        self.last = 0;
        if now_ms.saturating_sub(self.cleared_ms) > DEPARTED_SERIES_MS / 60 {
            self.cleared_ms = now_ms;
            let oldest_ms = now_ms.saturating_sub(DEPARTED_SERIES_MS);
            self.departed.retain(|_, gone_ms| *gone_ms > oldest_ms);
        }
        if !self.is_used_up(known) {
            self.refused_texts = FxHashSet::default();
        }
    }

    fn is_used_up(&self, known: usize) -> bool {
        known.saturating_add(self.departed.len()) >= self.limit
    }

    /// Whether there is room for a series that is not among the `known` ones; one that is back takes its old room.
    pub(super) fn admits(&mut self, id: SeriesId, known: usize) -> bool {
        self.departed.remove(&id).is_some() || !self.is_used_up(known)
    }

    /// The target gave up a series.
    pub(super) fn depart(&mut self, id: SeriesId) {
        self.departed.insert(id, self.now_ms);
    }

    /// Counts a sample of a refused series, and remembers its text.
    pub(super) fn refuse(&mut self, metric: &str, text_hash: u64) {
        if self.refused_texts.len() >= REFUSED_TEXTS_MAX {
            self.refused_texts.clear();
        }
        self.refused_texts.insert(text_hash);
        self.count(metric);
    }

    /// Refuses a text that was refused before. Only what is written with its name in front is known again.
    pub(super) fn refused_before(&mut self, text: &str, text_hash: u64) -> Option<Known> {
        if !self.refused_texts.contains(&text_hash) {
            return None;
        }
        let metric = text
            .split(['{', ' ', '\t'])
            .next()
            .filter(|name| !name.is_empty())?;
        self.count(metric);
        Some(Known::Refused)
    }

    fn count(&mut self, metric: &str) {
        let is_it = |entry: &(Box<str>, u64)| &*entry.0 == metric;
        if !self.refused.get(self.last).is_some_and(is_it) {
            self.last = match self.refused.iter().position(is_it) {
                Some(place) => place,
                None if self.refused.len() < REFUSED_METRICS_MAX => self.add(metric),
                None => match self.refused.iter().position(|entry| &*entry.0 == OTHERS) {
                    Some(place) => place,
                    None => self.add(OTHERS),
                },
            };
        }
        if let Some((_, count)) = self.refused.get_mut(self.last) {
            *count += 1;
        }
    }

    fn add(&mut self, metric: &str) -> usize {
        self.refused.push((metric.into(), 0));
        self.refused.len() - 1
    }

    /// What this round refused so far; `None` where nothing.
    pub fn refused(&self) -> Option<SeriesRefused> {
        let (metric, _) = self.refused.iter().max_by_key(|(_, count)| *count)?;
        Some(SeriesRefused {
            count: self.refused.iter().map(|(_, count)| count).sum(),
            metric: metric.to_string(),
            limit: self.limit as u64,
        })
    }
}
