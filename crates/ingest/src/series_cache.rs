//! What is known of one target's series, so that a steady scrape parses no labels, hashes nothing and misses no
//! series that vanishes.
//!
//! In: the text of each series of a body, in rounds of one scrape each.  Out: the prepared [`Series`] for a text,
//! and the series that were there before and are gone.
//! Owns: memory in proportion to the target's series; texts not seen in the last good round are forgotten.
//! Invariants: a round that is not committed changes nothing of what counts as alive (`series_cache::tests`);
//! every series that was alive and is not seen in a committed round is given as vanished once (`series_cache::tests`).
//! Not here: what text means which series (`intake`).
//! Start at: [`SeriesCache::begin`].

mod budget;
mod exemplars;
mod families;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use model::{Labels, Series, SeriesId};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

pub use budget::{Budget, SeriesRefused};
pub use exemplars::ExemplarMemory;
pub use families::Families;

/// Texts kept beyond twice the last good round's before failed rounds make the cache forget.
const TEXTS_SPARE_COUNT: usize = 1_000;

/// The memory of one target. Rounds go [`begin`](Self::begin), then [`find`](Self::find) or
/// [`learn`](Self::learn) and [`see`](Self::see) for each sample, then [`commit`](Self::commit); a round that
/// fails is just begun anew.
#[derive(Debug)]
pub struct SeriesCache {
    round: u64,
    seed: u64,
    texts: Vec<Text>,
    texts_by_hash: HashTable<usize>,
    /// The texts of the last committed round in the order of the body, and those of this round so far.
    order_before: Vec<usize>,
    order_now: Vec<usize>,
    /// Where in `order_before` the next text is expected.
    expected: usize,
    slots: Vec<Slot>,
    slots_by_id: FxHashMap<SeriesId, usize>,
    texts_last_good: usize,
    /// What the target says about its metrics.
    pub families: Families,
    /// How many series the target may have, and what of it was refused.
    pub budget: Budget,
    /// Which exemplars of the target are stored already.
    pub exemplars: ExemplarMemory,
    /// The time stamp of the last whole body that was stored.
    pub good_until_ms: Option<i64>,
}

/// A series as the target writes it, and what became of it.
#[derive(Debug)]
struct Text {
    written: Box<str>,
    hash: u64,
    place: usize,
    round: u64,
    known: Known,
}

/// What is known of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Relabelling drops it.
    Dropped,
    /// It is this series.
    Kept(SlotIndex),
    /// It is a new series, and the target has as many as it may.
    Refused,
}

/// Names a prepared series within one cache, until the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotIndex(usize);

#[derive(Debug)]
struct Slot {
    series: Series,
    /// Whether its last stored sample is an ordinary one that a marker would have to end.
    alive: bool,
    seen_round: u64,
    tracked_round: u64,
    /// What its last committed sample is, and what the one of this round is.
    form: Form,
    form_now: Form,
}

/// What a sample is, and so what the marker that ends its series has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// A number.
    #[default]
    Float,
    /// A native histogram.
    Histogram,
}

impl SeriesCache {
    /// A cache that knows nothing.
    pub fn new() -> Self {
        Self {
            round: 0,
            seed: RandomState::new().hash_one(0_u8),
            texts: Vec::new(),
            texts_by_hash: HashTable::new(),
            order_before: Vec::new(),
            order_now: Vec::new(),
            expected: 0,
            slots: Vec::new(),
            slots_by_id: FxHashMap::default(),
            texts_last_good: 0,
            families: Families::default(),
            budget: Budget::default(),
            exemplars: ExemplarMemory::default(),
            good_until_ms: None,
        }
    }

    /// Starts a round; whatever an uncommitted one saw is forgotten.
    pub fn begin(&mut self) {
        self.round += 1;
        self.order_now.clear();
        self.expected = 0;
        self.families.begin();
        self.exemplars.begin();
    }

    /// Allows so many series from now on, those that were given up within the last hour among them; 0 is no limit.
    pub fn allow(&mut self, limit: usize, now_ms: i64) {
        self.budget.begin(limit, self.slots.len(), now_ms);
    }

    /// What is known of a text; `None` where it is new.
    pub fn find(&mut self, text: &str) -> Option<Known> {
        let expected = self.order_before.get(self.expected).copied();
        let hit = expected.filter(|index| {
            self.texts
                .get(*index)
                .is_some_and(|known| &*known.written == text)
        });
        let index = match hit {
            Some(index) => index,
            None => {
                let hash = self.hash(text);
                match self.find_by_hash(text, hash) {
                    Some(index) => index,
                    None => return self.budget.refused_before(text, hash),
                }
            }
        };
        let known = self.texts.get_mut(index)?;
        known.round = self.round;
        self.expected = known.place + 1;
        self.order_now.push(index);
        Some(known.known)
    }

    /// What is known of a text, whether or not it stands where it did.
    pub fn known(&self, text: &str) -> Option<Known> {
        let index = self.find_by_hash(text, self.hash(text))?;
        self.texts.get(index).map(|text| text.known)
    }

    fn hash(&self, text: &str) -> u64 {
        xxh3_64_with_seed(text.as_bytes(), self.seed)
    }

    fn find_by_hash(&self, text: &str, hash: u64) -> Option<usize> {
        let same = |index: &usize| {
            self.texts
                .get(*index)
                .is_some_and(|known| &*known.written == text)
        };
        self.texts_by_hash.find(hash, same).copied()
    }

    /// Remembers what a new text means: a series, or `None` where relabelling drops it. A new series for which there is no
    /// room is refused.
    pub fn learn(&mut self, text: &str, labels: Option<Labels>) -> Known {
        let hash = self.hash(text);
        let known = match labels.map(Series::new) {
            Some(series) if !self.admits(&series) => {
                self.budget.refuse(series.labels().metric_name(), hash);
                return Known::Refused;
            }
            Some(series) => Known::Kept(self.slot_of(series)),
            None => Known::Dropped,
        };
        let index = self.texts.len();
        self.texts.push(Text {
            written: text.into(),
            hash,
            place: self.expected,
            round: self.round,
            known,
        });
        let texts = &self.texts;
        let hash_of = |index: &usize| texts.get(*index).map_or(0, |text| text.hash);
        self.texts_by_hash.insert_unique(hash, index, hash_of);
        self.order_now.push(index);
        known
    }

    fn admits(&mut self, series: &Series) -> bool {
        self.slots_by_id.contains_key(&series.id()) || self.budget.admits(series.id(), self.slots.len())
    }

    fn slot_of(&mut self, series: Series) -> SlotIndex {
        let next = self.slots.len();
        let index = *self.slots_by_id.entry(series.id()).or_insert(next);
        if index == next {
            self.slots.push(Slot {
                series,
                alive: false,
                seen_round: 0,
                tracked_round: 0,
                form: Form::Float,
                form_now: Form::Float,
            });
        }
        SlotIndex(index)
    }

    /// Notes a sample of a series in this round, `tracked` if a marker shall end the series once it is gone. Tells
    /// whether it is the first in this round.
    pub fn see(&mut self, index: SlotIndex, form: Form, tracked: bool) -> bool {
        let round = self.round;
        let Some(slot) = self.slots.get_mut(index.0) else {
            return false;
        };
        let first = slot.seen_round != round;
        slot.seen_round = round;
        slot.form_now = form;
        if tracked {
            slot.tracked_round = round;
        }
        first
    }

    /// The prepared series.
    pub fn series(&self, index: SlotIndex) -> Option<&Series> {
        self.slots.get(index.0).map(|slot| &slot.series)
    }

    /// The series that were alive and have not been seen in this round, and what their last samples are.
    pub fn vanished(&self) -> impl Iterator<Item = (&Series, Form)> {
        let gone = |slot: &&Slot| slot.alive && slot.seen_round != self.round;
        self.slots
            .iter()
            .filter(gone)
            .map(|slot| (&slot.series, slot.form))
    }

    /// Ends a round whose samples and markers are stored. `good` says that it was a whole body, so that texts which
    /// were not in it are forgotten.
    pub fn commit(&mut self, good: bool) {
        for slot in &mut self.slots {
            let seen = slot.seen_round == self.round;
            slot.alive = slot.tracked_round == self.round || (slot.alive && seen);
            if seen {
                slot.form = slot.form_now;
            }
        }
        self.exemplars.commit();
        let overfull = self.texts.len() > 2 * self.texts_last_good + TEXTS_SPARE_COUNT;
        if good || overfull {
            self.texts_last_good = if good {
                self.order_now.len()
            } else {
                self.texts_last_good
            };
            self.adopt_order();
            self.families.forget_unseen();
        }
    }

    /// Takes this round's order as the one to expect, and forgets what was not seen.
    fn adopt_order(&mut self) {
        std::mem::swap(&mut self.order_before, &mut self.order_now);
        for (place, index) in self.order_before.iter().enumerate() {
            if let Some(text) = self.texts.get_mut(*index) {
                text.place = place;
            }
        }
        if self.texts.iter().any(|text| text.round != self.round) {
            self.forget_unseen();
        }
    }

    /// Rebuilds everything from the texts of this round and the series that are alive. Rare: only after texts vanished.
    fn forget_unseen(&mut self) {
        let slot_moves = self.compact_slots();
        let old_texts = std::mem::take(&mut self.texts);
        let mut text_moves = vec![None; old_texts.len()];
        let seen = old_texts
            .into_iter()
            .zip(&mut text_moves)
            .filter(|(text, _)| text.round == self.round);
        for (mut text, moved) in seen {
            if let Known::Kept(SlotIndex(index)) = text.known {
                let new = slot_moves.get(index).copied().flatten();
                let Some(new) = new else { continue };
                text.known = Known::Kept(SlotIndex(new));
            }
            *moved = Some(self.texts.len());
            self.texts.push(text);
        }
        self.order_before.retain_mut(|index| {
            let new = text_moves.get(*index).copied().flatten();
            *index = new.unwrap_or_default();
            new.is_some()
        });
        self.texts_by_hash.clear();
        let texts = &self.texts;
        let hash_of = |index: &usize| texts.get(*index).map_or(0, |text| text.hash);
        for (index, text) in texts.iter().enumerate() {
            self.texts_by_hash.insert_unique(text.hash, index, hash_of);
        }
    }

    /// Keeps the slots that a text of this round uses or that are alive; tells where each slot went.
    fn compact_slots(&mut self) -> Vec<Option<usize>> {
        let mut used: Vec<bool> = self.slots.iter().map(|slot| slot.alive).collect();
        for text in self.texts.iter().filter(|text| text.round == self.round) {
            if let Known::Kept(SlotIndex(index)) = text.known
                && let Some(used) = used.get_mut(index)
            {
                *used = true;
            }
        }
        self.slots_by_id.clear();
        let mut moves = vec![None; used.len()];
        let old_slots = std::mem::take(&mut self.slots);
        for ((slot, used), moved) in old_slots.into_iter().zip(used).zip(&mut moves) {
            if !used {
                self.budget.depart(slot.series.id());
                continue;
            }
            *moved = Some(self.slots.len());
            self.slots_by_id.insert(slot.series.id(), self.slots.len());
            self.slots.push(slot);
        }
        self.exemplars.retain(|id| self.slots_by_id.contains_key(&id));
        moves
    }

    /// Forgets what texts mean but not which series are alive: for a target whose rules changed.
    pub fn forget_meanings(&mut self) {
        self.texts.clear();
        self.texts_by_hash.clear();
        self.order_before.clear();
        self.order_now.clear();
        self.texts_last_good = 0;
    }

    /// How many texts are known.
    pub fn text_count(&self) -> usize {
        self.texts.len()
    }
}

impl Default for SeriesCache {
    fn default() -> Self {
        Self::new()
    }
}
