//! What libFuzzer says at the end of a run.

use std::fmt;

use crate::shell::grouped;

/// The figures of one run; a finding is a file that makes the target fail.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    runs: u64,
    /// Edges that were reached.
    coverage: u64,
    finding: Option<String>,
}

impl Progress {
    /// Reads a log; what it does not say stays nothing.
    pub(super) fn parse(log: &str) -> Self {
        let mut progress = Self::default();
        for line in log.lines() {
            if let Some(runs) = line.strip_prefix("stat::number_of_executed_units:") {
                progress.runs = runs.trim().parse().unwrap_or(0);
            } else if let Some((_, path)) = line.split_once("Test unit written to ") {
                progress.finding = Some(path.trim().to_owned());
            } else if let Some(coverage) = coverage(line) {
                progress.coverage = coverage;
            }
        }
        progress
    }

    /// The file of a finding.
    pub(super) fn finding(&self) -> Option<&str> {
        self.finding.as_deref()
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} runs, {} edges",
            grouped(self.runs),
            grouped(self.coverage)
        )?;
        match &self.finding {
            None => write!(out, ", no finding"),
            Some(path) => write!(out, ", FINDING: {path}"),
        }
    }
}

/// Of a line such as `#1024\tNEW    cov: 12 ft: 15 corp: 5/9b`.
fn coverage(line: &str) -> Option<u64> {
    let rest = line.strip_prefix('#')?;
    let (_, after) = rest.split_once("cov: ")?;
    after.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_run_is_understood() {
        let log = "\
INFO: seed corpus: files: 3
#4\tINITED cov: 31 ft: 32 corp: 3/90b
#1048576\tpulse  cov: 1412 ft: 2000 corp: 80/9000b lim: 4096 exec/s: 50000 rss: 60Mb
#3000000\tDONE   cov: 1415 ft: 2004 corp: 81/9001b
Done 3000000 runs in 61 second(s)
stat::number_of_executed_units: 3000000
stat::average_exec_per_sec:     49180
";
        let progress = Progress::parse(log);
        assert_eq!(progress.to_string(), "3,000,000 runs, 1,415 edges, no finding");
        let failed =
            "#9\tNEW cov: 5 ft: 5\nartifact_prefix='x'; Test unit written to /r/fuzz/artifacts/a/crash-0a\n";
        let progress = Progress::parse(failed);
        assert_eq!(progress.finding(), Some("/r/fuzz/artifacts/a/crash-0a"));
        assert_eq!(
            progress.to_string(),
            "0 runs, 5 edges, FINDING: /r/fuzz/artifacts/a/crash-0a"
        );
    }
}
