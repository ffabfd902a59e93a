//! `cargo x rooms`: how well changes stay inside one room, read from history.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::shell;

/// What `%x01` prints: no path holds it, so it tells commits apart.
const COMMIT: &str = "\u{1}";

/// Two figures over the last commits.
#[derive(Debug, PartialEq, Eq, Default)]
struct History {
    /// Commits that touched a crate.
    commits: usize,
    /// Commits that touched exactly one crate.
    inside_one: usize,
    /// Files of each commit, sorted.
    files: Vec<usize>,
}

/// Prints the share of commits inside one crate, and the median and largest number of files a commit.
pub fn run(root: &Path, commits: u32) -> Result<ExitCode> {
    let log = log(root, commits)?;
    let history = History::read(&log);
    if history.commits == 0 {
        bail!("no commit among the last {commits} touches a crate");
    }
    for line in history.lines() {
        shell::say(&line);
    }
    Ok(ExitCode::SUCCESS)
}

/// The files of each commit, each commit behind a [`COMMIT`].
fn log(root: &Path, commits: u32) -> Result<String> {
    let count = format!("--max-count={commits}");
    shell::output(
        root,
        &[
            "git",
            "log",
            "--no-merges",
            "--name-only",
            "--format=%x01",
            &count,
        ],
    )
}

impl History {
    fn read(log: &str) -> Self {
        let mut history = Self::default();
        for commit in log.split(COMMIT) {
            let files: Vec<&str> = commit.lines().filter(|line| !line.is_empty()).collect();
            let rooms: BTreeSet<&str> = files
                .iter()
                .filter_map(|path| path.strip_prefix("crates/")?.split('/').next())
                .collect();
            if rooms.is_empty() {
                continue;
            }
            history.commits += 1;
            history.inside_one += usize::from(rooms.len() == 1);
            history.files.push(files.len());
        }
        history.files.sort_unstable();
        history
    }

    fn lines(&self) -> [String; 2] {
        let share = self.inside_one * 100 / self.commits.max(1);
        let median = self.files.get(self.files.len() / 2).copied().unwrap_or(0);
        let largest = self.files.last().copied().unwrap_or(0);
        [
            format!(
                "inside one crate: {} of {} commits, {share} % (aim: 65 %)",
                self.inside_one, self.commits
            ),
            format!("files a commit: median {median}, most {largest}"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_counted_by_the_crates_they_touch() {
        let log = "\u{1}\n\ncrates/a/src/x.rs\ncrates/a/src/y.rs\ndocs/a.md\n\u{1}\n\ncrates/a/src/x.rs\n\
            crates/b/src/x.rs\n\u{1}\n\nREADME.md\n";
        let history = History::read(log);
        assert_eq!((history.commits, history.inside_one), (2, 1));
        assert_eq!(
            history.lines(),
            [
                "inside one crate: 1 of 2 commits, 50 % (aim: 65 %)",
                "files a commit: median 3, most 3"
            ]
        );
    }

    #[test]
    fn the_log_of_a_real_repository_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        shell::output(root, &["git", "init", "--quiet"]).unwrap();
        for files in [
            ["crates/a/src/lib.rs", "docs/a.md"],
            ["crates/a/src/x.rs", "crates/b/src/x.rs"],
        ] {
            for file in files {
                let place = root.join(file);
                std::fs::create_dir_all(place.parent().unwrap()).unwrap();
                std::fs::write(place, "text").unwrap();
            }
            shell::output(root, &["git", "add", "."]).unwrap();
            let author = [
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b",
                "-c",
                "commit.gpgsign=false",
            ];
            let line = [
                ["git"].as_slice(),
                &author,
                &["commit", "--quiet", "--message", "x"],
            ]
            .concat();
            shell::output(root, &line).unwrap();
        }
        let history = History::read(&log(root, 10).unwrap());
        assert_eq!(
            (history.commits, history.inside_one, history.files),
            (2, 1, vec![2, 2])
        );
    }
}
