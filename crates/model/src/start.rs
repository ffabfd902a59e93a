//! Start times of samples: since when what a sample counts has been counted (OpenMetrics 2.0 and remote write 2.0 "start
//! timestamp", OTLP `start_time_unix_nano`). Most series have none, and most of the others one for thousands of samples.

/// The start of a sample of which nobody told any.
pub const NO_START: i64 = 0;

/// The starts beside a column of samples. It takes no memory where none is known.
#[derive(Debug, Clone, Default)]
pub struct Starts {
    /// No more than there are samples; those behind the last one have none.
    at_ms: Vec<i64>,
}

impl Starts {
    /// Whether no sample has a start.
    pub fn is_empty(&self) -> bool {
        self.at_ms.is_empty()
    }

    /// The start of the sample at `place`, in milliseconds since the Unix epoch, or [`NO_START`].
    pub fn get(&self, place: usize) -> i64 {
        self.at_ms.get(place).copied().unwrap_or(NO_START)
    }

    /// The starts of the first samples; those behind have none.
    pub fn as_slice(&self) -> &[i64] {
        &self.at_ms
    }

    /// The starts of the samples at `places`; those that it lacks at its end have none.
    pub fn slice(&self, places: std::ops::Range<usize>) -> &[i64] {
        let end = places.end.min(self.at_ms.len());
        self.at_ms.get(places.start..end).unwrap_or_default()
    }

    /// Adds the start of the sample that stands behind `before` others.
    pub fn push(&mut self, before: usize, start_ms: i64) {
        if start_ms == NO_START && self.at_ms.is_empty() {
            return;
        }
        self.at_ms.resize(before, NO_START);
        self.at_ms.push(start_ms);
    }

    /// Adds those of `count` samples that stand behind `before` others. What `starts` has too few of is not known.
    pub fn extend(&mut self, before: usize, starts: &[i64], count: usize) {
        if starts.iter().all(|start_ms| *start_ms == NO_START) {
            if !self.at_ms.is_empty() {
                self.at_ms.resize(before + count, NO_START);
            }
            return;
        }
        self.at_ms.resize(before, NO_START);
        self.at_ms.extend_from_slice(starts);
        self.at_ms.resize(before + count, NO_START);
    }

    /// Adds what `put` appends, the starts of the samples behind `before` others.
    pub fn extend_with(&mut self, before: usize, put: impl FnOnce(&mut Vec<i64>)) {
        self.at_ms.resize(before, NO_START);
        put(&mut self.at_ms);
    }

    /// Gives a start to those of the samples at `places` that have none.
    pub fn fill(&mut self, places: std::ops::Range<usize>, start_ms: i64) {
        if start_ms == NO_START || places.is_empty() {
            return;
        }
        let length = self.at_ms.len().max(places.end);
        self.at_ms.resize(length, NO_START);
        let unknown = self.at_ms.iter_mut().take(places.end).skip(places.start);
        unknown
            .filter(|known| **known == NO_START)
            .for_each(|unknown| *unknown = start_ms);
    }

    /// Leaves those at `places` behind the first `from`, in their order.
    pub fn pick(&mut self, from: usize, places: &[usize]) {
        if self.at_ms.is_empty() {
            return;
        }
        let picked: Vec<i64> = places.iter().map(|&place| self.get(place)).collect();
        self.at_ms.resize(from, NO_START);
        self.at_ms.extend(picked);
    }

    /// Forgets those behind the first `count`.
    pub fn truncate(&mut self, count: usize) {
        self.at_ms.truncate(count);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.at_ms.clear();
    }
}

/// Columns are equal where every sample has the same start, however it is written that none has one.
impl PartialEq for Starts {
    fn eq(&self, other: &Self) -> bool {
        let count = self.at_ms.len().max(other.at_ms.len());
        (0..count).all(|place| self.get(place) == other.get(place))
    }
}

impl Eq for Starts {}

/// When a sample was taken and since when it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// When it was taken, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Its start, or [`NO_START`].
    pub start_ms: i64,
}

impl Counted {
    /// Whether its start can be one: it is told and lies before the sample.
    pub fn has_start(self) -> bool {
        self.start_ms != NO_START && self.start_ms < self.at_ms
    }

    /// Whether counting started again since the sample `before` (prometheus/promql `isStartTimestampReset`).
    pub fn starts_again(self, before: Self) -> bool {
        // A start at the time of the sample before is that of a delta, but only where that sample has a start of its own: the
        // first sample of a sum whose start is not known has none, and the next ones start at its time (OpenTelemetry data
        // model, "Cumulative streams: handling unknown start time").
        self.has_start()
            && (self.start_ms > before.at_ms || (self.start_ms == before.at_ms && before.has_start()))
    }

    /// Whether it claims to have counted since before the sample `before`, which has another start: both cannot be.
    pub fn overlaps(self, before: Self) -> bool {
        self.start_ms != NO_START && self.start_ms < before.at_ms && self.start_ms != before.start_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_stand_beside_their_samples() {
        let mut starts = Starts::default();
        starts.push(0, NO_START);
        starts.push(1, NO_START);
        assert!(starts.is_empty());
        starts.push(2, 7);
        starts.push(3, NO_START);
        assert_eq!(starts.as_slice(), [0, 0, 7, 0]);
        starts.extend(4, &[], 2);
        starts.extend(6, &[8, 9], 2);
        assert_eq!(starts.as_slice(), [0, 0, 7, 0, 0, 0, 8, 9]);
        assert_eq!((starts.slice(6..8), starts.get(8)), (&[8, 9][..], NO_START));
        starts.pick(1, &[2, 7]);
        assert_eq!(starts.as_slice(), [0, 7, 9]);
        let mut none = Starts::default();
        none.extend(0, &[0, 0], 2);
        assert!(none.is_empty());
        starts.truncate(1);
        assert_eq!(none, starts);
        starts.push(1, 4);
        starts.fill(0..4, 6);
        starts.fill(4..4, 9);
        assert_eq!(starts.as_slice(), [6, 4, 6, 6]);
    }

    #[test]
    fn counting_starts_again_where_the_start_says_so() {
        let of = |at_ms, start_ms| Counted { at_ms, start_ms };
        let again = |before, now: Counted| now.starts_again(before);
        assert!(again(of(10, 0), of(20, 11)));
        assert!(
            !again(of(10, 0), of(20, 10)),
            "the first one's start is not known"
        );
        assert!(again(of(10, 5), of(20, 10)), "a delta");
        assert!(
            !again(of(10, 10), of(20, 10)),
            "no start can be that of the first one"
        );
        assert!(!again(of(10, 5), of(20, 5)));
        assert!(!again(of(10, 5), of(20, 0)));
        assert!(!again(of(10, 5), of(20, 20)));
        assert!(!again(of(10, 5), of(20, 21)));
        assert!(of(20, 4).overlaps(of(10, 5)) && !of(20, 5).overlaps(of(10, 5)));
        assert!(!of(20, 10).overlaps(of(10, 5)) && !of(20, 0).overlaps(of(10, 5)));
    }
}
