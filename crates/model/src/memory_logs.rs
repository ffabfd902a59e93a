//! A store of log lines in memory behind the door, by the simplest code there is: engines are judged against it.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::{
    Direction, Labels, LogBatch, LogFlow, LogRead, LogSelection, MetadataColumn, ReadError, TenantId,
    TextColumn,
};

/// A store of log lines that lives and dies with the process. Takes lines in any order.
#[derive(Debug, Default)]
pub struct MemoryLogs {
    streams: RwLock<BTreeMap<(TenantId, Labels), Vec<Entry>>>,
}

#[derive(Debug, Clone)]
struct Entry {
    at_ns: i64,
    line: String,
    metadata: Vec<(String, String)>,
}

/// Lines are handed over so many at a time.
const BATCH_LINES: usize = 1024;

impl MemoryLogs {
    /// An empty store.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Adds a line of one stream of the default tenant.
    pub fn add(&self, stream: &Labels, at_ns: i64, line: &str, metadata: &[(&str, &str)]) {
        let mut streams = self.streams.write();
        let entries = streams.entry((TenantId::DEFAULT, stream.clone())).or_default();
        // Behind those of the same time.
        let place = entries.partition_point(|entry| entry.at_ns <= at_ns);
        let entry = Entry {
            at_ns,
            line: line.to_owned(),
            metadata: metadata
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        entries.insert(place, entry);
    }
}

impl LogRead for MemoryLogs {
    fn read(
        &self,
        selection: &LogSelection,
        take: &mut dyn FnMut(&LogBatch<'_>) -> LogFlow,
    ) -> Result<(), ReadError> {
        let streams = self.streams.read();
        for ((tenant, stream), entries) in &*streams {
            let is_selected = *tenant == selection.tenant
                && selection
                    .matchers
                    .iter()
                    .all(|matcher| matcher.matches_labels(stream));
            if !is_selected {
                continue;
            }
            let mut wanted: Vec<&Entry> = entries
                .iter()
                .filter(|entry| (selection.from_ns..selection.to_ns).contains(&entry.at_ns))
                .collect();
            if selection.direction == Direction::Backward {
                wanted.reverse();
            }
            for entries in wanted.chunks(BATCH_LINES) {
                match hand_over(stream, entries, take) {
                    LogFlow::Stop => return Ok(()),
                    // What comes later of this stream lies behind as well, but other streams may not.
                    LogFlow::More | LogFlow::MoreBefore(_) => {}
                }
            }
        }
        Ok(())
    }
}

fn hand_over(stream: &Labels, entries: &[&Entry], take: &mut dyn FnMut(&LogBatch<'_>) -> LogFlow) -> LogFlow {
    let times_ns: Vec<i64> = entries.iter().map(|entry| entry.at_ns).collect();
    let text: String = entries.iter().map(|entry| entry.line.as_str()).collect();
    let lengths = |length: fn(&Entry) -> usize| {
        let ends = entries.iter().scan(0, move |end, entry| {
            *end += length(entry);
            i32::try_from(*end).ok()
        });
        std::iter::once(0).chain(ends).collect::<Vec<i32>>()
    };
    let (line_offsets, metadata_offsets) = (
        lengths(|entry| entry.line.len()),
        lengths(|entry| entry.metadata.len()),
    );
    let pairs: Vec<(&str, &str)> = entries
        .iter()
        .flat_map(|entry| {
            entry
                .metadata
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
        })
        .collect();
    take(&LogBatch {
        stream,
        times_ns: &times_ns,
        lines: TextColumn {
            text: &text,
            offsets: &line_offsets,
        },
        metadata: MetadataColumn {
            pairs: &pairs,
            offsets: &metadata_offsets,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Matcher;

    fn read(store: &MemoryLogs, direction: Direction) -> Vec<(i64, String, usize)> {
        let selection = LogSelection {
            tenant: TenantId::DEFAULT,
            matchers: vec![Matcher::equal("app", "a")],
            from_ns: 1,
            to_ns: 4,
            direction,
            holds: Vec::new(),
            needs_lines: true,
        };
        let mut lines = Vec::new();
        let mut take = |batch: &LogBatch<'_>| {
            for (place, at_ns) in batch.times_ns.iter().enumerate() {
                let metadata = batch.metadata.get(place).len();
                lines.push((*at_ns, batch.lines.get(place).to_owned(), metadata));
            }
            LogFlow::More
        };
        store.read(&selection, &mut take).unwrap();
        lines
    }

    #[test]
    fn lines_come_in_order_with_their_metadata() {
        let store = MemoryLogs::new();
        let stream = Labels::from_pairs([("app", "a")]);
        for (at_ns, line) in [(3, "three"), (1, "one"), (4, "four"), (0, "zero")] {
            store.add(&stream, at_ns, line, &[("level", "")]);
        }
        store.add(&Labels::from_pairs([("app", "b")]), 2, "other", &[]);
        store.add(&stream, 1, "again", &[]);
        let expected = [(1, "one", 1), (1, "again", 0), (3, "three", 1)];
        let expected: Vec<(i64, String, usize)> = expected
            .into_iter()
            .map(|(at, line, metadata)| (at, line.to_owned(), metadata))
            .collect();
        assert_eq!(read(&store, Direction::Forward), expected);
        let backward: Vec<_> = expected.into_iter().rev().collect();
        assert_eq!(read(&store, Direction::Backward), backward);
    }
}
