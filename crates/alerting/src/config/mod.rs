//! The `alerting` section: Alertmanager's own form, and the switch of the rules that come with the program.
//!
//! In: the parsed configuration file.  Out: plain data, and every fault and warning of it.
//! Owns: nothing.
//! Invariants: unknown keys are refused (serde); no secret is printed by `Debug` (`tests::secrets_are_not_printed`).
//! Not here: what routes and inhibitions do with alerts (`notify`).
//! Start at: [`Config`].

pub mod inhibit;
mod paths;
pub mod receiver;
mod receiver_kinds;
pub mod route;
pub mod secret;
pub mod time_interval;

use serde::Deserialize;
use serde_json::Value;

use crate::channels;
use crate::error::ConfigError;

pub use inhibit::InhibitConfig;
pub use receiver::{Global, Integration, ReceiverConfig};
pub use route::RouteConfig;
pub use secret::Settings;
pub use time_interval::NamedInterval;

/// The `alerting` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whether the rules that come with the program are evaluated.
    #[serde(default = "yes")]
    pub builtin_rules: bool,
    /// Defaults for receivers.
    #[serde(default)]
    pub global: Option<Global>,
    /// The root route; without one, alerts go to the log.
    #[serde(default)]
    pub route: Option<RouteConfig>,
    /// Who can be told.
    #[serde(default)]
    pub receivers: Vec<ReceiverConfig>,
    /// Which alerts silence which.
    #[serde(default)]
    pub inhibit_rules: Vec<InhibitConfig>,
    /// Named times for routes to be active or mute in.
    #[serde(default)]
    pub time_intervals: Vec<NamedInterval>,
    /// The same, under its older name.
    #[serde(default)]
    pub mute_time_intervals: Vec<NamedInterval>,
    /// Files with templates of other channels.
    #[serde(default)]
    pub templates: Vec<String>,
    /// Prometheus' own list of Alertmanagers; not used, because alerts are delivered from here.
    #[serde(default)]
    pub alertmanagers: Option<Value>,
    /// Prometheus' relabelling on the way to an Alertmanager; not used.
    #[serde(default)]
    pub alert_relabel_configs: Option<Value>,
}

fn yes() -> bool {
    true
}

impl Default for Config {
    fn default() -> Self {
        Self {
            builtin_rules: true,
            global: None,
            route: None,
            receivers: Vec::new(),
            inhibit_rules: Vec::new(),
            time_intervals: Vec::new(),
            mute_time_intervals: Vec::new(),
            templates: Vec::new(),
            alertmanagers: None,
            alert_relabel_configs: None,
        }
    }
}

impl Config {
    /// Checks the whole section.
    ///
    /// # Errors
    /// Every fault, each with its place and mend. On success: what the owner should know.
    pub fn validate(&self) -> Result<Vec<String>, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut warnings = Vec::new();
        let global = self.global.clone().unwrap_or_default();
        global.validate(&mut errors);
        receiver::validate_all(&self.receivers, &global, &mut errors, &mut warnings);
        route::validate_root(self, &mut errors);
        for (index, rule) in self.inhibit_rules.iter().enumerate() {
            rule.validate(&format!("inhibit_rules[{index}]"), &mut errors);
        }
        time_interval::validate_all(self, &mut errors);
        if self.alertmanagers.is_some() {
            warnings.push(
                "alerting.alertmanagers is accepted and not used: alerts are routed and delivered from here; \
                 write route: and receivers: in this section"
                    .to_owned(),
            );
        }
        if self.alert_relabel_configs.is_some() {
            warnings.push("alerting.alert_relabel_configs is accepted and not used".to_owned());
        }
        if errors.is_empty() {
            Ok(warnings)
        } else {
            Err(errors)
        }
    }

    /// Tries to build every channel that this build delivers by, with the certificates that its settings name.
    ///
    /// # Errors
    /// Every fault, each with its place and mend.
    pub fn check_channels(&self) -> Result<(), Vec<ConfigError>> {
        channels::make_all(&self.receivers, self.global.as_ref(), |_, _, _| {})
    }

    /// All named intervals, under both keys.
    pub(crate) fn intervals(&self) -> impl Iterator<Item = &NamedInterval> {
        self.time_intervals.iter().chain(&self.mute_time_intervals)
    }
}

/// The mend for an unknown key: the nearest known one, or the list of them.
pub(crate) fn nearest(name: &str, known: &[&str]) -> String {
    let chars = name.chars().count();
    let best = known
        .iter()
        .filter_map(|candidate| {
            let slip_max = 2.max(candidate.len() / 3);
            // A key that is much longer cannot be near, and measuring it would cost its length.
            let distance = (chars.abs_diff(candidate.chars().count()) <= slip_max)
                .then(|| strsim::damerau_levenshtein(name, candidate))?;
            (distance <= slip_max).then_some((distance, *candidate))
        })
        .min();
    match best {
        Some((_, candidate)) => format!("did you mean {candidate:?}?"),
        None => format!("known keys: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests;
