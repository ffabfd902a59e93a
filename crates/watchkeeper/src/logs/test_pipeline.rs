//! Takes lines through the pipelines of a configuration and tells what every stage did.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ingest::pipeline::{Change, Explained, Outcome, StageEffect, Stored};
use ingest::{PipelineTelemetry, PodDirectories};
use jiff::Timestamp;
use model::{Labels, MatcherOp};
use serde_json::{Value, json};
use stdx::Clock;

use crate::cli::{CONFIG_FILE_DEFAULT, TestPipelineArgs};
use crate::config;
use crate::print;

/// Bytes of one line that are read; the server's own limit may be lower.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Reads the lines one by one and prints what becomes of each.
pub(super) fn run(args: &TestPipelineArgs, clock: &impl Clock) -> anyhow::Result<()> {
    let labels = labels(&args.source)?;
    let default = PathBuf::from(CONFIG_FILE_DEFAULT);
    let path = args
        .config
        .clone()
        .or_else(|| Some(default).filter(|default| default.exists()));
    let loaded = match config::load(path.as_deref()) {
        Ok(loaded) => loaded,
        Err(problems) => bail!("{} faults\n{}", problems.len(), config::join(&problems)),
    };
    let pods = args.pods.as_deref().map(PodDirectories::of_file).transpose()?;
    let pods = pods.unwrap_or_default();
    let pipelines = loaded.file.log_pipelines(PipelineTelemetry::default(), &pods)?;
    let mut lines = open(&args.file)?;
    let mut number = 0_u64;
    while let Some(line) = next_line(&mut lines)? {
        number += 1;
        let now_ns = clock.now_ms().saturating_mul(1_000_000);
        let explained = pipelines.explain(&labels, &line, now_ns);
        let told = if args.json {
            format!("{}\n", as_json(number, &line, &explained))
        } else {
            as_text(number, &line, &explained)
        };
        print(&told)?;
    }
    Ok(())
}

/// `{app="shop"}` as labels.
fn labels(source: &str) -> anyhow::Result<Labels> {
    if source.trim().trim_matches(['{', '}']).trim().is_empty() {
        return Ok(Labels::empty());
    }
    let matchers = logql::parse_selector(source)
        .with_context(|| format!("--source {source:?}: write labels such as '{{app=\"shop\"}}'"))?;
    let pair = |matcher: &model::Matcher| match matcher.op() {
        MatcherOp::Equal => Ok((matcher.name().to_owned(), matcher.value().to_owned())),
        _ => bail!(
            "--source {source:?}: a line comes with labels, not with conditions; write = between name and value"
        ),
    };
    let pairs: Vec<(String, String)> = matchers.iter().map(pair).collect::<anyhow::Result<_>>()?;
    Ok(Labels::from_pairs(pairs))
}

fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(stdin())));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

/// The next line without its end; what is no UTF-8 is replaced, as the intake does.
fn next_line(lines: &mut dyn BufRead) -> anyhow::Result<Option<String>> {
    let mut line = Vec::new();
    lines.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

fn as_text(number: u64, line: &str, explained: &Explained) -> String {
    let mut out = format!("line {number}: {}\n", printable(line));
    for effect in &explained.effects {
        let StageEffect {
            pipeline,
            stage,
            outcome,
            changes,
        } = effect;
        let place = if pipeline.is_empty() {
            "redaction".to_owned()
        } else {
            format!("{pipeline}/{stage}")
        };
        let ended = match outcome {
            Outcome::Done if changes.is_empty() => "  nothing to do".to_owned(),
            Outcome::Done => String::new(),
            Outcome::Missed(reason) => format!("  not applied: {reason}"),
            Outcome::Dropped(reason) => format!("  dropped: {reason}"),
        };
        let _ = writeln!(out, "  {place}{ended}");
        for change in changes {
            let _ = writeln!(out, "    {}", change_text(change));
        }
    }
    out.push_str(
        &explained
            .stored
            .as_ref()
            .map_or_else(|| "dropped\n".to_owned(), stored_text),
    );
    out.push('\n');
    out
}

fn change_text(change: &Change) -> String {
    let name = if change.name.is_empty() {
        String::new()
    } else {
        format!(" {}", printable(&change.name))
    };
    let value = |value: &Option<String>| match value {
        Some(text) if change.what == "time" => text.parse().map_or_else(|_| text.clone(), time),
        Some(text) => printable(text),
        None => "(none)".to_owned(),
    };
    match &change.before {
        None => format!("{}{name} = {}", change.what, value(&change.after)),
        Some(_) => format!(
            "{}{name}: {} -> {}",
            change.what,
            value(&change.before),
            value(&change.after)
        ),
    }
}

fn stored_text(stored: &Stored) -> String {
    let pairs = stored
        .metadata
        .iter()
        .map(|(name, value)| format!("{}={}", printable(name), printable(value)));
    let metadata: Vec<String> = pairs.collect();
    format!(
        "stored\n  stream    {}\n  time      {}\n  line      {}\n  metadata  {}\n",
        stored.labels,
        time(stored.at_ns),
        printable(&stored.line),
        metadata.join(" ")
    )
}

/// Nothing that a line holds may steer the terminal.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

fn time(at_ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(at_ns)).map_or_else(|_| at_ns.to_string(), |time| time.to_string())
}

fn as_json(number: u64, line: &str, explained: &Explained) -> Value {
    let changes = |changes: &[Change]| -> Vec<Value> {
        let change = |change: &Change| json!({"what": change.what, "name": change.name, "before": change.before, "after": change.after});
        changes.iter().map(change).collect()
    };
    let effect = |effect: &StageEffect| {
        let (outcome, reason) = match effect.outcome {
            Outcome::Done => ("done", None),
            Outcome::Missed(reason) => ("missed", Some(reason)),
            Outcome::Dropped(reason) => ("dropped", Some(reason)),
        };
        json!({
            "pipeline": effect.pipeline, "stage": effect.stage, "outcome": outcome, "reason": reason,
            "changes": changes(&effect.changes),
        })
    };
    let effects: Vec<Value> = explained.effects.iter().map(effect).collect();
    let stored = explained.stored.as_ref().map(|stored| {
        let object = |pairs: Vec<(String, String)>| -> serde_json::Map<String, Value> {
            pairs
                .into_iter()
                .map(|(name, value)| (name, Value::String(value)))
                .collect()
        };
        let labels = stored
            .labels
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        json!({
            "stream": object(labels.collect()), "time": time(stored.at_ns), "line": stored.line,
            "metadata": object(stored.metadata.clone()),
        })
    });
    json!({"number": number, "line": line, "stages": effects, "stored": stored})
}
