//! `cargo x bench`: start-up, the cost of idling, every bench example of the rooms; and the load beside other servers.
//!
//! In: the release binary, built here.  Out: one line a figure, with its unit; for `peers` a table.
//! Owns: a data folder under the system's temporary folder, the folder of results, and the servers it starts.
//! Invariants: no server outlives its measurement (`server::tests`); a figure that could not be taken is an error,
//! never a zero (`outcome::tests`).
//! Not here: the load itself, which a generator of its own makes; figures of hot paths, which are examples of their own rooms.
//! Start at: [`run`].

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};

use crate::shell;
use crate::tree::Tree;
use server::Server;

pub(super) mod peers;
mod process_cost;
pub(super) mod server;

/// Examples whose names end so are benches: each prints its own figures.
const BENCH_ENDINGS: [&str; 2] = ["_cost", "_speed"];

/// The example of the roof that writes a day of one machine's vitals into a data folder.
const DAY_OLD_EXAMPLE: &str = "day_old_folder";

/// What to measure.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    part: Option<Part>,
    /// How long the idle server is watched, in seconds
    #[arg(long, default_value_t = 60)]
    idle_seconds: u64,
    /// A data folder to start on instead of a day of vitals made for the purpose; it is copied, not used itself
    #[arg(long, value_name = "FOLDER")]
    aged: Option<PathBuf>,
    /// Leave out the start on an aged data folder
    #[arg(long, conflicts_with = "aged")]
    no_aged: bool,
    /// Leave out the bench examples of the rooms
    #[arg(long)]
    no_examples: bool,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// The same load against Watchkeeper, VictoriaMetrics and Prometheus, one after the other
    Peers(peers::Options),
}

/// Builds the release binary and takes every figure, or only those beside the peers.
pub fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    if let Some(Part::Peers(options)) = &options.part {
        return peers::run(root, options);
    }
    ensure!(options.idle_seconds > 0, "--idle-seconds must be at least 1");
    let binary = build(root)?;
    let scratch = Scratch::create()?;
    measure_start_and_idling(&binary, &scratch.path.join("empty"), options.idle_seconds)?;
    if !options.no_aged {
        let folder = scratch.path.join("aged");
        let name = aged_folder(root, options.aged.as_deref(), &folder)?;
        measure_aged_start(&binary, &folder, &name)?;
    }
    if !options.no_examples {
        run_examples(root)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn measure_start_and_idling(binary: &Path, folder: &Path, idle_seconds: u64) -> Result<()> {
    let server = Server::start(binary, folder)?;
    shell::say(&format!(
        "start on an empty data folder: ready after {} ms",
        server.ready_after().as_millis()
    ));
    let before = process_cost::read(server.id())?;
    thread::sleep(Duration::from_secs(idle_seconds));
    let after = process_cost::read(server.id())?;
    let share = after.cpu_share_since(&before);
    shell::say(&format!(
        "idle for {idle_seconds} s: {:.2} % of one core, {:.1} MiB resident",
        share * 100.0,
        after.resident_bytes as f64 / f64::from(1 << 20)
    ));
    server.stop()
}

/// Fills `folder` and says what it holds.
fn aged_folder(root: &Path, given: Option<&Path>, folder: &Path) -> Result<String> {
    if let Some(given) = given {
        copy_folder(given, folder)?;
        return Ok(given.display().to_string());
    }
    let place = folder.display().to_string();
    let package = ["cargo", "run", "--quiet", "--release", "--package", "watchkeeper"];
    let line = [package.as_slice(), &["--example", DAY_OLD_EXAMPLE, "--", &place]].concat();
    ensure!(
        shell::runs(root, &line)?,
        "the example `{DAY_OLD_EXAMPLE}` failed"
    );
    Ok("a day of vitals".to_owned())
}

fn measure_aged_start(binary: &Path, folder: &Path, name: &str) -> Result<()> {
    let server = Server::start(binary, folder)?;
    shell::say(&format!(
        "start on {name}: ready after {} ms",
        server.ready_after().as_millis()
    ));
    server.stop()
}

pub(super) fn build(root: &Path) -> Result<PathBuf> {
    let built = shell::runs(root, &["cargo", "build", "--release", "--package", "watchkeeper"])?;
    ensure!(built, "the release build failed");
    let binary = shell::target_folder(root).join("release/watchkeeper");
    ensure!(binary.is_file(), "the build left no {}", binary.display());
    Ok(binary)
}

fn run_examples(root: &Path) -> Result<()> {
    for (room, example) in bench_examples(&Tree::open(root)?) {
        shell::say(&format!("== {room}: {example}"));
        let line = [
            "cargo",
            "run",
            "--quiet",
            "--release",
            "--package",
            &room,
            "--example",
            &example,
        ];
        if !shell::runs(root, &line)? {
            bail!("the bench example `{example}` of `{room}` failed");
        }
    }
    Ok(())
}

/// Room and name of every example that is a bench.
fn bench_examples(tree: &Tree) -> Vec<(String, String)> {
    tree.paths()
        .filter_map(|path| {
            let (room, inside) = path.strip_prefix("crates/")?.split_once("/examples/")?;
            let name = inside.strip_suffix(".rs")?;
            BENCH_ENDINGS
                .iter()
                .any(|ending| name.ends_with(ending))
                .then(|| (room.to_owned(), name.to_owned()))
        })
        .collect()
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry.with_context(|| format!("cannot list {}", from.display()))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &target)?;
        } else {
            std::fs::copy(&source, &target).with_context(|| format!("cannot copy {}", source.display()))?;
        }
    }
    Ok(())
}

/// A folder of this run's own, removed at the end.
pub(super) struct Scratch {
    pub(super) path: PathBuf,
}

impl Scratch {
    pub(super) fn create() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("watchkeeper-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bench_examples_are_told_by_their_names() {
        let tree = Tree::of([
            ("crates/a/examples/tick_cost.rs", ""),
            ("crates/a/examples/guide.rs", ""),
            ("crates/b/examples/append_speed.rs", ""),
            ("crates/b/src/read_cost.rs", ""),
        ]);
        let expected = [("a", "tick_cost"), ("b", "append_speed")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(bench_examples(&tree), expected);
    }

    #[test]
    fn a_folder_is_copied_whole() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("from/inner")).unwrap();
        std::fs::write(folder.path().join("from/inner/file"), "bytes").unwrap();
        copy_folder(&folder.path().join("from"), &folder.path().join("to")).unwrap();
        assert_eq!(
            std::fs::read_to_string(folder.path().join("to/inner/file")).unwrap(),
            "bytes"
        );
    }
}
