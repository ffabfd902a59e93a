//! Delta points made cumulative: what each series counted so far, kept while it is heard of.
//!
//! Follows the collector's `deltatocumulativeprocessor`, which Prometheus uses: points must come in order of time, a series
//! that is silent for five minutes starts anew. What a request changes becomes true only when the store has its samples:
//! a sender that is told to try again sends the same deltas again. So requests with deltas are written one after the other.

use std::time::Duration;

use hashbrown::HashMap;
use model::WriteError;
use parking_lot::{Mutex, MutexGuard};

use super::super::PushError;
use super::exponential::Sparse;
use super::message::HistogramPoint;
use super::translate::Refused;
use crate::limits::{OTLP_DELTA_CELLS_MAX, OTLP_DELTA_SERIES_MAX};

/// A series that is silent for longer starts anew.
const SILENCE_MAX_MS: i64 = 5 * 60 * 1000;

/// Time between looks for series that are silent.
const SWEEP_EVERY_MS: i64 = 60 * 1000;

/// A request waits this long for those with deltas before it.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// What every series of deltas counted so far.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    streams: Mutex<Streams>,
}

#[derive(Debug, Default)]
struct Streams {
    by_key: HashMap<u128, Stream>,
    /// Numbers that all totals together hold.
    cells: usize,
    swept_at_ms: i64,
}

#[derive(Debug, Clone)]
struct Stream {
    start_ns: u64,
    time_ns: u64,
    heard_at_ms: i64,
    total: Total,
}

#[derive(Debug, Clone, PartialEq)]
enum Total {
    Sum(f64),
    Histogram(Listed),
    Exponential(Sparse),
}

/// A total with listed buckets.
#[derive(Debug, Clone, PartialEq)]
struct Listed {
    bounds: Vec<f64>,
    counts: Vec<u64>,
    count: u64,
    sum: Option<f64>,
}

/// The time that a delta point speaks of, in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    pub(super) start_ns: u64,
    pub(super) time_ns: u64,
}

/// The changes of one request. Dropped without [`Session::commit`], nothing has changed.
#[derive(Debug)]
pub(super) struct Session<'d> {
    deltas: &'d Deltas,
    now_ms: i64,
    /// Taken with the first delta point, so that requests without any wait for nobody.
    streams: Option<MutexGuard<'d, Streams>>,
    /// What was there before, once for each series that has changed: totals may be large, and a series may have many points.
    before: HashMap<u128, Option<Stream>>,
}

// === impl Deltas ===

impl Deltas {
    /// Begins the changes of a request.
    pub(super) fn session(&self, now_ms: i64) -> Session<'_> {
        Session {
            deltas: self,
            now_ms,
            streams: None,
            before: HashMap::new(),
        }
    }
}

// === impl Session ===

impl Session<'_> {
    /// Adds to a sum and gives back the total.
    pub(super) fn sum(&mut self, key: u128, interval: Interval, value: f64) -> Result<f64, Refused> {
        let total = self.advance(key, interval, |before| match before {
            Some(Total::Sum(total)) => Total::Sum(total + value),
            _ => Total::Sum(value),
        })?;
        match total {
            Total::Sum(total) => Ok(*total),
            Total::Histogram(_) | Total::Exponential(_) => Ok(value),
        }
    }

    /// Adds a histogram and makes the point the total. Other bounds than before start anew.
    pub(super) fn histogram(
        &mut self,
        key: u128,
        interval: Interval,
        point: &mut HistogramPoint<'_>,
    ) -> Result<(), Refused> {
        let listed = Listed {
            bounds: point.bounds.clone(),
            counts: std::mem::take(&mut point.counts),
            count: point.count,
            sum: point.sum,
        };
        let total = self.advance(key, interval, |before| match before {
            Some(Total::Histogram(before)) => Total::Histogram(listed.after(before)),
            _ => Total::Histogram(listed),
        })?;
        if let Total::Histogram(total) = total {
            point.counts.clone_from(&total.counts);
            (point.count, point.sum) = (total.count, total.sum);
        }
        Ok(())
    }

    /// Adds an exponential histogram and gives back the total.
    pub(super) fn exponential(
        &mut self,
        key: u128,
        interval: Interval,
        point: Sparse,
    ) -> Result<Sparse, Refused> {
        let total = self.advance(key, interval, |before| match before {
            Some(Total::Exponential(before)) => {
                let mut total = before.clone();
                total.add(point);
                Total::Exponential(total)
            }
            _ => Total::Exponential(point),
        })?;
        match total {
            Total::Exponential(total) => Ok(total.clone()),
            // What `advance` was just told to keep is what it gives back.
            Total::Sum(_) | Total::Histogram(_) => {
                Err(Refused::Point("its total is of another kind".to_owned()))
            }
        }
    }

    /// Makes the changes last; gives back how many series are kept, where this request had deltas.
    pub(super) fn commit(mut self) -> Option<usize> {
        self.before.clear();
        self.streams.as_ref().map(|streams| streams.by_key.len())
    }

    fn advance(
        &mut self,
        key: u128,
        interval: Interval,
        next: impl FnOnce(Option<&Total>) -> Total,
    ) -> Result<&Total, Refused> {
        let (deltas, now_ms) = (self.deltas, self.now_ms);
        let streams: &mut Streams = match &mut self.streams {
            Some(streams) => streams,
            none => {
                let mut streams = deltas.streams.try_lock_for(WAIT_MAX).ok_or_else(busy)?;
                streams.sweep(now_ms);
                none.insert(streams)
            }
        };
        let before = streams.by_key.get(&key);
        if let Some(before) = before {
            before.check(interval)?;
        }
        let total = next(before.map(|before| &before.total));
        let cells = streams.cells - before.map_or(0, |before| before.total.cells()) + total.cells();
        let is_new = before.is_none();
        if (is_new && streams.by_key.len() >= OTLP_DELTA_SERIES_MAX) || cells > OTLP_DELTA_CELLS_MAX {
            return Err(Refused::Point(format!(
                "more delta series than can be made cumulative ({OTLP_DELTA_SERIES_MAX}, or {OTLP_DELTA_CELLS_MAX} \
                 buckets); let the sender use cumulative temporality"
            )));
        }
        let stream = Stream {
            start_ns: before.map_or(interval.start_ns, |before| before.start_ns),
            time_ns: interval.time_ns,
            heard_at_ms: now_ms,
            total,
        };
        streams.cells = cells;
        let before = streams.by_key.insert(key, stream);
        self.before.entry(key).or_insert(before);
        // Just inserted.
        let kept = streams.by_key.get(&key).map(|stream| &stream.total);
        kept.ok_or_else(|| Refused::Point("its total is gone".to_owned()))
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if let Some(streams) = &mut self.streams {
            for (key, before) in self.before.drain() {
                streams.restore(key, before);
            }
        }
    }
}

// === impl Streams ===

impl Streams {
    fn sweep(&mut self, now_ms: i64) {
        if (now_ms - self.swept_at_ms).abs() < SWEEP_EVERY_MS {
            return;
        }
        self.swept_at_ms = now_ms;
        self.by_key
            .retain(|_, stream| (now_ms - stream.heard_at_ms).abs() <= SILENCE_MAX_MS);
        self.cells = self.by_key.values().map(|stream| stream.total.cells()).sum();
        if self.by_key.capacity() > 4 * self.by_key.len() {
            self.by_key.shrink_to_fit();
        }
    }

    fn restore(&mut self, key: u128, before: Option<Stream>) {
        let restored = before.as_ref().map_or(0, |before| before.total.cells());
        let changed = match before {
            Some(before) => self.by_key.insert(key, before),
            None => self.by_key.remove(&key),
        };
        self.cells = self.cells - changed.map_or(0, |changed| changed.total.cells()) + restored;
    }
}

impl Stream {
    fn check(&self, interval: Interval) -> Result<(), Refused> {
        if interval.time_ns <= self.time_ns {
            return Err(Refused::Point(format!(
                "a delta out of order: it ends at {} ns, the series is at {} ns already",
                interval.time_ns, self.time_ns
            )));
        }
        if interval.start_ns != 0 && interval.start_ns < self.start_ns {
            return Err(Refused::Point(format!(
                "a delta that begins at {} ns, before its series began at {} ns; do several senders use the same labels?",
                interval.start_ns, self.start_ns
            )));
        }
        Ok(())
    }
}

impl Total {
    fn cells(&self) -> usize {
        match self {
            Self::Sum(_) => 1,
            Self::Histogram(listed) => 4 + listed.bounds.len() + listed.counts.len(),
            Self::Exponential(sparse) => sparse.cells(),
        }
    }
}

impl Listed {
    /// This point's observations together with those before.
    fn after(mut self, before: &Self) -> Self {
        if self.bounds != before.bounds || self.counts.len() != before.counts.len() {
            return self;
        }
        for (count, earlier) in self.counts.iter_mut().zip(&before.counts) {
            *count = count.saturating_add(*earlier);
        }
        self.count = self.count.saturating_add(before.count);
        self.sum = self.sum.zip(before.sum).map(|(a, b)| a + b);
        self
    }
}

fn busy() -> Refused {
    Refused::Request(PushError::Store(WriteError::Busy { waiting_max: 1 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(time_ns: u64) -> Interval {
        Interval { start_ns: 1, time_ns }
    }

    fn refusal<T: std::fmt::Debug>(result: Result<T, Refused>) -> String {
        match result.unwrap_err() {
            Refused::Point(reason) => reason,
            Refused::Request(error) => error.to_string(),
        }
    }

    #[test]
    fn sums_add_up_in_order_of_time() {
        let deltas = Deltas::default();
        let mut session = deltas.session(0);
        assert_eq!(session.sum(7, until(10), 5.0).unwrap(), 5.0);
        assert_eq!(session.sum(7, until(20), 2.0).unwrap(), 7.0);
        assert_eq!(session.sum(8, until(20), 1.0).unwrap(), 1.0);
        assert!(refusal(session.sum(7, until(20), 2.0)).contains("out of order"));
        let early = Interval {
            start_ns: 0,
            time_ns: 30,
        };
        assert_eq!(session.sum(7, early, 1.0).unwrap(), 8.0);
        assert_eq!(session.commit(), Some(2));
    }

    #[test]
    fn what_the_store_did_not_take_has_not_happened() {
        let deltas = Deltas::default();
        let mut session = deltas.session(0);
        session.sum(7, until(10), 5.0).unwrap();
        session.commit();
        let mut session = deltas.session(0);
        session.sum(7, until(20), 5.0).unwrap();
        session.sum(7, until(30), 5.0).unwrap();
        session.sum(8, until(30), 5.0).unwrap();
        // Once for each series, however many points it has.
        assert_eq!(session.before.len(), 2);
        drop(session);
        let mut session = deltas.session(0);
        assert_eq!(session.sum(7, until(20), 1.0).unwrap(), 6.0);
        assert_eq!(session.sum(8, until(20), 1.0).unwrap(), 1.0);
        session.commit();
        assert_eq!(deltas.streams.lock().cells, 2);
    }

    #[test]
    fn a_silent_series_starts_anew() {
        let deltas = Deltas::default();
        let mut session = deltas.session(0);
        session.sum(7, until(10), 5.0).unwrap();
        session.commit();
        let mut session = deltas.session(SILENCE_MAX_MS + SWEEP_EVERY_MS);
        assert_eq!(session.sum(7, until(5), 1.0).unwrap(), 1.0);
    }

    #[test]
    fn two_senders_of_one_series_are_told() {
        let deltas = Deltas::default();
        let mut session = deltas.session(0);
        let later = Interval {
            start_ns: 50,
            time_ns: 60,
        };
        session.sum(7, later, 1.0).unwrap();
        let reason = refusal(session.sum(7, until(70), 1.0));
        assert!(reason.contains("several senders"), "{reason}");
    }

    #[test]
    fn histograms_add_up_until_their_bounds_change() {
        let deltas = Deltas::default();
        let mut session = deltas.session(0);
        let point = |bounds: &[f64], counts: &[u64]| HistogramPoint {
            count: counts.iter().sum(),
            sum: Some(2.0),
            bounds: bounds.to_vec(),
            counts: counts.to_vec(),
            ..HistogramPoint::default()
        };
        let mut first = point(&[1.0], &[1, 2]);
        session.histogram(7, until(10), &mut first).unwrap();
        assert_eq!(first, point(&[1.0], &[1, 2]));
        let mut second = point(&[1.0], &[3, 4]);
        session.histogram(7, until(20), &mut second).unwrap();
        assert_eq!(
            (second.counts, second.count, second.sum),
            (vec![4, 6], 10, Some(4.0))
        );
        let mut other = point(&[2.0], &[1, 1]);
        session.histogram(7, until(30), &mut other).unwrap();
        assert_eq!((other.counts, other.count), (vec![1, 1], 2));
    }
}
