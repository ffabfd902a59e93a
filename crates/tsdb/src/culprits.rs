//! Whose new series were refused: the names that an operator needs when something makes series without end.

use std::collections::BTreeMap;

use model::TenantId;
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::limits::CULPRITS_REMEMBERED_MAX;

/// The name that stands for all metrics that are not remembered.
const OTHERS: &str = "(others)";

/// Refused series by tenant and metric; of more metrics than are remembered, the others are counted together.
#[derive(Debug, Default)]
pub(crate) struct Culprits {
    refused: Mutex<BTreeMap<(TenantId, String), u64>>,
    counter: Family<Vec<(String, String)>, Counter>,
}

impl Culprits {
    /// Counts in `counter` as well.
    pub(crate) fn counting(counter: Family<Vec<(String, String)>, Counter>) -> Self {
        Self {
            counter,
            ..Self::default()
        }
    }

    /// Notes that a new series of `metric` was refused.
    pub(crate) fn note(&self, tenant: TenantId, metric: &str) {
        let mut refused = self.refused.lock();
        let full = refused.len() >= CULPRITS_REMEMBERED_MAX;
        let key = (tenant, metric.to_owned());
        let key = if full && !refused.contains_key(&key) {
            (tenant, OTHERS.to_owned())
        } else {
            key
        };
        let labels = vec![("metric".to_owned(), key.1.clone())];
        self.counter.get_or_create(&labels).inc();
        *refused.entry(key).or_default() += 1;
    }

    /// Refused series of a tenant by metric, most first.
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
        assert_eq!(named[0].0, OTHERS);
    }
}
