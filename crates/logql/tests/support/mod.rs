//! What the tests of this room share.

#![allow(dead_code, reason = "every test program uses its own part of this module")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "tests end at the first fault and print their totals"
)]

pub(crate) mod script;

/// Counts cases and prints the line that `cargo x conformance` looks for.
#[derive(Debug)]
pub(crate) struct Tally {
    area: &'static str,
    passed: usize,
    failed: Vec<String>,
}

impl Tally {
    pub(crate) fn new(area: &'static str) -> Self {
        Self {
            area,
            passed: 0,
            failed: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, name: impl Into<String>, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.passed += 1,
            Err(reason) => self.failed.push(format!("{}: {reason}", name.into())),
        }
    }

    /// Prints the totals and holds the number of passed cases to what was reached before.
    pub(crate) fn finish(self, floor: usize) {
        if std::env::var_os("WATCHKEEPER_CONFORMANCE_VERBOSE").is_some() {
            for failed in &self.failed {
                println!("failed {failed}");
            }
        }
        println!(
            "conformance {}: {} cases, {} passed, {} failed",
            self.area,
            self.passed + self.failed.len(),
            self.passed,
            self.failed.len()
        );
        assert!(
            self.passed >= floor,
            "{} passed only {} cases, the floor is {floor}",
            self.area,
            self.passed
        );
    }
}
