//! The lengths that were there before the rule, and may only become shorter.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use super::Finding;
use super::lengths::Length;
use crate::tree::Tree;

/// Where the ratchet is kept.
pub const PATH: &str = "crates/xtask/tidy-ratchet.toml";

const HEAD: &str = "\
# What is longer than the house allows (a file 800 lines, a function 70, inline tests 100), with its length today.
# Entries only shrink or vanish: `cargo x tidy --shrink` does that. Nothing is ever added here; split it instead.
";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// A whole file.
    File,
    /// A function, from `fn` to its closing brace.
    Function,
    /// A module `tests` inside the file that it tests.
    InlineTests,
}

/// One thing that is measured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The file.
    pub path: String,
    /// What kind of thing.
    pub measure: Measure,
    /// Its name; empty for a file.
    pub name: String,
}

/// The allowances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ratchet {
    entries: BTreeMap<Key, usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    longer: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: String,
    measure: Measure,
    #[serde(default)]
    name: String,
    lines: usize,
}

// === impl Ratchet ===

impl Ratchet {
    /// Reads the ratchet of a tree; a tree without the file has no allowances.
    pub fn read(tree: &Tree) -> Result<Self, Finding> {
        Self::parse(tree.text(PATH).unwrap_or_default())
    }

    /// What may be as long as this.
    pub fn allowance(&self, key: &Key) -> Option<usize> {
        self.entries.get(key).copied()
    }

    /// Every allowance, sorted.
    pub fn entries(&self) -> impl Iterator<Item = (&Key, &usize)> {
        self.entries.iter()
    }

    /// This ratchet with every entry that has become shorter brought down, and those gone that are within the rule.
    /// Never adds an entry and never raises one.
    #[must_use]
    pub fn shrunk(&self, too_long: &BTreeMap<Key, Length>) -> Self {
        let entries = self
            .entries
            .iter()
            .filter_map(|(key, allowed)| {
                let now = too_long.get(key)?.lines;
                Some((key.clone(), now.min(*allowed)))
            })
            .collect();
        Self { entries }
    }

    /// The file's text.
    pub fn print(&self) -> String {
        let mut text = HEAD.to_owned();
        for (key, lines) in &self.entries {
            let measure = key.measure.as_str();
            let _ = write!(
                text,
                "\n[[longer]]\nmeasure = \"{measure}\"\npath = \"{}\"\n",
                key.path
            );
            if !key.name.is_empty() {
                let _ = writeln!(text, "name = \"{}\"", key.name);
            }
            let _ = writeln!(text, "lines = {lines}");
        }
        text
    }

    fn parse(text: &str) -> Result<Self, Finding> {
        let document: Document =
            toml::from_str(text).map_err(|error| Finding::of_file(PATH, error.to_string()))?;
        let mut entries = BTreeMap::new();
        for Entry {
            path,
            measure,
            name,
            lines,
        } in document.longer
        {
            let key = Key { path, measure, name };
            if lines <= measure.lines_max() {
                let what = format!("{key} of {} is within the rule; remove the entry", key.path);
                return Err(Finding::of_file(PATH, what));
            }
            if entries.insert(key.clone(), lines).is_some() {
                return Err(Finding::of_file(
                    PATH,
                    format!("{key} of {} has two entries", key.path),
                ));
            }
        }
        Ok(Self { entries })
    }
}

// === impl Measure ===

impl Measure {
    /// The rule: as long as this, and no longer.
    pub fn lines_max(self) -> usize {
        match self {
            Self::File => 800,
            Self::Function => 70,
            Self::InlineTests => 100,
        }
    }

    /// How something too long is mended.
    pub fn mend(self) -> &'static str {
        match self {
            Self::File => "give each subject its own file",
            Self::Function => "split it where it changes its subject",
            Self::InlineTests => "move it to a sibling `tests.rs`",
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Function => "function",
            Self::InlineTests => "inline-tests",
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.measure {
            Measure::File => f.write_str("the file"),
            Measure::Function => write!(f, "function `{}`", self.name),
            Measure::InlineTests => write!(f, "the inline `{}` module", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(path: &str, measure: Measure, name: &str) -> Key {
        Key {
            path: path.to_owned(),
            measure,
            name: name.to_owned(),
        }
    }

    fn ratchet(entries: &[(Key, usize)]) -> Ratchet {
        Ratchet {
            entries: entries.iter().cloned().collect(),
        }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let whole = ratchet(&[
            (key("crates/a/src/x.rs", Measure::File, ""), 900),
            (key("crates/a/src/x.rs", Measure::Function, "step"), 75),
            (key("crates/b/src/y.rs", Measure::InlineTests, "tests"), 140),
        ]);
        assert_eq!(Ratchet::parse(&whole.print()).unwrap(), whole);
        assert_eq!(
            Ratchet::parse(&Ratchet::default().print()).unwrap(),
            Ratchet::default()
        );
    }

    #[test]
    fn entries_that_say_nothing_are_refused() {
        for (text, expected) in [
            (
                "[[longer]]\nmeasure = \"function\"\npath = \"a\"\nname = \"f\"\nlines = 70\n",
                "within the rule",
            ),
            (
                "[[longer]]\nmeasure = \"folder\"\npath = \"a\"\nlines = 900\n",
                "unknown variant",
            ),
            (
                "[[longer]]\nmeasure = \"file\"\npath = \"a\"\nlines = 900\nwhy = \"\"\n",
                "unknown field",
            ),
        ] {
            let finding = Ratchet::parse(text).unwrap_err().to_string();
            assert!(finding.contains(expected), "{finding}");
        }
    }

    proptest! {
        #[test]
        fn shrinking_never_adds_and_never_raises(
            old in prop::collection::btree_map(0u8..6, 71usize..200, 0..6),
            now in prop::collection::btree_map(0u8..6, 71usize..200, 0..6),
        ) {
            let key = |number: &u8| key(&number.to_string(), Measure::Function, "f");
            let before = Ratchet { entries: old.iter().map(|(number, lines)| (key(number), *lines)).collect() };
            let measured = now.iter().map(|(number, lines)| (key(number), Length { line: 1, lines: *lines })).collect();
            let after = before.shrunk(&measured);
            for (key, lines) in after.entries() {
                prop_assert!(before.allowance(key).is_some_and(|allowed| *lines <= allowed));
                prop_assert!(*lines <= measured[key].lines);
            }
        }
    }
}
