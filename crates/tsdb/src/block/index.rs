//! Finding series in a block: dictionary of label pairs, postings, pages of series.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;
use model::{Extent, Labels, Matcher, ReadError, Statistic, TimeRange};
use roaring::RoaringBitmap;
use rustc_hash::FxBuildHasher;

use super::{Block, ChunkMeta, HistogramMeta, RollupMeta, VERSION, block_order, rollups};
use crate::limits::{HISTOGRAMS_PER_CHUNK_MAX, LABELS_PER_SERIES_MAX, PART_BYTES_MAX, SAMPLES_PER_CHUNK_MAX};
use crate::matching::{Postings, matching};
use pack::Part;
use pack::bytes::{Malformed, Reader};

/// So many series share a page.
pub(super) const SERIES_PER_PAGE: usize = 64;
/// So many label pairs share a page.
pub(super) const PAIRS_PER_PAGE: usize = 128;

/// A series of a block.
#[derive(Debug, Clone)]
pub(crate) struct BlockSeries {
    pub(crate) labels: Labels,
    held: Arc<Held>,
}

/// What a block has of a series.
#[derive(Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) chunks: Vec<ChunkMeta>,
    pub(crate) histograms: Vec<HistogramMeta>,
    pub(crate) rollups: Vec<RollupMeta>,
}

impl Deref for BlockSeries {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.held
    }
}

impl Held {
    fn overlaps(&self, range: TimeRange) -> bool {
        self.chunks.iter().any(|chunk| chunk.range().overlaps(&range))
            || self.histograms.iter().any(|chunk| chunk.range.overlaps(&range))
            || self.rollups.iter().any(|chunk| chunk.range.overlaps(&range))
    }
}

impl Held {
    /// How much of it lies within `range`, whole chunks counted, and of rollups those of the wanted `statistics`.
    pub(crate) fn weigh(&self, range: TimeRange, statistics: &[Statistic]) -> Extent {
        let chunks = self.chunks.iter();
        let chunks = chunks
            .filter(|chunk| chunk.range().overlaps(&range))
            .map(|chunk| chunk.part);
        let histograms = self.histograms.iter();
        let histograms = histograms
            .filter(|chunk| chunk.range.overlaps(&range))
            .map(|chunk| chunk.part);
        let rollups = self.rollups.iter();
        let rollups = rollups
            .filter(|chunk| chunk.range.overlaps(&range))
            .flat_map(|chunk| chunk.parts_of(statistics));
        chunks
            .chain(histograms)
            .chain(rollups)
            .fold(Extent::default(), |sum, part| {
                sum.and(Extent {
                    chunks: 1,
                    bytes: u64::from(part.length),
                })
            })
    }
}

/// A label pair of the dictionary.
#[derive(Debug)]
pub(super) struct Pair {
    name: Box<str>,
    value: Box<str>,
    postings: Part,
}

/// A series as its page has it: pairs by number, and its labels once they were looked up.
#[derive(Debug)]
pub(super) struct Row {
    pairs: Box<[u32]>,
    labels: OnceLock<Labels>,
    held: Arc<Held>,
}

impl Pair {
    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.value.len()
    }
}

impl Row {
    /// Bytes of memory, about: with labels of common length, whether they were looked up or not.
    pub(super) fn bytes(&self) -> usize {
        const LABEL_BYTES: usize = 24;
        let held = size_of_val(&*self.held.chunks)
            + size_of_val(&*self.held.histograms)
            + size_of_val(&*self.held.rollups);
        size_of::<Self>() + size_of::<Held>() + self.pairs.len() * (size_of::<u32>() + LABEL_BYTES) + held
    }
}

/// One question to one block; pages it has read are kept until the question is answered.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    block: &'a Block,
    dictionary: RefCell<HashMap<usize, Arc<[Pair]>, FxBuildHasher>>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(block: &'a Block) -> Self {
        Self {
            block,
            dictionary: RefCell::default(),
        }
    }

    /// The series that meet all `matchers` and have a chunk in `range`.
    pub(crate) fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<BlockSeries>, ReadError> {
        let mut found = Vec::new();
        let mut rows: (usize, Arc<[Row]>) = (usize::MAX, Arc::default());
        let is_within = self.block.range().union(&range) == range;
        for number in matching(self, matchers)? {
            let page = number as usize / SERIES_PER_PAGE;
            if rows.0 != page {
                rows = (page, self.rows(page)?);
            }
            let row = self.row(&rows.1, number)?;
            if is_within || row.held.overlaps(range) {
                found.push(self.named(row)?);
            }
        }
        Ok(found)
    }

    /// The series with exactly these labels.
    pub(crate) fn find(&self, labels: &Labels) -> Result<Option<BlockSeries>, ReadError> {
        let matchers: Vec<Matcher> = labels
            .iter()
            .map(|(name, value)| Matcher::equal(name, value))
            .collect();
        for number in matching(self, &matchers)? {
            let series = self.series(number)?;
            if series.labels == *labels {
                return Ok(Some(series));
            }
        }
        Ok(None)
    }

    /// Every label name of the block, in order.
    pub(crate) fn for_each_name(&self, mut each: impl FnMut(&str)) -> Result<(), ReadError> {
        for page in 0..self.block.contents.dictionary_pages.len() {
            let pairs = self.pairs(page)?;
            for run in pairs.chunk_by(|a, b| a.name == b.name) {
                run.iter().take(1).for_each(|pair| each(&pair.name));
            }
        }
        Ok(())
    }

    /// Every value of a label, in order.
    pub(crate) fn for_each_value(&self, name: &str, mut each: impl FnMut(&str)) -> Result<(), ReadError> {
        self.for_each_pair_of(name, |pair| {
            each(&pair.value);
            Ok(())
        })
    }

    fn for_each_pair_of(
        &self,
        name: &str,
        mut each: impl FnMut(&Pair) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        for page in self.page_of(name, "")..self.block.contents.dictionary_pages.len() {
            let pairs = self.pairs(page)?;
            let from = pairs.partition_point(|pair| &*pair.name < name);
            let from_here = pairs.get(from..).unwrap_or_default();
            for pair in from_here.iter().take_while(|pair| &*pair.name == name) {
                each(pair)?;
            }
            if pairs.last().is_none_or(|pair| &*pair.name > name) {
                break;
            }
        }
        Ok(())
    }

    fn series(&self, number: u32) -> Result<BlockSeries, ReadError> {
        let rows = self.rows(number as usize / SERIES_PER_PAGE)?;
        self.named(self.row(&rows, number)?)
    }

    /// The numbers of all series, in the order of blocks.
    fn in_order(&self) -> Result<Vec<u32>, ReadError> {
        let mut series = Vec::new();
        for page in 0..self.block.contents.series_pages.len() {
            for row in self.load_rows(self.rows_part(page)?)? {
                series.push((self.labels_of(&row)?, series.len() as u32));
            }
        }
        series.sort_unstable_by(|(a, _), (b, _)| block_order(a, b));
        Ok(series.into_iter().map(|(_, number)| number).collect())
    }

    fn row<'b>(&self, rows: &'b [Row], number: u32) -> Result<&'b Row, ReadError> {
        let broken = || self.broken("series page", "series is missing");
        rows.get(number as usize % SERIES_PER_PAGE).ok_or_else(broken)
    }

    /// A row with its labels.
    fn named(&self, row: &Row) -> Result<BlockSeries, ReadError> {
        let labels = match row.labels.get() {
            Some(labels) => labels.clone(),
            None => {
                let labels = self.labels_of(row)?;
                row.labels.get_or_init(|| labels).clone()
            }
        };
        Ok(BlockSeries {
            labels,
            held: Arc::clone(&row.held),
        })
    }

    fn labels_of(&self, row: &Row) -> Result<Labels, ReadError> {
        let broken = || self.broken("series page", "label is missing");
        let pages: Vec<Arc<[Pair]>> = row
            .pairs
            .iter()
            .map(|&pair| self.pairs(pair as usize / PAIRS_PER_PAGE))
            .collect::<Result<_, _>>()?;
        let mut pairs = Vec::with_capacity(pages.len());
        for (&pair, page) in row.pairs.iter().zip(&pages) {
            let pair = page.get(pair as usize % PAIRS_PER_PAGE).ok_or_else(broken)?;
            pairs.push((&*pair.name, &*pair.value));
        }
        // The dictionary is sorted, and so are a row's pairs.
        Ok(Labels::from_sorted(pairs.into_iter()))
    }

    fn rows(&self, page: usize) -> Result<Arc<[Row]>, ReadError> {
        let part = self.rows_part(page)?;
        let Block { cache, id, .. } = self.block;
        cache.get_or_read(*id, part.offset, || Ok(self.load_rows(part)?.into()))
    }

    fn rows_part(&self, page: usize) -> Result<Part, ReadError> {
        let part = self.block.contents.series_pages.get(page).copied();
        part.ok_or_else(|| self.broken("series", "page is missing"))
    }

    fn load_rows(&self, part: Part) -> Result<Vec<Row>, ReadError> {
        self.load(part, "series page", take_rows)
    }

    /// A page of the dictionary: as this question has read it, or as one before it did.
    fn pairs(&self, page: usize) -> Result<Arc<[Pair]>, ReadError> {
        if let Some(known) = self.dictionary.borrow().get(&page) {
            return Ok(Arc::clone(known));
        }
        let place = self.block.contents.dictionary_pages.get(page);
        let part = place
            .ok_or_else(|| self.broken("dictionary", "page is missing"))?
            .part;
        let Block { cache, id, .. } = self.block;
        let pairs = cache.get_or_read(*id, part.offset, || {
            let pairs = self.load(part, "dictionary page", take_pairs)?;
            Ok(Arc::<[Pair]>::from(pairs))
        })?;
        self.dictionary.borrow_mut().insert(page, Arc::clone(&pairs));
        Ok(pairs)
    }

    fn load<T>(
        &self,
        part: Part,
        what: &str,
        decode: impl FnOnce(&mut Reader<'_>) -> Result<Vec<T>, Malformed>,
    ) -> Result<Vec<T>, ReadError> {
        let stored = self.block.read_part(part, what)?;
        let page = unpack_page(&stored).map_err(|error| self.block.damaged(part, what, error))?;
        decode(&mut Reader::new(&page)).map_err(|error| self.block.damaged(part, what, error))
    }

    fn broken(&self, what: &str, reason: &str) -> ReadError {
        ReadError::Damaged {
            place: format!("block {}, {what}", self.block.path.display()),
            reason: reason.to_owned(),
        }
    }

    fn postings(&self, pair: &Pair) -> Result<Arc<RoaringBitmap>, ReadError> {
        let part = pair.postings;
        let Block { cache, id, .. } = self.block;
        cache.get_or_read(*id, part.offset, || {
            let bytes = self.block.read_part(part, "postings")?;
            RoaringBitmap::deserialize_from(&*bytes)
                .map(Arc::new)
                .map_err(|_| self.block.damaged(part, "postings", Malformed("bitmap")))
        })
    }

    /// The page on which `(name, value)` lies, if it lies anywhere.
    fn page_of(&self, name: &str, value: &str) -> usize {
        let pages = &self.block.contents.dictionary_pages;
        pages
            .partition_point(|page| (page.name.as_str(), page.value.as_str()) <= (name, value))
            .saturating_sub(1)
    }
}

/// Goes through the series of a block in the [order of blocks](block_order).
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    session: Session<'a>,
    /// The numbers of the series of an older form, which lie in another order, once they are known.
    reordered: Option<std::vec::IntoIter<u32>>,
    /// The page being walked, and the next row of it.
    page: usize,
    rows: std::vec::IntoIter<Row>,
    next: Option<BlockSeries>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(block: &'a Block) -> Self {
        Self {
            session: Session::new(block),
            reordered: None,
            page: 0,
            rows: Vec::new().into_iter(),
            next: None,
        }
    }

    pub(crate) fn block(&self) -> &'a Block {
        self.session.block
    }

    /// The next series, without going on.
    pub(crate) fn peek(&mut self) -> Result<Option<&BlockSeries>, ReadError> {
        if self.block().version < VERSION {
            return self.peek_reordered();
        }
        while self.next.is_none() {
            if let Some(row) = self.rows.next() {
                self.next = Some(self.session.named(&row)?);
            } else if self.page < self.session.block.contents.series_pages.len() {
                let part = self.session.rows_part(self.page)?;
                self.rows = self.session.load_rows(part)?.into_iter();
                self.page += 1;
            } else {
                break;
            }
        }
        Ok(self.next.as_ref())
    }

    fn peek_reordered(&mut self) -> Result<Option<&BlockSeries>, ReadError> {
        if self.next.is_none() {
            let numbers = match &mut self.reordered {
                Some(numbers) => numbers,
                unknown => unknown.insert(self.session.in_order()?.into_iter()),
            };
            let next = numbers.next().map(|number| self.session.series(number));
            self.next = next.transpose()?;
        }
        Ok(self.next.as_ref())
    }

    /// The series last [peeked](Self::peek) at.
    pub(crate) fn take(&mut self) -> Option<BlockSeries> {
        self.next.take()
    }
}

impl Postings for Session<'_> {
    fn all(&self) -> Result<RoaringBitmap, ReadError> {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.block.contents.series_count);
        Ok(all)
    }

    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, ReadError> {
        if self.block.contents.dictionary_pages.is_empty() {
            return Ok(RoaringBitmap::new());
        }
        let pairs = self.pairs(self.page_of(name, value))?;
        match pairs.binary_search_by(|pair| (&*pair.name, &*pair.value).cmp(&(name, value))) {
            Ok(place) => match pairs.get(place) {
                Some(pair) => Ok(RoaringBitmap::clone(&*self.postings(pair)?)),
                None => Ok(RoaringBitmap::new()),
            },
            Err(_) => Ok(RoaringBitmap::new()),
        }
    }

    fn with_value(&self, name: &str, wanted: &dyn Fn(&str) -> bool) -> Result<RoaringBitmap, ReadError> {
        let mut found = RoaringBitmap::new();
        self.for_each_pair_of(name, |pair| {
            if wanted(&pair.value) {
                found |= &*self.postings(pair)?;
            }
            Ok(())
        })?;
        Ok(found)
    }
}

impl ChunkMeta {
    /// From the first to the last sample.
    pub(crate) fn range(&self) -> TimeRange {
        TimeRange::at(self.min_ms).union(&TimeRange::at(self.max_ms))
    }
}

/// How many series an unpacked series page holds.
pub fn series_on_page(page: &[u8]) -> Result<usize, Malformed> {
    take_rows(&mut Reader::new(page)).map(|rows| rows.len())
}

/// How many label pairs an unpacked page of the dictionary holds.
pub fn pairs_on_page(page: &[u8]) -> Result<usize, Malformed> {
    take_pairs(&mut Reader::new(page)).map(|pairs| pairs.len())
}

fn take_pairs(reader: &mut Reader<'_>) -> Result<Vec<Pair>, Malformed> {
    let mut pairs = Vec::new();
    while reader.remaining() > 0 {
        if pairs.len() == PAIRS_PER_PAGE {
            return Err(Malformed("too many label pairs on a page"));
        }
        pairs.push(Pair {
            name: reader.text()?.into(),
            value: reader.text()?.into(),
            postings: Part::take(reader)?,
        });
    }
    Ok(pairs)
}

fn take_rows(reader: &mut Reader<'_>) -> Result<Vec<Row>, Malformed> {
    let mut rows: Vec<Row> = Vec::new();
    while reader.remaining() > 0 {
        // Chunks lean on those of the row before: the bound keeps such chains short.
        if rows.len() == SERIES_PER_PAGE {
            return Err(Malformed("too many series on a page"));
        }
        rows.push(take_row(reader, rows.last())?);
    }
    Ok(rows)
}

fn take_row(reader: &mut Reader<'_>, before: Option<&Row>) -> Result<Row, Malformed> {
    let mut pairs = Vec::new();
    let mut last = 0_u32;
    for _ in 0..reader.count(LABELS_PER_SERIES_MAX)? {
        last = last.saturating_add(reader.count(u32::MAX as usize)? as u32);
        pairs.push(last);
    }
    let mut chunks = Vec::new();
    let mut last_ms = 0_i64;
    for place in 0..reader.count(reader.remaining())? {
        let part = Part::take(reader)?;
        let min_ms = last_ms.wrapping_add(reader.signed()?);
        let max_ms = min_ms
            .checked_add_unsigned(reader.varint()?)
            .ok_or(Malformed("time of a chunk"))?;
        last_ms = max_ms;
        let count = reader.count(2 * SAMPLES_PER_CHUNK_MAX + 1)?;
        let leans = count & 1 == 1;
        let base = before
            .and_then(|row| row.held.chunks.get(place))
            .filter(|_| leans);
        if leans && base.is_none() {
            return Err(Malformed("chunk that leans on nothing"));
        }
        chunks.push(ChunkMeta {
            part,
            base: base.map(|base| Arc::new(base.clone())),
            min_ms,
            max_ms,
            count: (count >> 1) as u32,
            min: f64::from_bits(reader.long()?),
            max: f64::from_bits(reader.long()?),
            sum: f64::from_bits(reader.long()?),
            last: f64::from_bits(reader.long()?),
            resets: reader.word()?,
        });
    }
    let mut histograms = Vec::new();
    for _ in 0..reader.count(reader.remaining())? {
        let part = Part::take(reader)?;
        let (from_ms, length_ms) = (reader.signed()?, reader.varint()?);
        let range = from_ms
            .checked_add_unsigned(length_ms)
            .and_then(|to_ms| TimeRange::new(from_ms, to_ms).ok());
        histograms.push(HistogramMeta {
            part,
            range: range.ok_or(Malformed("time of histograms"))?,
            count: reader.count(HISTOGRAMS_PER_CHUNK_MAX)? as u32,
        });
    }
    Ok(Row {
        pairs: pairs.into(),
        labels: OnceLock::new(),
        held: Arc::new(Held {
            chunks,
            histograms,
            rollups: rollups::take_metas(reader)?,
        }),
    })
}

/// A page as it lies in the file: its length when unpacked, then zstd.
pub(super) fn pack_page(page: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stored = (page.len() as u32).to_le_bytes().to_vec();
    stored.extend(zstd::bulk::compress(page, 3)?);
    Ok(stored)
}

fn unpack_page(stored: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut reader = Reader::new(stored);
    let length = reader.word()? as usize;
    if length > PART_BYTES_MAX {
        return Err(Malformed("page above the limit"));
    }
    zstd::bulk::decompress(reader.take(reader.remaining())?, length).map_err(|_| Malformed("compressed page"))
}
