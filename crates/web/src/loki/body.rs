//! The answer to a query as a body that is encoded while it is sent: the text is never held in whole, and no worker waits for a slow
//! client.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use logql::{Answer, LabelSet, LogStream, Value};
use model::Direction;
use rustc_hash::FxHashMap;

use super::ask::Took;
use super::statistics;
use crate::json::{write_float, write_member, write_text, write_timestamp};
use crate::limits::ENCODE_CHUNK_BYTES;

/// The header by which Grafana asks to be told where each label comes from.
const FLAGS_HEADER: &str = "x-loki-response-encoding-flags";
/// The flag in it.
pub(super) const CATEGORIZE: &str = "categorize-labels";

/// Whether labels of the stream, metadata and parsed labels are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Categories {
    Apart,
    Together,
}

impl Categories {
    /// What a request asks for.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut flags = headers
            .get_all(FLAGS_HEADER)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        if flags.any(|flag| flag.trim() == CATEGORIZE) {
            Self::Apart
        } else {
            Self::Together
        }
    }
}

/// A stream as it is written.
#[derive(Debug)]
pub(super) struct OutStream {
    pub(super) labels: LabelSet,
    pub(super) lines: Vec<OutLine>,
}

/// A line as it is written.
#[derive(Debug)]
pub(super) struct OutLine {
    pub(super) at_ns: i64,
    line: String,
    /// Its metadata and parsed labels, where they are told apart.
    extra: Option<Arc<(LabelSet, LabelSet)>>,
}

/// Puts streams with the same labels together, their lines in order.
pub(super) fn out_streams(
    streams: Vec<LogStream>,
    direction: Direction,
    categories: Categories,
) -> Vec<OutStream> {
    let mut places: FxHashMap<LabelSet, usize> = FxHashMap::default();
    let mut out: Vec<OutStream> = Vec::new();
    for stream in streams {
        let labels = match categories {
            Categories::Apart => stream.stream.clone(),
            Categories::Together => stream.labels(),
        };
        let extra = match categories {
            Categories::Apart => Some(Arc::new((stream.metadata, stream.parsed))),
            Categories::Together => None,
        };
        let place = *places.entry(labels.clone()).or_insert_with(|| {
            let lines = Vec::new();
            out.push(OutStream { labels, lines });
            out.len() - 1
        });
        if let Some(known) = out.get_mut(place) {
            known.lines.extend(stream.lines.into_iter().map(|line| OutLine {
                at_ns: line.at_ns,
                line: line.line,
                extra: extra.clone(),
            }));
        }
    }
    for stream in &mut out {
        // Stable: lines of one time stay as they were found.
        match direction {
            Direction::Forward => stream.lines.sort_by_key(|line| line.at_ns),
            Direction::Backward => stream.lines.sort_by_key(|line| std::cmp::Reverse(line.at_ns)),
        }
    }
    out
}

/// What is being written, piece by piece.
#[derive(Debug)]
pub(super) struct AnswerBody {
    parts: Parts,
    head: Vec<u8>,
    tail: Vec<u8>,
    place: Place,
}

#[derive(Debug)]
enum Parts {
    Scalar(i64, f64),
    Vector(Vec<logql::VectorSample>),
    Matrix(Vec<logql::MatrixSeries>),
    Streams(Vec<OutStream>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    /// The next stream, series or element, and the next of its lines or samples.
    Result(usize, usize),
    Tail,
    Done,
}

impl AnswerBody {
    pub(super) fn new(answer: Answer, took: Took, direction: Direction, categories: Categories) -> Self {
        let (kind, parts) = match answer.value {
            Value::Scalar { at_ns, value } => ("scalar", Parts::Scalar(at_ns, value)),
            Value::Vector(samples) => ("vector", Parts::Vector(samples)),
            Value::Matrix(series) => ("matrix", Parts::Matrix(series)),
            Value::Streams(streams) => {
                let streams = out_streams(streams, direction, categories);
                ("streams", Parts::Streams(streams))
            }
        };
        let entries = match &parts {
            Parts::Scalar(..) => 1,
            Parts::Vector(samples) => samples.len(),
            Parts::Matrix(series) => series.len(),
            Parts::Streams(streams) => streams.iter().map(|stream| stream.lines.len()).sum(),
        };
        let flags = match (&parts, categories) {
            (Parts::Streams(_), Categories::Apart) => format!("\"encodingFlags\":[\"{CATEGORIZE}\"],"),
            _ => String::new(),
        };
        let head = format!(r#"{{"status":"success","data":{{"resultType":"{kind}",{flags}"result":"#);
        let mut tail = Vec::new();
        write_member(
            &mut tail,
            "stats",
            &statistics::json(&answer.statistics, took, entries),
        );
        tail.extend_from_slice(b"}}");
        Self {
            parts,
            head: head.into_bytes(),
            tail,
            place: Place::Head,
        }
    }

    /// The body of a response; where one piece is all, the response has a length.
    pub(super) fn into_body(mut self) -> Body {
        let first = self.next().unwrap_or_default();
        if self.place == Place::Done {
            return Body::from(first);
        }
        let pieces = std::iter::once(first).chain(self);
        Body::from_stream(futures::stream::iter(pieces.map(Ok::<_, Infallible>)))
    }
}

impl Iterator for AnswerBody {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::new();
        while out.len() < ENCODE_CHUNK_BYTES && self.place != Place::Done {
            self.place = match self.place {
                Place::Head => {
                    out.append(&mut self.head);
                    Place::Result(0, 0)
                }
                Place::Result(index, inner) => write_part(&mut out, &self.parts, index, inner),
                Place::Tail => {
                    out.append(&mut self.tail);
                    Place::Done
                }
                Place::Done => Place::Done,
            };
        }
        (!out.is_empty()).then(|| Bytes::from(out))
    }
}

fn write_part(out: &mut Vec<u8>, parts: &Parts, index: usize, inner: usize) -> Place {
    match parts {
        Parts::Scalar(at_ns, value) => {
            write_point(out, *at_ns, *value);
            Place::Tail
        }
        Parts::Vector(samples) => {
            begin(out, index);
            let Some(sample) = samples.get(index) else {
                out.push(b']');
                return Place::Tail;
            };
            separate(out, index);
            out.extend_from_slice(b"{\"metric\":");
            write_label_set(out, &sample.labels);
            out.extend_from_slice(b",\"value\":");
            write_point(out, sample.at_ns, sample.value);
            out.push(b'}');
            Place::Result(index + 1, 0)
        }
        Parts::Matrix(series) => {
            let len = series.get(index).map(|series| series.samples.len());
            let head = |out: &mut Vec<u8>| {
                out.extend_from_slice(b"{\"metric\":");
                if let Some(series) = series.get(index) {
                    write_label_set(out, &series.labels);
                }
            };
            write_inner(out, (index, inner), len, head, |out, place| {
                let sample = series.get(index).and_then(|series| series.samples.get(place));
                if let Some((at_ns, value)) = sample {
                    write_point(out, *at_ns, *value);
                }
            })
        }
        Parts::Streams(streams) => {
            let len = streams.get(index).map(|stream| stream.lines.len());
            let head = |out: &mut Vec<u8>| {
                out.extend_from_slice(b"{\"stream\":");
                if let Some(stream) = streams.get(index) {
                    write_label_set(out, &stream.labels);
                }
            };
            write_inner(out, (index, inner), len, head, |out, place| {
                let line = streams.get(index).and_then(|stream| stream.lines.get(place));
                if let Some(line) = line {
                    write_line(out, line);
                }
            })
        }
    }
}

/// Writes the next of the values of one stream or series, with what stands before the first and behind the last.
fn write_inner(
    out: &mut Vec<u8>,
    (index, inner): (usize, usize),
    len: Option<usize>,
    head: impl Fn(&mut Vec<u8>),
    value: impl Fn(&mut Vec<u8>, usize),
) -> Place {
    if inner == 0 {
        begin(out, index);
    }
    let Some(len) = len else {
        out.push(b']');
        return Place::Tail;
    };
    if inner == 0 {
        separate(out, index);
        head(out);
        out.extend_from_slice(b",\"values\":[");
    }
    if inner < len {
        separate(out, inner);
        value(out, inner);
    }
    if inner + 1 < len {
        return Place::Result(index, inner + 1);
    }
    out.extend_from_slice(b"]}");
    Place::Result(index + 1, 0)
}

fn begin(out: &mut Vec<u8>, index: usize) {
    if index == 0 {
        out.push(b'[');
    }
}

fn separate(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}

/// Numbers have times in seconds.
fn write_point(out: &mut Vec<u8>, at_ns: i64, value: f64) {
    out.push(b'[');
    write_timestamp(out, at_ns.div_euclid(1_000_000));
    out.extend_from_slice(b",\"");
    write_float(out, value);
    out.extend_from_slice(b"\"]");
}

/// Lines have times in nanoseconds, as texts.
pub(super) fn write_line(out: &mut Vec<u8>, line: &OutLine) {
    out.extend_from_slice(b"[\"");
    out.extend_from_slice(itoa::Buffer::new().format(line.at_ns).as_bytes());
    out.extend_from_slice(b"\",");
    write_text(out, &line.line);
    if let Some(extra) = &line.extra {
        out.extend_from_slice(b",{");
        let mut separator = "";
        for (name, labels) in [("structuredMetadata", &extra.0), ("parsed", &extra.1)] {
            if !labels.is_empty() {
                out.extend_from_slice(format!("{separator}\"{name}\":").as_bytes());
                write_label_set(out, labels);
                separator = ",";
            }
        }
        out.push(b'}');
    }
    out.push(b']');
}

/// A label set as an object.
pub(crate) fn write_label_set(out: &mut Vec<u8>, labels: &LabelSet) {
    out.push(b'{');
    for (place, (name, value)) in labels.iter().enumerate() {
        separate(out, place);
        write_text(out, name);
        out.push(b':');
        write_text(out, value);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use logql::{LogLine, Statistics};
    use serde_json::json;

    use super::*;

    fn stream(metadata: &[(&str, &str)], lines: &[(i64, &str)]) -> LogStream {
        LogStream {
            stream: LabelSet::from_pairs([("app", "a")]),
            metadata: LabelSet::from_pairs(metadata.iter().copied()),
            parsed: LabelSet::empty(),
            lines: lines
                .iter()
                .map(|&(at_ns, line)| LogLine {
                    at_ns,
                    line: line.to_owned(),
                })
                .collect(),
        }
    }

    fn written(value: Value, categories: Categories) -> (serde_json::Value, usize) {
        let answer = Answer {
            value,
            statistics: Statistics::default(),
        };
        let pieces: Vec<Bytes> =
            AnswerBody::new(answer, Took::default(), Direction::Backward, categories).collect();
        let text = pieces.concat();
        let mut json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert!(json["data"]["stats"]["summary"].is_object());
        json["data"].as_object_mut().unwrap().remove("stats");
        (json["data"].take(), pieces.len())
    }

    #[test]
    fn categories_are_told_apart_where_that_is_asked_for() {
        let streams = || {
            Value::Streams(vec![
                stream(&[("user", "1")], &[(5, "x"), (1, "y\"")]),
                stream(&[], &[(3, "z")]),
            ])
        };
        assert_eq!(
            written(streams(), Categories::Apart).0,
            json!({"resultType": "streams", "encodingFlags": ["categorize-labels"], "result": [
                {"stream": {"app": "a"}, "values": [
                    ["5", "x", {"structuredMetadata": {"user": "1"}}],
                    ["3", "z", {}],
                    ["1", "y\"", {"structuredMetadata": {"user": "1"}}]]}]})
        );
        assert_eq!(
            written(streams(), Categories::Together).0,
            json!({"resultType": "streams", "result": [
                {"stream": {"app": "a", "user": "1"}, "values": [["5", "x"], ["1", "y\""]]},
                {"stream": {"app": "a"}, "values": [["3", "z"]]}]})
        );
        let none = json!({"resultType": "streams", "result": []});
        assert_eq!(written(Value::Streams(Vec::new()), Categories::Together).0, none);
    }

    #[test]
    fn numbers_are_written_as_loki_writes_them() {
        let labels = LabelSet::from_pairs([("app", "a")]);
        let scalar = Value::Scalar {
            at_ns: 1_500_000_000,
            value: 2.0,
        };
        assert_eq!(
            written(scalar, Categories::Together).0,
            json!({"resultType": "scalar", "result": [1.5, "2"]})
        );
        let matrix = Value::Matrix(vec![logql::MatrixSeries {
            labels,
            samples: vec![(1_000_000_000, 0.5), (2_000_000_000, f64::INFINITY)],
        }]);
        assert_eq!(
            written(matrix, Categories::Apart).0,
            json!({"resultType": "matrix", "result": [
                {"metric": {"app": "a"}, "values": [[1, "0.5"], [2, "+Inf"]]}]})
        );
    }

    #[test]
    fn a_large_answer_comes_in_pieces() {
        let line = "x".repeat(1000);
        let lines: Vec<(i64, &str)> = (0..1000).map(|at_ns| (at_ns, line.as_str())).collect();
        let (json, pieces) = written(Value::Streams(vec![stream(&[], &lines)]), Categories::Together);
        assert!(pieces > 10, "{pieces}");
        assert_eq!(json["result"][0]["values"].as_array().unwrap().len(), 1000);
    }
}
