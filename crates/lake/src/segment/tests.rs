//! Segments of random lines: read whole, searched, damaged.

use std::path::PathBuf;

use disk::LocalStorage;
use model::{Labels, TenantId};
use proptest::prelude::*;
use ulid::Ulid;

use super::find::{Found, find};
use super::needle::Needle;
use super::rows::{Pairs, RowReader, TimeReader};
use super::*;
use crate::files::{LocalFiles, SegmentFiles};

type Row = (i64, String, Vec<(String, String)>);

fn written(dir: &std::path::Path, streams: &[Vec<Row>]) -> (Ulid, PathBuf) {
    let id = Ulid::generate();
    let path = files(dir).path_to_write(id);
    let mut builder = SegmentBuilder::new(TenantId(3), vec![(7, 8)]);
    for (number, rows) in streams.iter().enumerate() {
        builder.begin_stream(Labels::from_pairs([("stream", format!("{number:04}"))]));
        for (at_ns, line, pairs) in rows {
            let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            builder.push(*at_ns, line.as_bytes(), pairs);
        }
    }
    disk::publish(&LocalStorage, &path, |file| builder.write(file)).unwrap();
    (id, path)
}

fn files(dir: &std::path::Path) -> LocalFiles {
    LocalFiles::new(LocalStorage::shared(), dir.to_owned(), dir.join("quarantine"))
}

fn opened(dir: &std::path::Path, id: Ulid) -> Result<Segment, model::ReadError> {
    let bytes_read = prometheus_client::metrics::counter::Counter::default();
    let (known, inspected) = Segment::inspect(&files(dir), id, &bytes_read)?;
    // What the catalog keeps is enough to open it.
    let known = Known::from_row(known.row());
    let segment = Segment::open(&files(dir), &known, &bytes_read)?;
    assert_eq!(segment.contents(), inspected.contents());
    let streams = Segment::streams(&files(dir), &known, &bytes_read)?;
    assert_eq!(streams, segment.contents().streams);
    Ok(segment)
}

fn read(segment: &Segment) -> Result<Vec<Vec<Row>>, model::ReadError> {
    let contents = segment.contents();
    let mut times = TimeReader::new(PartReader::unlimited(segment));
    let mut lines = RowReader::new(PartReader::unlimited(segment), &contents.lines);
    let mut pairs = contents
        .pairs
        .as_ref()
        .map(|pairs| RowReader::new(PartReader::unlimited(segment), pairs));
    let mut streams = Vec::new();
    for stream in 0..contents.streams.len() {
        let mut rows = Vec::new();
        for row in contents.rows_of(stream) {
            let (page, place) = (row / limits::PAGE_ROWS, row % limits::PAGE_ROWS);
            let at_ns = times.page(page)?[place];
            let mut line = Vec::new();
            let places = lines.places(page)?;
            lines.write_line(places.tables[place], places.locals[place] as usize, &mut line)?;
            let mut found = Pairs::default();
            if let Some(pairs) = &mut pairs {
                let places = pairs.places(page)?;
                pairs.write_pairs(places.tables[place], places.locals[place] as usize, &mut found)?;
            }
            let found = found.texts().unwrap().into_iter();
            let found = found.map(|(name, value)| (name.to_owned(), value.to_owned()));
            rows.push((at_ns, String::from_utf8(line).unwrap(), found.collect()));
        }
        streams.push(rows);
    }
    Ok(streams)
}

use crate::limits;

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0_u32..5000, "[0-9a-f]{16}", 0_u32..3).prop_map(|(ms, id, level)| {
            let level = ["info", "warn", "error"][level as usize];
            format!(r#"{{"level":"{level}","ms":{ms},"id":"{id}","path":"/api/{}"}}"#, ms % 7)
        }),
        4 => (0_u32..60, "[a-z]{3,9}").prop_map(|(second, user)| format!("10:00:{second:02} user {user} logged in")),
        2 => "[ -~äöü]{0,40}",
        1 => Just(String::new()),
        1 => "(x|y ){0,700}",
    ]
}

fn streams() -> impl Strategy<Value = Vec<Vec<Row>>> {
    let pairs = proptest::collection::vec(("[a-c]", "[a-z0-9]{0,5}"), 0..3);
    let row = (
        0_i64..1_000_000,
        line(),
        prop_oneof![3 => Just(Vec::new()), 1 => pairs],
    );
    proptest::collection::vec(proptest::collection::vec(row, 0..120), 1..4).prop_map(|mut streams| {
        for rows in &mut streams {
            rows.sort_by_key(|(at_ns, _, _)| *at_ns);
        }
        streams
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn rows_read_back(streams in streams()) {
        let dir = tempfile::tempdir().unwrap();
        let (id, _) = written(dir.path(), &streams);
        let segment = opened(dir.path(), id).unwrap();
        prop_assert_eq!(read(&segment).unwrap(), streams);
        prop_assert_eq!(&segment.contents().keys, &vec![(7, 8)]);
    }

    #[test]
    fn every_line_that_holds_a_text_is_found(streams in streams(), from in 0_usize..20, length in 1_usize..14, pick: prop::sample::Index) {
        let all: Vec<&String> = streams.iter().flatten().map(|(_, line, _)| line).collect();
        prop_assume!(!all.is_empty());
        let text: String = all[pick.index(all.len())].chars().skip(from).take(length).collect();
        prop_assume!(!text.is_empty());
        let dir = tempfile::tempdir().unwrap();
        let (id, _) = written(dir.path(), &streams);
        let segment = opened(dir.path(), id).unwrap();
        let mut lines = RowReader::new(PartReader::unlimited(&segment), &segment.contents().lines);
        let found = match find(PartReader::unlimited(&segment), &mut lines, &[vec![Needle::new(&text)]]).unwrap() {
            Found::All => (0..all.len() as u32).collect(),
            Found::Rows(rows) => rows,
        };
        let expected = (0_u32..).zip(&all).filter(|(_, line)| line.contains(&text));
        let expected: Vec<u32> = expected.map(|(row, _)| row).collect();
        // Columns answer exactly: what is found holds the text.
        prop_assert_eq!(found, expected, "{}", text);
    }

    #[test]
    fn any_contents_decode_or_fail(bytes: Vec<u8>, end: u64) {
        let mut packed = Vec::new();
        pack::bytes::put_varint(&mut packed, bytes.len() as u64);
        packed.extend(zstd::bulk::compress(&bytes, 1).unwrap());
        let _ = Contents::decode(&packed, end);
        let _ = Contents::decode(&bytes, end);
    }
}

#[test]
fn a_flipped_bit_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let rows = (0..500).map(|place| {
        (
            place,
            format!("user {place} has id {:016x}", place * 77),
            Vec::new(),
        )
    });
    let (id, path) = written(dir.path(), &[rows.collect()]);
    let whole = std::fs::read(&path).unwrap();
    let mut harmless = 0;
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        std::fs::write(&path, &bytes).unwrap();
        let read_and_search = |segment: Segment| {
            let mut lines = RowReader::new(PartReader::unlimited(&segment), &segment.contents().lines);
            find(
                PartReader::unlimited(&segment),
                &mut lines,
                &[vec![Needle::new("fedcba9876543210")]],
            )?;
            read(&segment)
        };
        match opened(dir.path(), id).and_then(read_and_search) {
            Ok(_) => harmless += 1,
            Err(error) => assert!(error.to_string().contains("segment"), "{error}"),
        }
    }
    assert_eq!(harmless, 0);
}
