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

use chunks::Chunks;
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
    /// The result of the query under way.
    result: Writer,
}

impl SamplesAnswer {
    /// Adds a series to the result of the query under way.
    pub fn add(&mut self, series: &ReadSeries) {
        self.result.nested(1, |message| {
            v1::labels(message, &series.labels);
            for sample in series.samples.iter() {
                message.sample(2, &sample);
            }
            for histogram in &series.histograms {
                message.histogram(4, histogram);
            }
        });
    }

    /// Ends the result of a query, also where nothing was found.
    pub fn end_result(&mut self) {
        self.message.data(1, &self.result.bytes);
        self.result.bytes.clear();
    }

    /// Bytes of the message so far.
    pub fn bytes(&self) -> usize {
        self.message.bytes.len() + self.result.bytes.len()
    }

    /// The message, packed by Snappy; `None` where it is larger than Snappy takes (4 GiB).
    pub fn finish(self) -> Option<Vec<u8>> {
        snap::raw::Encoder::new().compress_vec(&self.message.bytes).ok()
    }
}

/// Frames of `prometheus.ChunkedReadResponse`, each with the next chunks of one series, as readers take no second series from a
/// frame. What is written is taken away with [`take`](Self::take).
#[derive(Debug, Default)]
pub struct ChunkedAnswer {
    frames: Vec<u8>,
}

impl ChunkedAnswer {
    /// Adds a series of the query with that index. Its frames end with the chunk that makes them longer than 1 MiB, as upstream's
    /// do: readers refuse much longer ones.
    pub fn add(&mut self, query_index: usize, series: &ReadSeries) {
        let mut labels = Writer::default();
        v1::labels(&mut labels, &series.labels);
        let mut pending = Writer::default();
        for chunk in Chunks::of(series.samples.iter(), &series.histograms) {
            if pending.bytes.is_empty() {
                pending.bytes.extend_from_slice(&labels.bytes);
            }
            chunk.write(2, &mut pending);
            if pending.bytes.len() >= REMOTE_READ_FRAME_BYTES {
                self.end_frame(query_index, &pending.bytes);
                pending.bytes.clear();
            }
        }
        if !pending.bytes.is_empty() {
            self.end_frame(query_index, &pending.bytes);
        }
    }

    /// The frames that were added since this was last asked.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.frames)
    }

    /// A frame: its length, the checksum of its message, the message.
    fn end_frame(&mut self, query_index: usize, series: &[u8]) {
        let mut message = Writer::default();
        message.data(1, series);
        message.int(2, query_index as i64);
        let mut length = Writer::default();
        length.varint(message.bytes.len() as u64);
        self.frames.extend_from_slice(&length.bytes);
        self.frames
            .extend_from_slice(&crc32c(&[&message.bytes]).to_be_bytes());
        self.frames.extend_from_slice(&message.bytes);
    }
}
