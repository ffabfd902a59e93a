//! `watchkeeper query`: one PromQL question, answered by a running server or by the data folder of a stopped one.
//!
//! In: an expression, and whom to ask.  Out: the answer as a table, as CSV, as JSON or drawn into the terminal.
//! Owns: nothing.
//! Invariants: an answer that is an error ends with an error (`tests/query_command.rs`); nothing that a terminal would obey is
//! printed where there is none (`graph::tests::no_colour_where_none_is_shown`).
//! Not here: evaluation (`promql`), the HTTP API's form (`web`).
//! Start at: [`run`].

mod answer;
mod graph;
mod table;
mod terminal;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::time::Duration;

use crate::endpoint::endpoint;
use anyhow::{Context, bail};
use stdx::{Clock, HumanDuration, http_client};

use crate::cli::{QueryArgs, QueryOutput};
use answer::{Envelope, rows_of};

/// How long a server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(150);

/// What a graph shows where no start is said: the last hour.
const GRAPH_SPAN_MS: i64 = 3_600_000;

/// A range has about so many points where no step is said, as with promtool.
const STEPS: i64 = 250;

/// No step that is not said is finer, in milliseconds.
const STEP_MS_MIN: i64 = 1_000;

/// When the question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// One moment.
    At { at_ms: i64 },
    /// Points `step_ms` apart, both ends included.
    Range { from_ms: i64, to_ms: i64, step_ms: i64 },
}

/// Asks and gives back the text to print.
pub(crate) async fn run(args: &QueryArgs, clock: &dyn Clock) -> anyhow::Result<String> {
    let when = read_when(args, clock.now_ms())?;
    let body = match &args.data_dir {
        Some(data_dir) => crate::offline::answer(data_dir, &args.expr, when, clock.now_ms())?,
        None => ask_server(&args.url, &args.expr, when).await?,
    };
    let envelope: Envelope = serde_json::from_str(&body).with_context(|| {
        format!(
            "{} did not answer as a Prometheus-compatible server does",
            args.url
        )
    })?;
    if envelope.status != "success" {
        bail!("{}", envelope.error.unwrap_or(envelope.status));
    }
    let mut printed = String::new();
    if args.output == QueryOutput::Json {
        return Ok(body + "\n");
    }
    // In CSV a remark would be read as a row.
    if args.output != QueryOutput::Csv {
        for note in envelope.warnings.iter().chain(&envelope.infos) {
            writeln!(printed, "# {note}")?;
        }
    }
    let rows = envelope.data.map(rows_of).unwrap_or_default();
    printed += &match (args.output, when) {
        (QueryOutput::Csv, _) => table::csv(&rows),
        (
            QueryOutput::Graph,
            When::Range {
                from_ms,
                to_ms,
                step_ms,
            },
        ) => {
            let frame = graph::Frame {
                width: terminal::width(),
                is_coloured: terminal::is_coloured(),
                from_ms,
                to_ms,
                step_ms,
            };
            graph::draw(&rows, frame)
        }
        _ => table::table(&rows),
    };
    Ok(printed)
}

async fn ask_server(url: &url::Url, expr: &str, when: When) -> anyhow::Result<String> {
    let (path, mut form) = match when {
        When::At { at_ms } => ("api/v1/query", vec![("time", seconds(at_ms))]),
        When::Range {
            from_ms,
            to_ms,
            step_ms,
        } => (
            "api/v1/query_range",
            vec![
                ("start", seconds(from_ms)),
                ("end", seconds(to_ms)),
                ("step", seconds(step_ms)),
            ],
        ),
    };
    form.push(("query", expr.to_owned()));
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let address = endpoint(url, path)?;
    let configured = || Ok(reqwest::Client::builder().timeout(ANSWER_TIMEOUT));
    let client = http_client::build(configured, true, |error: reqwest::Error| error)?.client;
    let response = client
        .post(address)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .with_context(|| format!("no server answers at {url}; start one, or name another with --url"))?;
    Ok(response.text().await?)
}

fn read_when(args: &QueryArgs, now_ms: i64) -> anyhow::Result<When> {
    let at_ms = args.at.as_deref().map_or(Ok(now_ms), read_time)?;
    let (from_ms, to_ms) = match &args.from {
        Some(from) => (
            read_time(from)?,
            args.to.as_deref().map_or(Ok(now_ms), read_time)?,
        ),
        None if args.output == QueryOutput::Graph => (at_ms.saturating_sub(GRAPH_SPAN_MS), at_ms),
        None => return Ok(When::At { at_ms }),
    };
    let step_ms = match args.step.as_deref() {
        Some(step) => {
            let step: HumanDuration = step.parse().context("--step")?;
            step.as_millis_i64()
        }
        None => (to_ms.saturating_sub(from_ms) / STEPS).max(STEP_MS_MIN),
    };
    if step_ms == 0 || to_ms < from_ms {
        bail!("a range needs --from before --to and a --step above zero");
    }
    Ok(When::Range {
        from_ms,
        to_ms,
        step_ms,
    })
}

pub(crate) fn read_time(text: &str) -> anyhow::Result<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok((seconds * 1000.0).round() as i64);
    }
    let time: jiff::Timestamp = text
        .parse()
        .with_context(|| format!("{text:?} is neither RFC 3339 nor seconds since 1970"))?;
    Ok(time.as_millisecond())
}

/// Milliseconds as the decimal seconds of the HTTP API.
pub(crate) fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000))
}
