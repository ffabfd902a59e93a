//! The bytes of Prometheus' remote read: requests as they come, answers in samples or in streamed chunks.
//!
//! In: the body of a request; series with their samples.  Out: queries to `web`, and the bytes of its answers.
//! Owns: nothing.
//! Invariants: no bytes make the decoder panic (`tests::no_bytes_panic`); chunks read back sample by sample
//! (`tests::chunks_read_back`).
//! Not here: reading series and the connection (`web`), compression of requests (`push::compression`).
//! Start at: [`decode`].

mod chunks;
mod request;
#[cfg(test)]
mod tests;

use model::{HistogramSample, Labels, SampleColumns};

use crate::forward::message::v1;
use crate::forward::message::writer::Writer;
use crate::import::prometheus::crc32c;
use crate::limits::REMOTE_READ_FRAME_BYTES;

pub use request::{Answer, BadRequest, ReadQuery, ReadRequest, decode};

/// A series and its samples within the query's time.
#[derive(Debug, Clone)]
pub struct ReadSeries {
    /// Its labels, sorted by name.
    pub labels: Labels,
    /// Numbers, in order of time.
    pub samples: SampleColumns,
    /// Native histograms, in order of time.
    pub histograms: Vec<HistogramSample>,
}

/// `prometheus.ReadResponse`, series by series; not packed yet.
#[derive(Debug, Default)]
pub struct SamplesAnswer {
    message: Writer,
}

impl SamplesAnswer {
    /// Adds the result of the next query.
    pub fn add_result(&mut self, all: &[ReadSeries]) {
        self.message.nested(1, |result| {
            for series in all {
                result.nested(1, |message| {
                    v1::labels(message, &series.labels);
                    for sample in series.samples.iter() {
                        message.sample(2, &sample);
                    }
                    for histogram in &series.histograms {
                        message.histogram(4, histogram);
                    }
                });
            }
        });
    }

    /// The message, packed by Snappy; `None` where it is larger than Snappy takes (4 GiB).
    pub fn finish(self) -> Option<Vec<u8>> {
        snap::raw::Encoder::new().compress_vec(&self.message.bytes).ok()
    }
}

/// Frames of `prometheus.ChunkedReadResponse`, series by series; what is full is taken away with [`take`](Self::take).
#[derive(Debug, Default)]
pub struct ChunkedAnswer {
    query_index: i64,
    /// `chunked_series` fields of the frame that is not full yet.
    pending: Writer,
    frames: Vec<u8>,
}

impl ChunkedAnswer {
    /// Adds a series of the query with that index.
    pub fn add(&mut self, query_index: usize, series: &ReadSeries) {
        let query_index = query_index as i64;
        if query_index != self.query_index {
            self.end_frame();
            self.query_index = query_index;
        }
        self.pending.nested(1, |message| {
            v1::labels(message, &series.labels);
            chunks::write(2, &series.samples, &series.histograms, message);
        });
        if self.pending.bytes.len() >= REMOTE_READ_FRAME_BYTES {
            self.end_frame();
        }
    }

    /// The frames that are full.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.frames)
    }

    /// All frames that are left.
    pub fn finish(mut self) -> Vec<u8> {
        self.end_frame();
        self.frames
    }

    /// A frame: its length, the checksum of its message, the message.
    fn end_frame(&mut self) {
        if self.pending.bytes.is_empty() {
            return;
        }
        let mut message = std::mem::take(&mut self.pending);
        message.int(2, self.query_index);
        let mut length = Writer::default();
        length.varint(message.bytes.len() as u64);
        self.frames.extend_from_slice(&length.bytes);
        self.frames
            .extend_from_slice(&crc32c(&[&message.bytes]).to_be_bytes());
        self.frames.extend_from_slice(&message.bytes);
    }
}
