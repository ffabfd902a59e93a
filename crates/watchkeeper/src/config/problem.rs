//! One thing that is wrong with a configuration: where, what, and how to mend it.

use std::fmt;
use std::path::PathBuf;

/// A fault in a configuration file or in a file that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The file; `None` for a value given on the command line.
    pub(crate) file: Option<PathBuf>,
    /// The line in that file, counted from 1.
    pub(crate) line: Option<u64>,
    /// What is wrong and how to mend it, in one line.
    pub(crate) message: String,
}

impl Problem {
    /// A fault in `file` at `line`.
    pub(crate) fn at(file: impl Into<PathBuf>, line: Option<u64>, message: impl Into<String>) -> Self {
        Self {
            file: Some(file.into()),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.message)
    }
}

/// Puts problems one per line.
pub(crate) fn join(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}
