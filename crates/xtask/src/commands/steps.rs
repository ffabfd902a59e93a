//! Named steps that all run, and a summary that says which failed.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::shell;

/// Steps that were run, and those that failed.
#[derive(Debug, Default)]
pub struct Steps {
    failed: Vec<String>,
    skipped: Vec<String>,
}

impl Steps {
    /// Runs a command under a heading.
    pub fn run(&mut self, name: &str, folder: &Path, line: &[&str]) -> Result<()> {
        shell::say(&format!("== {name}: {}", line.join(" ")));
        let succeeded = shell::runs(folder, line)?;
        self.note(name, succeeded);
        Ok(())
    }

    /// Notes how a step ended that was run elsewhere.
    pub fn note(&mut self, name: &str, succeeded: bool) {
        if !succeeded {
            self.failed.push(name.to_owned());
        }
    }

    /// Notes a step that this machine cannot run, and what to do about it.
    pub fn skip(&mut self, name: &str, why: &str) {
        shell::say(&format!("== {name}: skipped, {why}"));
        self.skipped.push(name.to_owned());
    }

    /// The last line, and the exit code.
    pub fn end(self) -> ExitCode {
        shell::say(&self.summary());
        if self.failed.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn summary(&self) -> String {
        let skipped = match self.skipped.as_slice() {
            [] => String::new(),
            names => format!("; skipped: {}", names.join(", ")),
        };
        match self.failed.as_slice() {
            [] => format!("all steps passed{skipped}"),
            names => format!("failed: {}{skipped}", names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_step_fails_the_whole_and_the_rest_still_runs() {
        let mut steps = Steps::default();
        steps.run("first", Path::new("/"), &["false"]).unwrap();
        steps.run("second", Path::new("/"), &["true"]).unwrap();
        steps.skip("third", "there is no such tool");
        assert_eq!(steps.summary(), "failed: first; skipped: third");
        assert_eq!(format!("{:?}", steps.end()), format!("{:?}", ExitCode::FAILURE));
        assert_eq!(Steps::default().summary(), "all steps passed");
    }
}
