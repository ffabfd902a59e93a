//! `cargo x differential`: random queries, asked of Prometheus 2.42 and of Watchkeeper over the same data.
//!
//! In: a binary of Watchkeeper, Debian's `prometheus`, a seed.  Out: every difference that no rule explains, and one line
//! that counts what came out.
//! Owns: both servers and their data folders, for the time of the run.
//! Invariants: a difference that no rule explains never ends with 0 (`a_difference_is_a_failure`); a query follows from the
//! seed and its number (`a_query_follows_from_seed_and_number`); neither server outlives the run (`bench::server::tests`).
//! Not here: which side is right. Where a difference is meant, a rule says so in `rules`; all else is for people to judge.
//! Start at: [`run`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::bench::peers::system::{Place, System};
use super::bench::server::{Server, free_address};
use super::bench::{Scratch, build};
use crate::shell;
use answer::{Answer, Difference};
use data::Series;
use grammar::{Query, Times};
use http::Client;
use random::Random;

mod answer;
mod data;
mod grammar;
mod http;
mod random;
mod remote_write;
mod rules;

/// A request holds this much of every series. A Prometheus takes what is up to an hour behind its newest sample.
const REQUEST_MS: i64 = 10 * 60_000;
const WRITE_HEADERS: [(&str, &str); 3] = [
    ("Content-Type", "application/x-protobuf"),
    ("Content-Encoding", "snappy"),
    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
];
/// Of an answer that is shown.
const LETTERS_MAX: usize = 500;
/// Of the points that differ.
const POINTS_SHOWN_MAX: usize = 3;

/// What to ask.
#[derive(Debug, Args)]
pub struct Options {
    /// How many queries
    #[arg(long, default_value_t = 10_000)]
    queries: u64,
    /// What data and queries follow from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of the first query, to ask one again
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    first: u64,
    /// The end of the data in seconds since 1970; the last quarter of a minute where it is not given
    #[arg(long, value_name = "SECONDS")]
    end: Option<i64>,
    /// A binary of Watchkeeper to ask instead of the release build made here
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Print every query with both answers
    #[arg(short, long)]
    verbose: bool,
}

/// Asks both servers all queries.
pub fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    let ours = match &options.binary {
        Some(given) => given.clone(),
        None => build(root)?,
    };
    let ours = std::path::absolute(&ours).with_context(|| format!("cannot resolve {}", ours.display()))?;
    ensure!(ours.is_file(), "there is no binary at {}", ours.display());
    let theirs = PathBuf::from(System::Prometheus.name());
    let is_there = shell::is_installed(&[System::Prometheus.name(), "--version"]);
    ensure!(
        is_there,
        "there is no `prometheus` on the path; `apt-get install prometheus` has it"
    );
    let end_ms = options
        .end
        .map_or_else(newest_end_ms, |seconds| Ok(seconds * 1000))?;

    let scratch = Scratch::create()?;
    let series = data::series(options.seed, end_ms);
    let [(server, mut ours), (other_server, mut theirs)] = [
        start(System::Watchkeeper, &ours, &scratch.path, &series, end_ms)?,
        start(System::Prometheus, &theirs, &scratch.path, &series, end_ms)?,
    ];
    let mut tally = Tally::default();
    for number in options.first..options.first + options.queries {
        let query = Query::random(&mut Random::new(options.seed, number), end_ms);
        let of_three = rules::in_words_of_three(&query.text);
        let asked = || format!("query {number}, {}", query.text);
        let ours =
            ask(&mut ours, &of_three, query.times).with_context(|| format!("Watchkeeper: {}", asked()))?;
        let theirs =
            ask(&mut theirs, &query.text, query.times).with_context(|| format!("Prometheus: {}", asked()))?;
        let outcome = judged(&query, &ours, &theirs);
        if options.verbose || matches!(outcome, Outcome::Different(_)) {
            shell::say(&described(number, &query, &outcome, &ours, &theirs));
        }
        tally.count(&outcome, &ours);
    }
    server.stop()?;
    other_server.stop()?;
    shell::say(&format!(
        "seed {}, end {}: {}",
        options.seed,
        end_ms / 1000,
        tally.line()
    ));
    for rule in rules::RULES
        .iter()
        .filter(|rule| tally.explained.contains_key(rule.name))
    {
        shell::say(&format!("  {}: {}", rule.name, rule.because));
    }
    Ok(tally.exit_code())
}

/// The last quarter of a minute that has begun.
fn newest_end_ms() -> Result<i64> {
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed();
    let since_1970 = since_1970.context("the clock stands before 1970")?;
    let now_ms = since_1970.as_millis() as i64;
    Ok(now_ms - now_ms.rem_euclid(data::STEP_MS))
}

/// Starts a server and gives it the data.
fn start(
    system: System,
    program: &Path,
    folder: &Path,
    series: &[Series],
    end_ms: i64,
) -> Result<(Server, Client)> {
    let place = Place {
        address: free_address()?,
        data: folder.join(system.name()),
        log: folder.join(format!("{}.log", system.name())),
    };
    let server = Server::launch(system.launch(program, &place)?)?;
    let written = write(place.address, series, end_ms);
    written.with_context(|| server.last_words_or("the server kept no log"))?;
    Ok((server, Client::connect(place.address)?))
}

fn write(address: SocketAddr, series: &[Series], end_ms: i64) -> Result<()> {
    let mut client = Client::connect(address)?;
    let mut from_ms = end_ms - data::SPAN_MS;
    while from_ms < end_ms {
        let to_ms = from_ms + REQUEST_MS;
        if let Some(body) = remote_write::body(series, from_ms, to_ms) {
            let response = client.post("/api/v1/write", &WRITE_HEADERS, &body)?;
            if !(200..300).contains(&response.status) {
                let said = String::from_utf8_lossy(&response.body);
                bail!("samples were refused with status {}: {said}", response.status);
            }
        }
        from_ms = to_ms;
    }
    Ok(())
}

fn ask(client: &mut Client, text: &str, times: Times) -> Result<Answer> {
    let seconds = |ms: i64| format!("{}.{:03}", ms / 1000, ms % 1000);
    let response = match times {
        Times::Instant { at_ms } => {
            client.get("/api/v1/query", &[("query", text), ("time", &seconds(at_ms))])?
        }
        Times::Range {
            start_ms,
            end_ms,
            step_s,
        } => {
            let (start, end, step) = (seconds(start_ms), seconds(end_ms), step_s.to_string());
            let times = [("query", text), ("start", &start), ("end", &end), ("step", &step)];
            client.get("/api/v1/query_range", &times)?
        }
    };
    Answer::read(&response)
}

/// What came of one query.
#[derive(Debug)]
enum Outcome {
    Equal,
    BothRefused,
    Explained(&'static str),
    Different(String),
}

fn judged(query: &Query, ours: &Answer, theirs: &Answer) -> Outcome {
    let Some(difference) = ours.difference(theirs) else {
        return match ours {
            Answer::Refused(_) => Outcome::BothRefused,
            Answer::Given(_) if is_sorted(query) && is_out_of_order(ours, theirs) => {
                Outcome::Different("sorted otherwise".to_owned())
            }
            Answer::Given(_) => Outcome::Equal,
        };
    };
    if let Some(rule) = rules::explanation(query, &difference) {
        return Outcome::Explained(rule.name);
    }
    Outcome::Different(match difference {
        Difference::OursRefused(_) => "only Watchkeeper refuses".to_owned(),
        Difference::TheirsRefused(_) => "only Prometheus refuses".to_owned(),
        Difference::Kind => "another type, or another text".to_owned(),
        Difference::Points(points) => {
            let shown: Vec<String> = points
                .iter()
                .take(POINTS_SHOWN_MAX)
                .map(ToString::to_string)
                .collect();
            format!("{} values, such as {}", points.len(), shown.join("; "))
        }
    })
}

/// Whether the order of the answer is the subject of the query.
fn is_sorted(query: &Query) -> bool {
    matches!(query.times, Times::Instant { .. }) && query.text.starts_with("sort")
}

fn is_out_of_order(ours: &Answer, theirs: &Answer) -> bool {
    let (ours, theirs) = (ours.in_order(), theirs.in_order());
    let is_same = |(ours, theirs): (&f64, &f64)| {
        ours == theirs || (ours.is_nan() && theirs.is_nan()) || (ours - theirs).abs() <= 1e-9 * theirs.abs()
    };
    !ours.iter().zip(&theirs).all(is_same)
}

fn described(number: u64, query: &Query, outcome: &Outcome, ours: &Answer, theirs: &Answer) -> String {
    let outcome = match outcome {
        Outcome::Equal => "equal",
        Outcome::BothRefused => "both refused",
        Outcome::Explained(rule) => rule,
        Outcome::Different(how) => how,
    };
    let (ours, theirs) = (ours.abbreviated(LETTERS_MAX), theirs.abbreviated(LETTERS_MAX));
    let times = query.times;
    format!(
        "query {number}: {}\n  {times:?}\n  {outcome}\n  Watchkeeper: {ours}\n  Prometheus:  {theirs}",
        query.text
    )
}

/// What came of all queries.
#[derive(Debug, Default)]
struct Tally {
    equal: u64,
    empty: u64,
    both_refused: u64,
    explained: BTreeMap<&'static str, u64>,
    different: u64,
}

impl Tally {
    fn count(&mut self, outcome: &Outcome, ours: &Answer) {
        match outcome {
            Outcome::Equal => {
                self.equal += 1;
                self.empty += u64::from(ours.is_empty());
            }
            Outcome::BothRefused => self.both_refused += 1,
            Outcome::Explained(rule) => *self.explained.entry(rule).or_default() += 1,
            Outcome::Different(_) => self.different += 1,
        }
    }

    fn line(&self) -> String {
        let explained: u64 = self.explained.values().sum();
        let all = self.equal + self.both_refused + explained + self.different;
        let by_rule: Vec<String> = self
            .explained
            .iter()
            .map(|(rule, count)| format!("{rule} {count}"))
            .collect();
        let by_rule = if by_rule.is_empty() {
            String::new()
        } else {
            format!(" ({})", by_rule.join(", "))
        };
        format!(
            "{} queries, {} equal ({} of them empty), {} refused by both, {explained} explained{by_rule}, {} different",
            shell::grouped(all),
            shell::grouped(self.equal),
            shell::grouped(self.empty),
            shell::grouped(self.both_refused),
            self.different,
        )
    }

    fn exit_code(&self) -> ExitCode {
        if self.different == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_a_failure() {
        let query = Query {
            text: "up".to_owned(),
            times: Times::Instant { at_ms: 0 },
        };
        let refused = Answer::Refused("no".to_owned());
        let given = Answer::Given(answer::Given::default());
        let mut tally = Tally::default();
        for (ours, theirs) in [(&given, &given), (&refused, &refused)] {
            tally.count(&judged(&query, ours, theirs), ours);
        }
        assert_eq!(tally.exit_code(), ExitCode::SUCCESS);
        tally.count(&judged(&query, &refused, &given), &refused);
        assert_eq!(tally.exit_code(), ExitCode::FAILURE);
        assert_eq!(
            tally.line(),
            "3 queries, 1 equal (1 of them empty), 1 refused by both, 0 explained, 1 different"
        );
    }
}
