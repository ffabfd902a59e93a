//! Fills variables in as Grafana does: its own ones of time, and those of the dashboard.

use std::collections::BTreeMap;

use regex::{Captures, Regex};
use serde_json::Value;

/// Variables and their values.
pub(crate) struct Variables {
    values: BTreeMap<String, String>,
    /// Types of the data sources that variables pick, by name of the variable.
    sources: BTreeMap<String, String>,
    pattern: Regex,
}

/// Grafana's own variables for an hour at a step of 15 s, with a scrape interval of 15 s.
const OWN: [(&str, &str); 14] = [
    ("__rate_interval", "1m0s"),
    ("__rate_interval_ms", "60000"),
    ("__interval", "15s"),
    ("__interval_ms", "15000"),
    ("__range", "3600s"),
    ("__range_s", "3600"),
    ("__range_ms", "3600000"),
    ("__from", "1700007000000"),
    ("__to", "1700010600000"),
    ("__dashboard", "dashboard"),
    ("__org", "1"),
    ("__user", "1"),
    ("timeFilter", "true"),
    ("__name", "name"),
];

impl Variables {
    pub(crate) fn read(dashboard: &Value) -> Self {
        let mut values: BTreeMap<String, String> = OWN
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut sources = BTreeMap::new();
        let list = dashboard["templating"]["list"].as_array();
        for variable in list.into_iter().flatten() {
            let Some(name) = variable["name"].as_str() else {
                continue;
            };
            if variable["type"] == "datasource" {
                let kind = variable["query"].as_str().unwrap_or("prometheus");
                sources.insert(name.to_owned(), kind.to_owned());
            }
            values.insert(name.to_owned(), value_of(variable));
        }
        Self {
            values,
            sources,
            // Grafana's own pattern: $name, [[name:format]], ${name.field:format}.
            pattern: Regex::new(r"\$(\w+)|\[\[(\w+?)(?::\w+)?\]\]|\$\{(\w+)(?:\.[^:^}]+)?(?::[^}]+)?\}")
                .unwrap(),
        }
    }

    /// The type of the data source that `uid` picks by a variable.
    pub(crate) fn source_type(&self, uid: &str) -> Option<String> {
        let found = self.pattern.captures(uid)?;
        self.sources.get(name_in(&found)).cloned()
    }

    /// The text with values in the place of variables; a variable that nobody knows stays, as in Grafana.
    pub(crate) fn fill_in(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        // A value may name a variable again.
        for _ in 0..3 {
            let next = self.pattern.replace_all(&filled, |found: &Captures<'_>| {
                let known = self.values.get(name_in(found)).cloned();
                known.unwrap_or_else(|| found[0].to_owned())
            });
            filled = next.into_owned();
        }
        filled
    }
}

fn name_in<'c>(found: &Captures<'c>) -> &'c str {
    (1..=3)
        .find_map(|group| found.get(group))
        .map_or("", |name| name.as_str())
}

/// The value a variable has when its dashboard is opened: its current one, its first option, or everything.
fn value_of(variable: &Value) -> String {
    let everything = || variable["allValue"].as_str().unwrap_or(".*").to_owned();
    let is_named = |value: &&str| !value.is_empty() && *value != "$__all";
    let current = match &variable["current"]["value"] {
        Value::String(value) => Some(value.as_str()),
        Value::Array(values) => values.first().and_then(Value::as_str),
        _ => None,
    };
    let query = variable["query"].as_str().unwrap_or_default();
    match variable["type"].as_str() {
        // `query` lists the options of these, `name : value` or value alone.
        Some("custom" | "interval" | "constant" | "textbox") => {
            let first = query.split(',').next().unwrap_or_default();
            let first = first.rsplit(" : ").next().unwrap_or_default().trim();
            match current.filter(is_named) {
                Some(current) => current.to_owned(),
                None if variable["type"] == "textbox" || variable["type"] == "constant" => query.to_owned(),
                None => first.to_owned(),
            }
        }
        Some("query") => everything(),
        _ => current.filter(is_named).unwrap_or(".*").to_owned(),
    }
}
