//! `| drop` and `| keep`: labels that go, labels that stay.

use model::Matcher;

use super::fields::Fields;
use super::names::{ERROR, ERROR_DETAILS, NameId};
use crate::ast::NamedLabel;

/// Labels by name, some only with such a value.
#[derive(Debug)]
pub(super) struct Named {
    labels: Vec<(NameId, Option<Matcher>)>,
    doomed: Vec<NameId>,
}

impl Named {
    pub(super) fn new(labels: &[NamedLabel], fields: &mut Fields) -> Self {
        let labels = labels.iter().map(|label| match label {
            NamedLabel::Name(name) => (fields.names.id(name), None),
            NamedLabel::Matching(matcher) => (fields.names.id(matcher.name()), Some(matcher.clone())),
        });
        Self {
            labels: labels.collect(),
            doomed: Vec::new(),
        }
    }

    /// Takes these labels away.
    pub(super) fn drop(&self, fields: &mut Fields) {
        for (name, matcher) in &self.labels {
            let goes = matcher
                .as_ref()
                .is_none_or(|matcher| matcher.matches(fields.text(*name)));
            match *name {
                _ if !goes => {}
                ERROR => fields.clear_error(),
                ERROR_DETAILS => fields.clear_error_details(),
                _ if fields.get(*name).is_some() => fields.delete(*name),
                _ => {}
            }
        }
    }

    /// Takes all other labels away; errors stay.
    pub(super) fn keep(&mut self, fields: &mut Fields) {
        let labels = &self.labels;
        let stays = |name: NameId, value: &str| {
            labels.iter().any(|(known, matcher)| {
                *known == name && matcher.as_ref().is_none_or(|matcher| matcher.matches(value))
            })
        };
        self.doomed.clear();
        let doomed = fields.iter().filter(|(name, value, _)| !stays(*name, value));
        self.doomed.extend(doomed.map(|(name, ..)| name));
        for name in &self.doomed {
            fields.delete(*name);
        }
    }
}
