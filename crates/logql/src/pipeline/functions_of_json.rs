//! JSON in templates.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotemplate::Value;

use super::json_scan::{self, Scan, unescape};
use crate::limits;

/// The value that a text of JSON stands for; nothing where it is none.
pub(super) fn read(text: &str) -> Value {
    Scan::new(text)
        .value()
        .map_or(Value::Nil, |value| convert(value, 0))
}

fn convert(value: json_scan::Value<'_>, depth: usize) -> Value {
    if depth > limits::JSON_DEPTH_MAX {
        return Value::Nil;
    }
    let text = |text| Value::text(unescape(text, &mut String::new()));
    match value {
        json_scan::Value::Text(inner) => text(inner),
        json_scan::Value::Number(number) => Value::Float(number.parse().unwrap_or_default()),
        json_scan::Value::Bool(word) => Value::Bool(word == "true"),
        json_scan::Value::Null => Value::Nil,
        json_scan::Value::Array(array) => {
            let elements = Scan::elements(array).map(|element| convert(element, depth + 1));
            Value::List(Arc::new(elements.collect()))
        }
        json_scan::Value::Object(object) => Value::Map(Arc::new(members(object, depth))),
    }
}

fn members(object: &str, depth: usize) -> BTreeMap<String, Value> {
    let mut members = BTreeMap::new();
    let mut scan = Scan::new(object);
    let mut is_first = true;
    if scan.enter_object().is_err() {
        return members;
    }
    while let Ok(Some(key)) = scan.next_key(is_first) {
        is_first = false;
        let Ok(value) = scan.value() else { break };
        members.insert(key.to_owned(), convert(value, depth + 1));
    }
    members
}
