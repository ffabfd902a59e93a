//! Conditions that are told to the store give the same rows as conditions that are judged line by line, though the store uses every
//! liberty it has.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use std::sync::Arc;

use model::{
    LogBatch, LogFlow, LogRead, LogSelection, MetadataColumn, ReadError, StreamExtent, StreamSelection,
    TextColumn,
};
use proptest::prelude::*;
use support::{SECOND_NS, START_NS, engine, lines};

/// Hands over nothing that need not be: no line without the texts, no text where none is needed, no metadata that was not named.
#[derive(Debug)]
struct Sparing(Arc<dyn LogRead>);

impl LogRead for Sparing {
    fn read(
        &self,
        selection: &LogSelection,
        take: &mut dyn FnMut(&LogBatch<'_>) -> LogFlow,
    ) -> Result<(), ReadError> {
        self.0.read(selection, &mut |batch| {
            for row in 0..batch.times_ns.len() {
                let line = batch.lines.get(row);
                let holds = |group: &Vec<String>| group.iter().any(|text| line.contains(text.as_str()));
                if !selection.holds.iter().all(holds) {
                    continue;
                }
                let text = if selection.needs_lines { line } else { "" };
                let named = |name: &str| {
                    selection
                        .metadata
                        .as_ref()
                        .is_none_or(|names| names.iter().any(|n| n == name))
                };
                let pairs: Vec<(&str, &str)> = batch
                    .metadata
                    .get(row)
                    .iter()
                    .copied()
                    .filter(|(name, _)| named(name))
                    .collect();
                let single = LogBatch {
                    times_ns: &batch.times_ns[row..=row],
                    lines: TextColumn {
                        text,
                        offsets: &[0, text.len() as i32],
                    },
                    metadata: MetadataColumn {
                        pairs: &pairs,
                        offsets: &[0, pairs.len() as i32],
                    },
                    ..*batch
                };
                match take(&single) {
                    LogFlow::More => {}
                    other => return other,
                }
            }
            LogFlow::More
        })
    }

    fn streams(&self, selection: &StreamSelection) -> Result<Vec<StreamExtent>, ReadError> {
        self.0.streams(selection)
    }
}

fn condition() -> impl Strategy<Value = String> {
    let moment = (0..3_000_i64).prop_map(|second| {
        let at = jiff::Timestamp::from_nanosecond(i128::from(START_NS + second * SECOND_NS)).unwrap();
        format!("'{at}'")
    });
    let comparison = prop::sample::select(vec![">", ">=", "<", "<=", "=", "!="]);
    let text = prop::sample::select(vec!["shop", "bank", "a service with a long name", "nobody", ""]);
    let pattern = prop::sample::select(vec![
        "%checkout failed%",
        "%order%7%",
        "GET%",
        "%200",
        "100\\%%done\\_now",
        "%done_now%",
        "%",
        "",
        "%Checkout%",
    ]);
    let label = prop::sample::select(vec!["service_name", "zone", "detected_level"]);
    let leaf = prop_oneof![
        (comparison.clone(), moment.clone()).prop_map(|(op, at)| format!("timestamp {op} {at}")),
        (moment.clone(), moment).prop_map(|(one, other)| format!("timestamp BETWEEN {one} AND {other}")),
        (label.clone(), prop::sample::select(vec!["=", "!="]), text.clone())
            .prop_map(|(label, op, text)| format!("{label} {op} '{text}'")),
        (label.clone(), text.clone(), text)
            .prop_map(|(label, one, other)| format!("{label} IN ('{one}', '{other}')")),
        label.prop_map(|label| format!("{label} IS NULL")),
        pattern
            .clone()
            .prop_map(|pattern| format!("line LIKE '{pattern}'")),
        pattern.prop_map(|pattern| format!("line NOT LIKE '{pattern}'")),
        Just("contains(line, 'orders')".to_owned()),
        Just("line = ''".to_owned()),
        Just("line ~ 'order[s\"]'".to_owned()),
        Just("json_get_str(line, 'level') = 'error'".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} AND {other})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} OR {other})")),
            inner.prop_map(|inner| format!("NOT ({inner})")),
        ]
    })
}

#[test]
fn hints_change_no_answer() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let bench = engine(Arc::new(Sparing(lines())));
    let config = ProptestConfig::with_cases(200);
    proptest!(config, |(condition in condition(), limit in 1..40_usize, order in prop::sample::select(vec!["", "DESC"]))| {
        let judged = format!("CASE WHEN {condition} THEN true ELSE false END");
        let ask = |columns: &str, condition: &str, rest: &str| {
            runtime.block_on(bench.csv(&format!("SELECT {columns} FROM logs WHERE {condition} {rest}"))).unwrap()
        };
        let (columns, sorted) = ("timestamp, service_name, zone, line", "ORDER BY timestamp, line");
        prop_assert_eq!(ask(columns, &condition, sorted), ask(columns, &judged, sorted));
        prop_assert_eq!(ask("count(*)", &condition, ""), ask("count(*)", &judged, ""));
        let some = format!("ORDER BY timestamp {order} LIMIT {limit}");
        prop_assert_eq!(ask("timestamp", &condition, &some), ask("timestamp", &judged, &some));
    });
}
