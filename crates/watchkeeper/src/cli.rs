//! The command line: what the binary can be asked to do.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The folder that holds everything the server keeps, where no other is named.
pub(crate) const DATA_DIR_DEFAULT: &str = "watchkeeper-data";

/// The configuration file that is read where no other is named and this one exists.
pub(crate) const CONFIG_FILE_DEFAULT: &str = "watchkeeper.yaml";

/// Watchkeeper: metrics, rules and pages in one binary.
#[derive(Debug, Parser)]
#[command(name = "watchkeeper", version, about, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

/// What to do; `serve` where nothing is said.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server (also what happens without a command).
    Serve(ServeArgs),
    /// Say everything that is wrong with a configuration file and the rule files it names.
    CheckConfig(CheckConfigArgs),
    /// Ask a running server, or the data folder of a stopped one, a PromQL question.
    Query(QueryArgs),
    /// Ask a running server, or the data folder of a stopped one, in SQL: the table `logs`, and `promql('…')` for metrics.
    Sql(SqlArgs),
    /// Play the unit tests of rules, or say everything that is wrong with rule files.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Try what is done with log lines.
    #[command(subcommand)]
    Logs(LogsCommand),
    /// Take in series from elsewhere: Prometheus' blocks, or an OpenMetrics file. Old samples go where they belong; giving the
    /// same twice changes nothing.
    #[command(subcommand)]
    Import(ImportCommand),
    /// Give out series as OpenMetrics text or as a Parquet file.
    #[command(subcommand)]
    Export(ExportCommand),
    /// Mend what a stopped server keeps.
    #[command(subcommand)]
    Doctor(DoctorCommand),
    /// Print the version and how this binary was built.
    Version,
}

/// What is done with rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Play unit tests in the form of promtool's files; the rule files they name are looked for beside them.
    Test(RulesTestArgs),
    /// Say everything that is wrong with rule files, with file and line.
    Check(RulesCheckArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RulesTestArgs {
    /// The unit test files.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Only tests whose name this pattern matches; may be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) run: Vec<String>,
    /// Print what is missing and what is too much, rather than both sides in full.
    #[arg(long)]
    pub(crate) diff: bool,
    /// Also write the results to this file, as JUnit XML.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RulesCheckArgs {
    /// The rule files; `-` is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    pub(crate) files: Vec<PathBuf>,
    /// What to look for beyond faults.
    #[arg(long, value_enum, default_value_t = Lint::DuplicateRules)]
    pub(crate) lint: Lint,
    /// End with exit code 3 where that is found.
    #[arg(long)]
    pub(crate) lint_fatal: bool,
}

/// What is looked for beyond faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lint {
    /// Everything.
    All,
    /// Rules with the name and the labels of another.
    DuplicateRules,
    /// Nothing.
    None,
}

/// What is done with log lines.
#[derive(Debug, Subcommand)]
pub(crate) enum LogsCommand {
    /// Say what each stage of the pipelines does to each line of a file, and how it would be stored.
    TestPipeline(TestPipelineArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TestPipelineArgs {
    /// The lines; `-` is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    pub(crate) file: PathBuf,
    /// Configuration file with the pipelines [default: watchkeeper.yaml where it exists, else none]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The labels that the lines come with, such as '{app="shop"}'.
    #[arg(long, value_name = "LABELS", default_value = "{}")]
    pub(crate) source: String,
    /// The pods that the stage `kubernetes` knows: a file as of `kubectl get pods,namespaces -A -o json`. No cluster is asked.
    #[arg(long, value_name = "FILE")]
    pub(crate) pods: Option<PathBuf>,
    /// Print an object of JSON for each line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is mended.
#[derive(Debug, Subcommand)]
pub(crate) enum DoctorCommand {
    /// Make the catalog of the segments of log lines anew, from the segments themselves. Ends with exit code 1 where a segment is
    /// missing or damaged.
    RebuildCatalog(RebuildCatalogArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RebuildCatalogArgs {
    /// The data folder of the stopped server [default: watchkeeper-data]
    #[arg(long, value_name = "DIR", env = "WATCHKEEPER_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Configuration file of that server [default: watchkeeper.yaml where it exists, else none]
    #[arg(long, value_name = "FILE", env = "WATCHKEEPER_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

/// What is taken in.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Blocks of Prometheus, which may go on running.
    Prometheus {
        /// The folder that Prometheus was given as --storage.tsdb.path, a snapshot of it, or one block.
        dir: PathBuf,
        #[command(flatten)]
        options: TransferArgs,
    },
    /// An OpenMetrics file with a time stamp on every sample; packed by gzip or not.
    Openmetrics {
        /// The file; `-` reads from standard input.
        file: PathBuf,
        #[command(flatten)]
        options: TransferArgs,
    },
}

/// What is given out.
#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// OpenMetrics 1.0 text, which `promtool tsdb create-blocks-from openmetrics` and `watchkeeper import` read.
    Openmetrics(ExportArgs),
    /// One row per sample: name, labels, timestamp, value.
    Parquet(ExportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The file to write; `-` writes OpenMetrics to standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) options: TransferArgs,
}

/// Whose series, which, and of what time.
#[derive(Debug, Clone, Args)]
pub(crate) struct TransferArgs {
    /// The server to talk to.
    #[arg(long, default_value = "http://127.0.0.1:9595", conflicts_with = "data_dir")]
    pub(crate) url: url::Url,
    /// Use the data folder of a stopped server instead.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Configuration file of that server, which says how long samples are kept [default: watchkeeper.yaml where it exists]
    #[arg(long, value_name = "FILE", requires = "data_dir")]
    pub(crate) config: Option<PathBuf>,
    /// Only series that this selector wants, such as '{job="node"}'; may be given several times [default: all]
    #[arg(long = "match", value_name = "SELECTOR")]
    pub(crate) selectors: Vec<String>,
    /// Only samples from this moment on: RFC 3339 or seconds since 1970.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Only samples up to this moment.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeArgs {
    /// Configuration file [default: watchkeeper.yaml where it exists, else none]
    #[arg(long, value_name = "FILE", env = "WATCHKEEPER_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Folder for everything that is kept [default: watchkeeper-data]
    #[arg(long, value_name = "DIR", env = "WATCHKEEPER_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Address of the page and all HTTP protocols [default: 127.0.0.1:9595]
    #[arg(long, value_name = "ADDRESS", env = "WATCHKEEPER_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckConfigArgs {
    /// The file [default: watchkeeper.yaml]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// The PromQL expression.
    pub(crate) expr: String,
    /// The server to ask.
    #[arg(long, default_value = "http://127.0.0.1:9595", conflicts_with = "data_dir")]
    pub(crate) url: url::Url,
    /// Read the data folder of a stopped server instead.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The moment to ask about: RFC 3339 or seconds since 1970 [default: now]
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "to"])]
    pub(crate) at: Option<String>,
    /// Start of a range query [default with --output graph: an hour before its end]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// End of a range query [default: now]
    #[arg(long, value_name = "TIME", requires = "from")]
    pub(crate) to: Option<String>,
    /// Distance between the points of a range query, such as 15s [default: a 250th of the range]
    #[arg(long, value_name = "DURATION")]
    pub(crate) step: Option<String>,
    /// How to print the answer.
    #[arg(short, long, alias = "format", value_enum, default_value_t = QueryOutput::Table)]
    pub(crate) output: QueryOutput,
}

#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// The statement [default: what stands in standard input]
    pub(crate) statement: Option<String>,
    /// The server to ask.
    #[arg(long, default_value = "http://127.0.0.1:9595", conflicts_with = "data_dir")]
    pub(crate) url: url::Url,
    /// Read the data folder of a stopped server instead.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Configuration file of that server [default: watchkeeper.yaml where it exists]
    #[arg(long, value_name = "FILE", requires = "data_dir")]
    pub(crate) config: Option<PathBuf>,
    /// How to print the answer.
    #[arg(short, long, alias = "format", value_enum, default_value_t = SqlOutput::Table)]
    pub(crate) output: SqlOutput,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SqlOutput {
    /// Columns for people.
    Table,
    /// A line for each row, nested values as JSON.
    Csv,
    /// The answer as the HTTP API gives it.
    Json,
    /// Arrow's stream format, for dataframes.
    Arrow,
}

impl SqlOutput {
    /// In which form the rows are asked for.
    pub(crate) fn form(self) -> web::SqlForm {
        match self {
            Self::Table | Self::Json => web::SqlForm::Json,
            Self::Csv => web::SqlForm::Csv,
            Self::Arrow => web::SqlForm::Arrow,
        }
    }

    /// The same as the HTTP API calls it.
    pub(crate) fn format(self) -> &'static str {
        match self {
            Self::Table | Self::Json => "json",
            Self::Csv => "csv",
            Self::Arrow => "arrow",
        }
    }
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueryOutput {
    /// Columns for people.
    Table,
    /// One row per sample, for spreadsheets.
    Csv,
    /// The answer as the HTTP API gives it.
    Json,
    /// A range drawn into the terminal, its native histograms by their number of observations.
    Graph,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_means_serve() {
        let cli = Cli::parse_from(["watchkeeper", "--listen", "127.0.0.1:0"]);
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.listen, Some(SocketAddr::from(([127, 0, 0, 1], 0))));
    }
}
