//! Whose new series were refused: the names that an operator needs when something makes series without end.

use std::collections::BTreeMap;

use model::TenantId;
use parking_lot::Mutex;

use crate::limits::CULPRITS_REMEMBERED_MAX;

/// Refused series by tenant and metric; of more metrics than are remembered, the others are counted together.
#[derive(Debug, Default)]
pub(crate) struct Culprits {
    refused: Mutex<BTreeMap<(TenantId, String), u64>>,
}

impl Culprits {
    /// Notes that a new series of `metric` was refused.
    pub(crate) fn note(&self, tenant: TenantId, metric: &str) {
        let mut refused = self.refused.lock();
        let full = refused.len() >= CULPRITS_REMEMBERED_MAX;
        let key = (tenant, metric.to_owned());
        let key = if full && !refused.contains_key(&key) {
            (tenant, String::new())
        } else {
            key
        };
        *refused.entry(key).or_default() += 1;
    }

    /// Refused series of a tenant by metric, most first; the empty name stands for all that are not remembered.
    pub(crate) fn of(&self, tenant: TenantId) -> Vec<(String, u64)> {
        let refused = self.refused.lock();
        let own = refused.iter().filter(|((owner, _), _)| *owner == tenant);
        let mut own: Vec<(String, u64)> = own.map(|((_, metric), count)| (metric.clone(), *count)).collect();
        own.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_named_first_and_the_memory_is_bounded() {
        let culprits = Culprits::default();
        culprits.note(TenantId::DEFAULT, "once");
        (0..3).for_each(|_| culprits.note(TenantId::DEFAULT, "often"));
        assert_eq!(
            culprits.of(TenantId::DEFAULT),
            [("often".to_owned(), 3), ("once".to_owned(), 1)]
        );
        (0..2 * CULPRITS_REMEMBERED_MAX).for_each(|n| culprits.note(TenantId::DEFAULT, &format!("m{n}")));
        let named = culprits.of(TenantId::DEFAULT);
        assert_eq!(named.len(), CULPRITS_REMEMBERED_MAX + 1);
        assert_eq!(named[0].0, "");
    }
}
