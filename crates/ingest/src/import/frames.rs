//! A stream of series between two of us: `prometheus.WriteRequest` messages (remote write 1.0), each packed with snappy and
//! led by its packed length (32 bits, big-endian); a length of zero ends the stream, so that one that was cut is noticed.
//!
//! Fuzz: import_frames

use std::io::Read;

use model::{
    Backfill, Backfilled, Buckets, Histogram, HistogramSample, Labels, LabelsBuilder, SampleColumns,
    WriteError,
};

use super::{ImportError, Reading, Wanted};
use crate::limits::{FRAME_BYTES_MAX, FRAME_PIECE_BYTES, FRAME_SAMPLES};
use crate::push::remote_write::each_series;

/// What the number and the length of a field take at most.
const FIELD_BYTES_MAX: usize = 16;

/// The media type of such a stream.
pub const CONTENT_TYPE: &str = "application/vnd.watchkeeper.series";

/// One series of a stream.
pub type Each<'a> = dyn FnMut(&Labels, &SampleColumns, &[HistogramSample]) -> Result<(), ImportError> + 'a;

/// One sample with the labels of its series takes more than a frame may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a sample and the labels of its series take {got} bytes, a frame may have {FRAME_BYTES_MAX}; leave that series out"
)]
pub struct FrameTooLarge {
    got: usize,
}

impl From<FrameTooLarge> for WriteError {
    fn from(error: FrameTooLarge) -> Self {
        Self::TooLarge {
            got: error.got,
            max: FRAME_BYTES_MAX,
        }
    }
}

/// Makes frames of series.
#[derive(Debug, Default)]
pub struct FrameWriter {
    message: Vec<u8>,
    samples: usize,
}

/// Some of the samples of a series, as a message.
#[derive(Debug)]
struct Piece<'n> {
    /// The labels.
    named: &'n [u8],
    message: Vec<u8>,
    samples: usize,
}

// === impl FrameWriter ===

impl FrameWriter {
    /// Adds a series, and calls `send` with every frame that is full.
    ///
    /// # Errors
    /// What `send` says, or that a sample fits into no frame.
    pub fn add<E: From<FrameTooLarge>>(
        &mut self,
        labels: &Labels,
        samples: &SampleColumns,
        histograms: &[HistogramSample],
        mut send: impl FnMut(Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let named = encode_labels(labels);
        let mut piece = Piece::new(&named);
        for (at_ms, value) in samples.at_ms.iter().zip(&samples.values) {
            let mut sample = Vec::with_capacity(20);
            put_double(1, *value, &mut sample);
            put_number(2, *at_ms as u64, &mut sample);
            if !piece.has_room(sample.len()) {
                self.put(&mut piece, &mut send)?;
            }
            piece.add(2, &sample, 1);
        }
        // A histogram may have thousands of buckets.
        for histogram in histograms {
            let message = encode_histogram(histogram);
            if !piece.has_room(message.len()) {
                self.put(&mut piece, &mut send)?;
            }
            piece.add(4, &message, 20);
        }
        self.put(&mut piece, &mut send)
    }

    /// What is left, and the end of the stream.
    pub fn finish(mut self) -> Vec<u8> {
        let mut last = self.frame();
        last.extend_from_slice(&[0; 4]);
        last
    }

    fn put<E: From<FrameTooLarge>>(
        &mut self,
        piece: &mut Piece<'_>,
        send: &mut impl FnMut(Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some((series, samples)) = piece.take() else {
            return Ok(());
        };
        // What cannot be packed may grow a little by it, and a frame is bounded in both forms.
        let got = snap::raw::max_compress_len(series.len() + FIELD_BYTES_MAX);
        if got == 0 || got > FRAME_BYTES_MAX {
            return Err(FrameTooLarge { got: series.len() }.into());
        }
        if !self.message.is_empty() && self.message.len() + series.len() > 2 * FRAME_PIECE_BYTES {
            send(self.frame())?;
        }
        put_bytes(1, &series, &mut self.message);
        self.samples += samples;
        if self.samples >= FRAME_SAMPLES || self.message.len() >= FRAME_PIECE_BYTES {
            send(self.frame())?;
        }
        Ok(())
    }

    /// Everything added so far as a frame; nothing where nothing was.
    fn frame(&mut self) -> Vec<u8> {
        self.samples = 0;
        let message = std::mem::take(&mut self.message);
        if message.is_empty() {
            return Vec::new();
        }
        // Packing fails only for messages above 4 GiB; no frame holds as much.
        let packed = snap::raw::Encoder::new()
            .compress_vec(&message)
            .unwrap_or_default();
        let mut frame = (packed.len() as u32).to_be_bytes().to_vec();
        frame.extend_from_slice(&packed);
        frame
    }
}

impl<'n> Piece<'n> {
    fn new(named: &'n [u8]) -> Self {
        Self {
            named,
            message: Vec::new(),
            samples: 0,
        }
    }

    /// Whether a sample of so many bytes fits in, too.
    fn has_room(&self, bytes: usize) -> bool {
        self.samples < FRAME_SAMPLES && self.message.len() + bytes + FIELD_BYTES_MAX <= FRAME_PIECE_BYTES
    }

    /// Adds a sample that counts as so many.
    fn add(&mut self, field: u64, sample: &[u8], samples: usize) {
        if self.message.is_empty() {
            self.message.extend_from_slice(self.named);
        }
        put_bytes(field, sample, &mut self.message);
        self.samples += samples;
    }

    /// What was added so far; `None` where nothing was.
    fn take(&mut self) -> Option<(Vec<u8>, usize)> {
        let samples = std::mem::take(&mut self.samples);
        (samples > 0).then(|| (std::mem::take(&mut self.message), samples))
    }
}

/// Calls `each` for every series of a stream, in its order; a series may come in several pieces.
pub fn read(mut from: impl Read, each: &mut Each<'_>) -> Result<(), ImportError> {
    let mut unpacked = Vec::new();
    for number in 1_u64.. {
        let malformed = |reason: String| ImportError::Malformed {
            place: format!("frame {number}"),
            reason,
        };
        let mut length = [0; 4];
        from.read_exact(&mut length)
            .map_err(|error| malformed(format!("the stream ends too early: {error}")))?;
        let length = u32::from_be_bytes(length) as usize;
        if length == 0 {
            break;
        }
        if length > FRAME_BYTES_MAX {
            return Err(malformed(format!("it has more than {FRAME_BYTES_MAX} bytes")));
        }
        let mut packed = vec![0; length];
        from.read_exact(&mut packed)
            .map_err(|error| malformed(format!("the stream ends too early: {error}")))?;
        unpack(&packed, &mut unpacked).map_err(malformed)?;
        take(&unpacked, each, &malformed)?;
    }
    Ok(())
}

/// Gives what is `wanted` of a stream to `into`. `told` hears of the progress.
pub fn import(
    from: impl Read,
    wanted: &Wanted,
    into: &mut dyn Backfill,
    told: &mut dyn FnMut(&Reading),
) -> Result<Reading, ImportError> {
    let mut reading = Reading::default();
    let mut last = Labels::empty();
    read(from, &mut |labels, samples, histograms| {
        if !wanted.wants(labels) {
            return Ok(());
        }
        let mut inside = SampleColumns::default();
        for sample in samples
            .iter()
            .filter(|sample| wanted.range.contains(sample.at_ms))
        {
            inside.push(sample.at_ms, sample.value);
        }
        let histograms = histograms
            .iter()
            .filter(|sample| wanted.range.contains(sample.at_ms));
        let histograms = reading.sound(labels, histograms.cloned());
        into.add(labels, &inside)?;
        if !histograms.is_empty() {
            into.add_histograms(labels, &histograms)?;
        }
        reading.samples += inside.len() as u64;
        reading.histograms += histograms.len() as u64;
        // Pieces of one series follow each other.
        if last != *labels {
            reading.series += 1;
            last = labels.clone();
        }
        told(&reading);
        Ok(())
    })?;
    reading.sources = 1;
    Ok(reading)
}

fn unpack(packed: &[u8], unpacked: &mut Vec<u8>) -> Result<(), String> {
    let length = snap::raw::decompress_len(packed).map_err(|error| error.to_string())?;
    if length > FRAME_BYTES_MAX {
        return Err(format!("it has more than {FRAME_BYTES_MAX} bytes when unpacked"));
    }
    unpacked.resize(length, 0);
    snap::raw::Decoder::new()
        .decompress(packed, unpacked)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

fn take(
    message: &[u8],
    each: &mut Each<'_>,
    malformed: &dyn Fn(String) -> ImportError,
) -> Result<(), ImportError> {
    let mut given = Ok(());
    let walked = each_series(message, &mut |pairs, samples, histograms| {
        if given.is_err() {
            return;
        }
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.set(*name, *value);
        }
        let labels = builder.build();
        given = if labels.metric_name().is_empty() {
            Err(malformed(format!("{labels}: the metric has no name")))
        } else {
            each(&labels, samples, histograms)
        };
    });
    walked.map_err(|error| malformed(error.to_string()))?;
    given
}

// === writing protobuf ===

fn encode_labels(labels: &Labels) -> Vec<u8> {
    let mut series = Vec::new();
    for (name, value) in labels {
        let mut pair = Vec::with_capacity(name.len() + value.len() + 8);
        put_bytes(1, name.as_bytes(), &mut pair);
        put_bytes(2, value.as_bytes(), &mut pair);
        put_bytes(1, &pair, &mut series);
    }
    series
}

/// `prometheus.Histogram`, with counts as floats.
fn encode_histogram(sample: &HistogramSample) -> Vec<u8> {
    let histogram: &Histogram = &sample.value;
    let mut out = Vec::new();
    put_double(2, histogram.count, &mut out);
    put_double(3, histogram.sum, &mut out);
    put_number(4, zigzag(i64::from(histogram.schema)), &mut out);
    put_double(5, histogram.zero_threshold, &mut out);
    put_double(7, histogram.zero_count, &mut out);
    put_side(8, 10, &histogram.negative, &mut out);
    put_side(11, 13, &histogram.positive, &mut out);
    put_number(14, histogram.reset_hint as u64, &mut out);
    put_number(15, sample.at_ms as u64, &mut out);
    put_doubles(16, &histogram.custom_bounds, &mut out);
    out
}

fn put_side(spans: u64, counts: u64, side: &Buckets, out: &mut Vec<u8>) {
    for span in &side.spans {
        let mut message = Vec::new();
        put_number(1, zigzag(i64::from(span.offset)), &mut message);
        put_number(2, u64::from(span.length), &mut message);
        put_bytes(spans, &message, out);
    }
    put_doubles(counts, &side.counts, out);
}

fn put_doubles(field: u64, values: &[f64], out: &mut Vec<u8>) {
    if !values.is_empty() {
        let packed: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        put_bytes(field, &packed, out);
    }
}

fn put_double(field: u64, value: f64, out: &mut Vec<u8>) {
    put_varint(field << 3 | 1, out);
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_number(field: u64, number: u64, out: &mut Vec<u8>) {
    put_varint(field << 3, out);
    put_varint(number, out);
}

fn put_bytes(field: u64, bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(field << 3 | 2, out);
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

/// Gives old samples away as frames, for a server to take in.
pub struct FrameSender<S> {
    writer: FrameWriter,
    send: S,
}

impl<S: FnMut(Vec<u8>) -> Result<(), WriteError>> FrameSender<S> {
    /// Frames go to `send`, one by one.
    pub fn new(send: S) -> Self {
        Self {
            writer: FrameWriter::default(),
            send,
        }
    }
}

impl<S: FnMut(Vec<u8>) -> Result<(), WriteError> + Send> Backfill for FrameSender<S> {
    fn add(&mut self, labels: &Labels, samples: &SampleColumns) -> Result<(), WriteError> {
        self.writer.add(labels, samples, &[], &mut self.send)
    }

    fn add_histograms(&mut self, labels: &Labels, samples: &[HistogramSample]) -> Result<(), WriteError> {
        self.writer
            .add(labels, &SampleColumns::default(), samples, &mut self.send)
    }

    /// Sends what is left, and the end of the stream. What becomes of it the server says.
    fn finish(self: Box<Self>) -> Result<Backfilled, WriteError> {
        let Self { writer, mut send } = *self;
        send(writer.finish())?;
        Ok(Backfilled::default())
    }
}

impl<S> std::fmt::Debug for FrameSender<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameSender").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
