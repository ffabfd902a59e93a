//! `watchkeeper logs`: tries what is done with log lines, without a server.
//!
//! In: a configuration file, and lines from a file or from standard input.  Out: reports on standard output.
//! Owns: nothing.
//! Invariants: what is told is what the server would store (`tests/logs_command.rs`).
//! Not here: what stages do (`ingest::pipeline`).
//! Start at: [`run`].

mod test_pipeline;

use stdx::Clock;

use crate::cli::LogsCommand;

/// Does what is asked.
pub(crate) fn run(command: &LogsCommand, clock: &impl Clock) -> anyhow::Result<()> {
    match command {
        LogsCommand::TestPipeline(args) => test_pipeline::run(args, clock),
    }
}
