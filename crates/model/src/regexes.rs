//! Regular expressions of templates: compiled when an expansion first names them, and kept for those behind it.

use std::collections::VecDeque;

use regex::Regex;

use crate::go_regex::GoRegex;

/// Expressions that are kept, those that were compiled last.
const KEPT_MAX: usize = 16;

/// Expressions that may be compiled in one expansion: compiling one can take longer than thousands of expansions.
const COMPILED_MAX: usize = 64;

/// Expressions by their patterns, a few of them.
#[derive(Debug, Default)]
pub struct Regexes {
    /// Faults too are kept.
    kept: VecDeque<(String, Result<Regex, String>)>,
    /// How many were compiled in this expansion.
    compiled: usize,
}

impl Regexes {
    /// Begins to count anew what an expansion compiles.
    pub fn start_expansion(&mut self) {
        self.compiled = 0;
    }

    /// The expression of `pattern`; it may match anywhere in a text.
    ///
    /// # Errors
    /// What Go would say of a pattern that is none, and where an expansion names too many.
    pub fn get(&mut self, pattern: &str) -> Result<&Regex, String> {
        let at = self.kept.iter().position(|(known, _)| known == pattern);
        let at = match at {
            Some(at) => at,
            None => {
                self.compile(pattern)?;
                0
            }
        };
        match self.kept.get(at) {
            Some((_, Ok(regex))) => Ok(regex),
            Some((_, Err(reason))) => Err(reason.clone()),
            None => Err("missing expression".to_owned()),
        }
    }

    /// Puts the expression in front of those that are kept.
    fn compile(&mut self, pattern: &str) -> Result<(), String> {
        if self.compiled >= COMPILED_MAX {
            return Err(format!(
                "a template may use {COMPILED_MAX} different regular expressions in one expansion"
            ));
        }
        self.compiled += 1;
        self.kept.truncate(KEPT_MAX - 1);
        let compiled = GoRegex::parse(pattern).and_then(|read| read.compile(pattern));
        let compiled = compiled.map_err(|error| error.as_go_says());
        self.kept.push_front((pattern.to_owned(), compiled));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_compiled_once() {
        let mut regexes = Regexes::default();
        for _ in 0..100 {
            assert!(regexes.get("a+").unwrap().is_match("caat"));
            assert!(regexes.get("(").unwrap_err().contains("error parsing regexp"));
        }
        assert_eq!(regexes.compiled, 2);
    }

    #[test]
    fn few_are_kept_and_no_expansion_compiles_without_end() {
        let mut regexes = Regexes::default();
        for count in 0..COMPILED_MAX {
            assert!(regexes.get(&format!("a{{{count}}}")).is_ok());
        }
        assert_eq!(regexes.kept.len(), KEPT_MAX);
        assert!(
            regexes
                .get("b")
                .unwrap_err()
                .contains("64 different regular expressions")
        );
        regexes.start_expansion();
        assert!(regexes.get("b").is_ok());
    }
}
