//! Answers as columns for people and as CSV.

use std::fmt::Write as _;

use super::answer::{Row, time};

const HEADS: [&str; 3] = ["SERIES", "TIME", "VALUE"];

/// One line a sample; a series' name stands before its first sample.
pub(super) fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no series\n".to_owned();
    }
    let lines: Vec<[String; 3]> = rows
        .iter()
        .flat_map(|row| {
            row.points.iter().enumerate().map(|(index, point)| {
                let name = if index == 0 {
                    row.series.clone()
                } else {
                    String::new()
                };
                [name, time(point.at_ms), point.text.clone()]
            })
        })
        .collect();
    let heads = HEADS.map(str::to_owned);
    let all = || std::iter::once(&heads).chain(&lines);
    let width = |column: fn(&[String; 3]) -> &String| {
        all()
            .map(|line| column(line).chars().count())
            .max()
            .unwrap_or_default()
    };
    let names = width(|[name, _, _]| name);
    let times = width(|[_, time, _]| time);
    // Numbers stand with their ends in line, unless a histogram makes that a wide column.
    let is_numeric = rows
        .iter()
        .flat_map(|row| &row.points)
        .all(|point| !point.is_histogram);
    let values = if is_numeric {
        width(|[_, _, value]| value)
    } else {
        0
    };
    let mut printed = String::new();
    for [name, time, value] in all() {
        let _ = writeln!(printed, "{name:names$}  {time:times$}  {value:>values$}");
    }
    printed
}

/// One line a sample (RFC 4180, with line feeds).
pub(super) fn csv(rows: &[Row]) -> String {
    let mut printed = String::from("series,time,value\n");
    for row in rows {
        for point in &row.points {
            let (series, value) = (field(&row.series), field(&point.text));
            let _ = writeln!(printed, "{series},{},{value}", time(point.at_ms));
        }
    }
    printed
}

fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) || text.contains('{') {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}
