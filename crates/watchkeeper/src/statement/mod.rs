//! `watchkeeper sql`: a statement, answered by a running server or from the data folder of a stopped one.
//!
//! In: a statement, and whom to ask.  Out: rows as a table, as CSV, as JSON or in Arrow's stream format.
//! Owns: nothing.
//! Invariants: an answer that is an error ends with an error (`tests/sql_command.rs`).
//! Not here: carrying statements out (`sql`), the HTTP API (`web`).
//! Start at: [`run`].

pub(crate) mod door;
mod offline;
mod table;

use std::io::{Read, Write};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde::Deserialize;
use stdx::clock::SharedClock;
use stdx::http_client;

use crate::cli::{SqlArgs, SqlOutput};
use crate::endpoint::endpoint;
use crate::{config, config_or_default};

/// How long a server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(10);

/// Rows in the form that was asked for, as they come.
type Chunks = BoxStream<'static, anyhow::Result<Bytes>>;

#[derive(Debug, Deserialize)]
struct Refusal {
    error: String,
}

/// Asks, and prints while the answer comes.
pub(crate) async fn run(args: &SqlArgs, clock: SharedClock) -> anyhow::Result<()> {
    let statement = statement(args)?;
    let chunks = match &args.data_dir {
        Some(data_dir) => {
            let file = config_or_default(args.config.as_deref());
            let loaded = config::load(file.as_deref());
            let loaded = loaded.map_err(|faults| anyhow::anyhow!(config::join(&faults)))?;
            offline::ask(data_dir, &statement, args.output.form(), loaded, clock).await?
        }
        None => ask_server(&args.url, statement, args.output).await?,
    };
    match args.output {
        SqlOutput::Table => {
            let whole: Vec<Bytes> = chunks.try_collect().await?;
            crate::print(&table::table(&whole.concat())?)
        }
        _ => print_all(chunks).await,
    }
}

/// The statement of the command line, or what stands in standard input.
fn statement(args: &SqlArgs) -> anyhow::Result<String> {
    if let Some(statement) = &args.statement {
        return Ok(statement.clone());
    }
    let mut statement = String::new();
    std::io::stdin()
        .read_to_string(&mut statement)
        .context("cannot read a statement from standard input")?;
    Ok(statement)
}

async fn ask_server(url: &url::Url, statement: String, output: SqlOutput) -> anyhow::Result<Chunks> {
    let mut address = endpoint(url, "api/sql")?;
    address.query_pairs_mut().append_pair("format", output.format());
    let configured = || Ok(reqwest::Client::builder().timeout(ANSWER_TIMEOUT));
    let client = http_client::build(configured, true, |error: reqwest::Error| error)?.client;
    let response = client
        .post(address)
        .header("content-type", "application/sql")
        .body(statement)
        .send()
        .await
        .with_context(|| format!("no server answers at {url}; start one, or name another with --url"))?;
    if !response.status().is_success() {
        let status = response.status();
        let body = response.text().await?;
        match serde_json::from_str::<Refusal>(&body) {
            Ok(refusal) => bail!("{}", refusal.error),
            Err(_) => bail!("{url} answered {status}, which is not how a Watchkeeper server refuses"),
        }
    }
    let chunks = response.bytes_stream();
    Ok(chunks
        .map_err(|error| anyhow::Error::from(error).context("the answer ended early"))
        .boxed())
}

async fn print_all(mut chunks: Chunks) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    while let Some(chunk) = chunks.next().await {
        match out.write_all(&chunk?) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(out.flush()?)
}
