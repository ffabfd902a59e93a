//! Sums of what test runners print: libtest's result lines and the lines of conformance areas.

use std::fmt;

/// How many cases passed and failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Cases that passed.
    pub passed: u64,
    /// Cases that failed.
    pub failed: u64,
}

/// One line `conformance AREA: N cases, N passed, N failed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// The area's name.
    pub name: String,
    /// How many cases the data holds.
    pub cases: u64,
    /// What became of them.
    pub totals: Totals,
}

impl Totals {
    /// Adds what a line of libtest reports, if it is a result line:
    /// `test result: ok. 3 passed; 0 failed; 0 ignored; …`.
    pub fn add_line(&mut self, line: &str) {
        let Some(rest) = line.trim_start().strip_prefix("test result: ") else {
            return;
        };
        for part in rest.split([';', '.']) {
            match number_and_word(part) {
                Some((count, "passed")) => self.passed += count,
                Some((count, "failed")) => self.failed += count,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl Area {
    /// Reads an area's line. It may stand behind other text: libtest does not end its own line while a test prints.
    pub fn parse(line: &str) -> Option<Self> {
        let start = line.find("conformance ")?;
        let (name, counts) = line
            .get(start..)?
            .strip_prefix("conformance ")?
            .split_once(": ")?;
        let mut parts = counts.trim_end().split(", ").map(number_and_word);
        let (Some((cases, "cases")), Some((passed, "passed")), Some((failed, "failed"))) =
            (parts.next()?, parts.next()?, parts.next()?)
        else {
            return None;
        };
        Some(Self {
            name: name.to_owned(),
            cases,
            totals: Totals { passed, failed },
        })
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "conformance {}: {} cases, {}",
            self.name, self.cases, self.totals
        )
    }
}

fn number_and_word(text: &str) -> Option<(u64, &str)> {
    let (number, word) = text.trim().split_once(' ')?;
    Some((number.parse().ok()?, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_summed_and_others_ignored() {
        let mut totals = Totals::default();
        for line in [
            "running 3 tests",
            "test a ... ok",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
        ] {
            totals.add_line(line);
        }
        assert_eq!(totals, Totals { passed: 8, failed: 2 });
        assert_eq!(totals.to_string(), "8 passed, 2 failed");
    }

    #[test]
    fn an_area_is_read_where_it_stands_and_printed_as_it_was() {
        let line = "conformance promql-eval: 1327 cases, 1200 passed, 127 failed";
        assert_eq!(Area::parse(line).unwrap().to_string(), line);
        let behind = format!("test promql ... {line}");
        assert_eq!(Area::parse(&behind).unwrap().to_string(), line);
        for other in [
            "conformance promql-eval: skipped, there is no data",
            "test conformance ... ok",
            "",
        ] {
            assert_eq!(Area::parse(other), None, "{other}");
        }
    }
}
