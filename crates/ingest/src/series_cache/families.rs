//! What a target says about its metrics (kind, help, unit), and what of that is news.

use std::sync::Arc;

use model::{MetricKind, MetricMetadata};
use rustc_hash::FxHashMap;

use crate::exposition::Entry;

/// The metric families of one target.
#[derive(Debug, Default)]
pub struct Families {
    round: u64,
    known: FxHashMap<Arc<str>, Family>,
    changed_count: usize,
}

#[derive(Debug)]
struct Family {
    metadata: MetricMetadata,
    round: u64,
    changed: bool,
}

impl Families {
    pub(super) fn begin(&mut self) {
        self.round += 1;
    }

    /// Notes a line of metadata; a sample is not one.
    pub fn note(&mut self, entry: &Entry<'_>) {
        match entry {
            Entry::Sample(_) => {}
            Entry::Kind { family, kind } => self.update(family, |known| {
                let changed = known.kind != *kind;
                known.kind = *kind;
                changed
            }),
            Entry::Help { family, help } => self.update(family, |known| replace(&mut known.help, help)),
            Entry::Unit { family, unit } => self.update(family, |known| replace(&mut known.unit, unit)),
        }
    }

    fn update(&mut self, name: &str, change: impl FnOnce(&mut MetricMetadata) -> bool) {
        let round = self.round;
        if !self.known.contains_key(name) {
            let metadata = MetricMetadata {
                name: Arc::from(name),
                kind: MetricKind::Unknown,
                help: Arc::from(""),
                unit: Arc::from(""),
            };
            self.changed_count += 1;
            let family = Family {
                round,
                changed: true,
                metadata,
            };
            self.known.insert(Arc::clone(&family.metadata.name), family);
        }
        let Some(family) = self.known.get_mut(name) else {
            return;
        };
        family.round = round;
        if change(&mut family.metadata) && !family.changed {
            family.changed = true;
            self.changed_count += 1;
        }
    }

    /// What is new or changed since it was last told on, sorted by name.
    pub fn news(&self) -> Vec<MetricMetadata> {
        if self.changed_count == 0 {
            return Vec::new();
        }
        let changed = self.known.values().filter(|family| family.changed);
        let mut news: Vec<MetricMetadata> = changed.map(|family| family.metadata.clone()).collect();
        news.sort();
        news
    }

    /// Notes that the news reached the store.
    pub fn told(&mut self) {
        self.changed_count = 0;
        for family in self.known.values_mut() {
            family.changed = false;
        }
    }

    pub(super) fn forget_unseen(&mut self) {
        let round = self.round;
        self.known.retain(|_, family| family.round == round);
        self.changed_count = self.known.values().filter(|family| family.changed).count();
    }
}

fn replace(known: &mut Arc<str>, new: &str) -> bool {
    let changed = **known != *new;
    if changed {
        *known = Arc::from(new);
    }
    changed
}
