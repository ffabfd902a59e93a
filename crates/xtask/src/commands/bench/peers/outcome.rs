//! What the generator found out about one server: its JSON, as the figures of the table.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// The figures of one server under one load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figures {
    /// Samples that were acknowledged.
    pub(super) samples: u64,
    /// CPU seconds of a million samples until the last acknowledgement.
    pub(super) cpu_s: f64,
    /// The same until the server was idle again, flush and compaction included.
    pub(super) cpu_s_settled: f64,
    /// Bytes on disk of a sample.
    pub(super) bytes: f64,
    /// Most memory that was resident at a time, mapped files included.
    pub(super) resident_mib: f64,
    /// The same without what only mirrors files.
    pub(super) anonymous_mib: f64,
    /// Samples acknowledged in a second.
    pub(super) samples_per_s: f64,
}

#[derive(Deserialize)]
struct Ingest {
    items: u64,
    items_failed: u64,
    first_error: Option<String>,
    items_per_s: f64,
    server: Option<ServerCost>,
    disk: Option<Disk>,
}

#[derive(Deserialize)]
struct ServerCost {
    cpu_s_per_million: f64,
    cpu_s_settled_per_million: f64,
    rss_peak_mib: f64,
    anon_peak_mib: f64,
}

#[derive(Deserialize)]
struct Disk {
    bytes: u64,
    parts: BTreeMap<String, u64>,
}

impl Figures {
    /// Reads what the generator wrote. `disk_part` names the entry of the data folder that counts, all of it otherwise.
    pub(super) fn read(path: &Path, disk_part: Option<&str>) -> Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text, disk_part).with_context(|| format!("in {}", path.display()))
    }

    /// A load that was not taken whole, or a figure that is missing or nothing, is an error.
    pub(super) fn parse(json: &[u8], disk_part: Option<&str>) -> Result<Self> {
        let ingest: Ingest =
            serde_json::from_slice(json).context("this is not what the generator writes after a load")?;
        ensure!(
            ingest.items_failed == 0,
            "{} of {} samples were not taken; the first answer that was no success: {}",
            ingest.items_failed,
            ingest.items.saturating_add(ingest.items_failed),
            ingest.first_error.as_deref().unwrap_or("none was kept")
        );
        ensure!(ingest.items > 0, "no sample was sent");
        let server = ingest.server.context("the process was not measured")?;
        let disk = ingest.disk.context("the data folder was not measured")?;
        let bytes = match disk_part {
            None => disk.bytes,
            Some(part) => *disk
                .parts
                .get(part)
                .with_context(|| format!("the data folder has no `{part}`"))?,
        };
        let figures = Self {
            samples: ingest.items,
            cpu_s: server.cpu_s_per_million,
            cpu_s_settled: server.cpu_s_settled_per_million,
            bytes: bytes as f64 / ingest.items as f64,
            resident_mib: server.rss_peak_mib,
            anonymous_mib: server.anon_peak_mib,
            samples_per_s: ingest.items_per_s,
        };
        for (name, value) in COLUMNS.iter().map(|column| (column.name, (column.of)(&figures))) {
            if !value.is_finite() || value <= 0.0 {
                bail!("`{name}` came out as {value}");
            }
        }
        Ok(figures)
    }

    /// Each figure's median over several runs of the same load.
    pub(super) fn median(runs: &[Self]) -> Option<Self> {
        let samples = runs.first()?.samples;
        let of = |figure: fn(&Self) -> f64| median(runs.iter().map(figure).collect());
        Some(Self {
            samples,
            cpu_s: of(|run| run.cpu_s)?,
            cpu_s_settled: of(|run| run.cpu_s_settled)?,
            bytes: of(|run| run.bytes)?,
            resident_mib: of(|run| run.resident_mib)?,
            anonymous_mib: of(|run| run.anonymous_mib)?,
            samples_per_s: of(|run| run.samples_per_s)?,
        })
    }
}

/// A column of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Digits after the point.
    pub(super) digits: usize,
    pub(super) of: fn(&Figures) -> f64,
}

/// The columns, in order.
pub(super) const COLUMNS: [Column; 6] = [
    column("CPU s / M samples", 2, |figures| figures.cpu_s),
    column("CPU s / M, settled", 2, |figures| figures.cpu_s_settled),
    column("bytes/sample", 2, |figures| figures.bytes),
    column("peak MiB", 0, |figures| figures.resident_mib),
    column("peak MiB, anonymous", 0, |figures| figures.anonymous_mib),
    column("samples/s", 0, |figures| figures.samples_per_s),
];

const fn column(name: &'static str, digits: usize, of: fn(&Figures) -> f64) -> Column {
    Column { name, digits, of }
}

/// The middle value, or the mean of the two in the middle.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(upper, *values.get(middle.checked_sub(1)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the generator writes it, with keys that the table has no use for.
    const INGEST: &str = r#"{
      "kind": "metrics", "url": "http://127.0.0.1:1/api/v1/write", "items": 2000000, "items_failed": 0,
      "requests": 200, "retries": 3, "first_error": "connection refused", "body_bytes": 90000, "wall_s": 4.0,
      "items_per_s": 500000.0, "request_ms_p50": 6.1, "request_ms_p99": 11.0, "sender_cpu_s": 0.2,
      "server": { "cpu_s": 2.0, "cpu_s_per_million": 1.0, "cpu_s_settled": 2.4, "cpu_s_settled_per_million": 1.2,
        "settle_s": 9.0, "rss_peak_mib": 300, "anon_peak_mib": 250 },
      "disk": { "bytes": 3000000, "per_item": 1.5, "parts": { "wal": 2000000, "snapshots": 1000000 } }
    }"#;

    #[test]
    fn the_generators_answer_becomes_figures() {
        let whole = Figures::parse(INGEST.as_bytes(), None).unwrap();
        let expected = Figures {
            samples: 2_000_000,
            cpu_s: 1.0,
            cpu_s_settled: 1.2,
            bytes: 1.5,
            resident_mib: 300.0,
            anonymous_mib: 250.0,
            samples_per_s: 500_000.0,
        };
        assert_eq!(whole, expected);
        let part = Figures::parse(INGEST.as_bytes(), Some("snapshots")).unwrap();
        assert_eq!(part.bytes, 0.5);
    }

    #[test]
    fn what_was_not_measured_is_an_error_that_names_it() {
        let check = |from: &str, to: &str, part: Option<&str>, expected: &str| {
            assert!(INGEST.contains(from), "{from}");
            let text = INGEST.replace(from, to);
            let error = format!("{:#}", Figures::parse(text.as_bytes(), part).unwrap_err());
            assert!(error.contains(expected), "{error}");
        };
        check(
            "\"items_failed\": 0",
            "\"items_failed\": 7",
            None,
            "7 of 2000007 samples were not taken; the first answer that was no success: connection refused",
        );
        check("\"server\": {", "\"other\": {", None, "process was not measured");
        check(
            "\"disk\": {",
            "\"other\": {",
            None,
            "data folder was not measured",
        );
        check("\"snapshots\"", "\"chunks\"", Some("snapshots"), "no `snapshots`");
        check(
            "_settled_per_million\": 1.2",
            "_settled_per_million\": 0.0",
            None,
            "`CPU s / M, settled` came out as 0",
        );
        check("\"items\": 2000000", "\"items\": 0", None, "no sample was sent");
        check("{\n", "[\n", None, "not what the generator writes");
    }

    #[test]
    fn medians_are_taken_figure_by_figure() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
        let one = Figures::parse(INGEST.as_bytes(), None).unwrap();
        let runs = [(1.0, 9.0), (5.0, 7.0), (2.0, 8.0)].map(|(cpu_s, bytes)| Figures { cpu_s, bytes, ..one });
        let middle = Figures::median(&runs).unwrap();
        assert_eq!(
            (middle.cpu_s, middle.bytes, middle.samples),
            (2.0, 8.0, 2_000_000)
        );
        assert_eq!(Figures::median(&[]), None);
    }
}
