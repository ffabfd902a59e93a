//! The messages of OTLP/JSON logs.

use std::borrow::Cow;

use serde::Deserialize;

use super::super::super::PushError;
use super::super::log_record::{Flat, LogRecord, LogScope, Way};
use super::super::logs::Records;
use super::super::malformed;
use super::number::{Hex, Severity, Uint};
use super::value::{AnyValue, KeyValue};
use super::{check, check_objects, or_default};
use crate::limits::OTLP_ATTRIBUTES_MAX;

messages! {
    LogsRequest { resource_logs "resource_logs": Vec<ResourceLogs>, }
    ResourceLogs {
        resource "resource": LogResource,
        scope_logs "scope_logs": Vec<ScopeLogs>,
    }
    LogResource { attributes "attributes": Vec<KeyValue>, }
    ScopeLogs {
        scope "scope": ScopeJson,
        log_records "log_records": Vec<RecordJson>,
    }
    ScopeJson {
        name "name": String,
        version "version": String,
        attributes "attributes": Vec<KeyValue>,
        dropped_attributes_count "dropped_attributes_count": Uint,
    }
    RecordJson {
        time_unix_nano "time_unix_nano": Uint,
        observed_time_unix_nano "observed_time_unix_nano": Uint,
        severity_number "severity_number": Severity,
        severity_text "severity_text": String,
        body "body": AnyValue,
        attributes "attributes": Vec<KeyValue>,
        dropped_attributes_count "dropped_attributes_count": Uint,
        flags "flags": Uint,
        trace_id "trace_id": Hex,
        span_id "span_id": Hex,
    }
}

/// Reads a request and hands over its records.
pub(in super::super) fn walk(body: &[u8], out: &mut Records<'_, '_>) -> Result<(), PushError> {
    check_objects(body)?;
    let request: LogsRequest = serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?;
    for resource_logs in request.resource_logs {
        out.begin_resource(&flat(resource_logs.resource.attributes)?);
        for scope_logs in resource_logs.scope_logs {
            let scope = scope_logs.scope;
            out.begin_scope(&LogScope {
                name: scope.name.into(),
                version: scope.version.into(),
                attributes: flat(scope.attributes)?,
                dropped: scope.dropped_attributes_count.0,
            });
            for record in scope_logs.log_records {
                out.record(record.read()?)?;
            }
        }
    }
    Ok(())
}

impl RecordJson {
    fn read(self) -> Result<LogRecord<'static>, PushError> {
        Ok(LogRecord {
            time_ns: self.time_unix_nano.0,
            observed_ns: self.observed_time_unix_nano.0,
            severity_number: self.severity_number.0,
            severity_text: self.severity_text.into(),
            body: self.body.into_text().into(),
            attributes: flat(self.attributes)?,
            dropped: self.dropped_attributes_count.0,
            flags: self.flags.0,
            trace_id: Cow::Owned(self.trace_id.0),
            span_id: Cow::Owned(self.span_id.0),
        })
    }
}

/// Attributes as pairs: of a map every entry is one. How deep maps lie within each other is limited by the reader of JSON.
fn flat(attributes: Vec<KeyValue>) -> Result<Vec<Flat<'static>>, PushError> {
    let mut out = Vec::with_capacity(attributes.len());
    for attribute in attributes {
        push_flat(&mut Way::new(&attribute.key), attribute.value, &mut out)?;
    }
    Ok(out)
}

fn push_flat(way: &mut Way<'_>, value: AnyValue, out: &mut Vec<Flat<'static>>) -> Result<(), PushError> {
    match value.into_entries() {
        Ok(entries) => entries.into_iter().try_for_each(|entry| {
            let outer = way.enter(&entry.key)?;
            push_flat(way, entry.value, out)?;
            way.leave(outer);
            Ok(())
        }),
        Err(value) => {
            check("attributes in one place", out.len() + 1, OTLP_ATTRIBUTES_MAX)?;
            out.push(Flat {
                root: Cow::Owned(way.root().to_owned()),
                path: way.path(),
                value: Cow::Owned(value.into_text()),
            });
            Ok(())
        }
    }
}
