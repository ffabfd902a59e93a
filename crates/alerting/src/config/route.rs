//! `route`: the tree that says who is told about which alert, and how often.

use std::collections::{BTreeMap, BTreeSet};

use model::Matcher;
use model::names::is_label_name;
use serde::Deserialize;
use stdx::HumanDuration;

use crate::config::Config;
use crate::error::ConfigError;
use crate::notify::matchers::parse_matchers;

/// One route and those below it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Who is told; inherited where absent.
    #[serde(default)]
    pub receiver: Option<String>,
    /// Labels to group by; `...` groups by all.
    #[serde(default)]
    pub group_by: Option<Vec<String>>,
    /// Labels an alert must have.
    #[serde(default, rename = "match")]
    pub match_equal: BTreeMap<String, Option<String>>,
    /// Patterns an alert's labels must fit.
    #[serde(default)]
    pub match_re: BTreeMap<String, Option<String>>,
    /// Conditions on an alert.
    #[serde(default)]
    pub matchers: Vec<String>,
    /// Whether later siblings are tried after this route matched.
    #[serde(default, rename = "continue")]
    pub go_on: bool,
    /// The routes below.
    #[serde(default)]
    pub routes: Vec<RouteConfig>,
    /// How long a new group waits for more alerts.
    #[serde(default)]
    pub group_wait: Option<HumanDuration>,
    /// How long a group waits between two messages.
    #[serde(default)]
    pub group_interval: Option<HumanDuration>,
    /// When an unchanged group is told again.
    #[serde(default)]
    pub repeat_interval: Option<HumanDuration>,
    /// Names of intervals in which nothing is sent.
    #[serde(default)]
    pub mute_time_intervals: Vec<String>,
    /// Names of intervals outside of which nothing is sent.
    #[serde(default)]
    pub active_time_intervals: Vec<String>,
}

/// Checks the tree against the receivers and intervals that exist.
pub(crate) fn validate_root(config: &Config, errors: &mut Vec<ConfigError>) {
    let Some(root) = &config.route else {
        if !config.receivers.is_empty() {
            errors.push(ConfigError::new(
                "route",
                "no route provided in config",
                "add route: with a receiver:",
            ));
        }
        return;
    };
    if root.receiver.as_deref().unwrap_or_default().is_empty() {
        errors.push(ConfigError::new(
            "route.receiver",
            "root route must specify a default receiver",
            "name one of receivers",
        ));
    }
    if !(root.match_equal.is_empty() && root.match_re.is_empty() && root.matchers.is_empty()) {
        errors.push(ConfigError::new(
            "route",
            "root route must not have any matchers",
            "move them to a route below",
        ));
    }
    if !root.mute_time_intervals.is_empty() || !root.active_time_intervals.is_empty() {
        errors.push(ConfigError::new(
            "route",
            "root route must not have any mute or active time intervals",
            "move them to a route below",
        ));
    }
    let receivers: BTreeSet<&str> = config
        .receivers
        .iter()
        .map(|receiver| receiver.name.as_str())
        .collect();
    let intervals: BTreeSet<&str> = config
        .intervals()
        .map(|interval| interval.name.as_str())
        .collect();
    validate(root, "route", &receivers, &intervals, errors);
}

fn validate(
    route: &RouteConfig,
    place: &str,
    receivers: &BTreeSet<&str>,
    intervals: &BTreeSet<&str>,
    errors: &mut Vec<ConfigError>,
) {
    if let Some(name) = route
        .receiver
        .as_deref()
        .filter(|name| !name.is_empty() && !receivers.contains(name))
    {
        errors.push(ConfigError::new(
            format!("{place}.receiver"),
            format!("undefined receiver {name:?} used in route"),
            "name one of receivers",
        ));
    }
    collect_matchers(
        place,
        &route.match_equal,
        &route.match_re,
        &route.matchers,
        errors,
    );
    validate_group_by(route.group_by.as_deref().unwrap_or_default(), place, errors);
    for (key, value) in [
        ("group_interval", route.group_interval),
        ("repeat_interval", route.repeat_interval),
    ] {
        if value.is_some_and(|duration| duration.as_millis_i64() == 0) {
            errors.push(ConfigError::new(
                format!("{place}.{key}"),
                format!("{key} cannot be zero"),
                "write for example 5m",
            ));
        }
    }
    for name in route
        .mute_time_intervals
        .iter()
        .chain(&route.active_time_intervals)
    {
        if !intervals.contains(name.as_str()) {
            errors.push(ConfigError::new(
                place.to_owned(),
                format!("undefined time interval {name:?} used in route"),
                "add it to time_intervals",
            ));
        }
    }
    for (index, child) in route.routes.iter().enumerate() {
        validate(
            child,
            &format!("{place}.routes[{index}]"),
            receivers,
            intervals,
            errors,
        );
    }
}

fn validate_group_by(names: &[String], place: &str, errors: &mut Vec<ConfigError>) {
    let place = format!("{place}.group_by");
    let mut seen = BTreeSet::new();
    for name in names {
        if name == "..." {
            if names.len() > 1 {
                errors.push(ConfigError::new(
                    place.clone(),
                    "cannot have wildcard group_by (`...`) and other labels at the same time",
                    "keep only one of both",
                ));
            }
            continue;
        }
        if !is_label_name(name) {
            errors.push(ConfigError::new(
                place.clone(),
                format!("invalid label name {name:?} in group_by list"),
                "write label names",
            ));
        }
        if !seen.insert(name) {
            errors.push(ConfigError::new(
                place.clone(),
                format!("duplicated label {name:?} in group_by"),
                "name each label once",
            ));
        }
    }
}

/// The conditions of a route or of one side of an inhibition, in Alertmanager's three forms.
pub(crate) fn collect_matchers(
    place: &str,
    equal: &BTreeMap<String, Option<String>>,
    pattern: &BTreeMap<String, Option<String>>,
    texts: &[String],
    errors: &mut Vec<ConfigError>,
) -> Vec<Matcher> {
    let mut matchers = Vec::new();
    for (name, value) in equal {
        check_name(place, name, errors);
        matchers.push(Matcher::equal(name.clone(), value.clone().unwrap_or_default()));
    }
    for (name, value) in pattern {
        check_name(place, name, errors);
        let key = format!("{place}.match_re.{name}");
        let Some(value) = value else {
            errors.push(ConfigError::new(
                key,
                "invalid regexp: no value",
                "write a regular expression",
            ));
            continue;
        };
        match Matcher::matching(name.clone(), value) {
            Ok(matcher) => matchers.push(matcher),
            Err(error) => errors.push(ConfigError::new(
                key,
                error.to_string(),
                "correct the regular expression",
            )),
        }
    }
    for (index, text) in texts.iter().enumerate() {
        match parse_matchers(text) {
            Ok(found) => matchers.extend(found),
            Err(error) => errors.push(ConfigError::new(
                format!("{place}.matchers[{index}]"),
                error.to_string(),
                "write for example severity=\"critical\"",
            )),
        }
    }
    // Alertmanager sorts, and the sorted form is part of the group's key.
    matchers.sort_by(|a, b| (a.name(), a.value()).cmp(&(b.name(), b.value())));
    matchers
}

fn check_name(place: &str, name: &str, errors: &mut Vec<ConfigError>) {
    if !is_label_name(name) {
        errors.push(ConfigError::new(
            place.to_owned(),
            format!("invalid label name {name:?}"),
            "write a label name",
        ));
    }
}
