//! `receivers` and `global`: who can be told, by which channels.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::config::nearest;
use crate::config::receiver_kinds::{self, Kind};
use crate::config::secret::Settings;
use crate::error::ConfigError;

/// Defaults for receivers. Any setting of Alertmanager's `global` is taken; secrets are not printed.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Global {
    settings: Settings,
}

/// Somebody who can be told, by any number of channels.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiverConfig {
    /// The name that routes use.
    pub name: String,
    /// The channels, in the order of kinds and then as written.
    pub integrations: Vec<Integration>,
}

/// One channel of a receiver.
#[derive(Clone, PartialEq)]
pub struct Integration {
    kind: &'static Kind,
    /// The place among channels of its kind.
    pub index: usize,
    /// Which of several with the same address this is, from 0.
    repetition: usize,
    /// The settings as written.
    pub settings: Settings,
}

impl Integration {
    /// The kind's name, for example `webhook`.
    pub fn kind(&self) -> &'static str {
        self.kind.name
    }

    /// The channel's name within its receiver, for example `webhook-90ab12cd`: the kind and a hash of the address, so
    /// that what waits for this address never goes to another one when the list changes, and no secret is shown.
    pub fn channel(&self) -> String {
        let kind = self.kind.name;
        let name = match self.address() {
            Some(address) => format!("{kind}-{:08x}", xxh3_64(address.as_bytes()) >> 32),
            None => format!("{kind}-{}", self.index),
        };
        match self.repetition {
            0 => name,
            repetition => format!("{name}-{repetition}"),
        }
    }

    fn address(&self) -> Option<&str> {
        self.settings
            .text("url")
            .or_else(|| self.settings.text("url_file"))
    }

    /// The place of its settings below `alerting`, given its receiver's place in the list.
    pub(crate) fn place(&self, receiver: usize) -> String {
        format!("receivers[{receiver}].{}_configs[{}]", self.kind.name, self.index)
    }

    /// Whether this build can deliver by this channel.
    pub fn is_delivered(&self) -> bool {
        self.kind.delivered
    }

    /// Whether resolved alerts are told about.
    pub fn sends_resolved(&self) -> bool {
        self.settings
            .flag("send_resolved")
            .unwrap_or(self.kind.sends_resolved)
    }
}

impl fmt::Debug for Integration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Integration")
            .field("channel", &self.channel())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<'de> Deserialize<'de> for ReceiverConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut raw: BTreeMap<String, Value> = BTreeMap::deserialize(deserializer)?;
        let name = match raw.remove("name") {
            Some(Value::String(name)) => name,
            None | Some(Value::Null) => String::new(),
            Some(_) => return Err(de::Error::custom("the name of a receiver must be a text")),
        };
        let mut integrations = Vec::new();
        for kind in receiver_kinds::all() {
            let key = format!("{}_configs", kind.name);
            let list: Vec<Settings> = match raw.remove(&key) {
                None | Some(Value::Null) => continue,
                Some(list) => serde_json::from_value(list)
                    .map_err(|error| de::Error::custom(format!("{key} of receiver {name:?}: {error}")))?,
            };
            for (index, settings) in list.into_iter().enumerate() {
                let mut integration = Integration {
                    kind,
                    index,
                    repetition: 0,
                    settings,
                };
                let same = |known: &&Integration| {
                    known.kind.name == kind.name
                        && known.address().is_some()
                        && known.address() == integration.address()
                };
                integration.repetition = integrations.iter().filter(same).count();
                integrations.push(integration);
            }
        }
        if let Some(unknown) = raw.keys().next() {
            let known: Vec<String> = receiver_kinds::all()
                .iter()
                .map(|kind| format!("{}_configs", kind.name))
                .collect();
            let mut known: Vec<&str> = known.iter().map(String::as_str).collect();
            known.push("name");
            let mend = nearest(unknown, &known);
            return Err(de::Error::custom(format!(
                "unknown key {unknown:?} in receiver {name:?}; {mend}"
            )));
        }
        Ok(Self { name, integrations })
    }
}

impl Global {
    /// The settings as written.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    pub(crate) fn validate(&self, errors: &mut Vec<ConfigError>) {
        let mut known: BTreeSet<&str> = ["resolve_timeout", "http_config"].into();
        known.extend(
            receiver_kinds::all()
                .iter()
                .flat_map(|kind| kind.globals.iter().copied()),
        );
        let known: Vec<&str> = known.into_iter().collect();
        for name in self.settings.names().filter(|name| !known.contains(name)) {
            errors.push(ConfigError::new(
                format!("global.{name}"),
                format!("unknown key {name:?}"),
                nearest(name, &known),
            ));
        }
        for kind in receiver_kinds::all() {
            for pair in kind.global_exclusive {
                exclusive(&self.settings, pair, "global", errors);
            }
        }
    }
}

/// Checks all receivers and names what this build cannot deliver.
pub(crate) fn validate_all(
    receivers: &[ReceiverConfig],
    global: &Global,
    errors: &mut Vec<ConfigError>,
    warnings: &mut Vec<String>,
) {
    let mut names = BTreeSet::new();
    let mut webhooks = receivers
        .iter()
        .flat_map(|receiver| &receiver.integrations)
        .filter(|integration| integration.kind() == "webhook");
    if webhooks.any(|webhook| !webhook.settings.has("http_config")) {
        crate::channels::http::validate(&global.settings, "global", errors);
    }
    for (index, receiver) in receivers.iter().enumerate() {
        let place = format!("receivers[{index}]");
        if receiver.name.is_empty() {
            errors.push(ConfigError::new(
                format!("{place}.name"),
                "missing name in receiver",
                "add a name",
            ));
        }
        if !names.insert(&receiver.name) {
            errors.push(ConfigError::new(
                format!("{place}.name"),
                format!("notification config name {:?} is not unique", receiver.name),
                "give every receiver its own name",
            ));
        }
        for integration in &receiver.integrations {
            let kind = integration.kind;
            let place = integration.place(index);
            validate_one(kind, &integration.settings, global, &place, errors);
            if !kind.delivered {
                warnings.push(format!(
                    "receiver {:?}: {}_configs is accepted and checked, but this build delivers only by log and webhook: \
                     nothing will be sent there",
                    receiver.name, kind.name
                ));
            }
        }
    }
}

fn validate_one(
    kind: &Kind,
    settings: &Settings,
    global: &Global,
    place: &str,
    errors: &mut Vec<ConfigError>,
) {
    let known: Vec<&str> = kind
        .keys
        .iter()
        .copied()
        .chain(["send_resolved", "http_config"])
        .collect();
    for name in settings.names().filter(|name| !known.contains(name)) {
        errors.push(ConfigError::new(
            format!("{place}.{name}"),
            format!("unknown key {name:?}"),
            nearest(name, &known),
        ));
    }
    for name in kind.required {
        if !settings.has(name) {
            errors.push(ConfigError::new(
                place.to_owned(),
                format!("missing {name} in {} config", kind.name),
                format!("add {name}:"),
            ));
        }
    }
    for pair in kind.exclusive {
        exclusive(settings, pair, place, errors);
    }
    for need in kind.needs {
        let own = need.own.iter().any(|name| settings.has(name));
        let inherited = need.global.iter().any(|name| global.settings.has(name));
        if !own && !inherited {
            errors.push(ConfigError::new(
                place.to_owned(),
                format!("no {} set, neither here nor in global", need.what),
                format!(
                    "add {}: here or {}: under global",
                    need.own.join(": or "),
                    need.global.join(": or ")
                ),
            ));
        }
    }
    for url in ["url", "api_url", "webhook_url"] {
        let text = settings.text(url);
        if let Some(text) = text.filter(|text| !text.contains("{{") && !is_web_address(text)) {
            // The address may hold a token, so it is not repeated.
            let _ = text;
            errors.push(ConfigError::new(
                format!("{place}.{url}"),
                "not a valid http or https address".to_owned(),
                "write for example http://127.0.0.1:9000/hook",
            ));
        }
    }
    (kind.check)(settings, place, errors);
    if kind.delivered {
        crate::channels::http::validate(settings, place, errors);
    }
}

fn is_web_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn exclusive(settings: &Settings, names: &[&str], place: &str, errors: &mut Vec<ConfigError>) {
    let given: Vec<&str> = names.iter().copied().filter(|name| settings.has(name)).collect();
    if given.len() > 1 {
        errors.push(ConfigError::new(
            place.to_owned(),
            format!("at most one of {} must be configured", given.join(" & ")),
            "keep one of them",
        ));
    }
}
