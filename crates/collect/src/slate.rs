//! Series prepared once and written on every tick, with the stale marker for those that are no longer.

use std::sync::Arc;

use model::{Labels, STALE_NAN, Series, SeriesBatch};

use crate::metric::Metric;

/// The series of one source. A source sets the values it sees; what it does not set on a tick it observes ends with a
/// stale marker.
#[derive(Debug)]
pub(crate) struct Slate {
    instance: Arc<str>,
    slots: Vec<Slot>,
    free: Vec<SlotId>,
    values: Vec<(SlotId, f64)>,
    round: u64,
}

#[derive(Debug)]
struct Slot {
    series: Series,
    /// The round of the last value; 0 before the first.
    set_in: u64,
    /// The last thing written was a value and not a stale marker.
    live: bool,
    released: bool,
}

/// A series of a [`Slate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotId(u32);

/// The job label of every vital.
pub(crate) const JOB: &str = "host";

impl Slate {
    pub(crate) fn new(instance: Arc<str>) -> Self {
        Self {
            instance,
            slots: Vec::new(),
            free: Vec::new(),
            values: Vec::new(),
            round: 1,
        }
    }

    /// Prepares a series: `values` belong to the metric's labels in their order.
    pub(crate) fn slot(&mut self, metric: &Metric, values: &[&str]) -> SlotId {
        debug_assert_eq!(metric.labels.len(), values.len(), "labels of {}", metric.name);
        let fixed = [
            (model::labels::METRIC_NAME, metric.name),
            ("job", JOB),
            ("instance", &*self.instance),
        ];
        let own = metric.labels.iter().copied().zip(values.iter().copied());
        let slot = Slot {
            series: Series::new(Labels::from_pairs(fixed.into_iter().chain(own))),
            set_in: 0,
            live: false,
            released: false,
        };
        if let Some(id) = self.free.pop()
            && let Some(place) = self.slots.get_mut(id.0 as usize)
        {
            *place = slot;
            return id;
        }
        self.slots.push(slot);
        SlotId((self.slots.len() - 1) as u32)
    }

    /// Prepares one series for each word of a metric's only label.
    pub(crate) fn slots<const N: usize>(&mut self, metric: &Metric, words: [&str; N]) -> [SlotId; N] {
        words.map(|word| self.slot(metric, &[word]))
    }

    /// Notes the value of a series for this tick. Of several the first counts; what is not finite does not count.
    pub(crate) fn set(&mut self, id: SlotId, value: f64) {
        let Some(slot) = self.slots.get_mut(id.0 as usize) else {
            return;
        };
        if slot.set_in != self.round && value.is_finite() {
            slot.set_in = self.round;
            self.values.push((id, value));
        }
    }

    /// The same where there may be no value.
    pub(crate) fn set_if(&mut self, id: SlotId, value: Option<f64>) {
        if let Some(value) = value {
            self.set(id, value);
        }
    }

    /// Gives a series back: it ends with this tick unless it is set in it.
    pub(crate) fn release(&mut self, id: SlotId) {
        if let Some(slot) = self.slots.get_mut(id.0 as usize) {
            slot.released = true;
        }
    }

    /// Moves this tick's values to the batch, and a stale marker for every series that had a value before and has none
    /// now.
    pub(crate) fn close(&mut self, at_ms: i64, batch: &mut SeriesBatch) {
        for (id, value) in self.values.drain(..) {
            if let Some(slot) = self.slots.get_mut(id.0 as usize) {
                slot.live = true;
                batch.push_one(slot.series.clone(), at_ms, value);
            }
        }
        for (place, slot) in self.slots.iter_mut().enumerate() {
            if slot.set_in == self.round {
                continue;
            }
            if slot.live {
                slot.live = false;
                batch.push_one(slot.series.clone(), at_ms, STALE_NAN);
            }
            if slot.released {
                // Not released a second time: the place now belongs to the free list.
                slot.released = false;
                self.free.push(SlotId(place as u32));
            }
        }
        self.round += 1;
    }

    /// Forgets the values set in this tick, so that all series end with it.
    pub(crate) fn wipe(&mut self) {
        self.values.clear();
        self.round += 1;
    }

    /// How many series have a value now.
    pub(crate) fn live_count(&self) -> usize {
        self.slots.iter().filter(|slot| slot.live).count()
    }
}

#[cfg(test)]
mod tests {
    use model::{TenantId, is_stale};

    use super::*;

    const METRIC: Metric = Metric::gauge("size", &["device"], "bytes", "Size.");

    fn close(slate: &mut Slate, at_ms: i64) -> Vec<(String, String)> {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        slate.close(at_ms, &mut batch);
        let text = |value: f64| {
            if is_stale(value) {
                "stale".into()
            } else {
                value.to_string()
            }
        };
        batch
            .iter()
            .map(|(series, samples)| {
                (
                    series.labels().get("device").unwrap_or_default().to_owned(),
                    text(samples[0].value),
                )
            })
            .collect()
    }

    #[test]
    fn a_series_that_is_not_set_ends_once() {
        let mut slate = Slate::new("box".into());
        let [a, b] = slate.slots(&METRIC, ["a", "b"]);
        slate.set(a, 1.0);
        slate.set(b, 2.0);
        slate.set(b, 3.0);
        assert_eq!(
            close(&mut slate, 1),
            [("a".into(), "1".into()), ("b".into(), "2".into())]
        );
        slate.set(a, f64::NAN);
        slate.set(b, 2.0);
        assert_eq!(
            close(&mut slate, 2),
            [("b".into(), "2".into()), ("a".into(), "stale".into())]
        );
        slate.set(b, 2.0);
        assert_eq!(close(&mut slate, 3), [("b".into(), "2".into())]);
        slate.wipe();
        assert_eq!(close(&mut slate, 4), [("b".into(), "stale".into())]);
        assert_eq!(slate.live_count(), 0);
    }

    #[test]
    fn a_released_place_is_used_again_after_its_marker() {
        let mut slate = Slate::new("box".into());
        let a = slate.slot(&METRIC, &["a"]);
        slate.set(a, 1.0);
        close(&mut slate, 1);
        slate.release(a);
        let b = slate.slot(&METRIC, &["b"]);
        assert_ne!(a, b, "the place is taken until its marker is written");
        slate.set(b, 1.0);
        assert_eq!(
            close(&mut slate, 2),
            [("b".into(), "1".into()), ("a".into(), "stale".into())]
        );
        assert_eq!(slate.slot(&METRIC, &["c"]), a);
        slate.set(b, 1.0);
        assert_eq!(close(&mut slate, 3), [("b".into(), "1".into())]);
    }

    #[test]
    fn labels_carry_job_and_instance() {
        let mut slate = Slate::new("box".into());
        let slot = slate.slot(&METRIC, &["sda"]);
        slate.set(slot, 1.0);
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        slate.close(5, &mut batch);
        let labels: Vec<String> = batch
            .iter()
            .map(|(series, _)| series.labels().to_string())
            .collect();
        assert_eq!(labels, [r#"size{device="sda", instance="box", job="host"}"#]);
    }
}
