//! The newest samples, in memory, behind sixteen locks.
//!
//! In: samples that the log holds already.  Out: series by matcher, and samples to be sealed into blocks.
//! Owns: nothing on disk.
//! Invariants: a series that was retired takes no more samples (`series::tests::a_retired_series_takes_nothing`);
//! samples leave memory only once a block has them (`series::tests::what_arrives_during_a_flush_stays`).
//! Not here: durability (`log`), blocks (`block`).
//! Start at: [`Head::get_or_create`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;
use model::{Matcher, ReadError, Series, SeriesId, TenantId};
use parking_lot::RwLock;
use roaring::RoaringBitmap;
use rustc_hash::FxBuildHasher;

use crate::limits::HEAD_SHARDS;
use crate::matching::{Postings, matching};

pub(crate) mod series;
pub(crate) mod statistics;

pub(crate) use series::MemSeries;

/// All series in memory.
#[derive(Debug)]
pub(crate) struct Head {
    shards: Vec<RwLock<Shard>>,
    series_count: AtomicU64,
}

/// The series whose ids end alike.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    by_id: HashMap<(TenantId, SeriesId), u32, FxBuildHasher>,
    slots: Vec<Option<Arc<MemSeries>>>,
    free: Vec<u32>,
    tenants: HashMap<TenantId, TenantPostings, FxBuildHasher>,
}

type ByValue = HashMap<Box<str>, RoaringBitmap, FxBuildHasher>;

/// Slots by label pair.
#[derive(Debug, Default)]
pub(crate) struct TenantPostings {
    all: RoaringBitmap,
    by_name: HashMap<Box<str>, ByValue, FxBuildHasher>,
}

// === impl Head ===

impl Head {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..HEAD_SHARDS).map(|_| RwLock::default()).collect(),
            series_count: AtomicU64::new(0),
        }
    }

    fn shard(&self, id: SeriesId) -> &RwLock<Shard> {
        let place = (id.0 as usize) % self.shards.len();
        &self.shards[place]
    }

    /// The series, if it is in memory.
    pub(crate) fn get(&self, tenant: TenantId, id: SeriesId) -> Option<Arc<MemSeries>> {
        let shard = self.shard(id).read();
        let slot = *shard.by_id.get(&(tenant, id))?;
        shard.slots.get(slot as usize)?.clone()
    }

    /// The series, created where it is not in memory yet; `None` where there are `series_max` already.
    pub(crate) fn get_or_create(
        &self,
        tenant: TenantId,
        series: &Series,
        series_max: u64,
    ) -> Option<Arc<MemSeries>> {
        if let Some(known) = self.get(tenant, series.id()) {
            return Some(known);
        }
        let mut shard = self.shard(series.id()).write();
        if let Some(known) = shard.get(tenant, series.id()) {
            return Some(known);
        }
        if self.series_count.load(Ordering::Relaxed) >= series_max {
            return None;
        }
        self.series_count.fetch_add(1, Ordering::Relaxed);
        Some(shard.insert(tenant, series))
    }

    /// Every series, shard by shard.
    pub(crate) fn for_each(&self, mut each: impl FnMut(&Arc<MemSeries>)) {
        for shard in &self.shards {
            let series: Vec<Arc<MemSeries>> = shard.read().slots.iter().flatten().cloned().collect();
            series.iter().for_each(&mut each);
        }
    }

    /// Removes the series that hold no sample and that `idle` agrees to give up.
    pub(crate) fn retire_idle(&self, idle: impl Fn(Option<i64>) -> bool) {
        for shard in &self.shards {
            let candidates: Vec<Arc<MemSeries>> = shard
                .read()
                .slots
                .iter()
                .flatten()
                .filter(|series| series.is_idle(&idle))
                .cloned()
                .collect();
            let mut shard = shard.write();
            for series in candidates {
                if series.retire(&idle) {
                    shard.remove(&series);
                    self.series_count.fetch_sub(1, Ordering::Relaxed);
                }
            }
            shard.give_memory_back();
        }
    }

    /// The series of a tenant that meet all `matchers`, in no particular order.
    pub(crate) fn select(
        &self,
        tenant: TenantId,
        matchers: &[Matcher],
    ) -> Result<Vec<Arc<MemSeries>>, ReadError> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let shard = shard.read();
            if let Some(postings) = shard.tenants.get(&tenant) {
                let slots = matching(postings, matchers)?;
                found.extend(
                    slots
                        .iter()
                        .filter_map(|slot| shard.slots.get(slot as usize)?.clone()),
                );
            }
        }
        Ok(found)
    }

    pub(crate) fn series_count(&self) -> u64 {
        self.series_count.load(Ordering::Relaxed)
    }
}

// === impl Shard ===

impl Shard {
    fn get(&self, tenant: TenantId, id: SeriesId) -> Option<Arc<MemSeries>> {
        let slot = *self.by_id.get(&(tenant, id))?;
        self.slots.get(slot as usize)?.clone()
    }

    fn insert(&mut self, tenant: TenantId, series: &Series) -> Arc<MemSeries> {
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        let created = Arc::new(MemSeries::new(tenant, series.clone(), slot));
        match self.slots.get_mut(slot as usize) {
            Some(place) => *place = Some(Arc::clone(&created)),
            None => self.slots.push(Some(Arc::clone(&created))),
        }
        self.by_id.insert((tenant, series.id()), slot);
        let postings = self.tenants.entry(tenant).or_default();
        postings.all.insert(slot);
        for (name, value) in series.labels() {
            let by_value = postings.by_name.entry(name.into()).or_default();
            by_value.entry(value.into()).or_default().insert(slot);
        }
        created
    }

    fn remove(&mut self, series: &MemSeries) {
        let slot = series.slot();
        self.by_id.remove(&(series.tenant(), series.series().id()));
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = None;
        }
        self.free.push(slot);
        let Some(postings) = self.tenants.get_mut(&series.tenant()) else {
            return;
        };
        postings.all.remove(slot);
        for (name, value) in series.series().labels() {
            let Some(by_value) = postings.by_name.get_mut(name) else {
                continue;
            };
            if let Some(slots) = by_value.get_mut(value) {
                slots.remove(slot);
                if slots.is_empty() {
                    by_value.remove(value);
                }
            }
            if by_value.is_empty() {
                postings.by_name.remove(name);
            }
        }
        if postings.all.is_empty() {
            self.tenants.remove(&series.tenant());
        }
    }

    fn give_memory_back(&mut self) {
        if self.by_id.is_empty() {
            *self = Self::default();
        } else if self.by_id.capacity() > 4 * self.by_id.len() + 64 {
            self.by_id.shrink_to_fit();
        }
    }
}

impl Postings for TenantPostings {
    fn all(&self) -> Result<RoaringBitmap, ReadError> {
        Ok(self.all.clone())
    }

    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, ReadError> {
        let slots = self.by_name.get(name).and_then(|by_value| by_value.get(value));
        Ok(slots.cloned().unwrap_or_default())
    }

    fn with_value(&self, name: &str, wanted: &dyn Fn(&str) -> bool) -> Result<RoaringBitmap, ReadError> {
        let mut found = RoaringBitmap::new();
        for (_, slots) in self
            .by_name
            .get(name)
            .into_iter()
            .flatten()
            .filter(|(value, _)| wanted(value))
        {
            found |= slots;
        }
        Ok(found)
    }
}
