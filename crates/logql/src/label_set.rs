//! The labels of an answer.

use std::fmt;
use std::sync::Arc;

use crate::units::quote;

/// Labels sorted by name, each name once. Unlike the labels of a stream they may be empty: a field that is there and empty makes
/// another series than one that is not there. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelSet {
    pairs: Arc<[(Arc<str>, Arc<str>)]>,
}

impl LabelSet {
    /// No labels.
    pub fn empty() -> Self {
        Self { pairs: Arc::from([]) }
    }

    /// The set of pairs in any order; of equal names the last stays.
    pub fn from_pairs<N: Into<Arc<str>>, V: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into()));
        let mut pairs: Vec<(Arc<str>, Arc<str>)> = pairs.collect();
        // Stable, so that of equal names the last comes last.
        pairs.sort_by(|left, right| left.0.cmp(&right.0));
        pairs.reverse();
        pairs.dedup_by(|left, right| left.0 == right.0);
        pairs.reverse();
        Self {
            pairs: Arc::from(pairs),
        }
    }

    /// The value of a label, if the set has it.
    pub fn get(&self, name: &str) -> Option<&str> {
        let place = self
            .pairs
            .binary_search_by(|(known, _)| (**known).cmp(name))
            .ok()?;
        self.pairs.get(place).map(|(_, value)| &**value)
    }

    /// The pairs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (&**name, &**value))
    }

    /// How many labels the set has.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether the set has no label.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The set with only those labels that are not empty and for which `keep` says so.
    #[must_use]
    pub(crate) fn retain(&self, keep: impl Fn(&str) -> bool) -> Self {
        if self
            .pairs
            .iter()
            .all(|(name, value)| !value.is_empty() && keep(name))
        {
            return self.clone();
        }
        let pairs = self
            .pairs
            .iter()
            .filter(|(name, value)| !value.is_empty() && keep(name));
        Self {
            pairs: pairs.cloned().collect(),
        }
    }

    /// The set with a label set, or without it where the value is empty.
    #[must_use]
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let others = self.pairs.iter().filter(|(known, _)| **known != *name).cloned();
        let own = (!value.is_empty()).then(|| (Arc::from(name), Arc::from(value)));
        Self::from_pairs(others.chain(own))
    }

    /// Bytes of heap memory behind this set. Names are not counted: the sets of a query share them.
    pub(crate) fn heap_bytes(&self) -> usize {
        /// The two counts of an `Arc`.
        const COUNTS: usize = 16;
        let pairs = self.pairs.iter();
        pairs
            .map(|(_, value)| size_of::<(Arc<str>, Arc<str>)>() + (COUNTS + value.len()).next_multiple_of(16))
            .sum::<usize>()
            + COUNTS
    }
}

impl Default for LabelSet {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Display for LabelSet {
    /// Prints as Loki does: `{name="value", …}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (place, (name, value)) in self.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}{name}={}", quote(value))?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_sorted_and_keep_what_is_empty() {
        let set = LabelSet::from_pairs([("b", "1"), ("a", ""), ("b", "2")]);
        assert_eq!(set.to_string(), r#"{a="", b="2"}"#);
        assert_eq!(set.get("b"), Some("2"));
        assert_eq!(set.with("b", "").with("c", "x").to_string(), r#"{a="", c="x"}"#);
        assert_eq!(set.retain(|_| true).to_string(), r#"{b="2"}"#);
    }
}
