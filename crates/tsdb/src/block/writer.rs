//! Writing a block: chunks as they come, then series, dictionary, postings and the table of contents.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use disk::StorageFile;
use model::{HistogramSample, Labels, Rollups, SampleColumns, TenantId, TimeRange, is_stale};
use roaring::RoaringBitmap;
use ulid::Ulid;

use super::contents::{Contents, DictionaryPage, encode_trailer};
use super::index::{PAIRS_PER_PAGE, SERIES_PER_PAGE, pack_page};
use super::order::{may_be_leant_on, may_lean};
use super::{ChunkMeta, HistogramMeta, VERSION, header, rollups};
use crate::chunk::{self, Effort};
use crate::limits::{BLOCK_CHUNK_SAMPLES, HISTOGRAMS_PER_CHUNK_MAX};
use pack::Part;
use pack::bytes::{put_signed, put_text, put_varint};

const BUFFER_BYTES: usize = 256 << 10;

/// Writes one block to an empty file. Series come in the [order of blocks](super::block_order).
#[derive(Debug)]
pub(crate) struct BlockWriter<'a> {
    file: &'a (dyn StorageFile + 'a),
    written: u64,
    buffer: Vec<u8>,
    series: Vec<Written>,
    /// What the page of each series says of its chunks, one behind the other.
    described: Vec<u8>,
    /// The samples of the series added last, if another may lean on them, and its chunks.
    before: (SampleColumns, Vec<ChunkMeta>),
    contents: Contents,
}

/// A series whose chunks are written.
#[derive(Debug)]
struct Written {
    labels: Labels,
    /// Where its part of what is described ends.
    described_to: usize,
}

/// What a block is to say of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heading {
    /// Whose samples.
    pub(crate) tenant: TenantId,
    /// How much time each rollup covers, in milliseconds; 0: samples as they were measured.
    pub(crate) resolution_ms: i64,
    /// The blocks that it stands for.
    pub(crate) sources: Vec<Ulid>,
    /// The blocks that its rollups were made of.
    pub(crate) rolled_up: Vec<Ulid>,
}

/// What a series is to have in a block, in order of time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Added<'a> {
    pub(crate) samples: Option<&'a SampleColumns>,
    pub(crate) histograms: &'a [HistogramSample],
    /// With all columns.
    pub(crate) rollups: Option<&'a Rollups>,
}

impl<'a> BlockWriter<'a> {
    pub(crate) fn new(file: &'a (dyn StorageFile + 'a), heading: Heading) -> Self {
        Self {
            file,
            written: 0,
            buffer: header(VERSION).to_vec(),
            series: Vec::new(),
            described: Vec::new(),
            before: Default::default(),
            contents: Contents {
                tenant: heading.tenant,
                min_ms: i64::MAX,
                max_ms: i64::MIN,
                series_count: 0,
                sample_count: 0,
                chunk_count: 0,
                resolution_ms: heading.resolution_ms,
                sources: heading.sources,
                rolled_up: heading.rolled_up,
                series_pages: Vec::new(),
                dictionary_pages: Vec::new(),
            },
        }
    }

    /// Adds the next series. One that has nothing is left out.
    pub(crate) fn add(&mut self, labels: &Labels, added: Added<'_>) -> io::Result<()> {
        let chunks = match added.samples {
            Some(samples) => self.put_samples(labels, samples)?,
            None => Vec::new(),
        };
        let histograms = self.put_histograms(added.histograms)?;
        let rollups = match added.rollups {
            Some(rollups) => self.put_rollups(rollups)?,
            None => Vec::new(),
        };
        let of_chunks = chunks.iter().map(|chunk| (chunk.range(), chunk.count));
        let of_histograms = histograms.iter().map(|chunk| (chunk.range, chunk.count));
        let of_rollups = rollups.iter().map(|chunk| (chunk.range, chunk.count));
        let mut extents = of_chunks.chain(of_histograms).chain(of_rollups).peekable();
        if extents.peek().is_none() {
            return Ok(());
        }
        for (range, count) in extents {
            self.contents.min_ms = self.contents.min_ms.min(range.from_ms());
            self.contents.max_ms = self.contents.max_ms.max(range.to_ms());
            self.contents.sample_count += u64::from(count);
            self.contents.chunk_count += 1;
        }
        self.contents.series_count += 1;
        put_chunks(&mut self.described, &chunks);
        put_histograms(&mut self.described, &histograms);
        rollups::put_metas(&mut self.described, &rollups);
        self.before.1 = chunks;
        self.series.push(Written {
            labels: labels.clone(),
            described_to: self.described.len(),
        });
        Ok(())
    }

    /// Whether nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    fn put_histograms(&mut self, histograms: &[HistogramSample]) -> io::Result<Vec<HistogramMeta>> {
        let mut written = Vec::new();
        for samples in histograms.chunks(HISTOGRAMS_PER_CHUNK_MAX) {
            let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
                continue;
            };
            let part = self.put(&chunk::histograms::encode(samples, Effort::Small))?;
            written.push(HistogramMeta {
                part,
                range: TimeRange::at(first.at_ms).union(&TimeRange::at(last.at_ms)),
                count: samples.len() as u32,
            });
        }
        Ok(written)
    }

    fn put_samples(&mut self, labels: &Labels, samples: &SampleColumns) -> io::Result<Vec<ChunkMeta>> {
        if samples.is_empty() {
            return Ok(Vec::new());
        }
        // Chunks of like size: a short one at the end would cost more a sample.
        let count = samples.len().div_ceil(BLOCK_CHUNK_SAMPLES);
        let size = samples.len().div_ceil(count);
        let mut chunks = Vec::with_capacity(count);
        let leans = self.leans(labels, samples);
        for place in 0..count {
            let range = place * size..((place + 1) * size).min(samples.len());
            let times = samples.at_ms.get(range.clone()).unwrap_or_default();
            let values = samples.values.get(range.clone()).unwrap_or_default();
            let starts = samples.starts.slice(range.clone());
            let mut bytes = chunk::encode(times, values, starts, Effort::Small);
            let mut base = None;
            if leans
                && let Some(before) = self.before.1.get(place)
                && let Some(beside) = self
                    .before
                    .0
                    .values
                    .get(range)
                    .and_then(|base| chunk::encode_beside(base, values))
                && beside.len() < bytes.len()
            {
                bytes = beside;
                base = Some(Arc::new(before.clone()));
            }
            let part = self.put(&bytes)?;
            chunks.push(describe(part, base, times, values));
        }
        if may_be_leant_on(labels) {
            self.before.0.clone_from(samples);
        }
        Ok(chunks)
    }

    /// Whether a series may lean on the one before it: on the same page, of the same histogram, at the same times with the same
    /// starts.
    fn leans(&self, labels: &Labels, samples: &SampleColumns) -> bool {
        !self.series.len().is_multiple_of(SERIES_PER_PAGE)
            && self
                .series
                .last()
                .is_some_and(|before| may_lean(labels, &before.labels))
            && self.before.0.at_ms == samples.at_ms
            && self.before.0.starts == samples.starts
    }

    /// Writes what is left. The file is not synced.
    pub(crate) fn finish(mut self) -> io::Result<Contents> {
        let series = std::mem::take(&mut self.series);
        let mut pairs: BTreeMap<(&str, &str), (usize, RoaringBitmap)> = BTreeMap::new();
        for (number, written) in series.iter().enumerate() {
            for pair in &written.labels {
                pairs.entry(pair).or_default().1.insert(number as u32);
            }
        }
        for (number, (place, series)) in pairs.values_mut().enumerate() {
            *place = number;
            // Series of one metric follow each other.
            series.optimize();
        }
        self.write_series(&series, &pairs)?;
        self.write_dictionary(&pairs)?;
        let toc = self.contents.encode();
        let toc = self.put(&toc)?;
        self.put(&encode_trailer(toc))?;
        self.flush()?;
        Ok(self.contents)
    }

    fn write_series(
        &mut self,
        series: &[Written],
        pairs: &BTreeMap<(&str, &str), (usize, RoaringBitmap)>,
    ) -> io::Result<()> {
        let described = std::mem::take(&mut self.described);
        let mut from = 0;
        for group in series.chunks(SERIES_PER_PAGE) {
            let mut page = Vec::new();
            for written in group {
                let labels = &written.labels;
                let numbers = labels
                    .iter()
                    .filter_map(|pair| pairs.get(&pair).map(|(number, _)| *number));
                put_varint(&mut page, labels.len() as u64);
                let mut last = 0;
                // Labels are sorted by name as the dictionary is, so the numbers only grow.
                for number in numbers {
                    put_varint(&mut page, (number - last) as u64);
                    last = number;
                }
                page.extend_from_slice(described.get(from..written.described_to).unwrap_or_default());
                from = written.described_to;
            }
            let part = self.put(&pack_page(&page)?)?;
            self.contents.series_pages.push(part);
        }
        Ok(())
    }

    fn write_dictionary(&mut self, pairs: &BTreeMap<(&str, &str), (usize, RoaringBitmap)>) -> io::Result<()> {
        let mut page = Vec::new();
        let mut starts_with = None;
        for (place, ((name, value), (_, series))) in pairs.iter().enumerate() {
            let mut bitmap = Vec::with_capacity(series.serialized_size());
            series.serialize_into(&mut bitmap)?;
            let postings = self.put(&bitmap)?;
            starts_with.get_or_insert(((*name).to_owned(), (*value).to_owned()));
            put_text(&mut page, name);
            put_text(&mut page, value);
            postings.put(&mut page);
            if (place + 1) % PAIRS_PER_PAGE == 0 || place + 1 == pairs.len() {
                let part = self.put(&pack_page(&page)?)?;
                page.clear();
                if let Some((name, value)) = starts_with.take() {
                    self.contents
                        .dictionary_pages
                        .push(DictionaryPage { part, name, value });
                }
            }
        }
        Ok(())
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<Part> {
        let part = Part::of(bytes, self.written + self.buffer.len() as u64);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(part)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

fn put_chunks(page: &mut Vec<u8>, chunks: &[ChunkMeta]) {
    put_varint(page, chunks.len() as u64);
    let mut last_ms = 0_i64;
    for chunk in chunks {
        chunk.part.put(page);
        put_signed(page, chunk.min_ms.wrapping_sub(last_ms));
        put_varint(page, chunk.max_ms.wrapping_sub(chunk.min_ms) as u64);
        last_ms = chunk.max_ms;
        put_varint(
            page,
            u64::from(chunk.count) << 1 | u64::from(chunk.base.is_some()),
        );
        for value in [chunk.min, chunk.max, chunk.sum, chunk.last] {
            page.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        page.extend_from_slice(&chunk.resets.to_le_bytes());
    }
}

fn put_histograms(page: &mut Vec<u8>, histograms: &[HistogramMeta]) {
    put_varint(page, histograms.len() as u64);
    for chunk in histograms {
        chunk.part.put(page);
        put_signed(page, chunk.range.from_ms());
        let length_ms = chunk.range.to_ms().wrapping_sub(chunk.range.from_ms());
        put_varint(page, length_ms as u64);
        put_varint(page, u64::from(chunk.count));
    }
}

/// Times and aggregates of a chunk that is not empty.
fn describe(part: Part, base: Option<Arc<ChunkMeta>>, times: &[i64], values: &[f64]) -> ChunkMeta {
    let mut meta = ChunkMeta {
        part,
        base,
        min_ms: times.first().copied().unwrap_or_default(),
        max_ms: times.last().copied().unwrap_or_default(),
        count: times.len() as u32,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        sum: 0.0,
        last: values.last().copied().unwrap_or_default(),
        resets: 0,
    };
    let mut before: Option<f64> = None;
    for &value in values
        .iter()
        .filter(|value| !is_stale(**value) && !value.is_nan())
    {
        meta.min = meta.min.min(value);
        meta.max = meta.max.max(value);
        meta.sum += value;
        meta.resets += u32::from(before.is_some_and(|before| value < before));
        before = Some(value);
    }
    meta
}
