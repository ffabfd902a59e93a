//! What a new sample is judged by, kept side by side for all series so that judging touches little memory, and the
//! samples that were taken in and not yet sorted to their series.

use model::{Accepted, NumberedSample, Refusal, SeriesNumber, Starts};

use crate::limits::{PENDING_SAMPLES_MAX, PENDING_SAMPLES_MIN, PENDING_SAMPLES_PER_SERIES};

/// The door of memory.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    places: Vec<Place>,
    pending: Vec<NumberedSample>,
    pending_starts: Starts,
}

/// One series' place.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The newest sample that was judged to be new, whether it reached the log or not.
    newest_ms: i64,
    /// Blocks may hold samples of the series up to this time that nobody here remembers.
    blocks_ms: i64,
    /// The newest of what is not a plain sample.
    other_ms: i64,
    /// Counts the series that had this place. The numbers in use are odd.
    generation: u32,
    /// The log segment that defined the series last, its low bits.
    log_segment: u32,
    /// When samples were judged last, in seconds since the epoch.
    touched_s: u32,
}

/// Between which times samples are taken.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_field_names,
    reason = "all are times, and units stand last in names"
)]
pub(crate) struct Bounds {
    pub(crate) oldest_ms: i64,
    pub(crate) newest_ms: i64,
    /// How much older than the newest sample of its series a sample may be.
    pub(crate) window_ms: i64,
}

/// Samples that were judged.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// New for sure: newer than all of their series.
    pub(crate) new: Vec<NumberedSample>,
    pub(crate) new_starts: Starts,
    /// Older than another of their series: they may be known already.
    pub(crate) doubtful: Vec<NumberedSample>,
    pub(crate) doubtful_starts: Starts,
    /// What was refused.
    pub(crate) accepted: Accepted,
}

/// A number belongs to no series any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forgotten;

impl Intake {
    /// Gives a place to a new series.
    pub(super) fn open(&mut self, slot: u32, blocks_ms: i64, now_ms: i64) -> SeriesNumber {
        let index = slot as usize;
        while self.places.len() <= index {
            self.places.push(Place {
                newest_ms: i64::MIN,
                blocks_ms: i64::MIN,
                other_ms: i64::MIN,
                generation: 0,
                log_segment: 0,
                touched_s: 0,
            });
        }
        let mut generation = 1;
        if let Some(place) = self.places.get_mut(index) {
            generation = place.generation.wrapping_add(1);
            *place = Place {
                newest_ms: i64::MIN,
                blocks_ms,
                other_ms: i64::MIN,
                generation,
                log_segment: 0,
                touched_s: seconds(now_ms),
            };
        }
        SeriesNumber { slot, generation }
    }

    /// Takes the place back, if the series is idle: no sample newer than `newest_before_ms`, none judged since
    /// `touched_before_ms`.
    pub(super) fn close(
        &mut self,
        number: SeriesNumber,
        newest_before_ms: i64,
        touched_before_ms: i64,
    ) -> bool {
        let Some(place) = self.places.get_mut(number.slot as usize) else {
            return false;
        };
        let idle = place.generation == number.generation
            && place.newest_ms.max(place.other_ms) < newest_before_ms
            && place.touched_s < seconds(touched_before_ms);
        if idle {
            place.generation = place.generation.wrapping_add(1);
        }
        idle
    }

    /// Sorts samples by whether they are newer than all of their series. Nothing is judged where a number is not known.
    pub(super) fn judge(
        &mut self,
        (rows, starts): (&[NumberedSample], &Starts),
        bounds: Bounds,
        now_ms: i64,
        judged: &mut Judged,
    ) -> Result<(), Forgotten> {
        for row in rows {
            let place = self.places.get(row.series.slot as usize);
            if place.is_none_or(|place| place.generation != row.series.generation) {
                return Err(Forgotten);
            }
        }
        let now_s = seconds(now_ms);
        judged.new.reserve(rows.len());
        let started = !starts.is_empty();
        for (number, row) in rows.iter().enumerate() {
            let Some(place) = self.places.get_mut(row.series.slot as usize) else {
                continue;
            };
            place.touched_s = now_s;
            if row.at_ms > bounds.newest_ms {
                judged.accepted.refuse(Refusal::TooFarInFuture, 1);
            } else if row.at_ms < bounds.oldest_ms
                || row.at_ms < place.newest_ms.saturating_sub(bounds.window_ms)
            {
                judged.accepted.refuse(Refusal::TooOld, 1);
            } else if row.at_ms > place.newest_ms.max(place.blocks_ms) {
                place.newest_ms = row.at_ms;
                if started {
                    judged.new_starts.push(judged.new.len(), starts.get(number));
                }
                judged.new.push(*row);
            } else {
                place.newest_ms = place.newest_ms.max(row.at_ms);
                let before = judged.doubtful.len();
                judged.doubtful_starts.push(before, starts.get(number));
                judged.doubtful.push(*row);
            }
        }
        Ok(())
    }

    /// The slots among `rows` that a log segment does not define yet; from now on it does.
    pub(super) fn undefined_in(&mut self, segment: u64, rows: &[NumberedSample]) -> Vec<u32> {
        let segment = segment as u32;
        let mut undefined = Vec::new();
        for row in rows {
            if let Some(place) = self.places.get_mut(row.series.slot as usize)
                && place.log_segment != segment
            {
                place.log_segment = segment;
                undefined.push(row.series.slot);
            }
        }
        undefined
    }

    /// Takes samples in; says whether there are so many that they should be sorted now.
    pub(super) fn take(&mut self, rows: &[NumberedSample], starts: &[i64]) -> bool {
        self.pending_starts.extend(self.pending.len(), starts, rows.len());
        self.pending.extend_from_slice(rows);
        let enough = self.places.len().saturating_mul(PENDING_SAMPLES_PER_SERIES);
        self.pending.len() >= enough.clamp(PENDING_SAMPLES_MIN, PENDING_SAMPLES_MAX)
    }

    /// Gives all pending samples and their starts out, taking empty columns in exchange.
    pub(super) fn swap_pending(&mut self, rows: &mut Vec<NumberedSample>, starts: &mut Starts) {
        std::mem::swap(&mut self.pending, rows);
        std::mem::swap(&mut self.pending_starts, starts);
    }

    /// Notes that something of this time was taken in beside plain samples, which keep their own newest time.
    pub(super) fn touch(&mut self, slot: u32, at_ms: i64, now_ms: i64) {
        if let Some(place) = self.places.get_mut(slot as usize) {
            place.other_ms = place.other_ms.max(at_ms);
            place.touched_s = seconds(now_ms);
        }
    }

    /// Up to when a series may have samples, here or in blocks.
    pub(super) fn newest_ms(&self, number: SeriesNumber) -> Option<i64> {
        let place = self.places.get(number.slot as usize)?;
        (place.generation == number.generation)
            .then(|| place.newest_ms.max(place.blocks_ms).max(place.other_ms))
    }

    /// Notes that there is a sample of this time.
    pub(super) fn note_newest(&mut self, slot: u32, at_ms: i64) {
        if let Some(place) = self.places.get_mut(slot as usize) {
            place.newest_ms = place.newest_ms.max(at_ms);
        }
    }
}

fn seconds(at_ms: i64) -> u32 {
    u32::try_from(at_ms.div_euclid(1000)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        oldest_ms: 0,
        newest_ms: 10_000,
        window_ms: 1_000,
    };

    fn row(series: SeriesNumber, at_ms: i64) -> NumberedSample {
        NumberedSample {
            series,
            at_ms,
            value: 0.5,
        }
    }

    fn judge(intake: &mut Intake, rows: &[NumberedSample]) -> Result<(usize, usize, u64), Forgotten> {
        let mut judged = Judged::default();
        intake.judge((rows, &Starts::default()), BOUNDS, 5_000, &mut judged)?;
        Ok((
            judged.new.len(),
            judged.doubtful.len(),
            judged.accepted.refused_count(),
        ))
    }

    #[test]
    fn samples_are_judged_by_the_newest_of_their_series() {
        let mut intake = Intake::default();
        let series = intake.open(3, i64::MIN, 0);
        assert_eq!(
            judge(&mut intake, &[row(series, 4_000), row(series, 4_000)]),
            Ok((1, 1, 0))
        );
        assert_eq!(
            judge(&mut intake, &[row(series, 3_000), row(series, 2_999)]),
            Ok((0, 1, 1))
        );
        assert_eq!(
            judge(&mut intake, &[row(series, 10_001), row(series, 10_000)]),
            Ok((1, 0, 1))
        );
    }

    #[test]
    fn what_blocks_may_hold_is_doubtful() {
        let mut intake = Intake::default();
        let series = intake.open(0, 4_000, 0);
        assert_eq!(
            judge(&mut intake, &[row(series, 4_000), row(series, 4_001)]),
            Ok((1, 1, 0))
        );
    }

    #[test]
    fn a_number_that_was_given_back_is_not_taken_for_another_series() {
        let mut intake = Intake::default();
        let first = intake.open(0, i64::MIN, 1_000);
        judge(&mut intake, &[row(first, 4_000)]).unwrap();
        assert!(
            !intake.close(first, 4_000, 60_000),
            "it has a sample as new as that"
        );
        assert!(!intake.close(first, 5_000, 5_000), "it was touched just now");
        assert!(intake.close(first, 5_000, 60_000));
        assert_eq!(judge(&mut intake, &[row(first, 5_000)]), Err(Forgotten));
        let second = intake.open(0, i64::MIN, 1_000);
        assert_ne!(first, second);
        assert_eq!(judge(&mut intake, &[row(first, 5_000)]), Err(Forgotten));
        assert_eq!(judge(&mut intake, &[row(second, 5_000)]), Ok((1, 0, 0)));
    }

    #[test]
    fn a_segment_defines_a_series_once() {
        let mut intake = Intake::default();
        let series = intake.open(0, i64::MIN, 0);
        let rows = [row(series, 1), row(series, 2)];
        assert_eq!(intake.undefined_in(7, &rows), [0]);
        assert!(intake.undefined_in(7, &rows).is_empty());
        assert_eq!(intake.undefined_in(8, &rows), [0]);
    }
}
