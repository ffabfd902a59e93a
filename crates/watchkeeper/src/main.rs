//! The one binary: reads its configuration, builds every room, joins them and runs until it is told to stop.
//!
//! In: the command line, `watchkeeper.yaml`, signals.  Out: the running server, or one answer on standard output.
//! Owns: the configuration file and its reloads ([`control`]), the process' life from start to stop ([`assembly`]).
//! Invariants: a bad file never replaces a running configuration (`tests/bad_input.rs`); what was acknowledged before a
//! kill is there after it (`tests/crash.rs`); a stop by signal ends cleanly (`tests/walk_scrape.rs`).
//! Not here: anything a room could do by itself.
//! Start at: [`assembly::serve`].

mod assembly;
mod cli;
mod config;
mod control;
mod doctor;
mod endpoint;
mod housekeeping;
mod logging;
mod logs;
mod memory;
mod offline;
mod query;
mod rules;
mod signals;
mod statement;
mod store_watch;
mod supervisor;
mod transfer;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stdx::SystemClock;

use crate::cli::{CONFIG_FILE_DEFAULT, Cli, Command};

fn main() -> ExitCode {
    memory::give_back_soon();
    let cli = Cli::parse();
    let done = match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => serve(&args),
        Command::CheckConfig(args) => check_config(args.file),
        Command::Query(args) => query(&args),
        Command::Sql(args) => statement(&args),
        Command::Rules(command) => return conclude(rules::run(&command)),
        Command::Logs(command) => logs::run(&command, &SystemClock::new()),
        Command::Import(command) => import(&command),
        Command::Export(command) => export(&command),
        Command::Doctor(command) => return conclude(doctor(&command)),
        Command::Version => print(&version()),
    };
    conclude(done.map(|()| ExitCode::SUCCESS))
}

fn conclude(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) => {
            // The chain tells from the outside in what was being done and what went wrong.
            let _ = writeln!(std::io::stderr(), "watchkeeper: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: &cli::ServeArgs) -> anyhow::Result<()> {
    logging::start("warn,alerting::channels::log=info");
    allow_all_descriptors();
    runtime()?.block_on(assembly::serve(args, SystemClock::shared()))
}

fn query(args: &cli::QueryArgs) -> anyhow::Result<()> {
    logging::start("warn");
    let answer = runtime()?.block_on(query::run(args, &SystemClock::new()))?;
    print(&answer)
}

fn statement(args: &cli::SqlArgs) -> anyhow::Result<()> {
    logging::start("warn");
    runtime()?.block_on(statement::run(args, SystemClock::shared()))
}

fn import(command: &cli::ImportCommand) -> anyhow::Result<()> {
    logging::start("warn");
    let answer = runtime()?.block_on(transfer::import::run(command, &SystemClock::new()))?;
    print(&answer)
}

fn export(command: &cli::ExportCommand) -> anyhow::Result<()> {
    logging::start("warn");
    runtime()?.block_on(transfer::export::run(command, &SystemClock::new()))
}

fn doctor(command: &cli::DoctorCommand) -> anyhow::Result<ExitCode> {
    logging::start("warn");
    allow_all_descriptors();
    runtime()?.block_on(doctor::run(command))
}

/// The file that is named, or the default one where it exists.
fn config_or_default(named: Option<&Path>) -> Option<PathBuf> {
    let default = PathBuf::from(CONFIG_FILE_DEFAULT);
    named
        .map(Path::to_owned)
        .or_else(|| default.exists().then_some(default))
}

fn check_config(file: Option<PathBuf>) -> anyhow::Result<()> {
    let file = file.unwrap_or_else(|| PathBuf::from(CONFIG_FILE_DEFAULT));
    match config::load(Some(&file)) {
        Ok(loaded) => {
            let warnings: Vec<String> = loaded
                .warnings
                .iter()
                .map(|warning| format!("warning: {warning}\n"))
                .collect();
            let warnings = warnings.concat();
            let rules: usize = loaded.rule_files.iter().map(alerting::RuleFile::rule_count).sum();
            print(&format!(
                "{warnings}{} is good: {} scrape jobs, {rules} rules in {} rule files\n",
                file.display(),
                loaded.file.scrape_configs.len(),
                loaded.rule_files.len(),
            ))
        }
        Err(problems) => anyhow::bail!("{} faults\n{}", problems.len(), config::join(&problems)),
    }
}

fn version() -> String {
    let build = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    format!(
        "watchkeeper {} ({build} build, {}-{})\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS
    )
}

/// Twice as many threads as cores: up to half of them may be at work on a short query for a moment (`web::workers`).
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.saturating_mul(2).max(4))
        .enable_all()
        .thread_name("watchkeeper")
        .max_blocking_threads(assembly::BLOCKING_THREADS_MAX)
        .build()?)
}

/// Raises the soft limit of open files to the hard one: connections, targets and blocks each hold some. Where that is not
/// allowed, the limit stays, and what needs a descriptor too many says so.
fn allow_all_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit {
            current: limit.maximum,
            ..limit
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the limit of open files could not be raised");
        }
    }
}

/// Prints to standard output; a reader that went away is no fault of ours.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
