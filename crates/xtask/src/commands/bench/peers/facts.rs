//! Where and when the figures were taken, so that they can be judged and taken again.

use std::path::Path;

use anyhow::{Context, Result};

use super::system::System;
use crate::shell;

/// The machine, the moment, and what was measured.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) cpu_model: String,
    pub(super) cores: usize,
    pub(super) memory_gib: f64,
    pub(super) kernel: String,
    /// Processes that wanted a core in the minute before the start; figures of a busy machine are worth little.
    pub(super) load_before: f64,
    /// Of the repository; of the binary too, unless that was built elsewhere.
    pub(super) commit: String,
    pub(super) is_built_here: bool,
    pub(super) date: String,
}

/// A machine with more than this to do is not idle.
const LOAD_MAX: f64 = 0.5;

impl Facts {
    /// Reads them from the kernel and from git.
    pub(super) fn read(root: &Path, is_built_here: bool) -> Result<Self> {
        let text = |path: &str| std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"));
        let memory = text("/proc/meminfo")?;
        let line = |words: &[&str]| Ok::<_, anyhow::Error>(shell::output(root, words)?.trim().to_owned());
        let commit = line(&["git", "rev-parse", "--short=12", "HEAD"])?;
        let is_changed = !line(&["git", "status", "--porcelain", "--untracked-files=no"])?.is_empty();
        Ok(Self {
            cpu_model: field(&text("/proc/cpuinfo")?, "model name")
                .unwrap_or("of unknown model")
                .to_owned(),
            cores: std::thread::available_parallelism()
                .context("cannot count cores")?
                .get(),
            memory_gib: kibibytes(&memory).context("/proc/meminfo has no MemTotal")? / f64::from(1 << 20),
            kernel: line(&["uname", "-sr"])?,
            load_before: first_number(&text("/proc/loadavg")?).context("/proc/loadavg holds no number")?,
            commit: format!("{commit}{}", if is_changed { " with changes" } else { "" }),
            is_built_here,
            date: line(&["date", "--utc", "+%Y-%m-%d %H:%M UTC"])?,
        })
    }

    /// Why figures from here would not be worth much, if so.
    pub(super) fn warning(&self) -> Option<String> {
        (self.load_before > LOAD_MAX).then(|| {
            format!(
                "the machine is busy (load average {:.1}): figures will be too high, and not the same twice",
                self.load_before
            )
        })
    }

    /// A Markdown list.
    pub(super) fn list(&self, versions: &[(System, String)], runs: u32) -> String {
        let names: Vec<String> = versions
            .iter()
            .map(|(system, version)| format!("{} {version}", system.name()))
            .collect();
        let built = if self.is_built_here {
            ""
        } else {
            " (the binary was built elsewhere)"
        };
        let runs = match runs {
            1 => "one run each".to_owned(),
            runs => format!("medians of {runs} runs each"),
        };
        format!(
            "- Machine: {}, {} cores, {:.1} GiB of memory, {}; load average before the start {:.1}\n\
             - Servers: {}\n\
             - Commit {}{built}, {}; {runs}\n",
            self.cpu_model,
            self.cores,
            self.memory_gib,
            self.kernel,
            self.load_before,
            names.join(", "),
            self.commit,
            self.date,
        )
    }
}

/// The value of the first line `NAME : VALUE`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

fn kibibytes(meminfo: &str) -> Option<f64> {
    field(meminfo, "MemTotal")?
        .strip_suffix(" kB")?
        .trim()
        .parse()
        .ok()
}

fn first_number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let cpu = "processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\nprocessor\t: 1\nmodel name\t: x\n";
        assert_eq!(field(cpu, "model name"), Some("Some CPU @ 2.00GHz"));
        assert_eq!(field(cpu, "model"), None);
        assert_eq!(
            kibibytes("MemTotal:       24684 kB\nMemFree: 1 kB\n"),
            Some(24684.0)
        );
        assert_eq!(first_number("0.12 0.34 0.56 1/100 42\n"), Some(0.12));
        assert_eq!(first_number(""), None);
    }

    #[test]
    fn a_busy_machine_is_told() {
        let facts = |load_before| Facts {
            cpu_model: "Some CPU".to_owned(),
            cores: 2,
            memory_gib: 23.54,
            kernel: "Linux 6.1.0".to_owned(),
            load_before,
            commit: "0123456789ab".to_owned(),
            is_built_here: false,
            date: "2026-01-02 03:04 UTC".to_owned(),
        };
        assert_eq!(facts(0.2).warning(), None);
        assert!(facts(2.0).warning().is_some());
        let versions = [(System::Watchkeeper, "0.1.0".to_owned())];
        assert_eq!(
            facts(0.2).list(&versions, 3),
            "- Machine: Some CPU, 2 cores, 23.5 GiB of memory, Linux 6.1.0; load average before the start 0.2\n\
             - Servers: watchkeeper 0.1.0\n\
             - Commit 0123456789ab (the binary was built elsewhere), 2026-01-02 03:04 UTC; medians of 3 runs each\n"
        );
    }
}
