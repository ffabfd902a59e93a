//! The form of a batch in the log (docs/formats/lake.md).
//!
//! Fuzz: lake_record

use model::{Labels, LogRows, TenantId};
use pack::bytes::{Malformed, Reader, put_signed, put_text, put_varint};

/// The kind of records that hold a batch.
pub(crate) const BATCH: u8 = 1;

/// Appends a batch that came at `now_ms`.
pub fn encode_batch(rows: &LogRows, now_ms: i64, out: &mut Vec<u8>) {
    out.reserve(rows.bytes() + rows.line_count() * 4 + 64);
    put_varint(out, u64::from(rows.tenant.0));
    put_signed(out, now_ms);
    out.push(u8::from(rows.key.is_some()));
    if let Some(key) = rows.key {
        out.extend_from_slice(&key.to_le_bytes());
    }
    put_varint(out, rows.line_count() as u64);
    put_varint(out, rows.line_bytes() as u64);
    for (labels, lines) in rows.streams() {
        put_varint(out, labels.len() as u64);
        for (name, value) in labels {
            put_text(out, name);
            put_text(out, value);
        }
        put_varint(out, lines.len() as u64);
        let mut last_ns = 0;
        for line in lines {
            put_signed(out, line.at_ns().wrapping_sub(last_ns));
            last_ns = line.at_ns();
            put_text(out, line.line());
            let pairs = line.metadata();
            put_varint(out, pairs.len() as u64);
            for (name, value) in pairs {
                put_text(out, name);
                put_text(out, value);
            }
        }
    }
}

/// Reads a batch and when it came.
pub fn decode_batch(bytes: &[u8]) -> Result<(LogRows, i64), Malformed> {
    let mut reader = Reader::new(bytes);
    let tenant = u32::try_from(reader.varint()?).map_err(|_| Malformed("tenant"))?;
    let mut rows = LogRows::new(TenantId(tenant));
    let now_ms = reader.signed()?;
    if reader.byte()? != 0 {
        rows.key = Some(u128::from_le_bytes(reader.array()?));
    }
    let lines = reader.count(bytes.len())?;
    let line_bytes = reader.count(bytes.len())?;
    rows.reserve(lines, line_bytes);
    let mut pairs = Vec::new();
    while reader.remaining() > 0 {
        let labels = reader.count(reader.remaining())?;
        let labels = (0..labels).map(|_| Ok((reader.text()?, reader.text()?)));
        rows.begin_stream(Labels::from_pairs(labels.collect::<Result<Vec<_>, _>>()?));
        let mut at_ns = 0_i64;
        for _ in 0..reader.count(reader.remaining())? {
            at_ns = at_ns.wrapping_add(reader.signed()?);
            let line = reader.text()?;
            pairs.clear();
            for _ in 0..reader.count(reader.remaining())? {
                pairs.push((reader.text()?, reader.text()?));
            }
            if !rows.push(at_ns, line, pairs.iter().copied()) {
                return Err(Malformed("more bytes than a batch may have"));
            }
        }
    }
    Ok((rows, now_ms))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn batches_read_back(
            streams in proptest::collection::vec(
                ("[a-c]{1,2}", proptest::collection::vec((any::<i64>(), ".{0,20}", proptest::collection::vec((".{1,3}", ".{0,3}"), 0..3)), 1..5)),
                0..4,
            ),
            key: Option<u128>,
            now_ms: i64,
        ) {
            let mut rows = LogRows::new(TenantId(9));
            rows.key = key;
            for (name, lines) in &streams {
                rows.begin_stream(Labels::from_pairs([("app", name.as_str())]));
                for (at_ns, line, pairs) in lines {
                    rows.push(*at_ns, line, pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
                }
            }
            let mut bytes = Vec::new();
            encode_batch(&rows, now_ms, &mut bytes);
            prop_assert_eq!(decode_batch(&bytes), Ok((rows, now_ms)));
        }

        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>) {
            let _ = decode_batch(&bytes);
        }
    }
}
