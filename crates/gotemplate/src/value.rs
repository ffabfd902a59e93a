//! The values that templates work with.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::format::go_float;

/// A value within a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Nil,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(Arc<str>),
    /// Texts by name; a name that is absent is an empty text.
    Map(Arc<BTreeMap<String, Value>>),
    /// Fields by name; a name that is absent is an error.
    Struct(Arc<BTreeMap<String, Value>>),
    /// A list.
    List(Arc<Vec<Value>>),
    /// A moment.
    Time(Timestamp),
    /// A moment behind a pointer: the same but for the name of its type.
    TimePointer(Timestamp),
    /// All of the data that a template is given; its host knows it.
    Data,
}

impl Value {
    /// A text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Arc::from(text.as_ref()))
    }

    /// Whether the value counts as true: not empty and not zero.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Struct(_) | Self::Time(_) | Self::TimePointer(_) | Self::Data => true,
        }
    }

    /// Go's name of the type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Map(_) => "map[string]string",
            Self::Struct(_) => "*template.sample",
            Self::List(_) => "template.queryResult",
            Self::Time(_) => "time.Time",
            Self::TimePointer(_) => "*time.Time",
            Self::Data => "map[string]string",
        }
    }
}

impl fmt::Display for Value {
    /// Prints as Go's `%v`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("<no value>"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => f.write_str(&go_float(*value)),
            Self::Text(text) => f.write_str(text),
            Self::Map(map) => {
                f.write_str("map[")?;
                for (place, (name, value)) in map.iter().enumerate() {
                    let separator = if place == 0 { "" } else { " " };
                    write!(f, "{separator}{name}:{value}")?;
                }
                f.write_str("]")
            }
            Self::Struct(map) => {
                f.write_str("{")?;
                write_joined(f, map.values(), " ")?;
                f.write_str("}")
            }
            Self::List(list) => {
                f.write_str("[")?;
                write_joined(f, list.iter(), " ")?;
                f.write_str("]")
            }
            // Go's `time.Time.String` in UTC.
            Self::Time(at) | Self::TimePointer(at) => {
                write!(f, "{}", at.strftime("%Y-%m-%d %H:%M:%S%.f +0000 UTC"))
            }
            Self::Data => f.write_str("map[]"),
        }
    }
}

/// Writes values with a separator between them.
pub(crate) fn write_joined<'a>(
    out: &mut impl fmt::Write,
    values: impl IntoIterator<Item = &'a Value>,
    separator: &str,
) -> fmt::Result {
    for (place, value) in values.into_iter().enumerate() {
        let separator = if place == 0 { "" } else { separator };
        write!(out, "{separator}{value}")?;
    }
    Ok(())
}
