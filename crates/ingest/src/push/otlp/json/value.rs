//! `AnyValue` in JSON: an object with one key that names the type.

use serde::Deserialize;

use super::super::text;
use super::number::{Double, Int};
use super::or_default;

/// An attribute.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyValue {
    /// The key.
    #[serde(deserialize_with = "or_default")]
    pub(super) key: String,
    /// The value.
    #[serde(deserialize_with = "or_default")]
    pub(super) value: AnyValue,
}

/// A value; the first of the known keys counts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AnyValue {
    #[serde(rename = "stringValue", alias = "string_value")]
    text: Option<Box<str>>,
    #[serde(rename = "boolValue", alias = "bool_value")]
    truth: Option<bool>,
    #[serde(rename = "intValue", alias = "int_value")]
    int: Option<Int>,
    #[serde(rename = "doubleValue", alias = "double_value")]
    double: Option<Double>,
    #[serde(rename = "arrayValue", alias = "array_value")]
    list: Option<Box<ArrayValue>>,
    #[serde(rename = "kvlistValue", alias = "kvlist_value")]
    map: Option<Box<MapValue>>,
    /// Base64 already; only trace and span identifiers are in hexadecimal.
    #[serde(rename = "bytesValue", alias = "bytes_value")]
    bytes: Option<Box<str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ArrayValue {
    #[serde(deserialize_with = "or_default")]
    values: Vec<AnyValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MapValue {
    #[serde(deserialize_with = "or_default")]
    values: Vec<KeyValue>,
}

impl AnyValue {
    /// The text that a label holds.
    pub(super) fn into_text(mut self) -> String {
        if let Some(text) = self.text.take().or(self.bytes.take()) {
            return text.into();
        }
        let mut out = String::new();
        if !self.is_empty() {
            self.push_json(&mut out);
        }
        out
    }

    /// The entries of a map; the value itself where it is none.
    pub(super) fn into_entries(self) -> Result<Vec<KeyValue>, Self> {
        match self {
            Self {
                map: Some(map),
                text: None,
                ..
            } => Ok(map.values),
            other => Err(other),
        }
    }

    fn is_empty(&self) -> bool {
        self.truth.is_none()
            && self.int.is_none()
            && self.double.is_none()
            && self.list.is_none()
            && self.map.is_none()
    }

    /// Writes the value as JSON. How deep values lie within each other is limited by the reader of JSON.
    fn push_json(self, out: &mut String) {
        if let Some(text) = self.text.or(self.bytes) {
            text::push_quoted(out, &text);
        } else if let Some(truth) = self.truth {
            out.push_str(if truth { "true" } else { "false" });
        } else if let Some(Int(number)) = self.int {
            out.push_str(&number.to_string());
        } else if let Some(Double(number)) = self.double {
            text::push_double(out, number);
        } else if let Some(list) = self.list {
            push_list(out, list.values);
        } else if let Some(map) = self.map {
            push_map(out, map.values);
        } else {
            out.push_str("null");
        }
    }
}

fn push_list(out: &mut String, values: Vec<AnyValue>) {
    out.push('[');
    for (place, value) in values.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        value.push_json(out);
    }
    out.push(']');
}

fn push_map(out: &mut String, mut pairs: Vec<KeyValue>) {
    pairs.sort_by(|a, b| a.key.cmp(&b.key));
    out.push('{');
    for (place, pair) in pairs.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        text::push_quoted(out, &pair.key);
        out.push(':');
        pair.value.push_json(out);
    }
    out.push('}');
}
