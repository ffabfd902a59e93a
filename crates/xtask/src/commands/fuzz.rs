//! `cargo x fuzz`: runs the fuzz targets, one after the other or some at once, and keeps what they learn.
//!
//! In: the targets of `fuzz/Cargo.toml`; seeds from the rooms' fixtures, from `fuzz/seeds`, and from `fuzz/kept`.  Out: one line a
//! target.
//! Owns: `fuzz/kept`; `fuzz/corpus` and `fuzz/artifacts`, which git ignores; the seeds it cuts, in cargo's target folder.
//! Invariants: a target that could not run, or found something, never gives an exit code of 0 (`tests`).
//! Not here: what a target checks; which decoder needs a target, which is a check of `tidy`.
//! Start at: [`run`].

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use parking_lot::Mutex;

use crate::shell;
use crate::tree::Tree;
use progress::Progress;

mod kept;
mod progress;
mod seeds;

const MANIFEST: &str = "fuzz/Cargo.toml";
/// Lets the pinned compiler take the flags that instrument code, which otherwise only nightly ones do.
const BOOTSTRAP: (&str, &str) = ("RUSTC_BOOTSTRAP", "1");
/// The default of one unit takes many times as long to build, for targets that are hardly faster.
const CODEGEN_UNITS: [&str; 2] = ["--codegen-units", "16"];
/// After each input libFuzzer reads a counter of every branch that is linked, run or not: a linker that leaves out the counters of code
/// that is left out makes the runs four times as fast. The toolchain's own linker can, which takes the place of the project's.
const LINKING: &str = "-Clinker=cc -Clink-arg=-Wl,-z,start-stop-gc";
/// Stands before the compiler, and says why.
const COMPILER: &str = "fuzz/rustc-uncounted";
/// An input on which a target thinks longer is a finding.
const INPUT_SECONDS_MAX: u64 = 10;
const MEMORY_MIB_MAX: u64 = 2048;

/// What to run, and how long.
#[derive(Debug, Args)]
pub struct Options {
    /// Only these targets; all of them where none is named
    targets: Vec<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    minutes: u64,
    /// How many targets run at once; more than there are cores makes slow inputs look slower than they are
    #[arg(long, default_value = "1")]
    jobs: NonZeroUsize,
    /// Keep what was learnt, now and before, in fuzz/kept: the fewest inputs that reach as much
    #[arg(long)]
    keep: bool,
}

/// Builds the targets and runs them, to the end even where one finds something.
pub fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    let tree = Tree::open(root)?;
    let known = targets(
        tree.text(MANIFEST)
            .with_context(|| format!("cannot read {MANIFEST}"))?,
    )?;
    let wanted = wanted(&known, &options.targets)?;
    ensure!(
        shell::is_installed(&["cargo", "fuzz", "--version"]),
        "cargo-fuzz is not installed; run `cargo install --locked cargo-fuzz`"
    );
    let place = shell::target_folder(root).join("fuzz");
    let bench = Bench { root, place };
    shell::say(&format!(
        "building {}, to run {} min each",
        wanted.join(", "),
        options.minutes
    ));
    bench.build(&wanted, wanted.len() == known.len())?;
    let (waiting, failed) = (Mutex::new(wanted.iter()), Mutex::new(Vec::new()));
    let next = || waiting.lock().next();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.get().min(wanted.len()) {
            scope.spawn(|| {
                while let Some(target) = next() {
                    if !bench.told(&tree, target, options) {
                        failed.lock().push(target.as_str());
                    }
                }
            });
        }
    });
    Ok(end(&failed.into_inner()))
}

/// Where the targets are built and run.
struct Bench<'a> {
    root: &'a Path,
    place: PathBuf,
}

impl Bench<'_> {
    /// Builds one target after the other, or all at once.
    fn build(&self, targets: &[String], all: bool) -> Result<()> {
        let names: Vec<Option<&str>> = if all {
            vec![None]
        } else {
            targets.iter().map(|name| Some(name.as_str())).collect()
        };
        for name in names {
            let status = self
                .cargo_fuzz("build")
                // Where cargo-fuzz itself failed does not matter, only what the compiler said.
                .env("RUST_BACKTRACE", "0")
                .args(name)
                .status()
                .context("cannot run cargo-fuzz")?;
            ensure!(
                status.success(),
                "`cargo fuzz build` ended with {status}; what it said stands above"
            );
        }
        Ok(())
    }

    /// Runs a target and says what came of it; false where that is a fault.
    fn told(&self, tree: &Tree, target: &str, options: &Options) -> bool {
        match self.one(tree, target, options) {
            Ok(progress) => {
                shell::say(&format!("{target}: {progress}"));
                progress.finding().is_none()
            }
            Err(error) => {
                shell::complain(&format!("{target}: {error:#}"));
                false
            }
        }
    }

    /// Runs a target for its time. A finding is no error here.
    fn one(&self, tree: &Tree, target: &str, options: &Options) -> Result<Progress> {
        let corpus = self.root.join("fuzz/corpus").join(target);
        std::fs::create_dir_all(&corpus).with_context(|| format!("cannot create {}", corpus.display()))?;
        let mut known = self.seeds(tree, target)?;
        known.insert(0, corpus);
        let log = self.place.join(format!("{target}.log"));
        let [stdout, stderr] = shell::outputs(Some(&log))?;
        // libFuzzer writes what it learns into the first folder and only reads the others.
        let status = self
            .cargo_fuzz("run")
            .arg(target)
            .args(&known)
            .arg("--")
            .arg(format!("-max_total_time={}", options.minutes.saturating_mul(60)))
            .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
            .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
            .arg("-print_final_stats=1")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .status()
            .context("cannot run cargo-fuzz")?;
        let said = std::fs::read(&log).with_context(|| format!("cannot read {}", log.display()))?;
        let progress = Progress::parse(&String::from_utf8_lossy(&said));
        if !status.success() && progress.finding().is_none() {
            bail!("it ended with {status}; {}", shell::last_lines(&log));
        }
        if options.keep && progress.finding().is_none() {
            self.keep(target, &known)?;
        }
        Ok(progress)
    }

    /// Folders of inputs that a target starts from: cut from fixtures, kept from earlier runs, written by hand.
    fn seeds(&self, tree: &Tree, target: &str) -> Result<Vec<PathBuf>> {
        let (cut, kept) = (
            self.place.join("seeds").join(target),
            self.place.join("kept").join(target),
        );
        seeds::write(tree, target, &cut)?;
        let has_kept = kept::unpack(self.root, target, &kept)?;
        let by_hand = self.root.join("fuzz/seeds").join(target);
        let others = [has_kept.then_some(kept), by_hand.is_dir().then_some(by_hand)];
        Ok([cut].into_iter().chain(others.into_iter().flatten()).collect())
    }

    /// Keeps the fewest inputs of these folders that reach all that they reach together.
    fn keep(&self, target: &str, known: &[PathBuf]) -> Result<()> {
        let fewest = self.place.join("fewest").join(target);
        if fewest.exists() {
            std::fs::remove_dir_all(&fewest).with_context(|| format!("cannot empty {}", fewest.display()))?;
        }
        std::fs::create_dir_all(&fewest).with_context(|| format!("cannot create {}", fewest.display()))?;
        let log = self.place.join(format!("{target}.merge.log"));
        let [stdout, stderr] = shell::outputs(Some(&log))?;
        let status = self
            .cargo_fuzz("run")
            .arg(target)
            .arg(&fewest)
            .args(known)
            .args(["--", "-merge=1"])
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .status()
            .context("cannot run cargo-fuzz")?;
        ensure!(
            status.success(),
            "its inputs could not be merged; {}",
            shell::last_lines(&log)
        );
        kept::pack(self.root, target, &fewest)
    }

    fn cargo_fuzz(&self, what: &str) -> Command {
        let mut command = shell::command(self.root, &["cargo", "fuzz", what]);
        command
            .env(BOOTSTRAP.0, BOOTSTRAP.1)
            .env("RUSTFLAGS", LINKING)
            .env("RUSTC_WRAPPER", self.root.join(COMPILER))
            .args(CODEGEN_UNITS)
            .arg("--target-dir")
            .arg(&self.place);
        command
    }
}

fn end(failed: &[&str]) -> ExitCode {
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    shell::complain(&format!("failed: {}", failed.join(", ")));
    ExitCode::FAILURE
}

/// The names of the targets, in the manifest's order.
fn targets(manifest: &str) -> Result<Vec<String>> {
    let manifest: toml::Table = manifest
        .parse()
        .with_context(|| format!("cannot understand {MANIFEST}"))?;
    let bins = manifest.get("bin").and_then(toml::Value::as_array);
    let names = bins
        .into_iter()
        .flatten()
        .filter_map(|bin| bin.get("name")?.as_str());
    Ok(names.map(str::to_owned).collect())
}

/// What was asked for, in the order it was; all where nothing was.
fn wanted(known: &[String], asked: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = asked.iter().find(|name| !known.contains(name)) {
        bail!("there is no target `{unknown}`; there are {}", known.join(", "));
    }
    Ok(if asked.is_empty() { known } else { asked }.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_manifests_and_others_are_refused() {
        let manifest =
            "[package]\nname = \"x\"\n[[bin]]\nname = \"b\"\npath = \"b.rs\"\n[[bin]]\nname = \"a\"\n";
        let known = targets(manifest).unwrap();
        assert_eq!(known, ["b", "a"]);
        assert_eq!(wanted(&known, &[]).unwrap(), known);
        assert_eq!(wanted(&known, &["a".to_owned()]).unwrap(), ["a"]);
        let error = wanted(&known, &["c".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "there is no target `c`; there are b, a");
    }

    #[test]
    fn a_failed_target_fails_the_whole() {
        let code = |code: ExitCode| format!("{code:?}");
        assert_eq!(code(end(&[])), code(ExitCode::SUCCESS));
        assert_eq!(code(end(&["a"])), code(ExitCode::FAILURE));
    }
}
