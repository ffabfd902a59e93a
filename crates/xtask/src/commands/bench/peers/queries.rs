//! Query latencies as a Markdown table: every query, every server, and the better of the peers.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::system::System;

/// What the generator recorded about one server's queries.
#[derive(Debug, Deserialize)]
pub(super) struct Recording {
    queries: Vec<Query>,
}

#[derive(Debug, Deserialize)]
struct Query {
    name: String,
    p50_ms: f64,
    error: Option<String>,
}

impl Recording {
    /// Reads what the generator wrote.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("cannot understand {}", path.display()))
    }

    fn p50_ms(&self, name: &str) -> Option<f64> {
        let query = self.queries.iter().find(|query| query.name == name)?;
        (query.error.is_none() && query.p50_ms > 0.0).then_some(query.p50_ms)
    }
}

/// What the generator said about the answers of two recordings, by the name of the query.
pub(super) fn verdicts(compared: &str) -> BTreeMap<String, &'static str> {
    compared
        .lines()
        .filter_map(|line| {
            let name = line.split_whitespace().next()?;
            let verdict = [
                ("  equal (", "equal"),
                ("  DIFFER: ", "differ"),
                ("  ERROR ", "error"),
            ]
            .into_iter()
            .find(|(mark, _)| line.contains(mark))?;
            Some((name.to_owned(), verdict.1))
        })
        .collect()
}

/// A table with a row for each query, or nothing where no server was asked. Ratios are Watchkeeper's to the faster peer's.
pub(super) fn table(recordings: &[(System, Recording)], verdicts: &BTreeMap<String, &str>) -> Option<String> {
    let (_, first) = recordings.first()?;
    let names = recordings
        .iter()
        .map(|(system, _)| format!(" {}, p50 ms |", system.name()));
    let mut lines = vec![
        format!(
            "| query |{} to the faster peer | same answers as Prometheus |",
            names.collect::<String>()
        ),
        format!("| --- |{} ---: | --- |", " ---: |".repeat(recordings.len())),
    ];
    let mut ratios = Vec::new();
    for query in &first.queries {
        let name = query.name.as_str();
        let ratio = ratio(recordings, name);
        ratios.extend(ratio);
        let cells = recordings
            .iter()
            .map(|(_, recording)| number(recording.p50_ms(name), ""));
        let verdict = verdicts.get(name).copied().unwrap_or("-");
        lines.push(row(name, cells.collect(), &number(ratio, " x"), verdict));
    }
    let empty = vec![String::new(); recordings.len()];
    lines.push(row(
        "**geometric mean**",
        empty,
        &number(geometric_mean(&ratios), " x"),
        "",
    ));
    Some(lines.join("\n") + "\n")
}

fn row(name: &str, cells: Vec<String>, ratio: &str, verdict: &str) -> String {
    format!("| {name} | {} | {ratio} | {verdict} |", cells.join(" | "))
}

fn number(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}{unit}"))
}

fn ratio(recordings: &[(System, Recording)], name: &str) -> Option<f64> {
    let times = |ours: bool| {
        recordings
            .iter()
            .filter(move |(system, _)| (*system == System::Watchkeeper) == ours)
            .filter_map(|(_, recording)| recording.p50_ms(name))
            .min_by(f64::total_cmp)
    };
    Some(times(true)? / times(false)?)
}

fn geometric_mean(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().map(|value| value.ln()).sum();
    (!values.is_empty()).then(|| (sum / values.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(text: &str) -> Recording {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn each_query_is_held_against_the_faster_peer() {
        let recordings = [
            (
                System::Watchkeeper,
                recording(
                    r#"{"url": "x", "queries": [
                        {"name": "join", "p50_ms": 2.0, "error": null, "kept": [{}]},
                        {"name": "topk", "p50_ms": 1.0, "error": null}]}"#,
                ),
            ),
            (
                System::VictoriaMetrics,
                recording(
                    r#"{"queries": [{"name": "join", "p50_ms": 1.0, "error": null},
                                   {"name": "topk", "p50_ms": 8.0, "error": "500: no"}]}"#,
                ),
            ),
            (
                System::Prometheus,
                recording(
                    r#"{"queries": [{"name": "join", "p50_ms": 4.0, "error": null},
                                   {"name": "topk", "p50_ms": 2.0, "error": null}]}"#,
                ),
            ),
        ];
        // As `compare` prints them.
        let compared = "\
a = http://127.0.0.1:1\nb = http://127.0.0.1:2
query                          a p50     b p50     b/a  CPU b/a  results
join                            4.00      2.00    0.50     0.50  equal (3 series, 9 points)
topk                            2.00      1.00    0.50        -  DIFFER: 1 missing, 0 extra, 0 unequal
";
        let expected = "\
| query | watchkeeper, p50 ms | victoria-metrics, p50 ms | prometheus, p50 ms | to the faster peer | same answers as Prometheus |
| --- | ---: | ---: | ---: | ---: | --- |
| join | 2.00 | 1.00 | 4.00 | 2.00 x | equal |
| topk | 1.00 | - | 2.00 | 0.50 x | differ |
| **geometric mean** |  |  |  | 1.00 x |  |
";
        assert_eq!(table(&recordings, &verdicts(compared)).as_deref(), Some(expected));
        assert_eq!(table(&[], &BTreeMap::new()), None);
    }
}
