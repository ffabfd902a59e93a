//! Filters on the line itself.

use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;
use regex::Regex;

use super::ip::IpPattern;
use crate::ast::{self, LineOp, Needle};
use crate::go_regex;
use crate::line_pattern::LinePattern;

/// A line filter that is ready to be used.
#[derive(Debug)]
pub(super) struct LineFilter {
    tests: Vec<Test>,
    is_negated: bool,
}

#[derive(Debug)]
enum Test {
    Text(Box<Finder<'static>>),
    AnyText(AhoCorasick),
    Regex(Regex),
    Pattern(LinePattern),
    Ip(IpPattern),
}

impl LineFilter {
    pub(super) fn new(filter: &ast::LineFilter) -> Result<Self, String> {
        let needles = || std::iter::once(&filter.needle).chain(&filter.or);
        let is_plain = matches!(filter.op, LineOp::Contains | LineOp::ContainsNot);
        let tests = if is_plain && !filter.or.is_empty() && needles().all(|needle| !needle.is_ip) {
            let texts = AhoCorasick::new(needles().map(|needle| &needle.text));
            vec![Test::AnyText(texts.map_err(|error| error.to_string())?)]
        } else {
            needles()
                .map(|needle| test(filter.op, needle))
                .collect::<Result<_, _>>()?
        };
        Ok(Self {
            tests,
            is_negated: filter.op.is_negated(),
        })
    }

    pub(super) fn holds(&self, line: &str) -> bool {
        self.tests.iter().any(|test| test.holds(line)) != self.is_negated
    }
}

fn test(op: LineOp, needle: &Needle) -> Result<Test, String> {
    let is_plain = matches!(op, LineOp::Contains | LineOp::ContainsNot);
    if needle.is_ip {
        if !is_plain {
            return Err("ip: invalid operation".to_owned());
        }
        return IpPattern::new(&needle.text).map(Test::Ip);
    }
    match op {
        LineOp::Contains | LineOp::ContainsNot => {
            Ok(Test::Text(Box::new(Finder::new(&needle.text).into_owned())))
        }
        LineOp::Matches | LineOp::MatchesNot => go_regex::compile(&needle.text).map(Test::Regex),
        LineOp::Fits | LineOp::FitsNot => LinePattern::for_filter(&needle.text).map(Test::Pattern),
    }
}

impl Test {
    fn holds(&self, line: &str) -> bool {
        match self {
            Self::Text(text) => text.find(line.as_bytes()).is_some(),
            Self::AnyText(texts) => texts.is_match(line),
            Self::Regex(regex) => regex.is_match(line),
            Self::Pattern(pattern) => pattern.fits(line),
            Self::Ip(ip) => ip.is_in(line),
        }
    }
}

/// Whether lines pass just where they hold what [`holds`] says.
pub(crate) fn is_decided_by_holds(filter: &ast::LineFilter) -> bool {
    let mut needles = std::iter::once(&filter.needle).chain(&filter.or);
    filter.op == LineOp::Contains && needles.all(|needle| !needle.is_ip)
}

/// What lines must hold to pass: one text at least of every group. For stores that can leave lines out.
pub(crate) fn holds(filter: &ast::LineFilter) -> Vec<Vec<String>> {
    let needles = || std::iter::once(&filter.needle).chain(&filter.or);
    if needles().any(|needle| needle.is_ip) {
        return Vec::new();
    }
    match filter.op {
        LineOp::Contains => vec![needles().map(|needle| needle.text.clone()).collect()],
        LineOp::Fits if filter.or.is_empty() => LinePattern::for_filter(&filter.needle.text)
            .map(|pattern| pattern.texts().map(|text| vec![text.to_owned()]).collect())
            .unwrap_or_default(),
        LineOp::Matches if filter.or.is_empty() => go_regex::texts(&filter.needle.text),
        _ => Vec::new(),
    }
}
