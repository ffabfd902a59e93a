//! Settings that may hold secrets: readable by name, never printed.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// The settings of one channel as written. `Debug` prints their names only.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, Value>);

impl Settings {
    /// The setting `name`; `None` where it is absent, null or an empty text.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0
            .get(name)
            .filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    /// The setting `name` where it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The setting `name` where it is true or false.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    /// The setting `name` where it is a whole number, as number or text.
    pub fn number(&self, name: &str) -> Option<u64> {
        let value = self.get(name)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    }

    /// Whether there is such a setting.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// These settings, with `name` taken from `defaults` where it is not set here.
    pub(crate) fn with_default(&self, name: &str, defaults: &Self) -> Self {
        let mut settings = self.clone();
        if let (None, Some(value)) = (self.get(name), defaults.get(name)) {
            settings.0.insert(name.to_owned(), value.clone());
        }
        settings
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&String, &mut Value)> {
        self.0.iter_mut()
    }

    /// The names of all settings as written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl From<BTreeMap<String, Value>> for Settings {
    fn from(settings: BTreeMap<String, Value>) -> Self {
        Self(settings)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
