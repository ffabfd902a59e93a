//! Keys of batches that came lately: who sends one again is answered as the first time.

use std::collections::{HashMap, VecDeque};

use model::TenantId;

use crate::limits::{BATCH_MEMORY_MS, BATCHES_REMEMBERED_MAX};

/// The keys of some minutes.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    known: HashMap<(TenantId, u128), i64>,
    order: VecDeque<(i64, (TenantId, u128))>,
}

impl Keys {
    /// Remembers a key that came at `came_ms`; tells whether it is new.
    pub(crate) fn remember(&mut self, tenant: TenantId, key: u128, came_ms: i64, now_ms: i64) -> bool {
        while let Some((came_ms, key)) = self.order.front()
            && (*came_ms < now_ms.saturating_sub(BATCH_MEMORY_MS)
                || self.order.len() >= BATCHES_REMEMBERED_MAX)
        {
            if self.known.get(key) == Some(came_ms) {
                self.known.remove(key);
            }
            self.order.pop_front();
        }
        let key = (tenant, key);
        if came_ms < now_ms.saturating_sub(BATCH_MEMORY_MS) {
            return true;
        }
        let is_new = self.known.insert(key, came_ms).is_none();
        self.order.push_back((came_ms, key));
        is_new
    }

    /// A process begins: who was not answered by the one before it has its quarter of an hour from now on.
    pub(crate) fn begin(&mut self, now_ms: i64) {
        for came_ms in self.known.values_mut() {
            *came_ms = now_ms.max(*came_ms);
        }
        let mut order: Vec<_> = self.known.iter().map(|(key, came_ms)| (*came_ms, *key)).collect();
        order.sort_unstable_by_key(|(came_ms, _)| *came_ms);
        self.order = order.into();
    }

    /// Whether a key came lately.
    pub(crate) fn knows(&self, tenant: TenantId, key: u128, now_ms: i64) -> bool {
        let came = self.known.get(&(tenant, key));
        came.is_some_and(|came_ms| *came_ms >= now_ms.saturating_sub(BATCH_MEMORY_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_from_before_are_known_for_some_minutes_from_the_start_on() {
        let mut keys = Keys::default();
        let (tenant, start_ms) = (TenantId::DEFAULT, 10 * BATCH_MEMORY_MS);
        keys.remember(tenant, 1, 0, 0);
        keys.begin(start_ms);
        assert!(keys.knows(tenant, 1, start_ms + BATCH_MEMORY_MS));
        assert!(!keys.knows(tenant, 1, start_ms + BATCH_MEMORY_MS + 1));
        assert!(keys.remember(
            tenant,
            2,
            start_ms + BATCH_MEMORY_MS + 1,
            start_ms + BATCH_MEMORY_MS + 1
        ));
        assert_eq!(keys.known.len(), 1);
    }

    #[test]
    fn keys_are_known_for_some_minutes() {
        let mut keys = Keys::default();
        let tenant = TenantId::DEFAULT;
        assert!(keys.remember(tenant, 1, 0, 0));
        assert!(!keys.remember(tenant, 1, 10, 10));
        assert!(keys.remember(TenantId(1), 1, 10, 10));
        assert!(keys.knows(tenant, 1, BATCH_MEMORY_MS));
        let later = BATCH_MEMORY_MS + 11;
        assert!(!keys.knows(tenant, 1, later));
        assert!(keys.remember(tenant, 1, later, later));
        assert_eq!(keys.known.len(), 1);
    }
}
