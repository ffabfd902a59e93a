//! Blocks read back as written, and damage to any byte is noticed.

use disk::LocalStorage;
use model::{Labels, Matcher, STALE_NAN};

use super::*;

fn labels(metric: &str, instance: u32) -> Labels {
    Labels::from_pairs([
        ("__name__", metric.to_owned()),
        ("instance", format!("host-{instance}")),
        ("job", "node".into()),
    ])
}

fn samples(seed: u32) -> SampleColumns {
    let mut columns = SampleColumns::default();
    for number in 0..1000_u32 {
        columns.push(i64::from(number) * 1000, f64::from(number % 100 + seed) / 4.0);
    }
    columns.push(1_000_000, STALE_NAN);
    columns
}

fn write(dir: &Path, series: &[(Labels, SampleColumns)]) -> PathBuf {
    let path = dir.join(format!("{}.{ENDING}", Ulid::from_parts(1_700_000_000_000, 7)));
    disk::publish(&LocalStorage, &path, |file| {
        let mut writer = BlockWriter::new(
            file,
            Heading {
                tenant: TenantId(3),
                ..Heading::default()
            },
        );
        for (labels, samples) in series {
            let added = Added {
                samples: Some(samples),
                ..Added::default()
            };
            writer.add(labels, added)?;
        }
        writer.finish()
    })
    .unwrap();
    path
}

fn many() -> Vec<(Labels, SampleColumns)> {
    let mut series = Vec::new();
    for metric in ["cpu", "memory"] {
        for instance in 0..150 {
            series.push((labels(metric, instance), samples(instance)));
        }
    }
    series.sort_by(|a, b| (a.0.metric_name(), &a.0).cmp(&(b.0.metric_name(), &b.0)));
    series
}

#[test]
fn a_block_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let series = many();
    let block = Block::open(&LocalStorage::shared(), &write(dir.path(), &series)).unwrap();
    assert_eq!(
        (block.contents().series_count, block.contents().sample_count),
        (300, 300 * 1001)
    );
    assert_eq!(
        (block.tenant(), block.range()),
        (TenantId(3), TimeRange::new(0, 1_000_000).unwrap())
    );
    let session = Session::new(&block);
    let all = session.select(&[], TimeRange::ALL).unwrap();
    assert_eq!(all.len(), 300);
    for (found, (labels, samples)) in all.iter().zip(&series) {
        assert_eq!(found.labels, *labels);
        let read = samples_of(&block, found);
        assert_eq!(read.at_ms, samples.at_ms);
        assert!(
            read.values
                .iter()
                .zip(&samples.values)
                .all(|(a, b)| a.to_bits() == b.to_bits())
        );
        let last = found.chunks.last().unwrap();
        assert!(model::is_stale(last.last) && last.count == 1001 && last.resets == 9);
        let alone = session.find(labels).unwrap().unwrap();
        assert_eq!(parts(&alone), parts(found));
    }
    assert!(session.find(&labels("cpu", 999)).unwrap().is_none());
    assert!(session.select(&[], TimeRange::at(-1)).unwrap().is_empty());
}

fn samples_of(block: &Block, series: &BlockSeries) -> SampleColumns {
    let mut read = SampleColumns::default();
    for chunk in &series.chunks {
        block.read_chunk(chunk, TimeRange::ALL, &mut read).unwrap();
    }
    read
}

/// A series without its aggregates, of which one is not equal to itself.
fn parts(series: &BlockSeries) -> (Labels, Vec<(Part, i64, u32)>) {
    let chunks = series
        .chunks
        .iter()
        .map(|chunk| (chunk.part, chunk.max_ms, chunk.count));
    (series.labels.clone(), chunks.collect())
}

#[test]
fn matchers_select_as_on_plain_labels() {
    let dir = tempfile::tempdir().unwrap();
    let series = many();
    let block = Block::open(&LocalStorage::shared(), &write(dir.path(), &series)).unwrap();
    let check = |matchers: &[Matcher]| {
        let found = Session::new(&block).select(matchers, TimeRange::ALL).unwrap();
        let found: Vec<Labels> = found.into_iter().map(|series| series.labels).collect();
        let expected = series
            .iter()
            .filter(|(labels, _)| matchers.iter().all(|m| m.matches_labels(labels)));
        assert_eq!(
            found,
            expected.map(|(labels, _)| labels.clone()).collect::<Vec<_>>(),
            "{matchers:?}"
        );
    };
    check(&[
        Matcher::equal("__name__", "cpu"),
        Matcher::equal("instance", "host-7"),
    ]);
    check(&[Matcher::matching("instance", "host-1.*").unwrap()]);
    check(&[
        Matcher::not_matching("instance", "host-1.*").unwrap(),
        Matcher::not_equal("__name__", "cpu"),
    ]);
    check(&[Matcher::equal("zone", "")]);
    check(&[Matcher::not_equal("zone", "")]);
    check(&[
        Matcher::matching("zone", ".*").unwrap(),
        Matcher::equal("job", "node"),
    ]);
    check(&[Matcher::equal("job", "")]);
    check(&[Matcher::not_equal("job", "")]);
}

#[test]
fn every_changed_byte_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let series: Vec<_> = (0..3).map(|n| (labels("cpu", n), samples(n))).collect();
    let path = write(dir.path(), &series);
    let whole = std::fs::read(&path).unwrap();
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 0x20;
        std::fs::write(&path, &changed).unwrap();
        let noticed = Block::open(&LocalStorage::shared(), &path).and_then(|block| {
            let session = Session::new(&block);
            let found = session.select(
                &[
                    Matcher::matching("__name__", ".+").unwrap(),
                    Matcher::not_equal("instance", ""),
                ],
                TimeRange::ALL,
            )?;
            let found_job = session.select(&[Matcher::equal("job", "node")], TimeRange::ALL)?;
            let all_parts = |found: &[BlockSeries]| found.iter().map(parts).collect::<Vec<_>>();
            assert_eq!(all_parts(&found), all_parts(&found_job));
            let mut read = SampleColumns::default();
            for chunk in found.iter().flat_map(|series| &series.chunks) {
                block.read_chunk(chunk, TimeRange::ALL, &mut read)?;
            }
            Ok(())
        });
        assert!(noticed.is_err(), "byte {place} of {}", whole.len());
    }
    std::fs::write(&path, &whole[..whole.len() - 30]).unwrap();
    assert!(matches!(
        Block::open(&LocalStorage::shared(), &path),
        Err(ReadError::Damaged { .. })
    ));
}

fn of_histogram(metric: &str, host: i64, le: &str) -> Labels {
    Labels::from_pairs([
        ("__name__", metric.to_owned()),
        ("host", host.to_string()),
        ("le", le.to_owned()),
    ])
}

/// Histograms of nine hosts: buckets and their count, from the lowest bound up.
fn histograms() -> Vec<(Labels, SampleColumns)> {
    let mut series = Vec::new();
    for host in 0..9 {
        let mut total = vec![0.0; 9000];
        for (place, le) in ["0.5", "1", "2.5", "5", "10", "+Inf"].into_iter().enumerate() {
            let mut columns = SampleColumns::default();
            for (step, total) in total.iter_mut().enumerate() {
                *total += (step * (7 + place) % 5 + step) as f64;
                columns.push(step as i64 * 1000, *total);
            }
            if le == "5" && host == 3 {
                // A bucket at other times leans on nothing, and nothing on it.
                columns.at_ms.iter_mut().for_each(|at_ms| *at_ms += 1);
            }
            if le == "+Inf" {
                series.push((of_histogram("d_count", host, ""), columns.clone()));
            }
            series.push((of_histogram("d_bucket", host, le), columns));
        }
    }
    series
}

#[test]
fn buckets_lean_on_their_count_and_each_other_and_read_back_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut series = histograms();
    series.sort_by(|(a, _), (b, _)| block_order(a, b));
    let block = Block::open(&LocalStorage::shared(), &write(dir.path(), &series)).unwrap();
    let session = Session::new(&block);
    for (labels, samples) in series.iter().rev() {
        let found = session.find(labels).unwrap().unwrap();
        let read = samples_of(&block, &found);
        assert_eq!(&read, samples);
    }
    let chunks = |labels: Labels| session.find(&labels).unwrap().unwrap().chunks.clone();
    let leaning = |le: &str| {
        let chunks = chunks(of_histogram("d_bucket", 1, le));
        chunks.iter().all(|chunk| chunk.base.is_some())
    };
    assert!(leaning("0.5") && leaning("+Inf"));
    let count = chunks(of_histogram("d_count", 1, ""));
    assert!(count.iter().all(|chunk| chunk.base.is_none()));
    let all = chunks(of_histogram("d_bucket", 1, "+Inf"));
    assert!(
        all.iter().all(|chunk| chunk.part.length < 16),
        "which says no more than the count: {all:?}"
    );
}

#[test]
fn a_block_of_the_first_form_is_walked_in_the_order_of_today() {
    let dir = tempfile::tempdir().unwrap();
    let mut series = histograms();
    series.sort_by(|(a, _), (b, _)| (a.metric_name(), a).cmp(&(b.metric_name(), b)));
    let path = write(dir.path(), &series);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..HEADER_BYTES].copy_from_slice(&header(1));
    std::fs::write(&path, &bytes).unwrap();
    let block = Block::open(&LocalStorage::shared(), &path).unwrap();
    let mut walk = Walk::new(&block);
    let mut walked = Vec::new();
    while walk.peek().unwrap().is_some() {
        walked.extend(walk.take());
    }
    series.sort_by(|(a, _), (b, _)| block_order(a, b));
    assert_eq!(walked.len(), series.len());
    for (walked, (labels, samples)) in walked.iter().zip(&series) {
        assert_eq!(walked.labels, *labels);
        let mut read = SampleColumns::default();
        for chunk in &walked.chunks {
            block.read_chunk_once(chunk, &mut read).unwrap();
        }
        assert_eq!(&read, samples, "{labels:?}");
    }
}

#[test]
fn a_page_holds_no_more_than_it_may() {
    // A series without labels and chunks takes four zeros, a label pair without texts and postings more.
    assert_eq!(series_on_page(&[0; 4 * 64]), Ok(64));
    assert!(series_on_page(&[0; 4 * 65]).is_err());
    assert!(pairs_on_page(&[0; 1 << 12]).is_err());
}
