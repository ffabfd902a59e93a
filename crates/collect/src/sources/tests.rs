//! What holds for every source: the table in the docs, and that no text panics.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// The table of docs/metrics.md, as the code has it.
fn table() -> String {
    let mut table = String::from(
        "| metric | kind | labels | unit | source | what |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for kind in all() {
        for metric in kind.metrics {
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let dash = |text: String| if text.is_empty() { "–".to_owned() } else { text };
            writeln!(
                table,
                "| `{}` | {} | {} | {} | {} | {} |",
                metric.name,
                metric.kind,
                dash(labels.join(", ")),
                dash(metric.unit.to_owned()),
                kind.name,
                metric.help
            )
            .unwrap();
        }
    }
    table
}

#[test]
fn the_table_in_the_docs_is_the_table_in_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let docs = std::fs::read_to_string(path).unwrap();
    let table = table();
    assert!(
        docs.contains(&table),
        "docs/metrics.md does not hold the table of the code; put this there:\n\n{table}"
    );
    let rows = docs.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(
        rows,
        metrics().count(),
        "docs/metrics.md has rows that the code has not"
    );
}

#[test]
fn names_follow_the_conventions() {
    let mut names = BTreeSet::new();
    for metric in metrics() {
        let name = metric.name;
        assert!(names.insert(name), "{name} has two sources");
        let is_counter = metric.kind == model::MetricKind::Counter;
        assert_eq!(name.ends_with("_total"), is_counter, "{name}");
        let stem = name.strip_suffix("_total").unwrap_or(name);
        let unit = metric.unit;
        assert!(
            unit.is_empty() || stem.ends_with(&format!("_{unit}")),
            "{name} in {unit}"
        );
        let first = name.split('_').next().unwrap();
        assert!(["system", "hw", "process"].contains(&first), "{name}");
        assert!(
            !metric.help.ends_with('.') && !metric.help.contains('|'),
            "{name}"
        );
    }
}

/// Texts like the kernel's, and then some: words of its files, numbers, separators.
fn kernel_like() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "cpu",
        "cpu0",
        "some",
        "full",
        "avg10=",
        "total=",
        "MemTotal:",
        "eth0:",
        "(",
        ")",
        "-",
        "/",
        "\\040",
        "\\",
        ":",
        "Uid:",
        "\n",
        "\n\n",
        "\t",
        " ",
        "\0",
        "0A",
        "usage_usec",
        "max",
        "18446744073709551615",
        "-9223372036854775808",
        "99999999999999999999",
        "cgroup2",
        "cgroup",
        "0::/",
        "1:cpu:/",
        "PRETTY_NAME=",
        "pswpin",
        "e9",
        "NaN",
        "inf",
    ]);
    let part = prop_oneof![
        6 => words.prop_map(|word| word.as_bytes().to_vec()),
        2 => any::<u64>().prop_map(|number| number.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
        3 => Just(b" ".to_vec()),
    ];
    prop::collection::vec(part, 0..80).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_text_panics_a_parser(text in kernel_like()) {
        parse_any(&text);
    }

    #[test]
    fn no_bytes_panic_a_parser(bytes: Vec<u8>) {
        parse_any(&bytes);
    }
}
