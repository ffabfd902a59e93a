//! `multi_tenancy` and `limits`: whose series there are, and how much each tenant may send.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::limits::{TENANT_NAME_BYTES_MAX, TENANTS_MAX};

/// What the tenant of everything is called that names none.
pub const DEFAULT_TENANT: &str = "default";

/// The `multi_tenancy` section.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MultiTenancy {
    /// Whether requests name their tenant.
    pub enabled: bool,
    /// The tenants by name, each with the number that its series are kept under for ever.
    pub tenants: BTreeMap<String, u32>,
}

/// The `limits` section.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Of every tenant that has none of its own.
    pub default: TenantLimits,
    /// Of some tenants, by name.
    pub tenants: BTreeMap<String, TenantLimits>,
}

/// How much a tenant may send. What is left out comes from the default; there, and at 0, there is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantLimits {
    /// Series that take samples at a time.
    pub active_series: Option<u64>,
    /// Pushed samples a second, over some seconds.
    pub samples_per_second: Option<u64>,
    /// Labels of a pushed series, its name among them.
    pub labels_per_series: Option<u64>,
    /// Bytes of pushed log lines a second, over some seconds.
    pub log_bytes_per_second: Option<u64>,
}

impl TenantLimits {
    /// These, and where they say nothing those of `default`; 0 is none.
    pub fn over(self, default: Self) -> Self {
        let pick = |own: Option<u64>, default: Option<u64>| own.or(default).filter(|limit| *limit > 0);
        Self {
            active_series: pick(self.active_series, default.active_series),
            samples_per_second: pick(self.samples_per_second, default.samples_per_second),
            labels_per_series: pick(self.labels_per_series, default.labels_per_series),
            log_bytes_per_second: pick(self.log_bytes_per_second, default.log_bytes_per_second),
        }
    }
}

/// What is wrong with the two sections; an empty list says that they are valid.
pub fn validate_tenants(tenancy: &MultiTenancy, limits: &Limits) -> Vec<String> {
    let mut faults = Vec::new();
    let mut add = |wrong: bool, what: String| {
        if wrong {
            faults.push(what);
        }
    };
    let count = tenancy.tenants.len();
    add(
        count > TENANTS_MAX,
        format!("multi_tenancy.tenants has {count} entries, the limit is {TENANTS_MAX}"),
    );
    let mut owners: BTreeMap<u32, &str> = BTreeMap::new();
    for (name, number) in &tenancy.tenants {
        // Mimir's characters of a tenant's name.
        let fits = |c: char| c.is_ascii_alphanumeric() || "!-_.*'()".contains(c);
        add(
            name.is_empty()
                || name.len() > TENANT_NAME_BYTES_MAX
                || !name.chars().all(fits)
                || name == DEFAULT_TENANT,
            format!(
                "multi_tenancy.tenants has {name:?}, which cannot be a tenant's name; write at most \
                 {TENANT_NAME_BYTES_MAX} letters, digits and !-_.*'(), and not {DEFAULT_TENANT:?}"
            ),
        );
        add(
            *number == 0,
            format!(
                "multi_tenancy.tenants gives {name:?} the number 0, which is that of {DEFAULT_TENANT:?}; give it another"
            ),
        );
        if let Some(other) = owners.insert(*number, name) {
            add(
                true,
                format!(
                    "multi_tenancy.tenants gives {other:?} and {name:?} the number {number}; give each its own"
                ),
            );
        }
    }
    for name in limits.tenants.keys() {
        add(
            name != DEFAULT_TENANT && !tenancy.tenants.contains_key(name),
            format!(
                "limits.tenants has {name:?}, which multi_tenancy.tenants does not list; add it there, or correct the name"
            ),
        );
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_key() {
        let check = |tenancy: &str, limits: &str, fault: &str| {
            let tenancy: MultiTenancy = stdx::yaml::read(tenancy).unwrap();
            let limits: Limits = stdx::yaml::read(limits).unwrap();
            let faults = validate_tenants(&tenancy, &limits);
            match fault {
                "" => assert!(faults.is_empty(), "{faults:?}"),
                fault => assert!(faults.len() == 1 && faults[0].contains(fault), "{faults:?}"),
            }
        };
        check(
            "tenants: {a: 1, b: 2}",
            "tenants: {a: {active_series: 1}, default: {}}",
            "",
        );
        check("tenants: {a: 1, b: 1}", "{}", "give each its own");
        check("tenants: {a: 0}", "{}", "number 0");
        check("tenants: {a/b: 1}", "{}", "cannot be a tenant's name");
        check("tenants: {default: 1}", "{}", "cannot be a tenant's name");
        check("{}", "tenants: {a: {}}", "does not list");
    }

    #[test]
    fn what_a_tenant_leaves_out_comes_from_the_default() {
        let limits: Limits = stdx::yaml::read(
            "{default: {active_series: 10, labels_per_series: 5}, tenants: {a: {active_series: 0, samples_per_second: 7}}}",
        )
        .unwrap();
        let own = limits.tenants["a"].over(limits.default);
        assert_eq!(
            (own.active_series, own.samples_per_second, own.labels_per_series),
            (None, Some(7), Some(5))
        );
    }
}
