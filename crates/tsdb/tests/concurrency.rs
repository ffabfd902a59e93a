//! Writers, readers and maintenance at once: nothing waits for ever, and what is acknowledged is always seen.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use model::{
    Labels, Matcher, SampleColumns, Selector, Series, SeriesBatch, SeriesRead, SeriesWrite, TenantId,
    TimeRange,
};
use tsdb::{Config, Db};

const T0: i64 = 1_700_006_400_000;
const WRITERS: usize = 4;
const STEPS: i64 = 400;

fn series(writer: usize) -> Series {
    Series::new(Labels::from_pairs([
        ("__name__", "busy".to_owned()),
        ("writer", writer.to_string()),
    ]))
}

/// A minute a step, so that maintenance has blocks to make.
fn at_ms(step: i64) -> i64 {
    T0 + step * 60_000
}

fn write(db: &Db, writer: usize, acknowledged: &AtomicI64) {
    for step in 0..STEPS {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        batch.push_one(series(writer), at_ms(step), step as f64);
        assert_eq!(db.append(&batch, at_ms(step)).unwrap().stored, 1);
        acknowledged.store(step, Ordering::SeqCst);
    }
}

fn read(db: &Db, writer: usize) -> Vec<i64> {
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: vec![Matcher::equal("writer", writer.to_string())],
        range: TimeRange::ALL,
    };
    let mut columns = SampleColumns::default();
    for series in db.select(&selector).unwrap() {
        series.read(TimeRange::ALL, &mut columns).unwrap();
    }
    columns.at_ms
}

#[test]
fn what_is_acknowledged_is_seen_while_blocks_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = Db::open(Config::in_dir(dir.path()), T0).unwrap();
    let acknowledged: [AtomicI64; WRITERS] = std::array::from_fn(|_| AtomicI64::new(-1));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = acknowledged
            .iter()
            .enumerate()
            .map(|(writer, acknowledged)| {
                scope.spawn({
                    let db = &db;
                    move || write(db, writer, acknowledged)
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let newest = acknowledged[0].load(Ordering::SeqCst).max(0);
                db.maintain(at_ms(newest)).unwrap();
                db.flush(at_ms(newest)).unwrap();
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                for (writer, acknowledged) in acknowledged.iter().enumerate() {
                    let newest = acknowledged.load(Ordering::SeqCst);
                    let seen = read(&db, writer);
                    let expected = (0..seen.len() as i64).map(at_ms);
                    assert!(seen.iter().copied().eq(expected), "a gap or a repetition");
                    assert!(
                        seen.len() as i64 > newest,
                        "{} seen, step {newest} acknowledged",
                        seen.len()
                    );
                }
            }
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::SeqCst);
    });
    drop(db);
    let (db, report) = Db::open(Config::in_dir(dir.path()), at_ms(STEPS)).unwrap();
    assert!(report.damage.is_empty(), "{report:?}");
    for writer in 0..WRITERS {
        assert!(read(&db, writer).into_iter().eq((0..STEPS).map(at_ms)));
    }
}
