//! Filters on labels.

use model::Matcher;

use super::errors;
use super::fields::Fields;
use super::ip::IpPattern;
use super::names::NameId;
use crate::ast::{self, CompareOp};
use crate::units;

/// A label filter that is ready to be used.
#[derive(Debug)]
pub(super) enum LabelFilter {
    Text(NameId, Matcher),
    Ip(NameId, IpPattern, bool),
    Number(NameId, CompareOp, f64),
    Duration(NameId, CompareOp, i64),
    Bytes(NameId, CompareOp, u64),
    And(Box<LabelFilter>, Box<LabelFilter>),
    Or(Box<LabelFilter>, Box<LabelFilter>),
}

impl LabelFilter {
    pub(super) fn new(filter: &ast::LabelFilter, fields: &mut Fields) -> Result<Self, String> {
        let names = &mut fields.names;
        Ok(match filter {
            ast::LabelFilter::Text(matcher) => Self::Text(names.id(matcher.name()), matcher.clone()),
            ast::LabelFilter::Ip {
                label,
                negated,
                pattern,
            } => Self::Ip(names.id(label), IpPattern::new(pattern)?, *negated),
            ast::LabelFilter::Number { label, op, value } => Self::Number(names.id(label), *op, *value),
            ast::LabelFilter::Duration { label, op, value_ns } => {
                Self::Duration(names.id(label), *op, *value_ns)
            }
            ast::LabelFilter::Bytes { label, op, value } => Self::Bytes(names.id(label), *op, *value),
            ast::LabelFilter::And(left, right) => Self::And(
                Box::new(Self::new(left, fields)?),
                Box::new(Self::new(right, fields)?),
            ),
            ast::LabelFilter::Or(left, right) => Self::Or(
                Box::new(Self::new(left, fields)?),
                Box::new(Self::new(right, fields)?),
            ),
        })
    }

    /// Whether the line stays. One whose label cannot be read stays too, with an error.
    pub(super) fn holds(&self, fields: &mut Fields) -> bool {
        match self {
            Self::Text(name, matcher) => matcher.matches(fields.text(*name)),
            // Only texts can tell lines with errors from others.
            Self::Ip(..) if fields.error().is_some() => true,
            Self::Ip(name, pattern, negated) => {
                let value = fields.get(*name);
                value.is_some_and(|(value, _)| pattern.is_in(value) != *negated)
            }
            Self::Number(name, op, wanted) => compare(fields, *name, *op, *wanted, units::parse_float),
            Self::Duration(name, op, wanted) => compare(fields, *name, *op, *wanted, units::parse_duration),
            Self::Bytes(name, op, wanted) => compare(fields, *name, *op, *wanted, units::parse_bytes),
            // The second is judged too where the first refuses: its error may be the one to tell.
            Self::And(left, right) => {
                let holds = left.holds(fields);
                right.holds(fields) && holds
            }
            Self::Or(left, right) => left.holds(fields) || right.holds(fields),
        }
    }
}

fn compare<T: PartialOrd>(
    fields: &mut Fields,
    name: NameId,
    op: CompareOp,
    wanted: T,
    read: impl Fn(&str) -> Result<T, String>,
) -> bool {
    let Some((value, _)) = fields.get(name) else {
        return false;
    };
    match read(value) {
        Ok(value) => op.holds(value, wanted),
        Err(reason) => {
            // The first error is the one to tell.
            if fields.error().is_none() {
                fields.set_error(errors::LABEL_FILTER, &reason);
            }
            true
        }
    }
}

/// The labels that a filter looks at.
pub(crate) fn labels<'a>(filter: &'a ast::LabelFilter, found: &mut Vec<&'a str>) {
    match filter {
        ast::LabelFilter::Text(matcher) => found.push(matcher.name()),
        ast::LabelFilter::Ip { label, .. }
        | ast::LabelFilter::Number { label, .. }
        | ast::LabelFilter::Duration { label, .. }
        | ast::LabelFilter::Bytes { label, .. } => found.push(label),
        ast::LabelFilter::And(left, right) | ast::LabelFilter::Or(left, right) => {
            labels(left, found);
            labels(right, found);
        }
    }
}
