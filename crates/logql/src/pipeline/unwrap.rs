//! `| unwrap`: the number that a line stands for.

use super::errors;
use super::fields::Fields;
use super::label_filter::LabelFilter;
use super::names::NameId;
use crate::ast::{Conversion, Unwrap};
use crate::units;

/// Where the value of a line is, and how it is read.
#[derive(Debug)]
pub(crate) struct Unwrapped {
    label: NameId,
    conversion: Conversion,
    filters: Vec<LabelFilter>,
}

impl Unwrapped {
    pub(crate) fn new(unwrap: &Unwrap, fields: &mut Fields) -> Result<Self, String> {
        let filters = unwrap
            .filters
            .iter()
            .map(|filter| LabelFilter::new(filter, fields));
        Ok(Self {
            filters: filters.collect::<Result<_, _>>()?,
            label: fields.names.id(&unwrap.label),
            conversion: unwrap.conversion,
        })
    }

    /// The label that holds the value; it is none of the labels of the series.
    pub(crate) fn label(&self) -> NameId {
        self.label
    }

    /// The value of a line. A line without the label is left out; one whose value cannot be read has an error.
    pub(crate) fn value(&self, fields: &mut Fields) -> Option<f64> {
        let (text, _) = fields.get(self.label)?;
        if text.is_empty() {
            return None;
        }
        let read = match self.conversion {
            Conversion::Number => units::parse_float(text),
            Conversion::Bytes => units::parse_bytes(text).map(|bytes| bytes as f64),
            Conversion::Duration | Conversion::DurationSeconds => {
                units::parse_duration(text).map(|ns| ns as f64 / units::SECOND_NS as f64)
            }
        };
        let value = read.unwrap_or_else(|reason| {
            fields.set_error(errors::SAMPLE, &reason);
            0.0
        });
        self.filters
            .iter()
            .all(|filter| filter.holds(fields))
            .then_some(value)
    }
}
