//! The answer to a query as a body that is encoded while it is sent: the result stays in columns, the text is never
//! held in whole, and no worker waits for a slow client.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use model::Histogram;
use promql::{MatrixSeries, Point, Value, VectorSample};

use crate::json::{write_float, write_labels, write_text, write_timestamp};
use crate::limits::ENCODE_CHUNK_BYTES;

/// A query's value, followed by a tail that is encoded already, as a stream of JSON.
#[derive(Debug)]
pub(crate) struct ResultBody {
    value: Value,
    tail: Vec<u8>,
    place: Place,
}

/// How far the encoder has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    /// The next series or element, and the next of its samples.
    Result {
        index: usize,
        sample: usize,
    },
    Tail,
    Done,
}

impl ResultBody {
    /// A body for `value`. The `tail` closes what the head opens: it begins after the member `result` and ends the
    /// document, so it holds at least two closing braces.
    pub(crate) fn new(value: Value, tail: Vec<u8>) -> Self {
        Self {
            value,
            tail,
            place: Place::Head,
        }
    }

    /// The body of a response. Its first piece is encoded here; where that is all, the response has a length.
    pub(crate) fn into_body(mut self) -> Body {
        let first = self.next_chunk().unwrap_or_default();
        if self.place == Place::Done {
            return Body::from(first);
        }
        let first = futures::stream::once(std::future::ready(Ok(first)));
        Body::from_stream(first.chain(self))
    }

    /// About how many bytes the next piece takes.
    fn next_bytes(&self) -> usize {
        const ELEMENT_BYTES: usize = 256;
        const POINT_BYTES: usize = 32;
        let all = match &self.value {
            Value::Matrix(series) => {
                let points = series.iter().map(|series| series.samples.len());
                series.len() * ELEMENT_BYTES + points.sum::<usize>() * POINT_BYTES
            }
            Value::Vector(samples) => samples.len() * ELEMENT_BYTES,
            Value::Scalar { .. } | Value::String { .. } => 0,
        };
        all.saturating_add(ELEMENT_BYTES + self.tail.len())
            .min(ENCODE_CHUNK_BYTES + ELEMENT_BYTES)
    }

    /// Encodes the next piece; none when all is written.
    fn next_chunk(&mut self) -> Option<Bytes> {
        if self.place == Place::Done {
            return None;
        }
        let mut out = Vec::with_capacity(self.next_bytes());
        while out.len() < ENCODE_CHUNK_BYTES {
            self.place = match self.place {
                Place::Head => {
                    write_head(&mut out, &self.value);
                    Place::Result { index: 0, sample: 0 }
                }
                Place::Result { index, sample } => match &self.value {
                    Value::Matrix(series) => write_matrix(&mut out, series, index, sample),
                    Value::Vector(samples) => write_vector(&mut out, samples, index),
                    Value::Scalar { at_ms, value } => {
                        write_point(&mut out, *at_ms, *value);
                        Place::Tail
                    }
                    Value::String { at_ms, value } => {
                        out.push(b'[');
                        write_timestamp(&mut out, *at_ms);
                        out.push(b',');
                        write_text(&mut out, value);
                        out.push(b']');
                        Place::Tail
                    }
                },
                Place::Tail => {
                    out.extend_from_slice(&self.tail);
                    Place::Done
                }
                Place::Done => break,
            };
        }
        (!out.is_empty()).then(|| Bytes::from(out))
    }
}

/// The whole answer to a query as the HTTP API prints it, for askers that need no stream.
pub fn answer_json(answer: promql::Answer) -> Vec<u8> {
    let tail = super::query::tail(&answer, None);
    let mut body = ResultBody::new(answer.value, tail);
    let mut out = Vec::new();
    while let Some(chunk) = body.next_chunk() {
        out.extend_from_slice(&chunk);
    }
    out
}

impl Stream for ResultBody {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.get_mut().next_chunk().map(Ok))
    }
}

fn write_head(out: &mut Vec<u8>, value: &Value) {
    let kind = match value {
        Value::Matrix(_) => "matrix",
        Value::Vector(_) => "vector",
        Value::Scalar { .. } => "scalar",
        Value::String { .. } => "string",
    };
    out.extend_from_slice(br#"{"status":"success","data":{"resultType":""#);
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(br#"","result":"#);
    if matches!(value, Value::Matrix(_) | Value::Vector(_)) {
        out.push(b'[');
    }
}

/// Writes samples of one series until the chunk is full or the series ends.
fn write_matrix(out: &mut Vec<u8>, all: &[MatrixSeries], index: usize, sample: usize) -> Place {
    let Some(series) = all.get(index) else {
        out.push(b']');
        return Place::Tail;
    };
    if sample == 0 {
        out.extend_from_slice(if index > 0 {
            br#",{"metric":"#
        } else {
            br#"{"metric":"#
        });
        write_labels(out, &series.labels);
    }
    let numbers = series.samples.len();
    for (next, point) in series.samples.iter().enumerate().skip(sample) {
        // At least one sample a turn: a turn that ended between a series' head and its first sample would begin with
        // the head again.
        if next > sample && out.len() >= ENCODE_CHUNK_BYTES {
            return Place::Result { index, sample: next };
        }
        out.extend_from_slice(if next > 0 { b"," } else { br#","values":["# });
        write_point(out, point.at_ms, point.value);
        if next + 1 == numbers {
            out.push(b']');
        }
    }
    let written = sample.saturating_sub(numbers);
    for (next, histogram) in series.histograms.iter().enumerate().skip(written) {
        let next_sample = numbers + next;
        if next_sample > sample && out.len() >= ENCODE_CHUNK_BYTES {
            return Place::Result {
                index,
                sample: next_sample,
            };
        }
        out.extend_from_slice(if next > 0 { b"," } else { br#","histograms":["# });
        write_histogram_point(out, histogram.at_ms, &histogram.value);
        if next + 1 == series.histograms.len() {
            out.push(b']');
        }
    }
    out.push(b'}');
    Place::Result {
        index: index + 1,
        sample: 0,
    }
}

fn write_vector(out: &mut Vec<u8>, all: &[VectorSample], index: usize) -> Place {
    let Some(element) = all.get(index) else {
        out.push(b']');
        return Place::Tail;
    };
    out.extend_from_slice(if index > 0 {
        br#",{"metric":"#
    } else {
        br#"{"metric":"#
    });
    write_labels(out, &element.labels);
    match &element.value {
        Point::Float(value) => {
            out.extend_from_slice(br#","value":"#);
            write_point(out, element.at_ms, *value);
        }
        Point::Histogram(histogram) => {
            out.extend_from_slice(br#","histogram":"#);
            write_histogram_point(out, element.at_ms, histogram);
        }
    }
    out.push(b'}');
    Place::Result {
        index: index + 1,
        sample: 0,
    }
}

/// `[1700010600.123,"4"]`
fn write_point(out: &mut Vec<u8>, at_ms: i64, value: f64) {
    out.push(b'[');
    write_timestamp(out, at_ms);
    out.extend_from_slice(b",\"");
    write_float(out, value);
    out.extend_from_slice(b"\"]");
}

/// `[1700010600.123,{"count":"4","sum":"5","buckets":[[0,"0.5","1","4"]]}]`: of every bucket that is not empty which of its
/// ends belong to it (0 the upper, 1 the lower, 2 none, 3 both), both ends, and its count.
fn write_histogram_point(out: &mut Vec<u8>, at_ms: i64, histogram: &Histogram) {
    let quoted = |out: &mut Vec<u8>, value: f64| {
        out.push(b'"');
        write_float(out, value);
        out.push(b'"');
    };
    out.push(b'[');
    write_timestamp(out, at_ms);
    out.extend_from_slice(br#",{"count":"#);
    quoted(out, histogram.count);
    out.extend_from_slice(br#","sum":"#);
    quoted(out, histogram.sum);
    let buckets = promql::histogram::buckets(histogram);
    let mut is_first = true;
    for bucket in buckets.iter().filter(|bucket| bucket.count != 0.0) {
        out.extend_from_slice(if is_first { br#","buckets":["# } else { b"," });
        is_first = false;
        out.push(b'[');
        out.push(match (bucket.holds_lower, bucket.holds_upper) {
            (false, true) => b'0',
            (true, false) => b'1',
            (false, false) => b'2',
            (true, true) => b'3',
        });
        for number in [bucket.lower, bucket.upper, bucket.count] {
            out.push(b',');
            quoted(out, number);
        }
        out.push(b']');
    }
    if !is_first {
        out.push(b']');
    }
    out.extend_from_slice(b"}]");
}

#[cfg(test)]
mod tests;
