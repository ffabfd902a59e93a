//! Stands in front of the store: what the store takes goes into the queue as well, before anybody is told that it is stored.

use std::sync::Arc;

use model::{
    Accepted, Backfill, MetricMetadata, Refusal, Series, SeriesBatch, SeriesNumber, SeriesWrite, TenantId,
    WriteError,
};
use parking_lot::RwLock;

use super::message::record::{self, Named};
use super::queue::Queue;

/// A store whose writes are forwarded.
#[derive(Debug)]
pub struct Tee {
    store: Arc<dyn SeriesWrite>,
    queue: Arc<Queue>,
    /// Which series the store's numbers are, by slot.
    known: RwLock<Vec<Option<(u32, Series)>>>,
}

impl Tee {
    pub(super) fn new(store: Arc<dyn SeriesWrite>, queue: Arc<Queue>) -> Arc<Self> {
        Arc::new(Self {
            store,
            queue,
            known: RwLock::default(),
        })
    }
}

impl Tee {
    /// The record of a batch; `None` where a number in it is not known here, because it was given before there was anybody
    /// to send to: its series must be named once more.
    fn record(&self, batch: &SeriesBatch) -> Option<Vec<u8>> {
        let known = self.known.read();
        let named = Named(&known);
        let all_known = batch
            .numbered()
            .iter()
            .all(|sample| named.find(sample.series).is_some());
        all_known.then(|| record::encode(batch, named))
    }
}

impl SeriesWrite for Tee {
    fn append(&self, batch: &SeriesBatch, now_ms: i64) -> Result<Accepted, WriteError> {
        if !self.queue.is_active() {
            return self.store.append(batch, now_ms);
        }
        // Before the store is asked, so that the names are not held while it writes.
        let record = self.record(batch).ok_or(WriteError::Forgotten)?;
        let accepted = self.store.append(batch, now_ms)?;
        if accepted.stored > 0 || accepted.exemplars_stored > 0 {
            self.queue.append(batch.sample_count() as u64, &record);
        }
        Ok(accepted)
    }

    fn number(&self, tenant: TenantId, series: &Series) -> Result<Option<SeriesNumber>, Refusal> {
        let number = self.store.number(tenant, series)?;
        if let Some(number) = number.filter(|_| self.queue.is_active()) {
            let slot = number.slot as usize;
            let mut known = self.known.write();
            if known.len() <= slot {
                known.resize(slot + 1, None);
            }
            if let Some(place) = known.get_mut(slot) {
                *place = Some((number.generation, series.clone()));
            }
        }
        Ok(number)
    }

    fn newest_ms(&self, numbers: &[SeriesNumber]) -> Vec<Option<i64>> {
        self.store.newest_ms(numbers)
    }

    /// Old samples in bulk are taken in here and not sent: other stores would refuse them as too old.
    fn backfill(&self, tenant: TenantId, now_ms: i64) -> Option<Box<dyn Backfill>> {
        self.store.backfill(tenant, now_ms)
    }

    fn describe(&self, tenant: TenantId, metadata: &[MetricMetadata]) -> Result<(), WriteError> {
        self.store.describe(tenant, metadata)?;
        if self.queue.is_active() && !metadata.is_empty() {
            self.queue.describe(metadata);
        }
        Ok(())
    }
}
