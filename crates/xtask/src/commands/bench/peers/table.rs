//! The figures as a Markdown table, with how Watchkeeper stands to each peer.

use super::load::Load;
use super::outcome::{COLUMNS, Column, Figures};
use super::system::System;
use crate::shell::grouped;

/// What became of one server under one load.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) system: System,
    pub(super) version: String,
    /// Absent where the measurement failed.
    pub(super) figures: Option<Figures>,
}

/// A heading, a table with a row for each server, and a row with the ratio to each peer.
pub(super) fn of_load(load: &Load, sender_per_s: f64, rows: &[Row]) -> String {
    let samples = rows.iter().find_map(|row| row.figures).map(|row| row.samples);
    let mut lines = vec![format!("### {load}"), String::new()];
    if let Some(samples) = samples {
        let samples = grouped(samples);
        let sender = grouped(sender_per_s as u64);
        lines.push(format!(
            "{samples} samples. The sender alone, to nobody: {sender} samples/s."
        ));
        lines.push(String::new());
    }
    let names = COLUMNS.iter().map(|column| format!(" {} |", column.name));
    lines.push(format!("| |{}", names.collect::<String>()));
    lines.push(format!("| --- |{}", " ---: |".repeat(COLUMNS.len())));
    lines.extend(rows.iter().map(of_row));
    lines.extend(ratios(rows));
    lines.join("\n") + "\n"
}

fn of_row(row: &Row) -> String {
    let name = format!("{} {}", row.system.name(), row.version);
    line(&name, |column| match &row.figures {
        Some(figures) => shown((column.of)(figures), column.digits),
        None => "failed".to_owned(),
    })
}

fn ratios(rows: &[Row]) -> Vec<String> {
    let figures_of = |system| {
        rows.iter()
            .find(|row| row.system == system)
            .and_then(|row| row.figures)
    };
    let Some(ours) = figures_of(System::Watchkeeper) else {
        return Vec::new();
    };
    let peers = System::ALL
        .into_iter()
        .filter(|system| *system != System::Watchkeeper);
    peers
        .filter_map(|peer| {
            let theirs = figures_of(peer)?;
            let name = format!("**ratio to {}**", peer.name());
            Some(line(&name, |column| {
                format!("{:.2} x", (column.of)(&ours) / (column.of)(&theirs))
            }))
        })
        .collect()
}

fn line(name: &str, cell: impl Fn(&Column) -> String) -> String {
    let cells = COLUMNS.iter().map(|column| format!(" {} |", cell(column)));
    format!("| {name} |{}", cells.collect::<String>())
}

fn shown(value: f64, digits: usize) -> String {
    if digits == 0 {
        grouped(value.round() as u64)
    } else {
        format!("{value:.digits$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(system: System, version: &str, scale: Option<f64>) -> Row {
        let figures = scale.map(|scale| Figures {
            samples: 36_000_000,
            cpu_s: 0.5 * scale,
            cpu_s_settled: 0.6 * scale,
            bytes: 0.93 * scale,
            resident_mib: 307.0 * scale,
            anonymous_mib: 250.0 * scale,
            samples_per_s: 1_234_567.0 / scale,
        });
        Row {
            system,
            version: version.to_owned(),
            figures,
        }
    }

    fn load() -> Load {
        Load {
            series: 100_000,
            span: "1h".to_owned(),
        }
    }

    #[test]
    fn every_server_has_a_row_and_every_peer_a_ratio() {
        let rows = [
            row(System::Watchkeeper, "0.1.0", Some(1.0)),
            row(System::VictoriaMetrics, "1.79.5", Some(2.0)),
            row(System::Prometheus, "2.42.0", Some(4.0)),
        ];
        let expected = "\
### 100,000 series over 1h

36,000,000 samples. The sender alone, to nobody: 9,000,000 samples/s.

| | CPU s / M samples | CPU s / M, settled | bytes/sample | peak MiB | peak MiB, anonymous | samples/s |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
| watchkeeper 0.1.0 | 0.50 | 0.60 | 0.93 | 307 | 250 | 1,234,567 |
| victoria-metrics 1.79.5 | 1.00 | 1.20 | 1.86 | 614 | 500 | 617,284 |
| prometheus 2.42.0 | 2.00 | 2.40 | 3.72 | 1,228 | 1,000 | 308,642 |
| **ratio to victoria-metrics** | 0.50 x | 0.50 x | 0.50 x | 0.50 x | 0.50 x | 2.00 x |
| **ratio to prometheus** | 0.25 x | 0.25 x | 0.25 x | 0.25 x | 0.25 x | 4.00 x |
";
        assert_eq!(of_load(&load(), 9e6, &rows), expected);
    }

    #[test]
    fn a_failed_server_has_no_figures_and_no_ratio() {
        let rows = [
            row(System::Watchkeeper, "0.1.0", Some(1.0)),
            row(System::Prometheus, "2.42.0", None),
        ];
        let table = of_load(&load(), 9e6, &rows);
        assert!(
            table.ends_with("| prometheus 2.42.0 | failed | failed | failed | failed | failed | failed |\n"),
            "{table}"
        );
        let without_us = of_load(&load(), 9e6, &[row(System::Prometheus, "2", Some(1.0))]);
        assert!(!without_us.contains("ratio"), "{without_us}");
    }
}
