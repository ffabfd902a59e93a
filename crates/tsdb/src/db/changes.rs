//! What changed since when: how those who keep answers learn which of them still hold.
//!
//! A change is noted once it can be read and before its writer hears that it is done. So whoever takes a [`Mark`] and reads after that
//! either sees a change, or finds it noted later.

use std::collections::VecDeque;

use model::{Mark, TenantId};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::limits::{CHANGE_STRETCH_MS, CHANGES_REMEMBERED_MAX};

/// The changes of all tenants.
#[derive(Debug, Default)]
pub(super) struct Changes(Mutex<FxHashMap<TenantId, OfTenant>>);

/// The changes of one tenant, each with the oldest time it concerns. Of two changes only the later one is kept where it reaches back as
/// far: so both numbers and times go up.
#[derive(Debug, Default)]
struct OfTenant {
    count: u64,
    steps: VecDeque<(u64, i64)>,
    /// What happened up to this change is forgotten.
    forgotten: u64,
}

impl Changes {
    /// Takes note that something at `from_ms` or later was written or taken away.
    pub(super) fn note(&self, tenant: TenantId, from_ms: i64) {
        self.0.lock().entry(tenant).or_default().note(from_ms);
    }

    /// Takes note that anything of anybody may have gone.
    pub(super) fn note_all(&self) {
        let mut tenants = self.0.lock();
        tenants.values_mut().for_each(|tenant| tenant.note(i64::MIN));
    }

    pub(super) fn mark(&self, tenant: TenantId) -> Mark {
        Mark(self.0.lock().entry(tenant).or_default().count)
    }

    pub(super) fn unchanged_before_ms(&self, tenant: TenantId, mark: Mark) -> i64 {
        let tenants = self.0.lock();
        tenants
            .get(&tenant)
            .map_or(i64::MIN, |tenant| tenant.unchanged_before_ms(mark))
    }
}

impl OfTenant {
    fn note(&mut self, from_ms: i64) {
        // Whole stretches: live samples, whose times differ a little, are one change and not many.
        let from_ms = from_ms.saturating_sub(from_ms.rem_euclid(CHANGE_STRETCH_MS));
        while self
            .steps
            .back()
            .is_some_and(|(_, known_ms)| *known_ms >= from_ms)
        {
            self.steps.pop_back();
        }
        self.count += 1;
        self.steps.push_back((self.count, from_ms));
        if self.steps.len() > CHANGES_REMEMBERED_MAX
            && let Some((forgotten, _)) = self.steps.pop_front()
        {
            self.forgotten = forgotten;
        }
    }

    fn unchanged_before_ms(&self, Mark(mark): Mark) -> i64 {
        if mark < self.forgotten {
            return i64::MIN;
        }
        let seen = self.steps.partition_point(|(number, _)| *number <= mark);
        self.steps.get(seen).map_or(i64::MAX, |(_, from_ms)| *from_ms)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TENANT: TenantId = TenantId::DEFAULT;

    #[test]
    fn what_is_older_than_any_change_since_still_holds() {
        let changes = Changes::default();
        let start = changes.mark(TENANT);
        assert_eq!(changes.unchanged_before_ms(TENANT, start), i64::MAX);
        changes.note(TENANT, 100_007);
        let live = changes.mark(TENANT);
        changes.note(TENANT, 110_000);
        assert_eq!(changes.unchanged_before_ms(TENANT, start), 100_000);
        assert_eq!(changes.unchanged_before_ms(TENANT, live), 110_000);
        changes.note(TENANT, 50_000);
        assert_eq!(changes.unchanged_before_ms(TENANT, live), 50_000);
        changes.note(TenantId(7), 10_000);
        assert_eq!(
            changes.unchanged_before_ms(TENANT, live),
            50_000,
            "another tenant's"
        );
        changes.note_all();
        assert_eq!(changes.unchanged_before_ms(TENANT, live), i64::MIN);
        let after = changes.mark(TENANT);
        assert_eq!(changes.unchanged_before_ms(TENANT, after), i64::MAX);
    }

    #[test]
    fn what_is_forgotten_counts_as_changed() {
        let changes = Changes::default();
        let start = changes.mark(TENANT);
        for turn in 0..=CHANGES_REMEMBERED_MAX as i64 {
            changes.note(TENANT, turn * CHANGE_STRETCH_MS);
        }
        assert_eq!(changes.unchanged_before_ms(TENANT, start), i64::MIN);
        let held = changes.0.lock().get(&TENANT).map(|tenant| tenant.steps.len());
        assert_eq!(held, Some(CHANGES_REMEMBERED_MAX));
    }

    proptest! {
        #[test]
        fn it_is_the_oldest_of_all_later_changes(times in proptest::collection::vec(-50_000i64..50_000, 0..40), since in 0usize..40) {
            let changes = Changes::default();
            let mut mark = changes.mark(TENANT);
            for (turn, at_ms) in times.iter().enumerate() {
                if turn == since {
                    mark = changes.mark(TENANT);
                }
                changes.note(TENANT, *at_ms);
            }
            let later = if since < times.len() { &times[since..] } else { &times[..] };
            let oldest_ms = later.iter().min().map_or(i64::MAX, |at_ms| at_ms - at_ms.rem_euclid(CHANGE_STRETCH_MS));
            prop_assert_eq!(changes.unchanged_before_ms(TENANT, mark), oldest_ms);
        }
    }
}
