//! Records read back as written, and any bytes are read or refused.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn batches_read_back(
        rows in proptest::collection::vec((any::<u32>(), any::<i64>(), any::<u64>()), 0..400),
        key: Option<u128>,
        now_ms: i64,
        started: bool,
        names in proptest::collection::vec("[a-z]{1,20}", 0..40),
    ) {
        let rows: Vec<Row> = rows.iter().map(|&(series, at_ms, bits)| Row { series, at_ms, value: f64::from_bits(bits) }).collect();
        let body = BatchBody {
            tenant: TenantId(3),
            now_ms,
            key,
            refused: vec![(Refusal::TooOld, 7)],
            known: 5,
            ..BatchBody::default()
        };
        let mut starts = Starts::default();
        for (place, row) in rows.iter().enumerate().filter(|_| started) {
            starts.push(place, if row.series % 3 == 0 { NO_START } else { row.at_ms });
        }
        let definitions: Vec<Definition> = names.iter().enumerate().map(|(n, name)| Definition {
            number: n as u32,
            tenant: TenantId(n as u32 % 3),
            labels: Labels::from_pairs([("__name__", name.as_str()), ("job", "a")]),
        }).collect();
        let mut out = Vec::new();
        encode_batch(&body.encode(rows.iter().copied(), &starts), &definitions, &mut out);
        prop_assert_eq!(out.first(), Some(if starts.is_empty() { &VERSION } else { &VERSION_STARTED }));
        let read = decode_batch(&out).unwrap();
        let bits = |rows: &[Row]| rows.iter().map(|r| (r.series, r.at_ms, r.value.to_bits())).collect::<Vec<_>>();
        prop_assert_eq!(bits(&read.body.rows), bits(&rows));
        prop_assert_eq!(read.body.starts, starts);
        prop_assert_eq!((read.body.key, read.body.known, read.body.refused), (key, 5, body.refused));
        prop_assert_eq!(read.definitions, definitions);
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes: Vec<u8>) {
        if let Some(first) = bytes.first_mut() {
            *first = if *first % 2 == 0 { VERSION_STARTED } else { VERSION };
        }
        let _ = decode_batch(&bytes);
        if let Some(first) = bytes.first_mut() {
            *first = VERSION;
        }
        let _ = decode_metadata(&bytes);
        let _ = decode_rare(&bytes);
    }
}

#[test]
fn a_packed_part_defines_no_more_series_than_are_ever_packed() {
    let body = BatchBody::default().encode(std::iter::empty(), &Starts::default());
    let with = |count: usize, part: &dyn Fn(&mut Vec<u8>)| {
        let mut out = vec![VERSION];
        put_varint(&mut out, count as u64);
        part(&mut out);
        out.extend_from_slice(&body.bytes);
        decode_batch(&out).map(|read| read.definitions.len())
    };
    // A series without labels takes three bytes: number, tenant, how many labels.
    let packed = |count: usize| with(count, &|out| put_part(out, &vec![0; 3 * count]));
    assert_eq!(packed(1000), Ok(1000));
    assert_eq!(
        packed(DEFINITIONS_PACKED_MAX + 1),
        Err(Malformed("more series than a packed part may define"))
    );
}

#[test]
fn more_series_than_a_packed_part_may_define_are_written_as_they_are() {
    let nothing = Definition {
        number: 0,
        tenant: TenantId(0),
        labels: Labels::empty(),
    };
    let body = BatchBody::default().encode(std::iter::empty(), &Starts::default());
    let definitions = vec![nothing; DEFINITIONS_PACKED_MAX + 1];
    let mut out = Vec::new();
    encode_batch(&body, &definitions, &mut out);
    let mut reader = Reader::new(&out);
    assert_eq!(
        (reader.byte(), reader.varint()),
        (Ok(VERSION), Ok(definitions.len() as u64))
    );
    assert_eq!(is_packed(&reader), Ok(false));
    assert_eq!(
        take_part(&mut reader).map(|part| part.len()),
        Ok(3 * definitions.len())
    );
}

#[test]
fn metadata_reads_back() {
    let entry = MetricMetadata {
        name: Arc::from("up"),
        kind: MetricKind::Gauge,
        help: Arc::from("whether it is"),
        unit: Arc::from(""),
    };
    let mut out = Vec::new();
    encode_metadata(TenantId(9), std::slice::from_ref(&entry), &mut out);
    assert_eq!(decode_metadata(&out), Ok((TenantId(9), vec![entry])));
}
