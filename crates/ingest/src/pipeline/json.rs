//! `json`: the fields of a JSON object.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fields::sanitized;
use super::{Entry, Flow, Stage};
use crate::limits::{PIPELINE_FIELDS_MAX, PIPELINE_JSON_DEPTH_MAX, PIPELINE_JSON_PATH_BYTES_MAX};

/// The keys of `json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JsonConfig {
    /// What is read; the line where absent.
    pub source: Option<String>,
    /// What stands in front of the name of every field.
    pub prefix: String,
    /// Only these fields, by the names they get; all where empty.
    pub only: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Json(pub(super) JsonConfig);

impl Stage for Json {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let Some(text) = entry.text_of(self.0.source.as_deref()) else {
            return Flow::Missed("no source");
        };
        if !text.trim_start().starts_with('{') {
            return Flow::Missed("no JSON object");
        }
        let Some(found) = flat(text, &self.0) else {
            return Flow::Missed("bad JSON");
        };
        entry.set_fields(found)
    }
}

/// The fields of an object: those of objects within have the names on the way with `_` between them; arrays and nulls are left out.
/// No more than one above what a line may have. `None` where it is no JSON.
fn flat(text: &str, config: &JsonConfig) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut name = config.prefix.clone();
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Value {
        name: &mut name,
        found: &mut found,
        depth: 0,
        only: &config.only,
    };
    value.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(found)
}

/// Reads one value into the fields.
struct Value<'v> {
    name: &'v mut String,
    found: &'v mut Vec<(String, String)>,
    depth: usize,
    only: &'v [String],
}

impl Value<'_> {
    fn keep(self, value: impl ToString) {
        let is_meant = self.only.is_empty() || self.only.contains(self.name);
        if is_meant && !self.name.is_empty() && self.found.len() <= PIPELINE_FIELDS_MAX {
            self.found.push((self.name.clone(), value.to_string()));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.depth >= PIPELINE_JSON_DEPTH_MAX || self.name.len() > PIPELINE_JSON_PATH_BYTES_MAX {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let outer = self.name.len();
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            if outer > 0 && self.depth > 0 {
                self.name.push('_');
            }
            self.name.push_str(&sanitized(&key));
            map.next_value_seed(Value {
                name: self.name,
                found: self.found,
                depth: self.depth + 1,
                only: self.only,
            })?;
            self.name.truncate(outer);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.keep(value);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.keep(value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.keep(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.keep(value);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.keep(value);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_within_are_flattened() {
        let text = r#"{"a":"x","b":{"c.d":1,"e":{"f":true}},"g":[1,{"h":2}],"i":null,"9":-2.5,"é":"ü"}"#;
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let config = JsonConfig::default();
        assert_eq!(
            flat(text, &config).unwrap(),
            [
                pair("a", "x"),
                pair("b_c_d", "1"),
                pair("b_e_f", "true"),
                pair("_9", "-2.5"),
                pair("_", "ü"),
            ]
        );
        let config = JsonConfig {
            prefix: "p_".to_owned(),
            only: vec!["p_b_e_f".to_owned()],
            source: None,
        };
        assert_eq!(flat(text, &config).unwrap(), [pair("p_b_e_f", "true")]);
        assert_eq!(flat("{\"a\":1} tail", &config), None);
        assert_eq!(flat("{\"a\":", &config), None);
    }

    #[test]
    fn a_long_name_costs_its_bytes_once() {
        let config = JsonConfig::default();
        let within = |name_bytes: usize, inside: &str| {
            let text = format!(r#"{{"{}":{{{inside}}},"last":1}}"#, "k".repeat(name_bytes));
            flat(&text, &config).unwrap()
        };
        let many: Vec<String> = (0..20_000).map(|place| format!("\"{place:x}\":1")).collect();
        assert_eq!(within(1024, "\"a\":1").len(), 2);
        assert_eq!(within(1025, "\"a\":1"), [("last".to_owned(), "1".to_owned())]);
        assert_eq!(within(1024, &many.join(",")).len(), PIPELINE_FIELDS_MAX + 1);
    }
}
