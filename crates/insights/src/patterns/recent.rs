//! What is remembered of lines and ids for as long as there is room: which template a masked line went to, and where ids lead that
//! are no longer in use.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::limits::KNOWN_LINES_MAX;

use super::TemplateId;

/// Where a template lies, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) slot: u32,
    pub(super) epoch: u32,
}

/// Masked lines by their hash, in two generations: when the younger is full it becomes the elder, and what is asked for again moves
/// to the younger. No more than twice the limit is kept, and no clock is needed.
#[derive(Debug, Default)]
pub(super) struct Recent {
    younger: FxHashMap<u64, Place>,
    elder: FxHashMap<u64, Place>,
}

impl Recent {
    pub(super) fn get(&mut self, line_hash: u64) -> Option<Place> {
        if let Some(place) = self.younger.get(&line_hash) {
            return Some(*place);
        }
        let place = self.elder.remove(&line_hash)?;
        self.insert(line_hash, place);
        Some(place)
    }

    pub(super) fn insert(&mut self, line_hash: u64, place: Place) {
        if self.younger.len() >= KNOWN_LINES_MAX {
            self.elder = std::mem::take(&mut self.younger);
        }
        self.younger.insert(line_hash, place);
    }
}

/// Ids that are no longer in use, and which ids took their place. The oldest go first.
#[derive(Debug)]
pub(super) struct Retired {
    leads_to: FxHashMap<TemplateId, TemplateId>,
    /// In the order they came; may hold ids that were removed since.
    order: VecDeque<TemplateId>,
    count_max: usize,
}

impl Retired {
    pub(super) fn new(count_max: usize) -> Self {
        Self {
            leads_to: FxHashMap::default(),
            order: VecDeque::new(),
            count_max,
        }
    }

    pub(super) fn get(&self, id: TemplateId) -> Option<TemplateId> {
        self.leads_to.get(&id).copied()
    }

    pub(super) fn insert(&mut self, id: TemplateId, leads_to: TemplateId) {
        if id == leads_to {
            return;
        }
        while self.order.len() >= self.count_max {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.leads_to.remove(&oldest);
        }
        if self.leads_to.insert(id, leads_to).is_none() {
            self.order.push_back(id);
        }
    }

    /// An id came into use again.
    pub(super) fn remove(&mut self, id: TemplateId) {
        if self.leads_to.remove(&id).is_some() {
            self.order.retain(|known| *known != id);
        }
    }

    /// All pairs, the oldest first.
    pub(super) fn pairs(&self) -> impl ExactSizeIterator<Item = (TemplateId, TemplateId)> {
        self.order
            .iter()
            .map(|id| (*id, self.leads_to.get(id).copied().unwrap_or(*id)))
    }
}
