//! Attributes and values of OTLP in protobuf, for metrics and logs alike.

use std::borrow::Cow;

use super::super::PushError;
use super::super::protobuf::{Fields, Malformed, Value};
use super::log_record::{Flat, Way};
use super::message::Attribute;
use super::text;
use super::{malformed, too_many};
use crate::limits::{OTLP_ATTRIBUTE_DEPTH_MAX, OTLP_ATTRIBUTES_MAX};

/// The field of `AnyValue` that holds a map.
const MAP: u32 = 6;

/// Reads a `KeyValue` whose value becomes one text.
pub(super) fn push_attribute<'a>(
    value: Value<'a>,
    attributes: &mut Vec<Attribute<'a>>,
) -> Result<(), PushError> {
    if attributes.len() >= OTLP_ATTRIBUTES_MAX {
        return Err(too_many("attributes in one place", OTLP_ATTRIBUTES_MAX));
    }
    let (key, value) = key_value(value.bytes()?)?;
    attributes.push(Attribute {
        key: Cow::Borrowed(key),
        value: any_value(value)?,
    });
    Ok(())
}

/// Reads a `KeyValue` into pairs: of a map every entry is one, named by the way to it.
pub(super) fn push_flat<'a>(value: Value<'a>, attributes: &mut Vec<Flat<'a>>) -> Result<(), PushError> {
    let (key, value) = key_value(value.bytes()?)?;
    push_flat_value(&mut Way::new(key), value, attributes, 0)
}

fn push_flat_value<'a>(
    way: &mut Way<'a>,
    any: &'a [u8],
    attributes: &mut Vec<Flat<'a>>,
    depth: usize,
) -> Result<(), PushError> {
    if depth > OTLP_ATTRIBUTE_DEPTH_MAX {
        return Err(malformed(format!(
            "an attribute's value has more than {OTLP_ATTRIBUTE_DEPTH_MAX} levels"
        )));
    }
    if let Some((MAP, map)) = last_field(any)? {
        let mut fields = Fields::new(map.bytes()?);
        while let Some((number, value)) = fields.next_field()? {
            if number == 1 {
                let (key, value) = key_value(value.bytes()?)?;
                let outer = way.enter(key)?;
                push_flat_value(way, value, attributes, depth + 1)?;
                way.leave(outer);
            }
        }
        return Ok(());
    }
    if attributes.len() >= OTLP_ATTRIBUTES_MAX {
        return Err(too_many("attributes in one place", OTLP_ATTRIBUTES_MAX));
    }
    attributes.push(Flat {
        root: Cow::Borrowed(way.root()),
        path: way.path(),
        value: any_value(any)?,
    });
    Ok(())
}

/// A `KeyValue`: the key and the `AnyValue` message.
fn key_value(message: &[u8]) -> Result<(&str, &[u8]), Malformed> {
    let (mut key, mut any) = ("", [].as_slice());
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => key = value.text()?,
            2 => any = value.bytes()?,
            _ => {}
        }
    }
    Ok((key, any))
}

/// The text of an `AnyValue`.
pub(super) fn any_value(message: &[u8]) -> Result<Cow<'_, str>, PushError> {
    let Some((number, value)) = last_field(message)? else {
        return Ok(Cow::Borrowed(""));
    };
    let mut out = String::new();
    match number {
        1 => return Ok(Cow::Borrowed(value.text()?)),
        7 => text::push_base64(&mut out, value.bytes()?),
        _ => push_json(&mut out, message, 0)?,
    }
    Ok(Cow::Owned(out))
}

/// Of the fields of a `oneof` the last counts.
fn last_field(message: &[u8]) -> Result<Option<(u32, Value<'_>)>, Malformed> {
    let mut last = None;
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next_field()? {
        last = Some(field);
    }
    Ok(last)
}

/// Writes an `AnyValue` as JSON.
fn push_json(out: &mut String, message: &[u8], depth: usize) -> Result<(), PushError> {
    if depth > OTLP_ATTRIBUTE_DEPTH_MAX {
        return Err(malformed(format!(
            "an attribute's value has more than {OTLP_ATTRIBUTE_DEPTH_MAX} levels"
        )));
    }
    match last_field(message)? {
        None => out.push_str("null"),
        Some((1, value)) => text::push_quoted(out, value.text()?),
        Some((2, value)) => out.push_str(if value.varint()? == 0 { "false" } else { "true" }),
        Some((3, value)) => out.push_str(&(value.varint()? as i64).to_string()),
        Some((4, value)) => text::push_double(out, value.double()?),
        Some((5, value)) => push_list(out, value.bytes()?, depth)?,
        Some((6, value)) => push_map(out, value.bytes()?, depth)?,
        Some((7, value)) => {
            out.push('"');
            text::push_base64(out, value.bytes()?);
            out.push('"');
        }
        Some(_) => out.push_str("null"),
    }
    Ok(())
}

fn push_list(out: &mut String, message: &[u8], depth: usize) -> Result<(), PushError> {
    out.push('[');
    let mut separator = "";
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            out.push_str(separator);
            separator = ",";
            push_json(out, value.bytes()?, depth + 1)?;
        }
    }
    out.push(']');
    Ok(())
}

fn push_map(out: &mut String, message: &[u8], depth: usize) -> Result<(), PushError> {
    let mut pairs = Vec::new();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            if pairs.len() >= OTLP_ATTRIBUTES_MAX {
                return Err(too_many("entries of an attribute's map", OTLP_ATTRIBUTES_MAX));
            }
            pairs.push(key_value(value.bytes()?)?);
        }
    }
    pairs.sort_unstable_by_key(|(key, _)| *key);
    out.push('{');
    let mut separator = "";
    for (key, value) in pairs {
        out.push_str(separator);
        separator = ",";
        text::push_quoted(out, key);
        out.push(':');
        push_json(out, value, depth + 1)?;
    }
    out.push('}');
    Ok(())
}

/// The number of a `fixed64` field.
pub(super) fn fixed64(value: Value<'_>) -> Result<u64, Malformed> {
    match value {
        Value::Fixed64(bits) => Ok(bits),
        _ => Err(Malformed),
    }
}
