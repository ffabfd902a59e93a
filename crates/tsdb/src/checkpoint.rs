//! What must outlive the log's oldest segments: how far blocks reach, and metadata (docs/formats/checkpoint.md).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use disk::{DiskError, Storage};
use model::{Matcher, MatcherOp, MetricMetadata, PatternsSize, TenantId, TimeRange};
use ulid::Ulid;

use crate::record::{decode_metadata, encode_metadata};
use pack::bytes::{Malformed, Reader, put_signed, put_text, put_varint};

/// The checkpoint's file name.
pub const FILE: &str = "checkpoint";
/// The version of the form.
pub const VERSION: u8 = 1;

const MAGIC: [u8; 7] = *b"WKCHECK";

/// Metadata by tenant and name.
pub type MetadataByName = BTreeMap<(TenantId, Arc<str>), MetricMetadata>;

/// What a checkpoint says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Of all log segments before `segment`, samples before `before_ms` are in blocks.
    pub flushed: Vec<Flushed>,
    /// What exporters said of their metrics.
    pub metadata: MetadataByName,
    /// What was deleted and is still in blocks.
    pub tombstones: Vec<Tombstone>,
}

/// A deletion: it holds for what the blocks have that there were at its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// Whose series.
    pub tenant: TenantId,
    /// All must hold.
    pub matchers: Vec<Matcher>,
    /// Of which time.
    pub range: TimeRange,
    /// The newest block that there was.
    pub up_to: Ulid,
}

/// One flush of memory to blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flushed {
    /// The first log segment that is not concerned.
    pub segment: u64,
    /// The first moment that is not concerned.
    pub before_ms: i64,
}

impl Checkpoint {
    /// Whether a sample that the log holds in `segment` is in a block.
    pub fn covers(&self, segment: u64, at_ms: i64) -> bool {
        self.flushed
            .iter()
            .any(|flushed| segment < flushed.segment && at_ms < flushed.before_ms)
    }

    /// The newest log segment that any flush names.
    pub fn newest_segment(&self) -> Option<u64> {
        self.flushed.iter().map(|flushed| flushed.segment).max()
    }

    /// The checkpoint's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        put_varint(&mut out, self.flushed.len() as u64);
        for flushed in &self.flushed {
            put_varint(&mut out, flushed.segment);
            put_signed(&mut out, flushed.before_ms);
        }
        let mut tenants: BTreeMap<TenantId, Vec<MetricMetadata>> = BTreeMap::new();
        for ((tenant, _), entry) in &self.metadata {
            tenants.entry(*tenant).or_default().push(entry.clone());
        }
        put_varint(&mut out, tenants.len() as u64);
        for (tenant, entries) in tenants {
            let mut part = Vec::new();
            encode_metadata(tenant, &entries, &mut part);
            put_varint(&mut out, part.len() as u64);
            out.append(&mut part);
        }
        put_varint(&mut out, self.tombstones.len() as u64);
        for tombstone in &self.tombstones {
            put_tombstone(&mut out, tombstone);
        }
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a checkpoint.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or(Malformed("too short"))?;
        if crc32fast::hash(body).to_le_bytes() != *crc {
            return Err(Malformed("checksum"));
        }
        let mut reader = Reader::new(body);
        if reader.array()? != MAGIC || reader.byte()? != VERSION {
            return Err(Malformed("unknown version of checkpoint"));
        }
        let mut checkpoint = Self::default();
        for _ in 0..reader.count(reader.remaining())? {
            let (segment, before_ms) = (reader.varint()?, reader.signed()?);
            checkpoint.flushed.push(Flushed { segment, before_ms });
        }
        for _ in 0..reader.count(reader.remaining())? {
            let length = reader.count(reader.remaining())?;
            let (tenant, entries) = decode_metadata(reader.take(length)?)?;
            for entry in entries {
                checkpoint
                    .metadata
                    .insert((tenant, Arc::clone(&entry.name)), entry);
            }
        }
        let mut patterns = PatternsSize::default();
        for _ in 0..reader.count(reader.remaining())? {
            let tombstone = take_tombstone(&mut reader, &mut patterns)?;
            checkpoint.tombstones.push(tombstone);
        }
        reader.end()?;
        Ok(checkpoint)
    }

    /// Reads the checkpoint in `dir`; where it is damaged the text says so and what is lost.
    pub(crate) fn load(storage: &dyn Storage, dir: &Path) -> (Self, Option<String>) {
        let path = dir.join(FILE);
        let bytes = match storage.open(&path, false).and_then(|file| file.read_all()) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (Self::default(), None),
            Err(error) => return (Self::default(), Some(lost(&path, &error.to_string()))),
        };
        match Self::decode(&bytes) {
            Ok(checkpoint) => (checkpoint, None),
            Err(error) => {
                let aside = disk::quarantine(storage, &path, &dir.join("quarantine"));
                let aside = aside.map_or_else(
                    |error| error.full_text(),
                    |path| format!("set aside as {}", path.display()),
                );
                (
                    Self::default(),
                    Some(format!("{}; {aside}", lost(&path, &error.to_string()))),
                )
            }
        }
    }

    /// Writes the checkpoint in `dir`.
    pub(crate) fn save(&self, storage: &dyn Storage, dir: &Path) -> Result<(), DiskError> {
        let bytes = self.encode();
        disk::publish(storage, &dir.join(FILE), |file| file.write_all_at(&bytes, 0))
    }
}

fn put_tombstone(out: &mut Vec<u8>, tombstone: &Tombstone) {
    put_varint(out, u64::from(tombstone.tenant.0));
    put_signed(out, tombstone.range.from_ms());
    put_signed(out, tombstone.range.to_ms());
    out.extend_from_slice(&tombstone.up_to.to_bytes());
    put_varint(out, tombstone.matchers.len() as u64);
    for matcher in &tombstone.matchers {
        out.push(match matcher.op() {
            MatcherOp::Equal => 0,
            MatcherOp::NotEqual => 1,
            MatcherOp::Matches(_) => 2,
            MatcherOp::NotMatches(_) => 3,
        });
        put_text(out, matcher.name());
        put_text(out, matcher.value());
    }
}

fn take_tombstone(reader: &mut Reader<'_>, patterns: &mut PatternsSize) -> Result<Tombstone, Malformed> {
    let tenant = u32::try_from(reader.varint()?).map_err(|_| Malformed("tenant"))?;
    let range = TimeRange::new(reader.signed()?, reader.signed()?).map_err(|_| Malformed("range"))?;
    let up_to = Ulid::from_bytes(reader.array()?);
    let mut matchers = Vec::new();
    for _ in 0..reader.count(reader.remaining())? {
        let op = reader.byte()?;
        let (name, value) = (reader.text()?, reader.text()?);
        let matcher = match op {
            0 => Ok(Matcher::equal(name, value)),
            1 => Ok(Matcher::not_equal(name, value)),
            2 => Matcher::matching(name, value),
            3 => Matcher::not_matching(name, value),
            _ => return Err(Malformed("kind of matcher")),
        };
        let matcher = matcher.map_err(|_| Malformed("regular expression"))?;
        patterns
            .add(matcher.pattern_bytes())
            .map_err(|_| Malformed("size of regular expressions"))?;
        matchers.push(matcher);
    }
    Ok(Tombstone {
        tenant: TenantId(tenant),
        matchers,
        range,
        up_to,
    })
}

fn lost(path: &Path, reason: &str) -> String {
    format!(
        "checkpoint {}: {reason}; no sample is lost, the log is read from its start, help texts return with the next scrape; what was deleted in the last minutes may be back: delete it again",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use model::MetricKind;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_checkpoint_reads_back_and_every_changed_bit_is_noticed() {
        let mut checkpoint = Checkpoint::default();
        checkpoint.flushed.push(Flushed {
            segment: 4,
            before_ms: -9,
        });
        for name in ["a", "b"] {
            let entry = MetricMetadata {
                name: Arc::from(name),
                kind: MetricKind::Counter,
                help: Arc::from("h"),
                unit: Arc::from("s"),
            };
            checkpoint.metadata.insert((TenantId(2), Arc::from(name)), entry);
        }
        checkpoint.tombstones.push(Tombstone {
            tenant: TenantId(2),
            matchers: vec![Matcher::equal("job", "a"), Matcher::matching("b", "c.*").unwrap()],
            range: TimeRange::new(-3, 9).unwrap(),
            up_to: Ulid::from_parts(4, 5),
        });
        let bytes = checkpoint.encode();
        assert_eq!(Checkpoint::decode(&bytes), Ok(checkpoint.clone()));
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Checkpoint::decode(&changed).is_err());
        }
        assert!(checkpoint.covers(3, -10) && !checkpoint.covers(4, -10) && !checkpoint.covers(3, -9));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut bytes: Vec<u8>) {
            let mut whole = MAGIC.to_vec();
            whole.push(VERSION);
            whole.append(&mut bytes);
            let crc = crc32fast::hash(&whole);
            whole.extend_from_slice(&crc.to_le_bytes());
            let _ = Checkpoint::decode(&whole);
        }
    }
}
