//! What a template sees of the alert it is expanded for.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotemplate::{Host, Room, Value};
use model::{Labels, Regexes};

use crate::limits;
use crate::template::{Context, functions};

/// One expansion of a template.
#[derive(Debug)]
pub(super) struct Expansion<'a> {
    pub(super) context: &'a Context<'a>,
    /// How many queries were made.
    pub(super) queries: usize,
    /// How much the function that is called may make.
    pub(super) room: Room,
    pub(super) regexes: Regexes,
    data: Arc<BTreeMap<String, Value>>,
}

impl<'a> Expansion<'a> {
    pub(super) fn new(context: &'a Context<'a>) -> Self {
        let data = [
            ("Labels", labels_value(context.labels)),
            ("ExternalLabels", labels_value(context.external_labels)),
            ("ExternalURL", Value::text(context.external_url)),
            ("Value", Value::Float(context.value)),
        ];
        Self {
            context,
            queries: 0,
            room: Room::new(0),
            regexes: Regexes::default(),
            data: Arc::new(data.map(|(name, value)| (name.to_owned(), value)).into()),
        }
    }
}

impl Host for Expansion<'_> {
    fn field(&self, name: &str) -> Option<Value> {
        self.data.get(name).cloned()
    }

    fn data(&self) -> Value {
        Value::Struct(Arc::clone(&self.data))
    }

    fn call(&mut self, name: &str, arguments: &[Value], room: Room) -> Result<Value, String> {
        self.room = room;
        functions::call(name, arguments, self)
    }

    fn output_bytes_max(&self) -> usize {
        limits::TEMPLATE_OUTPUT_BYTES_MAX
    }
}

/// Labels as a map.
pub(super) fn labels_value(labels: &Labels) -> Value {
    let pair = |(name, value): (&str, &str)| (name.to_owned(), Value::text(value));
    Value::Map(Arc::new(labels.iter().map(pair).collect()))
}
