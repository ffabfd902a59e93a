//! A block's table of contents: what it holds and where its pages lie.
//!
//! Fuzz: tsdb_block

use model::{SeriesId, TenantId};
use pack::Part;
use ulid::Ulid;

use super::index::SERIES_PER_PAGE;
use crate::limits::BLOCK_MS_MAX;
use crate::tiers::RESOLUTIONS;
use pack::bytes::{Malformed, Reader, put_signed, put_text, put_varint};

pub(crate) const TRAILER_BYTES: usize = 24;

const TRAILER_MAGIC: [u8; 8] = *b"WKBLKEND";

/// A page of the label dictionary, and the pair it starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DictionaryPage {
    pub(crate) part: Part,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// What a block says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Whose samples.
    pub tenant: TenantId,
    /// The first sample's time.
    pub min_ms: i64,
    /// The last sample's time.
    pub max_ms: i64,
    /// How many series.
    pub series_count: u32,
    /// How many samples.
    pub sample_count: u64,
    /// How many chunks.
    pub chunk_count: u64,
    /// How much time each rollup of the block covers, in milliseconds; 0: the block holds what was measured.
    pub resolution_ms: i64,
    /// The blocks that this one was merged from and stands for.
    pub sources: Vec<Ulid>,
    /// The blocks of what was measured that these rollups were made of.
    pub rolled_up: Vec<Ulid>,
    pub(crate) series_pages: Vec<Part>,
    pub(crate) dictionary_pages: Vec<DictionaryPage>,
}

impl Contents {
    /// The table's bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![SeriesId::VERSION];
        put_varint(&mut out, u64::from(self.tenant.0));
        put_signed(&mut out, self.min_ms);
        put_signed(&mut out, self.max_ms);
        put_varint(&mut out, u64::from(self.series_count));
        put_varint(&mut out, self.sample_count);
        put_varint(&mut out, self.chunk_count);
        put_varint(&mut out, self.resolution_ms as u64);
        for blocks in [&self.sources, &self.rolled_up] {
            put_varint(&mut out, blocks.len() as u64);
            for block in blocks {
                out.extend_from_slice(&block.to_bytes());
            }
        }
        put_varint(&mut out, self.series_pages.len() as u64);
        self.series_pages.iter().for_each(|part| part.put(&mut out));
        put_varint(&mut out, self.dictionary_pages.len() as u64);
        for page in &self.dictionary_pages {
            page.part.put(&mut out);
            put_text(&mut out, &page.name);
            put_text(&mut out, &page.value);
        }
        out
    }

    /// Reads the table; all pages must lie before `end`.
    pub fn decode(bytes: &[u8], end: u64) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != SeriesId::VERSION {
            return Err(Malformed("unknown version of series ids"));
        }
        let narrow = |value: u64| u32::try_from(value).map_err(|_| Malformed("number above 32 bits"));
        let mut contents = Self {
            tenant: TenantId(narrow(reader.varint()?)?),
            min_ms: reader.signed()?,
            max_ms: reader.signed()?,
            series_count: narrow(reader.varint()?)?,
            sample_count: reader.varint()?,
            chunk_count: reader.varint()?,
            resolution_ms: i64::try_from(reader.varint()?).map_err(|_| Malformed("resolution"))?,
            sources: Vec::new(),
            rolled_up: Vec::new(),
            series_pages: Vec::new(),
            dictionary_pages: Vec::new(),
        };
        for blocks in [&mut contents.sources, &mut contents.rolled_up] {
            for _ in 0..reader.count(reader.remaining())? {
                blocks.push(Ulid::from_bytes(reader.array()?));
            }
        }
        for _ in 0..reader.count(reader.remaining())? {
            contents.series_pages.push(Part::take(&mut reader)?);
        }
        for _ in 0..reader.count(reader.remaining())? {
            contents.dictionary_pages.push(DictionaryPage {
                part: Part::take(&mut reader)?,
                name: reader.text()?.to_owned(),
                value: reader.text()?.to_owned(),
            });
        }
        reader.end()?;
        contents.check(end)?;
        Ok(contents)
    }

    /// Refuses what no block says of itself; much is done for every day and every series that one claims to have.
    fn check(&self, end: u64) -> Result<(), Malformed> {
        let span_ms = self.max_ms.checked_sub(self.min_ms);
        if span_ms.is_none_or(|span_ms| !(0..=BLOCK_MS_MAX).contains(&span_ms)) {
            return Err(Malformed("span of time"));
        }
        if !RESOLUTIONS.contains(&self.resolution_ms) {
            return Err(Malformed("resolution"));
        }
        if self.series_pages.len() != (self.series_count as usize).div_ceil(SERIES_PER_PAGE) {
            return Err(Malformed("number of series"));
        }
        let dictionary = self.dictionary_pages.iter().map(|page| &page.part);
        let mut parts = self.series_pages.iter().chain(dictionary);
        if parts.any(|part| part.end().is_none_or(|to| to > end)) {
            return Err(Malformed("page beyond the table of contents"));
        }
        Ok(())
    }
}

/// Where the table of contents lies, for the end of the file.
pub(crate) fn encode_trailer(toc: Part) -> [u8; TRAILER_BYTES] {
    let mut out = [0; TRAILER_BYTES];
    out[..8].copy_from_slice(&toc.offset.to_le_bytes());
    out[8..12].copy_from_slice(&toc.length.to_le_bytes());
    out[12..16].copy_from_slice(&toc.crc.to_le_bytes());
    out[16..].copy_from_slice(&TRAILER_MAGIC);
    out
}

/// Reads what [`encode_trailer`] wrote at the end of a file of `file_bytes`.
pub(crate) fn decode_trailer(trailer: &[u8; TRAILER_BYTES], file_bytes: u64) -> Result<Part, Malformed> {
    let mut reader = Reader::new(trailer);
    let part = Part {
        offset: reader.long()?,
        length: reader.word()?,
        crc: reader.word()?,
    };
    if reader.array()? != TRAILER_MAGIC {
        return Err(Malformed("file does not end as a block does"));
    }
    let fits = part
        .end()
        .is_some_and(|end| end.checked_add(TRAILER_BYTES as u64) == Some(file_bytes));
    if fits {
        Ok(part)
    } else {
        Err(Malformed("table of contents lies elsewhere"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::DAY_MS;

    #[test]
    fn what_no_block_says_of_itself_is_refused() {
        let part = Part::of(&[7; 9], 16);
        let sound = Contents {
            tenant: TenantId(3),
            min_ms: i64::MAX - BLOCK_MS_MAX,
            max_ms: i64::MAX,
            series_count: SERIES_PER_PAGE as u32 + 1,
            sample_count: 1,
            chunk_count: 1,
            resolution_ms: 3_600_000,
            sources: vec![Ulid::from_parts(1, 2)],
            rolled_up: Vec::new(),
            series_pages: vec![part; 2],
            dictionary_pages: Vec::new(),
        };
        assert_eq!(Contents::decode(&sound.encode(), 25), Ok(sound.clone()));
        assert!(Contents::decode(&sound.encode(), 24).is_err());
        let refused = |change: fn(&mut Contents)| {
            let mut changed = sound.clone();
            change(&mut changed);
            Contents::decode(&changed.encode(), 25).unwrap_err().0
        };
        assert_eq!(refused(|contents| contents.min_ms -= 1), "span of time");
        assert_eq!(refused(|contents| contents.min_ms = i64::MIN), "span of time");
        assert_eq!(
            refused(|contents| contents.max_ms -= 181 * DAY_MS),
            "span of time"
        );
        assert_eq!(refused(|contents| contents.resolution_ms = 1), "resolution");
        assert_eq!(
            refused(|contents| contents.series_count = u32::MAX),
            "number of series"
        );
        assert_eq!(refused(|contents| contents.series_count = 1), "number of series");
    }
}
