//! Walks a protobuf `ExportLogsServiceRequest` and hands over one record after the other.
//!
//! Fields may come in any order, so what a message says of all its records is read before them.

use std::borrow::Cow;

use super::super::PushError;
use super::super::protobuf::{Fields, Value};
use super::attributes::{any_value, fixed64, push_flat};
use super::log_record::{LogRecord, LogScope};
use super::logs::Records;

/// Walks a request.
pub(super) fn walk(body: &[u8], out: &mut Records<'_, '_>) -> Result<(), PushError> {
    let mut fields = Fields::new(body);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            resource_logs(value.bytes()?, out)?;
        }
    }
    Ok(())
}

fn resource_logs(message: &[u8], out: &mut Records<'_, '_>) -> Result<(), PushError> {
    let mut attributes = Vec::new();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            let mut resource = Fields::new(value.bytes()?);
            while let Some((number, value)) = resource.next_field()? {
                if number == 1 {
                    push_flat(value, &mut attributes)?;
                }
            }
        }
    }
    out.begin_resource(&attributes);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        if number == 2 {
            scope_logs(value.bytes()?, out)?;
        }
    }
    Ok(())
}

fn scope_logs(message: &[u8], out: &mut Records<'_, '_>) -> Result<(), PushError> {
    let mut scope = LogScope::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            read_scope(value.bytes()?, &mut scope)?;
        }
    }
    out.begin_scope(&scope);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        if number == 2 {
            out.record(record(value.bytes()?)?)?;
        }
    }
    Ok(())
}

fn read_scope<'a>(message: &'a [u8], scope: &mut LogScope<'a>) -> Result<(), PushError> {
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => scope.name = text(value)?,
            2 => scope.version = text(value)?,
            3 => push_flat(value, &mut scope.attributes)?,
            4 => scope.dropped = value.varint()?,
            _ => {}
        }
    }
    Ok(())
}

fn record(message: &[u8]) -> Result<LogRecord<'_>, PushError> {
    let mut record = LogRecord::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => record.time_ns = fixed64(value)?,
            2 => record.severity_number = value.varint()?,
            3 => record.severity_text = text(value)?,
            5 => record.body = any_value(value.bytes()?)?,
            6 => push_flat(value, &mut record.attributes)?,
            7 => record.dropped = value.varint()?,
            8 => record.flags = fixed32(value)?,
            9 => record.trace_id = Cow::Borrowed(value.bytes()?),
            10 => record.span_id = Cow::Borrowed(value.bytes()?),
            11 => record.observed_ns = fixed64(value)?,
            _ => {}
        }
    }
    Ok(record)
}

fn text(value: Value<'_>) -> Result<Cow<'_, str>, PushError> {
    Ok(Cow::Borrowed(value.text()?))
}

fn fixed32(value: Value<'_>) -> Result<u64, PushError> {
    match value {
        Value::Fixed32(bits) => Ok(u64::from(bits)),
        _ => Err(super::super::protobuf::Malformed.into()),
    }
}
