//! A store of log lines in memory behind the door, by the simplest code there is: engines are judged against it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::{
    Direction, Labels, LogAccepted, LogBatch, LogFlow, LogRead, LogRows, LogSelection, LogWrite,
    MetadataColumn, ReadError, StreamExtent, StreamSelection, TenantId, TextColumn, WriteError,
};

/// A store of log lines that lives and dies with the process. Takes lines in any order.
#[derive(Debug, Default)]
pub struct MemoryLogs {
    streams: RwLock<BTreeMap<(TenantId, Labels), Vec<Entry>>>,
    keys: RwLock<BTreeSet<(TenantId, u128)>>,
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
        let mut rows = LogRows::new(TenantId::DEFAULT);
        rows.begin_stream(stream.clone());
        rows.push(at_ns, line, metadata.iter().copied());
        self.keep(&rows);
    }

    fn keep(&self, rows: &LogRows) {
        let mut streams = self.streams.write();
        for (labels, rows_of_stream) in rows.streams() {
            let entries = streams.entry((rows.tenant, labels.clone())).or_default();
            for row in rows_of_stream {
                let entry = Entry {
                    at_ns: row.at_ns(),
                    line: row.line().to_owned(),
                    metadata: row
                        .metadata()
                        .map(|(name, value)| (name.to_owned(), value.to_owned()))
                        .collect(),
                };
                // Behind those of the same time.
                let place = entries.partition_point(|known| known.at_ns <= entry.at_ns);
                entries.insert(place, entry);
            }
        }
    }
}

impl LogWrite for MemoryLogs {
    fn append(&self, rows: &LogRows, _now_ns: i64) -> Result<LogAccepted, WriteError> {
        let mut accepted = LogAccepted {
            stored: rows.line_count() as u64,
            ..LogAccepted::default()
        };
        if let Some(key) = rows.key {
            accepted.is_repeated = !self.keys.write().insert((rows.tenant, key));
        }
        if !accepted.is_repeated {
            self.keep(rows);
        }
        Ok(accepted)
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

    fn streams(&self, selection: &StreamSelection) -> Result<Vec<StreamExtent>, ReadError> {
        let streams = self.streams.read();
        let mut extents = Vec::new();
        for ((tenant, labels), entries) in &*streams {
            if *tenant != selection.tenant || !selection.selects(labels) {
                continue;
            }
            let within = entries
                .iter()
                .filter(|entry| (selection.from_ns..selection.to_ns).contains(&entry.at_ns));
            let (lines, bytes) = within.fold((0, 0), |(lines, bytes), entry| {
                (lines + 1, bytes + entry.line.len() as u64)
            });
            if lines > 0 {
                extents.push(StreamExtent {
                    labels: labels.clone(),
                    lines,
                    bytes,
                    pieces: 1,
                });
            }
        }
        Ok(extents)
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
        is_decided: false,
        is_reduced: false,
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
            ..LogSelection::default()
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

    #[test]
    fn batches_with_the_same_key_are_kept_once() {
        let store = MemoryLogs::new();
        let mut rows = LogRows::new(TenantId::DEFAULT);
        rows.begin_stream(Labels::from_pairs([("app", "a")]));
        rows.push(1, "one", []);
        for key in [None, None, Some(7), Some(7)] {
            rows.key = key;
            store.append(&rows, 0).unwrap();
        }
        let all = StreamSelection {
            to_ns: 2,
            ..StreamSelection::default()
        };
        let streams = store.streams(&all).unwrap();
        assert_eq!((streams[0].lines, streams[0].bytes), (3, 9));
        assert_eq!(store.label_names(&all).unwrap(), ["app"]);
        assert_eq!(store.label_values(&all, "app").unwrap(), ["a"]);
    }
}
