//! `cargo x bench peers`: the same load against Watchkeeper, VictoriaMetrics and Prometheus, one after the other.
//!
//! In: the load generator, found by `WATCHKEEPER_BENCH_DIR`; the servers' programs.  Out: Markdown, for people and for the
//! page of benchmarks.
//! Owns: the folder of results (encoded requests, logs, what the generator wrote), and one server at a time.
//! Invariants: a server whose load was not taken whole has no figures (`outcome::tests`); the page is written only when
//! every server was measured (`page_is_written_only_when_all_went_well`).
//! Not here: the load itself, and how processes are accounted: the generator does both.
//! Start at: [`run`].

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::server::{Server, free_address};
use crate::shell;
use facts::Facts;
use generator::{Generator, Target};
use load::Load;
use outcome::Figures;
use queries::Recording;
use system::{Place, System};
use table::Row;

mod facts;
mod generator;
mod load;
mod outcome;
mod page;
mod programs;
mod queries;
pub(in crate::commands) mod system;
mod table;

/// Encoded requests are used again for so long. Samples of older ones would be due to be rolled up as soon as they are stored, which those
/// of live senders are not.
const SPOOL_AGE_MAX: Duration = Duration::from_hours(1);

/// What to send, to whom.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// How many series; one value for each --span. 10000 over 24h and 100000 over 1h where none is given
    #[arg(long, value_name = "NUMBER")]
    series: Vec<u64>,
    /// Over which time, such as 90m, 24h or 2d, a sample every ten seconds; one value for each --series
    #[arg(long, value_name = "TIME")]
    span: Vec<String>,
    /// Only these servers
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<System>,
    /// Run the set of queries too, and compare the answers with Prometheus'
    #[arg(long)]
    queries: bool,
    /// How often each load is sent to each server; the table holds medians
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// A binary of Watchkeeper to measure instead of the release build made here
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Where encoded requests, logs and results go; `bench-peers` in cargo's target folder where it is not given
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// The longest that one load, or one set of queries, may take with one server
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..))]
    limit_minutes: u64,
    /// Put the table into docs/benchmarks.md
    #[arg(long)]
    write: bool,
}

/// Measures every server under every load and prints the table.
pub(super) fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    let loads = Load::all(&options.series, &options.span)?;
    let target = shell::target_folder(root);
    let facts = Facts::read(root, options.binary.is_none())?;
    if let Some(warning) = facts.warning() {
        shell::complain(&warning);
    }
    let contenders = contenders(root, options)?;
    let within = Duration::from_mins(options.limit_minutes);
    let generator = Generator::build(root, &target.join("bench-generator"), within)?;
    let out = options.out.clone().unwrap_or_else(|| target.join("bench-peers"));
    let out = std::path::absolute(&out).with_context(|| format!("cannot resolve {}", out.display()))?;

    let versions: Vec<_> = contenders
        .iter()
        .map(|contender| (contender.system, contender.version.clone()))
        .collect();
    let mut session = Session {
        generator,
        contenders,
        out,
        options,
        failed: Vec::new(),
    };
    let mut report = facts.list(&versions, options.runs);
    for load in &loads {
        report.push('\n');
        report.push_str(&session.measure(load)?);
    }
    shell::say(&format!("\n{report}"));
    shell::say(&format!("logs and results: {}", session.out.display()));
    end(root, options.write, &session.failed, &report)
}

/// A server that takes part.
#[derive(Debug)]
struct Contender {
    system: System,
    program: PathBuf,
    version: String,
}

/// The programs of the servers that were asked for and can be had.
fn contenders(root: &Path, options: &Options) -> Result<Vec<Contender>> {
    let is_wanted = |system: &System| options.only.is_empty() || options.only.contains(system);
    let mut contenders = Vec::new();
    for system in System::ALL.into_iter().filter(is_wanted) {
        let program = match (system, &options.binary) {
            (System::Watchkeeper, Some(given)) => {
                ensure!(given.is_file(), "there is no binary at {}", given.display());
                let path = std::path::absolute(given);
                Some(path.with_context(|| format!("cannot resolve {}", given.display()))?)
            }
            (System::Watchkeeper, None) => Some(super::build(root)?),
            (peer, _) => programs::of_peer(peer)?,
        };
        contenders.extend(program.map(|program| Contender {
            system,
            version: system.version(&program),
            program,
        }));
    }
    ensure!(!contenders.is_empty(), "there is no server to measure");
    Ok(contenders)
}

/// One run of the command.
struct Session<'a> {
    generator: Generator,
    contenders: Vec<Contender>,
    out: PathBuf,
    options: &'a Options,
    failed: Vec<String>,
}

impl Session<'_> {
    /// One load against every server; a server that fails leaves the others their turn.
    fn measure(&mut self, load: &Load) -> Result<String> {
        let folder = self.out.join(load.file_stem());
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let spool = folder.join("requests.spool");
        remove_old_spool(&spool)?;
        shell::say(&format!("== {load}: encoding"));
        let sender_per_s = self.generator.encode(load, &spool, &folder.join("sender.json"))?;

        let mut taken: Vec<Vec<Figures>> = vec![Vec::new(); self.contenders.len()];
        let mut failed = Vec::new();
        for run in 1..=self.options.runs {
            for (contender, taken) in self.contenders.iter().zip(&mut taken) {
                let name = contender.system.name();
                shell::say(&format!("== {load}: {name}, run {run} of {}", self.options.runs));
                let turn = Turn {
                    load,
                    folder: &folder,
                    spool: &spool,
                    file_stem: format!("{name}.{run}"),
                };
                match self.one(contender, &turn) {
                    Ok(figures) => taken.push(figures),
                    Err(error) => {
                        shell::complain(&format!("{load}: {name}: {error:#}"));
                        failed.push(format!("{name} ({load})"));
                    }
                }
            }
        }
        let rows: Vec<Row> = self.contenders.iter().zip(&taken).map(of_runs).collect();
        let mut text = table::of_load(load, sender_per_s, &rows);
        if self.options.queries {
            text.extend(self.queries(&folder)?.map(|table| format!("\n{table}")));
        }
        self.failed.extend(failed);
        Ok(text)
    }

    /// One load against one server, started for it on a fresh data folder.
    fn one(&self, contender: &Contender, turn: &Turn<'_>) -> Result<Figures> {
        let data = Fresh::create(turn.path("data"))?;
        let (ingested, queried) = (turn.path("ingest.json"), turn.path("query.json"));
        for earlier in [&ingested, &queried].into_iter().filter(|path| path.exists()) {
            let cannot = || format!("cannot remove {}", earlier.display());
            std::fs::remove_file(earlier).with_context(cannot)?;
        }
        // What an earlier server wrote is not to be written out during this one's turn.
        shell::runs(Path::new("/"), &["sync"])?;
        let place = Place {
            address: free_address()?,
            data: data.path.clone(),
            log: turn.path("server.log"),
        };
        let mut server = Server::launch(contender.system.launch(&contender.program, &place)?)?;
        let mut target = Target {
            system: contender.system,
            server: &mut server,
            url: format!("http://{}", place.address),
            data: &place.data,
        };
        let measured = self
            .generator
            .ingest(turn.load, turn.spool, &mut target, &ingested)
            .and_then(|()| Figures::read(&ingested, contender.system.disk_part()))
            .and_then(|figures| {
                if self.options.queries {
                    self.generator.query(turn.spool, &mut target, &queried)?;
                }
                Ok(figures)
            });
        match measured {
            Ok(figures) => server.stop().map(|()| figures),
            Err(error) => bail!("{error:#}; {}", server.last_words_or("the server kept no log")),
        }
    }

    /// The latencies of the last run, if any server got so far.
    fn queries(&self, folder: &Path) -> Result<Option<String>> {
        let path = |system: System| {
            let path = folder.join(format!("{}.{}.query.json", system.name(), self.options.runs));
            path.is_file().then_some(path)
        };
        let mut recordings = Vec::new();
        for contender in &self.contenders {
            if let Some(path) = path(contender.system) {
                recordings.push((contender.system, Recording::read(&path)?));
            }
        }
        let compared = match (path(System::Prometheus), path(System::Watchkeeper)) {
            (Some(prometheus), Some(ours)) => self.generator.compare(&prometheus, &ours)?,
            _ => String::new(),
        };
        if !compared.is_empty() {
            shell::say(&compared);
        }
        Ok(queries::table(&recordings, &queries::verdicts(&compared)))
    }
}

/// The page is written only if it was asked for and every server was measured.
fn end(root: &Path, write: bool, failed: &[String], report: &str) -> Result<ExitCode> {
    if !failed.is_empty() {
        shell::complain(&format!("failed: {}", failed.join(", ")));
        if write {
            shell::complain(&format!("{} is left as it was", page::PATH));
        }
        return Ok(ExitCode::FAILURE);
    }
    if write {
        page::write(root, report)?;
        shell::say(&format!("wrote {}", page::PATH));
    }
    Ok(ExitCode::SUCCESS)
}

/// One server's run under one load.
struct Turn<'a> {
    load: &'a Load,
    folder: &'a Path,
    spool: &'a Path,
    file_stem: String,
}

impl Turn<'_> {
    fn path(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.file_stem))
    }
}

fn of_runs((contender, runs): (&Contender, &Vec<Figures>)) -> Row {
    Row {
        system: contender.system,
        version: contender.version.clone(),
        figures: Figures::median(runs),
    }
}

/// A data folder that is empty at the start and gone at the end.
struct Fresh {
    path: PathBuf,
}

impl Fresh {
    fn create(path: PathBuf) -> Result<Self> {
        if path.exists() {
            std::fs::remove_dir_all(&path).with_context(|| format!("cannot empty {}", path.display()))?;
        }
        std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn remove_old_spool(spool: &Path) -> Result<()> {
    let Ok(metadata) = spool.metadata() else {
        return Ok(());
    };
    let written = metadata.modified().context("files have no times here")?;
    // A time in the future counts as old: nothing good is known about such a file.
    if written.elapsed().is_ok_and(|age| age <= SPOOL_AGE_MAX) {
        return Ok(());
    }
    std::fs::remove_file(spool).with_context(|| format!("cannot remove {}", spool.display()))
}

#[cfg(test)]
mod tests;
