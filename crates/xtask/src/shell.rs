//! How commands are run and how people are spoken to.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// How much of the end of a log an error quotes.
const QUOTED_BYTES_MAX: u64 = 16 * 1024;
const QUOTED_LINES_MAX: usize = 15;

/// Prints a line to the standard output. A reader that has gone away is no error.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints a line to the standard error.
pub fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What `cargo run` tells this program about its own package. A build script that asks for these variables would be run again by a
/// cargo that is started from here, and all that depends on it would be compiled again: a third of the workspace, both ways.
const OWN_PACKAGE: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

/// A command line, run in `folder`.
pub fn command(folder: &Path, line: &[&str]) -> Command {
    let (program, arguments) = line.split_first().unwrap_or((&"true", &[]));
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    for (name, _) in std::env::vars_os() {
        let is_own = |name: &str| OWN_PACKAGE.iter().any(|start| name.starts_with(start));
        if name.to_str().is_some_and(is_own) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command with the terminal as its own; says whether it succeeded.
pub fn runs(folder: &Path, line: &[&str]) -> Result<bool> {
    let status = command(folder, line)
        .status()
        .with_context(|| format!("cannot run `{}`", line.join(" ")))?;
    Ok(status.success())
}

/// Runs a command and returns what it printed; a command that fails is an error with what it said.
pub fn output(folder: &Path, line: &[&str]) -> Result<String> {
    let output = command(folder, line)
        .output()
        .with_context(|| format!("cannot run `{}`", line.join(" ")))?;
    ensure!(
        output.status.success(),
        "`{}` failed: {}",
        line.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command and hands each line of its standard output to `each` as it comes; says whether it succeeded.
pub fn lines(mut command: Command, mut each: impl FnMut(&str)) -> Result<bool> {
    let shown = format!("{command:?}");
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {shown}"))?;
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .with_context(|| format!("cannot read from {shown}"))?
            > 0
        {
            each(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
            line.clear();
        }
    }
    let status = child.wait().with_context(|| format!("cannot wait for {shown}"))?;
    Ok(status.success())
}

/// Whether a program answers to `--version`.
pub fn is_installed(line: &[&str]) -> bool {
    command(Path::new("."), line)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Both outputs of a process: into one file, or nowhere.
pub fn outputs(log: Option<&Path>) -> Result<[Stdio; 2]> {
    let Some(path) = log else {
        return Ok([Stdio::null(), Stdio::null()]);
    };
    let cannot = || format!("cannot write {}", path.display());
    let file = File::create(path).with_context(cannot)?;
    let again = file.try_clone().with_context(cannot)?;
    Ok([file.into(), again.into()])
}

/// The end of a log file under a heading that names it, for an error.
pub fn last_lines(log: &Path) -> String {
    let end = File::open(log).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(QUOTED_BYTES_MAX)))?;
        let mut end = Vec::new();
        file.take(QUOTED_BYTES_MAX).read_to_end(&mut end)?;
        Ok(end)
    });
    let text = match end {
        Ok(end) => String::from_utf8_lossy(&end).into_owned(),
        Err(error) => return format!("{} cannot be read: {error}", log.display()),
    };
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.get(lines.len().saturating_sub(QUOTED_LINES_MAX)..);
    let last = last.filter(|lines| !lines.is_empty());
    last.map_or_else(
        || format!("{} is empty", log.display()),
        |last| format!("the last lines of {}:\n  {}", log.display(), last.join("\n  ")),
    )
}

/// A whole number with a comma before every three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Where cargo builds.
pub fn target_folder(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    root.join(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_arrive_one_by_one_and_the_exit_status_is_kept() {
        let mut seen = Vec::new();
        let script = command(Path::new("/"), &["sh", "-c", "printf 'one\\ntwo'; exit 3"]);
        assert!(!lines(script, |line| seen.push(line.to_owned())).unwrap());
        assert_eq!(seen, ["one", "two"]);
    }

    #[test]
    fn commands_do_not_inherit_what_cargo_tells_of_this_package() {
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
        let variables = output(Path::new("/"), &["env"]).unwrap();
        let is_own = |line: &&str| OWN_PACKAGE.iter().any(|start| line.starts_with(start));
        assert_eq!(variables.lines().find(is_own), None);
        assert!(variables.contains("CARGO="), "{variables}");
    }

    #[test]
    fn a_command_that_fails_says_why() {
        let error = output(Path::new("/"), &["sh", "-c", "echo no such thing >&2; exit 1"]).unwrap_err();
        assert!(error.to_string().contains("no such thing"), "{error}");
        assert!(!is_installed(&["no-such-program-anywhere", "--version"]));
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (86_400_000, "86,400,000"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }
}
