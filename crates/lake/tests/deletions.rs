//! Lines that are deleted by a filter, and streams that are kept for a time of their own.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use lake::{Config, Lake, Parts, StreamRetention, Telemetry};
use model::{
    DeleteError, Direction, Labels, LineFilter, LineJudge, LogBatch, LogDelete, LogFlow, LogRead, LogRows,
    LogSelection, LogWrite, Matcher, NewDeletion, StreamSelection, TenantId,
};
use stdx::HumanDuration;

mod support;

const NOW_MS: i64 = 1_800_000_000_000;
const NOW_NS: i64 = NOW_MS * 1_000_000;
const MINUTE_NS: i64 = 60_000_000_000;
const HOUR_MS: i64 = 3_600_000;

/// `APP` or `APP TEXT`: lines of an app, perhaps only those that hold a text.
#[derive(Debug)]
struct Filter {
    matchers: Vec<Matcher>,
    text: Option<String>,
}

struct Judge(Option<String>);

fn read_filter(query: &str) -> Result<Arc<dyn LineFilter>, String> {
    if query.is_empty() {
        return Err("no query".to_owned());
    }
    let (app, text) = query.split_once(' ').unwrap_or((query, ""));
    Ok(Arc::new(Filter {
        matchers: vec![Matcher::equal("app", app)],
        text: (!text.is_empty()).then(|| text.to_owned()),
    }))
}

impl LineFilter for Filter {
    fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    fn needs_lines(&self) -> bool {
        self.text.is_some()
    }

    fn judge(&self) -> Box<dyn LineJudge> {
        Box::new(Judge(self.text.clone()))
    }
}

impl LineJudge for Judge {
    fn start_stream(&mut self, _stream: &Labels) {}

    fn means(&mut self, _at_ns: i64, line: &str, _metadata: &[(&str, &str)]) -> bool {
        self.0.as_ref().is_none_or(|text| line.contains(text.as_str()))
    }
}

fn open(dir: &Path, change: impl FnOnce(&mut Config)) -> (Lake, Telemetry) {
    let mut config = Config {
        dir: dir.to_owned(),
        ..Config::default()
    };
    change(&mut config);
    let telemetry = Telemetry::default();
    let parts = Parts {
        read_filter: Some(read_filter),
        ..Parts::new(support::catalog(dir), telemetry.clone())
    };
    (Lake::open(config, parts, NOW_MS).unwrap().0, telemetry)
}

/// A line a minute for ten minutes before `hours_ago`, of two apps.
fn batch(hours_ago: i64) -> LogRows {
    let mut rows = LogRows::new(TenantId::DEFAULT);
    for app in ["cart", "shop"] {
        rows.begin_stream(Labels::from_pairs([("app", app)]));
        for minute in 0..10 {
            let line = format!("{app} {hours_ago}h user={} minute={minute}", minute % 3);
            rows.push(
                NOW_NS - hours_ago * 60 * MINUTE_NS - minute * MINUTE_NS,
                &line,
                [("minute", "x")],
            );
        }
    }
    rows
}

fn fill(lake: &Lake, hours: &[i64]) {
    for hours_ago in hours {
        lake.append(&batch(*hours_ago), NOW_NS).unwrap();
        lake.flush(NOW_MS).unwrap();
    }
}

/// How many lines there are of each app, however they are asked for.
fn counts(lake: &Lake) -> BTreeMap<String, usize> {
    let ways = [
        LogSelection::default(),
        LogSelection {
            needs_lines: false,
            metadata: Some(Vec::new()),
            ..LogSelection::default()
        },
        LogSelection {
            direction: Direction::Forward,
            holds: vec![vec!["h user".to_owned()]],
            holds_decides: true,
            ..LogSelection::default()
        },
    ];
    let answers = ways.map(|way| {
        let selection = LogSelection {
            from_ns: 0,
            to_ns: i64::MAX,
            ..way
        };
        let mut counts = BTreeMap::new();
        let mut take = |batch: &LogBatch<'_>| {
            let app = batch.stream.get("app").unwrap_or_default().to_owned();
            *counts.entry(app).or_default() += batch.times_ns.len();
            LogFlow::More
        };
        lake.read(&selection, &mut take).unwrap();
        counts
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let [answer, ..] = answers;
    answer
}

fn expected<const N: usize>(pairs: [(&str, usize); N]) -> BTreeMap<String, usize> {
    pairs
        .into_iter()
        .map(|(app, count)| (app.to_owned(), count))
        .collect()
}

fn wanted(query: &str) -> NewDeletion {
    NewDeletion {
        tenant: TenantId::DEFAULT,
        query: query.to_owned(),
        from_ns: 0,
        to_ns: NOW_NS,
    }
}

/// Lines that lie in segments.
fn rows_on_disk(dir: &Path) -> u64 {
    let state = support::state(dir);
    let rows = support::wait(state.log_segments()).unwrap();
    rows.iter().map(|row| row.rows).sum()
}

#[test]
fn deleted_lines_vanish_at_once_and_leave_the_disk_when_it_is_too_late_to_cancel() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, telemetry) = open(dir.path(), |_| ());
    fill(&lake, &[1, 2]);
    // Some of its lines are in memory still.
    lake.append(&batch(3), NOW_NS).unwrap();
    assert_eq!(counts(&lake), expected([("cart", 30), ("shop", 30)]));
    lake.delete(&wanted("cart user=1"), NOW_MS).unwrap();
    let left = expected([("cart", 21), ("shop", 30)]);
    assert_eq!(counts(&lake), left);
    lake.flush(NOW_MS).unwrap();
    assert_eq!((counts(&lake), rows_on_disk(dir.path())), (left.clone(), 60));
    drop(lake);
    // They stay hidden after a restart.
    let (lake, _) = open(dir.path(), |_| ());
    assert_eq!(counts(&lake), left);
    let requests = lake.deletions(TenantId::DEFAULT).unwrap();
    assert_eq!((requests.len(), requests[0].finished_ms), (1, None));
    assert_eq!(lake.deletions(TenantId(7)).unwrap(), []);
    let later_ms = NOW_MS + 25 * HOUR_MS;
    lake.flush(later_ms).unwrap();
    assert_eq!((counts(&lake), rows_on_disk(dir.path())), (left.clone(), 51));
    let requests = lake.deletions(TenantId::DEFAULT).unwrap();
    assert_eq!(requests[0].finished_ms, Some(later_ms));
    let too_late = lake.cancel_deletion(TenantId::DEFAULT, &requests[0].id, later_ms);
    assert!(matches!(too_late, Err(DeleteError::TooLate { .. })));
    drop(lake);
    let (lake, _) = open(dir.path(), |_| ());
    assert_eq!(counts(&lake), left);
    assert_eq!(telemetry.deletions_requested.get(), 1);
}

#[test]
fn a_segment_that_cannot_be_read_does_not_keep_lines_in_others() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, _) = open(dir.path(), |_| {});
    fill(&lake, &[3, 2, 1]);
    let rows = support::wait(support::state(dir.path()).log_segments()).unwrap();
    let oldest = rows.iter().min_by_key(|row| row.max_ns).unwrap();
    let path = dir.path().join(format!("segments/{}.segment", oldest.id));
    let mut bytes = std::fs::read(&path).unwrap();
    // Everything but its contents.
    for byte in &mut bytes[16..usize::try_from(oldest.contents_offset).unwrap()] {
        *byte ^= 0x55;
    }
    std::fs::write(&path, bytes).unwrap();
    lake.delete(&wanted("cart user=1"), NOW_MS).unwrap();
    let later_ms = NOW_MS + 25 * HOUR_MS;
    lake.flush(later_ms).unwrap();
    // The damaged one is set aside, the request is done in the others.
    assert!(!path.exists());
    assert!(lake.damage()[0].contains("set aside"), "{:?}", lake.damage());
    assert_eq!(counts(&lake), expected([("cart", 14), ("shop", 20)]));
    let deletions = lake.deletions(TenantId::DEFAULT).unwrap();
    assert_eq!(deletions[0].finished_ms, Some(later_ms));
}

#[test]
fn a_request_that_is_taken_back_deletes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, _) = open(dir.path(), |_| ());
    fill(&lake, &[1]);
    let id = lake.delete(&wanted("cart"), NOW_MS).unwrap();
    assert_eq!(counts(&lake), expected([("shop", 10)]));
    assert!(!lake.cancel_deletion(TenantId(3), &id, NOW_MS).unwrap());
    assert!(!lake.cancel_deletion(TenantId::DEFAULT, "none", NOW_MS).unwrap());
    assert!(lake.cancel_deletion(TenantId::DEFAULT, &id, NOW_MS).unwrap());
    assert_eq!(counts(&lake), expected([("cart", 10), ("shop", 10)]));
    lake.flush(NOW_MS + 25 * HOUR_MS).unwrap();
    assert_eq!(counts(&lake), expected([("cart", 10), ("shop", 10)]));
    assert_eq!(lake.deletions(TenantId::DEFAULT).unwrap(), []);
    assert!(matches!(
        lake.delete(&wanted(""), NOW_MS),
        Err(DeleteError::BadQuery(_))
    ));
}

#[test]
fn whole_streams_and_times_are_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let at_once = |config: &mut Config| config.delete_cancel_period = HumanDuration::from_secs(0);
    let (lake, telemetry) = open(dir.path(), at_once);
    fill(&lake, &[1, 5]);
    // Five minutes of the first hour: minutes 0 to 4 lie at most so long before it.
    let some = NewDeletion {
        from_ns: NOW_NS - 64 * MINUTE_NS,
        ..wanted("shop")
    };
    lake.delete(&some, NOW_MS).unwrap();
    lake.delete(&wanted("cart"), NOW_MS).unwrap();
    let left = expected([("shop", 15)]);
    assert_eq!(counts(&lake), left);
    let all = StreamSelection {
        from_ns: 0,
        to_ns: i64::MAX,
        ..StreamSelection::default()
    };
    let streams = lake.streams(&all).unwrap();
    assert_eq!(streams.len(), 1, "{streams:?}");
    lake.flush(NOW_MS).unwrap();
    assert_eq!((counts(&lake), rows_on_disk(dir.path())), (left.clone(), 15));
    assert_eq!(telemetry.lines_deleted.get(), 25);
    // What is gone for good does not come back with the log or with what was merged.
    drop(lake);
    let (lake, _) = open(dir.path(), at_once);
    assert_eq!(counts(&lake), left);
    // A later line is none of those that were asked for.
    lake.append(&batch(1), NOW_NS).unwrap();
    assert_eq!(counts(&lake), expected([("cart", 10), ("shop", 25)]));
}

#[test]
fn streams_are_kept_for_a_time_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let hours = |hours: u64| HumanDuration::from_secs(hours * 3600);
    let rules = |config: &mut Config| {
        config.retention = hours(10);
        config.stream_retention = vec![
            StreamRetention {
                matchers: vec![Matcher::equal("app", "cart")],
                keep: hours(1),
                priority: 1,
            },
            StreamRetention {
                matchers: vec![Matcher::equal("app", "cart")],
                keep: hours(3),
                priority: 2,
            },
            StreamRetention {
                matchers: vec![Matcher::equal("app", "shop")],
                keep: hours(24),
                priority: 1,
            },
        ];
    };
    let (lake, telemetry) = open(dir.path(), rules);
    // What is too old for its stream is refused, and what another one may have is taken.
    let refused = lake.append(&batch(5), NOW_NS).unwrap();
    assert_eq!(refused.stored, 10);
    lake.append(&batch(2), NOW_NS).unwrap();
    lake.flush(NOW_MS).unwrap();
    assert_eq!(counts(&lake), expected([("cart", 10), ("shop", 20)]));
    // Two hours later the first stream is over: hidden, and gone from the disk.
    lake.flush(NOW_MS + 2 * HOUR_MS).unwrap();
    assert_eq!(counts(&lake), expected([("shop", 20)]));
    assert_eq!(rows_on_disk(dir.path()), 20);
    assert_eq!(telemetry.lines_deleted.get(), 10);
    // Beyond what others are kept for, and at last not at all.
    lake.flush(NOW_MS + 15 * HOUR_MS).unwrap();
    assert_eq!(counts(&lake), expected([("shop", 20)]));
    lake.flush(NOW_MS + 30 * HOUR_MS).unwrap();
    assert_eq!(counts(&lake), expected([]));
    assert_eq!(rows_on_disk(dir.path()), 0);
}

#[test]
fn what_is_over_is_not_seen_and_leaves_the_disk_when_it_is_merged() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, _) = open(dir.path(), |config| {
        config.retention = HumanDuration::from_secs(24 * 3600);
    });
    // A segment that reaches from what is nearly over to now.
    for hours_ago in [20, 1] {
        lake.append(&batch(hours_ago), NOW_NS).unwrap();
    }
    lake.flush(NOW_MS).unwrap();
    fill(&lake, &[1]);
    assert_eq!(counts(&lake), expected([("cart", 30), ("shop", 30)]));
    let later_ms = NOW_MS + 7 * HOUR_MS;
    lake.maintain(later_ms).unwrap();
    assert_eq!(counts(&lake), expected([("cart", 20), ("shop", 20)]));
    lake.flush(later_ms + lake::limits::TRICKLE_WAIT_MS).unwrap();
    assert_eq!(rows_on_disk(dir.path()), 40);
}

#[test]
fn segments_of_times_that_lie_apart_are_not_merged() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, _) = open(dir.path(), |config| {
        config.retention = HumanDuration::from_secs(100 * 3600);
    });
    fill(&lake, &[60, 60, 1, 1]);
    lake.flush(NOW_MS + lake::limits::TRICKLE_WAIT_MS + 1).unwrap();
    let rows = support::wait(support::state(dir.path()).log_segments()).unwrap();
    assert_eq!(rows.iter().map(|row| row.rows).collect::<Vec<_>>(), [40, 40]);
}

#[test]
fn a_key_from_before_a_long_stop_is_known_for_a_quarter_of_an_hour() {
    let dir = tempfile::tempdir().unwrap();
    let open_at = |now_ms: i64| {
        let config = Config {
            dir: dir.path().to_owned(),
            ..Config::default()
        };
        let parts = Parts::new(support::catalog(dir.path()), Telemetry::default());
        Lake::open(config, parts, now_ms).unwrap().0
    };
    let keyed = |key: u128| {
        let mut rows = batch(1);
        rows.key = Some(key);
        rows
    };
    for is_sealed in [false, true] {
        let start_ms = NOW_MS + if is_sealed { 20 * HOUR_MS } else { 0 };
        let key = 7 + u128::from(is_sealed);
        let lake = open_at(start_ms);
        assert!(
            !lake
                .append(&keyed(key), start_ms * 1_000_000)
                .unwrap()
                .is_repeated
        );
        if is_sealed {
            lake.flush(start_ms).unwrap();
        }
        drop(lake);
        let later_ms = start_ms + 5 * HOUR_MS;
        let lake = open_at(later_ms);
        let again_ms = later_ms + lake::limits::BATCH_MEMORY_MS;
        assert!(
            lake.append(&keyed(key), again_ms * 1_000_000)
                .unwrap()
                .is_repeated
        );
        let over_ms = again_ms + 1;
        assert!(!lake.append(&keyed(key), over_ms * 1_000_000).unwrap().is_repeated);
    }
}

#[test]
fn a_batch_that_no_record_holds_is_refused_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, telemetry) = open(dir.path(), |_| ());
    for line_bytes in [33_554_432 - 100, 33_600_000] {
        let mut rows = LogRows::new(TenantId::DEFAULT);
        rows.begin_stream(Labels::from_pairs([("app", "shop")]));
        let line = "x".repeat(line_bytes);
        let pair = "y".repeat(1000);
        assert!(rows.push(NOW_NS, &line, [("pair", pair.as_str())]));
        assert!(rows.push(NOW_NS, &line, []));
        let error = lake.append(&rows, NOW_NS).unwrap_err();
        assert!(
            matches!(error, model::WriteError::TooLarge { got, max } if got > max),
            "{error}"
        );
    }
    assert_eq!(telemetry.append_failures.get(), 0);
    assert_eq!(counts(&lake), expected([]));
    lake.append(&batch(1), NOW_NS).unwrap();
}
