//! `| regexp` and `| pattern`: fields by where they stand in the line.

use regex::{CaptureLocations, Regex};

use super::fields::Fields;
use super::names::NameId;
use crate::go_regex;
use crate::line_pattern::LinePattern;

/// The named captures of a regular expression.
#[derive(Debug)]
pub(super) struct Regexp {
    regex: Regex,
    locations: CaptureLocations,
    /// By place of the capture.
    names: Vec<(usize, NameId)>,
}

impl Regexp {
    pub(super) fn new(pattern: &str, fields: &mut Fields) -> Result<Self, String> {
        let regex = go_regex::compile(pattern)?;
        let names = regex.capture_names().enumerate();
        let names = names.filter_map(|(place, name)| Some((place, fields.names.of_key(name?)?)));
        Ok(Self {
            names: names.collect(),
            locations: regex.capture_locations(),
            regex,
        })
    }

    pub(super) fn parse(&mut self, line: &str, fields: &mut Fields) {
        if fields.needs_nothing() || self.regex.captures_read(&mut self.locations, line).is_none() {
            return;
        }
        for (place, name) in &self.names {
            let span = self.locations.get(*place);
            let value = span.and_then(|(start, end)| line.get(start..end));
            fields.extract(*name, value.unwrap_or_default());
        }
    }
}

/// The named captures of a pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    pattern: LinePattern,
    names: Vec<NameId>,
}

impl Pattern {
    pub(super) fn new(pattern: &str, fields: &mut Fields) -> Result<Self, String> {
        let pattern = LinePattern::for_parser(pattern)?;
        let names = pattern.names().map(|name| fields.names.id(name)).collect();
        Ok(Self { pattern, names })
    }

    pub(super) fn parse(&self, line: &str, fields: &mut Fields) {
        if line.is_empty() || fields.needs_nothing() {
            return;
        }
        self.pattern.captures(line, |place, value| {
            if let Some(name) = self.names.get(place) {
                fields.extract(*name, value);
            }
        });
    }
}
