//! The command line of `cargo x`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::commands;

/// The developer's one tool. Run it as `cargo x`.
#[derive(Debug, Parser)]
#[command(name = "cargo x", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Formatting, lints, tidy and, where cargo-deny is installed, licences and sources
    Check,
    /// Every test of the workspace, with the totals of all test binaries at the end
    Test {
        /// Handed on to `cargo test`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// The rules of this house: floors, documents, lengths, names
    Tidy {
        /// Write lengths that have become shorter into the ratchet
        #[arg(long)]
        shrink: bool,
        /// List the checks instead of running them
        #[arg(long)]
        list: bool,
    },
    /// Build and test the web interface; needs Node 20.19 or newer
    Ui,
    /// Measure start-up, the cost of idling, and every bench example; `peers`: beside other servers
    Bench(commands::bench::Options),
    /// Judge behaviour against data from elsewhere; prints one line an area
    Conformance {
        /// Only this area, or areas that start with it
        area: Option<String>,
        /// Everything the tests print
        #[arg(short, long)]
        verbose: bool,
    },
    /// Ask Prometheus 2.42 and Watchkeeper the same random queries over the same data; needs Debian's prometheus
    Differential(commands::differential::Options),
    /// Run the fuzz targets, one after the other; needs cargo-fuzz
    Fuzz(commands::fuzz::Options),
    /// Two figures from history: commits inside one crate, files a commit
    Rooms {
        /// How many commits to look back
        #[arg(long, default_value_t = 200)]
        commits: u32,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let root = repository_root();
    let done = match arguments.command {
        Command::Check => commands::check::run(&root),
        Command::Test { rest } => commands::test::run(&root, &rest),
        Command::Tidy { list: true, .. } => commands::tidy::list(),
        Command::Tidy { shrink: true, .. } => commands::tidy::shrink(&root),
        Command::Tidy { .. } => commands::tidy::run(&root),
        Command::Ui => commands::ui::run(&root),
        Command::Bench(options) => commands::bench::run(&root, &options),
        Command::Conformance { area, verbose } => commands::conformance::run(&root, area.as_deref(), verbose),
        Command::Differential(options) => commands::differential::run(&root, &options),
        Command::Fuzz(options) => commands::fuzz::run(&root, &options),
        Command::Rooms { commits } => commands::rooms::run(&root, commits),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            xtask::shell::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Where this crate was built from, two folders up: `cargo x` works from any folder inside the repository.
fn repository_root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest
        .ancestors()
        .nth(2)
        .map_or_else(|| manifest.clone(), |root| root.to_path_buf())
}
