//! Records of OTLP made into lines, as Loki's OTLP endpoint makes them: some attributes of the resource are the stream's labels, all
//! others and those of scope and record are metadata of the line.

use std::borrow::Cow;

use model::LabelsBuilder;

use super::super::{Encoding, Origin, PushError};
use super::log_record::{Flat, LogRecord, LogScope};
use super::text;
use super::{Format, json, wire_logs};
use crate::logs::{Gather, LogOutcome, Logs, Pair, key_of, label_name};

/// The text that names a stream of OTLP begins so: no labels of another protocol do.
const ALIAS: &str = "otlp\0";

impl Logs {
    /// Takes in a request of OTLP logs. Records that are refused are told in the outcome, the rest is stored; the same body once more
    /// stores nothing where its records have times of their own. Blocks on the store's disk: call it from a blocking task.
    pub fn otlp_logs(
        &self,
        body: &[u8],
        encoding: Encoding,
        format: Format,
        origin: Origin,
    ) -> Result<LogOutcome, PushError> {
        self.unpacked(body, encoding, |bytes| {
            let mut gather = self.gather(origin);
            gather.reserve(bytes.len());
            let mut records = Records {
                out: &mut gather,
                resource: Vec::new(),
                scope: Vec::new(),
                has_own_times: true,
            };
            match format {
                Format::Protobuf => wire_logs::walk(bytes, &mut records)?,
                Format::Json => json::walk_logs(bytes, &mut records)?,
            }
            let key = records.has_own_times.then(|| key_of(body, origin));
            self.store(gather, "otlp", key)
        })
    }
}

/// Where records go, and what their resource and scope say of them.
pub(super) struct Records<'o, 'g> {
    out: &'o mut Gather<'g>,
    resource: Vec<Pair<'static>>,
    scope: Vec<Pair<'static>>,
    has_own_times: bool,
}

impl Records<'_, '_> {
    /// Begins the stream of a resource.
    pub(super) fn begin_resource(&mut self, attributes: &[Flat<'_>]) {
        self.resource.clear();
        let mut alias = ALIAS.to_owned();
        let mut index = Vec::new();
        for attribute in attributes {
            if self.out.is_dropped_attribute(&attribute.root) {
                continue;
            }
            if self.out.is_index_attribute(&attribute.root) {
                for text in [attribute.name(), &attribute.value] {
                    alias.push_str(text);
                    alias.push('\0');
                }
                index.push(attribute);
            } else {
                self.resource.push(owned(attribute));
            }
        }
        self.out.begin(alias.as_bytes(), || {
            let mut labels = LabelsBuilder::default();
            for attribute in index {
                labels.set(label_name(attribute.name()), &*attribute.value);
            }
            Ok(labels.build())
        });
    }

    /// Begins a scope of the resource.
    pub(super) fn begin_scope(&mut self, scope: &LogScope<'_>) {
        self.scope.clear();
        for attribute in &scope.attributes {
            if !self.out.is_dropped_attribute(&attribute.root) {
                self.scope.push(owned(attribute));
            }
        }
        let mut add = |name: &'static str, value: Cow<'_, str>| {
            if !value.is_empty() {
                self.scope
                    .push((Cow::Borrowed(name), Cow::Owned(value.into_owned())));
            }
        };
        add("scope_name", Cow::Borrowed(&scope.name));
        add("scope_version", Cow::Borrowed(&scope.version));
        add("scope_dropped_attributes_count", number(scope.dropped));
    }

    /// Adds a record.
    pub(super) fn record(&mut self, record: LogRecord<'_>) -> Result<(), PushError> {
        let mut metadata: Vec<Pair<'_>> = Vec::with_capacity(16);
        for attribute in record.attributes {
            if !self.out.is_dropped_attribute(&attribute.root) {
                let name = attribute.path.map_or(attribute.root, Cow::Owned);
                metadata.push((name, attribute.value));
            }
        }
        let observed = if record.time_ns == 0 {
            0
        } else {
            record.observed_ns
        };
        for (name, value) in [
            ("observed_timestamp", number(observed)),
            ("severity_number", number(record.severity_number)),
            ("severity_text", record.severity_text),
            ("dropped_attributes_count", number(record.dropped)),
            ("flags", number(record.flags)),
            ("trace_id", id(&record.trace_id)),
            ("span_id", id(&record.span_id)),
        ] {
            if !value.is_empty() {
                metadata.push((Cow::Borrowed(name), value));
            }
        }
        let around = self.resource.iter().chain(&self.scope);
        metadata.extend(around.map(|(name, value)| (Cow::Borrowed(&**name), Cow::Borrowed(&**value))));
        let said = [record.time_ns, record.observed_ns];
        let at_ns = match said.into_iter().find(|time_ns| *time_ns > 0) {
            Some(time_ns) => i64::try_from(time_ns).unwrap_or(i64::MAX),
            None => {
                self.has_own_times = false;
                self.out.now_ns()
            }
        };
        self.out.line(at_ns, &record.body, &mut metadata)
    }
}

fn owned(attribute: &Flat<'_>) -> Pair<'static> {
    (
        Cow::Owned(label_name(attribute.name())),
        Cow::Owned(attribute.value.clone().into_owned()),
    )
}

/// A number as text; nothing where it is 0, which says that there is none.
fn number(number: u64) -> Cow<'static, str> {
    if number == 0 {
        Cow::Borrowed("")
    } else {
        Cow::Owned(number.to_string())
    }
}

/// An identifier in hexadecimal digits; nothing where it is all zeros, which says that there is none.
fn id(bytes: &[u8]) -> Cow<'static, str> {
    if bytes.iter().all(|byte| *byte == 0) {
        Cow::Borrowed("")
    } else {
        Cow::Owned(text::hex(bytes))
    }
}
