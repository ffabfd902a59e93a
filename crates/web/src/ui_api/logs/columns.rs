//! Lines in columns, as the page reads them: labels once for each stream, metadata and fields once for each set of them.

use logql::{LabelSet, LogStream};
use model::Direction;
use rustc_hash::FxHashMap;

use crate::json::{write_integer, write_text};
use crate::loki::body::write_label_set;

/// Lines in one order over all streams.
#[derive(Debug, Default)]
pub(super) struct Columns {
    streams: Vec<LabelSet>,
    /// Which stream, what metadata, what fields.
    sets: Vec<(usize, LabelSet, LabelSet)>,
    /// When, of which set, and the line.
    lines: Vec<(i64, usize, String)>,
}

impl Columns {
    /// The lines in the order of a direction; those of one time as the store has them, stream by stream.
    pub(super) fn new(found: Vec<LogStream>, direction: Direction) -> Self {
        let mut columns = Self::default();
        let mut places: FxHashMap<LabelSet, usize> = FxHashMap::default();
        for stream in found {
            let next = places.len();
            let place = *places.entry(stream.stream.clone()).or_insert(next);
            if place == next {
                columns.streams.push(stream.stream);
            }
            let set = columns.sets.len();
            columns.sets.push((place, stream.metadata, stream.parsed));
            let lines = stream.lines.into_iter();
            columns
                .lines
                .extend(lines.map(|line| (line.at_ns, set, line.line)));
        }
        match direction {
            Direction::Forward => columns.lines.sort_by_key(|(at_ns, ..)| *at_ns),
            Direction::Backward => columns.lines.sort_by_key(|(at_ns, ..)| std::cmp::Reverse(*at_ns)),
        }
        columns
    }

    /// How many lines there are.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Appends the columns as members of an object, without the comma in front.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"streams\":[");
        for (place, stream) in self.streams.iter().enumerate() {
            separate(out, place);
            write_label_set(out, stream);
        }
        out.extend_from_slice(b"],\"sets\":[");
        for (place, (stream, metadata, parsed)) in self.sets.iter().enumerate() {
            separate(out, place);
            out.push(b'[');
            write_integer(out, *stream as i64);
            out.push(b',');
            write_label_set(out, metadata);
            out.push(b',');
            write_label_set(out, parsed);
            out.push(b']');
        }
        out.extend_from_slice(b"],\"at_ns\":[");
        for (place, (at_ns, ..)) in self.lines.iter().enumerate() {
            separate(out, place);
            // Nanoseconds are more than numbers of JavaScript hold.
            out.push(b'"');
            write_integer(out, *at_ns);
            out.push(b'"');
        }
        out.extend_from_slice(b"],\"set\":[");
        for (place, (_, set, _)) in self.lines.iter().enumerate() {
            separate(out, place);
            write_integer(out, *set as i64);
        }
        out.extend_from_slice(b"],\"line\":[");
        for (place, (.., line)) in self.lines.iter().enumerate() {
            separate(out, place);
            write_text(out, line);
        }
        out.push(b']');
    }
}

fn separate(out: &mut Vec<u8>, place: usize) {
    if place > 0 {
        out.push(b',');
    }
}

#[cfg(test)]
mod tests {
    use logql::LogLine;
    use serde_json::{Value, json};

    use super::*;

    fn stream(app: &str, user: &str, lines: &[(i64, &str)]) -> LogStream {
        let line = |(at_ns, line): &(i64, &str)| LogLine {
            at_ns: *at_ns,
            line: (*line).to_owned(),
        };
        LogStream {
            stream: LabelSet::from_pairs([("app", app)]),
            metadata: LabelSet::from_pairs([("user", user)]),
            parsed: LabelSet::empty(),
            lines: lines.iter().map(line).collect(),
        }
    }

    #[test]
    fn lines_of_all_streams_are_in_one_order() {
        let found = vec![
            stream("a", "1", &[(5, "x"), (1, "y\"")]),
            stream("a", "2", &[(3, "z")]),
            stream("b", "1", &[(5, "w")]),
        ];
        let columns = Columns::new(found, Direction::Backward);
        let mut out = b"{".to_vec();
        columns.write(&mut out);
        out.push(b'}');
        let read: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            read,
            json!({"streams": [{"app": "a"}, {"app": "b"}],
                   "sets": [[0, {"user": "1"}, {}], [0, {"user": "2"}, {}], [1, {"user": "1"}, {}]],
                   "at_ns": ["5", "5", "3", "1"], "set": [0, 2, 1, 0], "line": ["x", "w", "z", "y\""]})
        );
    }
}
