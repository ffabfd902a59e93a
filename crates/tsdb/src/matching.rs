//! Which series meet a list of conditions, by postings; the same for memory and for blocks.

use model::{Matcher, MatcherOp, Pattern, ReadError};
use roaring::RoaringBitmap;

/// Postings of a set of series, which are numbered.
pub(crate) trait Postings {
    /// All series.
    fn all(&self) -> Result<RoaringBitmap, ReadError>;
    /// The series with this very label.
    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, ReadError>;
    /// The series that have the label with a value that `wanted` agrees to.
    fn with_value(&self, name: &str, wanted: &dyn Fn(&str) -> bool) -> Result<RoaringBitmap, ReadError>;
}

/// The numbers of the series that meet all `matchers`, as Prometheus defines it: an absent label counts as empty.
pub(crate) fn matching(postings: &dyn Postings, matchers: &[Matcher]) -> Result<RoaringBitmap, ReadError> {
    let (mut demanding, excluding): (Vec<_>, Vec<_>) = matchers.iter().partition(|m| !m.matches_empty());
    // Exact conditions first, the metric's name before all: what is left soon is small.
    demanding.sort_by_key(|m| {
        (
            !matches!(m.op(), MatcherOp::Equal),
            m.name() != model::labels::METRIC_NAME,
        )
    });
    let mut found: Option<RoaringBitmap> = None;
    for matcher in demanding {
        if found.as_ref().is_some_and(RoaringBitmap::is_empty) {
            break;
        }
        let having = match matcher.op() {
            MatcherOp::Equal => postings.equal(matcher.name(), matcher.value())?,
            MatcherOp::Matches(pattern) => of_pattern(postings, matcher.name(), pattern)?,
            _ => postings.with_value(matcher.name(), &|value| matcher.matches(value))?,
        };
        found = Some(match found {
            Some(found) => found & having,
            None => having,
        });
    }
    let mut found = match found {
        Some(found) => found,
        None => postings.all()?,
    };
    for matcher in excluding {
        if found.is_empty() {
            break;
        }
        found -= match matcher.op() {
            MatcherOp::NotEqual => postings.equal(matcher.name(), matcher.value())?,
            MatcherOp::NotMatches(pattern) => of_pattern(postings, matcher.name(), pattern)?,
            _ => postings.with_value(matcher.name(), &|value| !matcher.matches(value))?,
        };
    }
    Ok(found)
}

/// The series that have the label with a value that fits; values that are listed are looked up one by one.
fn of_pattern(postings: &dyn Postings, name: &str, pattern: &Pattern) -> Result<RoaringBitmap, ReadError> {
    let Some(values) = pattern.literals() else {
        return postings.with_value(name, &|value| pattern.is_match(value));
    };
    let mut found = RoaringBitmap::new();
    for value in values {
        found |= postings.equal(name, value)?;
    }
    Ok(found)
}
