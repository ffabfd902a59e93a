//! Tenants by name, and what each of them may send.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use model::{Labels, Refusal, TenantId};
use parking_lot::Mutex;

use super::{Outcome, Push, PushError};
use crate::config::push::PushConfig;
use crate::config::tenants::{DEFAULT_TENANT, Limits, MultiTenancy, TenantLimits};
use crate::exposition::snippet;
use crate::limits::PUSH_FAULTS_TOLD;
use crate::telemetry::LimitLabels;

/// A tenant may be ahead of its samples a second by as many as it may send in so many seconds.
const BURST_SECONDS: u64 = 10;

/// Whose request it is, and when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Whose.
    pub tenant: TenantId,
    /// The time of ingestion, milliseconds since the Unix epoch.
    pub now_ms: i64,
}

impl Origin {
    /// Where there are no tenants.
    pub fn alone(now_ms: i64) -> Self {
        Self {
            tenant: TenantId::DEFAULT,
            now_ms,
        }
    }
}

/// A tenant that the configuration does not list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the tenant {name:?} is not known; list it below multi_tenancy.tenants, or correct the header X-Scope-OrgID"
)]
pub struct UnknownTenant {
    /// What the request says.
    pub name: String,
}

/// What the configuration says of tenants and their pushes.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    pub(super) created_zeros: bool,
    tenants_named: bool,
    ids: BTreeMap<String, TenantId>,
    names: HashMap<TenantId, String>,
    limits: HashMap<TenantId, TenantLimits>,
    default: TenantLimits,
}

impl Policy {
    pub(crate) fn new(push: &PushConfig, tenancy: &MultiTenancy, limits: &Limits) -> Self {
        let listed = tenancy.tenants.iter().filter(|_| tenancy.enabled);
        let ids: BTreeMap<String, TenantId> = listed
            .map(|(name, number)| (name.clone(), TenantId(*number)))
            .chain([(DEFAULT_TENANT.to_owned(), TenantId::DEFAULT)])
            .collect();
        let own = |(name, limits_of): (&String, &TenantLimits)| {
            Some((*ids.get(name)?, limits_of.over(limits.default)))
        };
        Self {
            created_zeros: push.created_zero_samples,
            tenants_named: tenancy.enabled,
            limits: limits.tenants.iter().filter_map(own).collect(),
            default: TenantLimits::default().over(limits.default),
            names: ids.iter().map(|(name, id)| (*id, name.clone())).collect(),
            ids,
        }
    }

    pub(crate) fn limits(&self, tenant: TenantId) -> TenantLimits {
        self.limits.get(&tenant).copied().unwrap_or(self.default)
    }

    fn name(&self, tenant: TenantId) -> &str {
        self.names.get(&tenant).map_or(DEFAULT_TENANT, String::as_str)
    }

    /// Where a limit of a tenant is written.
    fn key(&self, tenant: TenantId, limit: &str) -> String {
        if self.limits.contains_key(&tenant) {
            format!("limits.tenants.{}.{limit}", self.name(tenant))
        } else {
            format!("limits.default.{limit}")
        }
    }

    /// What a tenant is told that sends too much of something.
    pub(crate) fn too_fast(&self, tenant: TenantId, what: &'static str, max: u64, limit: &str) -> PushError {
        PushError::TooFast {
            tenant: self.name(tenant).to_owned(),
            what,
            max,
            key: self.key(tenant, limit),
        }
    }

    /// Why a series has too many labels, if it has.
    pub(super) fn too_many_labels(&self, tenant: TenantId, labels: &Labels) -> Option<String> {
        let max = self.limits(tenant).labels_per_series?;
        let got = labels.len();
        (got as u64 > max).then(|| {
            format!(
                "{}: the series has {got} labels, tenant {:?} may have {max}; drop labels, or raise {}",
                snippet(labels.metric_name()),
                self.name(tenant),
                self.key(tenant, "labels_per_series"),
            )
        })
    }

    /// What a sender can do about a series that the store refused.
    fn mend(&self, tenant: TenantId, refusal: Refusal) -> Option<String> {
        Some(match refusal {
            Refusal::TooManySeries => {
                "the store has as many active series as it may; raise storage.tsdb.active_series_max".to_owned()
            }
            Refusal::TooManySeriesOfMetric => {
                "it has as many active series as it may; send fewer, or raise storage.tsdb.series_per_metric_max".to_owned()
            }
            Refusal::TooManySeriesOfTenant => format!(
                "tenant {:?} has as many active series as it may, {}; send fewer, or raise {}",
                self.name(tenant),
                self.limits(tenant).active_series.unwrap_or_default(),
                self.key(tenant, "active_series"),
            ),
            Refusal::TooManyLabels => "a series has more labels than can be stored; drop some".to_owned(),
            Refusal::LabelsTooLong => "a series' labels are longer than can be stored; shorten or drop some".to_owned(),
            Refusal::TooManyBuckets => "a histogram has more buckets than can be stored; send a coarser one".to_owned(),
            Refusal::TooOld | Refusal::TooFarInFuture | Refusal::DuplicateTimestamp => return None,
        })
    }
}

/// How many samples each tenant has left.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    by_tenant: Mutex<HashMap<TenantId, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Thousandths of samples; below 0 after a request that was larger than what was left.
    left: i64,
    at_ms: i64,
}

impl Rates {
    /// Takes `samples` from what a tenant has left. A request is taken while there is anything left, however large it is, and
    /// the next ones wait until it is made up for: so none is too large for ever.
    pub(crate) fn take(&self, tenant: TenantId, per_second: u64, samples: u64, now_ms: i64) -> bool {
        let per_second = i64::try_from(per_second).unwrap_or(i64::MAX);
        let full = per_second.saturating_mul(1000 * BURST_SECONDS as i64);
        let mut by_tenant = self.by_tenant.lock();
        let bucket = by_tenant.entry(tenant).or_insert(Bucket {
            left: full,
            at_ms: now_ms,
        });
        let passed_ms = now_ms.saturating_sub(bucket.at_ms).max(0);
        bucket.left = bucket
            .left
            .saturating_add(passed_ms.saturating_mul(per_second))
            .min(full);
        bucket.at_ms = now_ms;
        if bucket.left <= 0 {
            return false;
        }
        let cost = i64::try_from(samples).unwrap_or(i64::MAX).saturating_mul(1000);
        bucket.left = bucket.left.saturating_sub(cost);
        true
    }
}

impl Push {
    /// The tenant that a request names; the default one where it names none, or where there are no tenants.
    ///
    /// # Errors
    /// The configuration does not list it.
    pub fn tenant(&self, named: Option<&str>) -> Result<TenantId, UnknownTenant> {
        let policy = self.policy.read();
        match named.filter(|_| policy.tenants_named) {
            None => Ok(TenantId::DEFAULT),
            Some(name) => policy.ids.get(name).copied().ok_or_else(|| UnknownTenant {
                name: name.chars().take(100).collect(),
            }),
        }
    }

    /// Refuses a request of a tenant that has sent too much of late.
    pub(super) fn admit(&self, origin: Origin, policy: &Policy, samples: u64) -> Result<(), PushError> {
        let Some(max) = policy.limits(origin.tenant).samples_per_second else {
            return Ok(());
        };
        if self.rates.take(origin.tenant, max, samples, origin.now_ms) {
            return Ok(());
        }
        self.count_limited(origin.tenant, "samples_per_second", samples);
        Err(policy.too_fast(origin.tenant, "samples", max, "samples_per_second"))
    }

    /// Notes that the store refused a series, and of which metric it is.
    pub(super) fn refuse_series(
        &self,
        tenant: TenantId,
        metric: &str,
        refusal: Refusal,
        samples: u64,
        outcome: &mut Outcome,
    ) {
        outcome.accepted.refuse(refusal, samples);
        if refusal == Refusal::TooManySeriesOfTenant {
            self.count_limited(tenant, "active_series", samples);
        }
        if outcome.culprits.len() < PUSH_FAULTS_TOLD
            && let Some(mend) = self.policy.read().mend(tenant, refusal)
        {
            let text = format!("{}: {mend}", snippet(metric));
            if !outcome.culprits.contains(&text) {
                outcome.culprits.push(text);
            }
        }
    }

    pub(super) fn count_limited(&self, tenant: TenantId, limit: &'static str, samples: u64) {
        let labels = LimitLabels {
            tenant: tenant.0,
            limit,
        };
        self.telemetry.limited.get_or_create(&labels).inc_by(samples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_average_no_more_is_taken_than_allowed_and_nothing_is_too_large_for_ever() {
        let rates = Rates::default();
        let take = |samples, now_ms| rates.take(TenantId(1), 100, samples, now_ms);
        assert!(
            take(5_000, 0),
            "larger than the burst of 1000, and there is something left"
        );
        assert!(!take(1, 39_000));
        assert!(take(1, 41_000));
        let taken: u64 = (0..1_000)
            .map(|second| u64::from(take(150, 41_000 + second * 1000)) * 150)
            .sum();
        assert!((99_000..=101_500).contains(&taken), "{taken}");
        assert!(rates.take(TenantId(2), 100, 1, 0), "tenants are apart");
    }
}
