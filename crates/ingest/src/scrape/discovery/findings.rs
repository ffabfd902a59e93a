//! What one search has found: kept while looking fails, and told when it changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::warn;

use super::Group;
use crate::scrape::status::DiscoveryStatus;
use crate::telemetry::Telemetry;

/// Where searches tell that something changed, and what they count.
#[derive(Debug, Clone, Default)]
pub(in crate::scrape) struct News {
    pub(in crate::scrape) changed: Arc<Notify>,
    pub(in crate::scrape) telemetry: Telemetry,
}

/// The groups of one search, by where each was found.
#[derive(Debug)]
pub(in crate::scrape) struct Findings {
    job: String,
    kind: &'static str,
    news: News,
    groups: Mutex<BTreeMap<String, Arc<Group>>>,
    error: Mutex<Option<String>>,
    looked: AtomicBool,
    changed: AtomicBool,
}

impl Findings {
    pub(in crate::scrape) fn new(job: &str, kind: &'static str, news: News) -> Self {
        Self {
            job: job.to_owned(),
            kind,
            news,
            groups: Mutex::default(),
            error: Mutex::default(),
            looked: AtomicBool::new(false),
            changed: AtomicBool::new(false),
        }
    }

    /// Takes everything that is there now in place of what was found before.
    pub(super) fn replace(&self, found: BTreeMap<String, Group>) {
        self.succeeded();
        let same = {
            let mut groups = self.groups.lock();
            let same = groups.len() == found.len()
                && groups
                    .iter()
                    .zip(&found)
                    .all(|((place, group), (new_place, new))| place == new_place && **group == *new);
            if !same {
                *groups = found
                    .into_iter()
                    .map(|(place, group)| (place, Arc::new(group)))
                    .collect();
            }
            same
        };
        if !same {
            self.tell();
        }
    }

    /// Takes one group in place of the one at the same place; `None` where there is none any more.
    pub(super) fn set(&self, place: &str, group: Option<Group>) {
        let same = {
            let mut groups = self.groups.lock();
            let before = groups.get(place);
            let same = match (&group, before) {
                (Some(new), Some(old)) => *new == **old,
                (None, None) => true,
                _ => false,
            };
            match group {
                _ if same => {}
                Some(group) => drop(groups.insert(place.to_owned(), Arc::new(group))),
                None => drop(groups.remove(place)),
            }
            same
        };
        if !same {
            self.tell();
        }
    }

    /// Notes that looking worked.
    pub(super) fn succeeded(&self) {
        self.looked.store(true, Ordering::SeqCst);
        self.news.telemetry.count_look(self.kind, true);
        *self.error.lock() = None;
    }

    /// Notes that looking failed; what was found before stays.
    pub(super) fn failed(&self, error: &str) {
        self.news.telemetry.count_look(self.kind, false);
        let mut known = self.error.lock();
        if known.as_deref() != Some(error) {
            let (job, kind) = (&self.job, self.kind);
            warn!(
                job,
                kind, error, "discovery failed, its targets stay as they were"
            );
            *known = Some(error.to_owned());
        }
    }

    /// Whether something changed since this was last asked.
    pub(in crate::scrape) fn take_changed(&self) -> bool {
        self.changed.swap(false, Ordering::SeqCst)
    }

    /// Everything that is known to be there.
    pub(in crate::scrape) fn groups(&self) -> Vec<Arc<Group>> {
        self.groups.lock().values().cloned().collect()
    }

    /// How the search goes.
    pub(in crate::scrape) fn status(&self) -> DiscoveryStatus {
        let targets = self.groups.lock().values().map(|group| group.targets.len()).sum();
        DiscoveryStatus {
            scrape_pool: self.job.clone(),
            kind: self.kind,
            targets,
            looked: self.looked.load(Ordering::SeqCst),
            last_error: self.error.lock().clone().unwrap_or_default(),
        }
    }

    fn tell(&self) {
        self.changed.store(true, Ordering::SeqCst);
        self.news.changed.notify_one();
    }
}
