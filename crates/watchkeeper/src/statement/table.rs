//! Rows in columns, for people.

use std::fmt::Write as _;

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Map, Value};

/// An answer in JSON, as far as it is printed.
#[derive(Debug, Deserialize)]
struct Answer {
    meta: Vec<Column>,
    data: Vec<Map<String, Value>>,
    notes: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

/// The rows of an answer in JSON: numbers to the right, everything else to the left.
pub(super) fn table(answer: &[u8]) -> anyhow::Result<String> {
    let answer: Answer = serde_json::from_slice(answer).context("the answer is not one to a statement")?;
    let rows: Vec<Vec<String>> = answer
        .data
        .iter()
        .map(|row| {
            answer
                .meta
                .iter()
                .map(|column| cell(row.get(&column.name)))
                .collect()
        })
        .collect();
    let widths: Vec<usize> = answer
        .meta
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let cells = rows.iter().filter_map(|row| row.get(place));
            let widest = cells.map(|cell| cell.chars().count()).max();
            widest.unwrap_or_default().max(column.name.chars().count())
        })
        .collect();
    let mut printed = String::new();
    for note in &answer.notes {
        writeln!(printed, "# {note}")?;
    }
    let names: Vec<String> = answer.meta.iter().map(|column| column.name.clone()).collect();
    let is_number: Vec<bool> = answer.meta.iter().map(Column::is_number).collect();
    for row in std::iter::once(&names).chain(&rows) {
        let mut line = String::new();
        for ((cell, width), is_number) in row.iter().zip(&widths).zip(&is_number) {
            if *is_number {
                write!(line, "{cell:>width$}  ")?;
            } else {
                write!(line, "{cell:<width$}  ")?;
            }
        }
        writeln!(printed, "{}", line.trim_end())?;
    }
    let rows = answer.data.len();
    writeln!(printed, "({rows} {})", if rows == 1 { "row" } else { "rows" })?;
    Ok(printed)
}

impl Column {
    fn is_number(&self) -> bool {
        ["Int", "UInt", "Float", "Decimal"]
            .iter()
            .any(|kind| self.kind.starts_with(kind))
    }
}

/// A value on one line, without what a terminal would obey.
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_stand_below_each_other() {
        let answer = r#"{"meta":[{"name":"service","type":"Utf8View"},{"name":"n","type":"Int64"}],
            "data":[{"service":"shop","n":12},{"service":null,"n":7},{"service":"a\u001b[31m","n":1}],
            "rows":3,"statistics":{"elapsed":0.1},"notes":["a note"]}"#;
        let table = super::table(answer.as_bytes()).unwrap();
        assert_eq!(
            table,
            "# a note\nservice       n\nshop         12\n              7\na\\u{1b}[31m   1\n(3 rows)\n"
        );
    }
}
