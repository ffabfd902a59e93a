//! Label sets: what names a series.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::names::is_legacy_metric_name;
use crate::quoting::{label_name, quote};
use xxhash_rust::xxh3::xxh3_128;

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// An immutable label set, sorted by name, one entry a name, no empty value. Cloning is cheap.
///
/// Kept as one string: for every label the length of the name, the name, the length of the value, the value; a
/// length is written in ASCII characters of six bits each, low bits first, bit 0x40 set where more follow. So a
/// series costs one allocation, and equality and hashing are those of a string.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Labels {
    packed: Arc<str>,
}

/// Most sets take less.
const PACKED_BYTES_USUAL: usize = 512;

/// A label set with its identity, computed once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Series {
    id: SeriesId,
    labels: Labels,
}

/// The 128-bit identity of a label set: XXH3-128 (seed 0) over the packed form of [`Labels`], version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId(pub u128);

impl SeriesId {
    /// The version of the identity; it is written into every file that holds ids.
    pub const VERSION: u8 = 1;
}

// === impl Series ===

impl Series {
    /// Computes the identity of `labels`.
    pub fn new(labels: Labels) -> Self {
        Self {
            id: labels.id(),
            labels,
        }
    }

    /// The identity.
    pub fn id(&self) -> SeriesId {
        self.id
    }

    /// The labels.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }
}

// === impl Labels ===

impl Labels {
    /// The empty set.
    pub fn empty() -> Self {
        Self {
            packed: Arc::from(""),
        }
    }

    /// The set of pairs that are sorted by name, each name once and no value empty, which is faster than [`Self::from_pairs`]; where
    /// they are not, it is the same.
    pub fn from_sorted<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Self {
        let mut before = "";
        let is_in_order = pairs.clone().all(|(name, value)| {
            let follows = before < name && !value.is_empty();
            before = name;
            follows
        });
        if is_in_order {
            Self::pack(pairs)
        } else {
            Self::from_pairs(pairs)
        }
    }

    /// Builds a set from pairs in any order. Of equal names the last wins; empty values are left out.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.set(name, value);
        }
        builder.build()
    }

    /// The value of `name`, if the set has it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// The metric's name, or the empty string.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or_default()
    }

    /// The pairs, sorted by name.
    pub fn iter(&self) -> LabelsIter<'_> {
        LabelsIter { rest: &self.packed }
    }

    /// How many labels the set has.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether the set has no label.
    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// A builder that starts with these labels.
    pub fn to_builder(&self) -> LabelsBuilder {
        LabelsBuilder {
            pairs: self.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        }
    }

    /// The set without the metric's name.
    #[must_use]
    pub fn without_metric_name(&self) -> Self {
        Self::pack(self.iter().filter(|(name, _)| *name != METRIC_NAME))
    }

    /// The set with only those labels for which `keep` says so.
    #[must_use]
    pub fn retain(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self::pack(self.iter().filter(|(name, _)| keep(name)))
    }

    /// The identity of this set.
    pub fn id(&self) -> SeriesId {
        SeriesId(xxh3_128(self.packed.as_bytes()))
    }

    /// Bytes of heap memory behind this set.
    pub fn heap_bytes(&self) -> usize {
        self.packed.len() + 16
    }

    /// Packs pairs that are already sorted, unique and free of empty values.
    fn pack<'a>(sorted: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        // Of usual size, so that it need not grow.
        let mut packed = String::with_capacity(PACKED_BYTES_USUAL);
        for (name, value) in sorted {
            pack_text(&mut packed, name);
            pack_text(&mut packed, value);
        }
        Self {
            packed: Arc::from(packed),
        }
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Display for Labels {
    /// Prints as Prometheus does: `name{label="value", …}`, or `{"a name", …}` where the name needs quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metric = self.metric_name();
        let mut separator = "";
        if metric.is_empty() || is_legacy_metric_name(metric) {
            write!(f, "{metric}{{")?;
        } else {
            write!(f, "{{{}", quote(metric))?;
            separator = ", ";
        }
        for (name, value) in self.iter().filter(|(name, _)| *name != METRIC_NAME) {
            write!(f, "{separator}{}={}", label_name(name), quote(value))?;
            separator = ", ";
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    /// Label by label, names before values, as Prometheus sorts.
    fn cmp(&self, other: &Self) -> Ordering {
        // The same series is often met twice, in two blocks: bytes are compared faster than pairs.
        if self.packed == other.packed {
            return Ordering::Equal;
        }
        self.iter().cmp(other.iter())
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = LabelsIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Walks the pairs of a label set in order of name.
#[derive(Debug, Clone)]
pub struct LabelsIter<'a> {
    rest: &'a str,
}

impl<'a> Iterator for LabelsIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (name, rest) = unpack_text(self.rest);
        let (value, rest) = unpack_text(rest);
        self.rest = rest;
        Some((name, value))
    }
}

/// Collects labels one by one.
#[derive(Debug, Clone, Default)]
pub struct LabelsBuilder {
    pairs: BTreeMap<String, String>,
}

impl LabelsBuilder {
    /// Sets a label; a later call for the same name wins. An empty value removes the label.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.pairs.insert(name.into(), value.into());
        self
    }

    /// Removes a label.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.pairs.remove(name);
        self
    }

    /// The value set for `name` so far.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.get(name).map(String::as_str)
    }

    /// The pairs set so far, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The finished set.
    pub fn build(self) -> Labels {
        Labels::pack(self.iter().filter(|(_, value)| !value.is_empty()))
    }
}

fn pack_text(packed: &mut String, text: &str) {
    let mut length = text.len();
    loop {
        let low = (length & 0x3f) as u8;
        length >>= 6;
        if length == 0 {
            packed.push(char::from(low));
            break;
        }
        packed.push(char::from(low | 0x40));
    }
    packed.push_str(text);
}

/// Reads one length and text. The packed form is only ever written by [`pack_text`], so the reads are in bounds.
fn unpack_text(packed: &str) -> (&str, &str) {
    let mut length = 0;
    let mut used = 0;
    for byte in packed.bytes() {
        length |= usize::from(byte & 0x3f) << (6 * used);
        used += 1;
        if byte & 0x40 == 0 {
            break;
        }
    }
    packed[used..].split_at(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sorted_pairs_make_the_same_set_in_order_or_not() {
        for pairs in [
            &[("a", "1"), ("b", "2")][..],
            &[("b", "1"), ("a", "2")],
            &[("a", "1"), ("a", "2")],
            &[("a", ""), ("b", "2")],
            &[],
        ] {
            let pairs = pairs.iter().copied();
            assert_eq!(Labels::from_sorted(pairs.clone()), Labels::from_pairs(pairs));
        }
    }

    #[test]
    fn sets_are_sorted_unique_and_without_empty_values() {
        let labels = Labels::from_pairs([("b", "2"), ("a", "1"), ("c", ""), ("b", "3")]);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "3")]);
        assert_eq!(labels.to_string(), r#"{a="1", b="3"}"#);
        assert_eq!(labels.len(), 2);
    }

    #[test]
    fn sets_are_printed_with_quotes_where_they_are_needed_and_steer_no_terminal() {
        let check = |pairs: &[(&str, &str)], expected: &str| {
            assert_eq!(Labels::from_pairs(pairs.iter().copied()).to_string(), expected);
        };
        check(&[("__name__", "up"), ("job", "a\"b")], r#"up{job="a\"b"}"#);
        check(
            &[("__name__", "up.time"), ("a b", "c")],
            r#"{"up.time", "a b"="c"}"#,
        );
        check(
            &[("__name__", "\u{1b}]0;x\u{7}"), ("\u{1b}[2J", "\u{9b}1m")],
            r#"{"\x1b]0;x\a", "\x1b[2J"="\u009b1m"}"#,
        );
    }

    #[test]
    fn order_is_by_label_and_not_by_packed_length() {
        let short = Labels::from_pairs([("a", "z")]);
        let long = Labels::from_pairs([("a", "bcdef")]);
        assert!(long < short);
        assert!(Labels::empty() < long);
    }

    #[test]
    fn ids_are_fixed_for_ever() {
        let labels = Labels::from_pairs([
            (METRIC_NAME, "up"),
            ("job", "node"),
            ("instance", "localhost:9100"),
        ]);
        assert_eq!(labels.id(), SeriesId(FIXED_ID));
    }

    /// Written into data folders since version 1: a change here makes old data unreadable.
    const FIXED_ID: u128 = 24347392932028936838339056172499498326;

    proptest! {
        #[test]
        fn what_is_set_is_read(pairs in proptest::collection::btree_map("[a-z]{1,80}", ".{1,300}", 0..8)) {
            let labels = Labels::from_pairs(pairs.clone());
            let read: BTreeMap<String, String> =
                labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            prop_assert_eq!(&read, &pairs);
            prop_assert_eq!(labels.to_builder().build(), labels.clone());
            for (name, value) in &pairs {
                prop_assert_eq!(labels.get(name), Some(value.as_str()));
            }
        }
    }
}
