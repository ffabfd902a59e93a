//! Any life of a store reads as the plain store in memory does.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use lake::{Config, Lake, Parts, Telemetry};
use model::{
    Direction, Labels, LogBatch, LogFlow, LogRead, LogRows, LogSelection, LogWrite, Matcher, MemoryLogs,
    StreamSelection, TenantId,
};
use testkit::Random;

mod support;

const NOW_NS: i64 = 1_800_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// By stream its lines: time, line, pairs.
type Streams = BTreeMap<String, Vec<(i64, String, Vec<(String, String)>)>>;

fn read(store: &dyn LogRead, selection: &LogSelection) -> Streams {
    let mut streams = Streams::new();
    let mut take = |batch: &LogBatch<'_>| {
        let lines = streams.entry(batch.stream.to_string()).or_default();
        let mut last = None;
        for (place, at_ns) in batch.times_ns.iter().enumerate() {
            if let Some(last) = last {
                let in_order = match selection.direction {
                    Direction::Forward => last <= *at_ns,
                    Direction::Backward => last >= *at_ns,
                };
                assert!(in_order, "{last} before {at_ns}");
            }
            last = Some(*at_ns);
            let line = batch.lines.get(place);
            // Where the texts decide, the lines themselves may be left out.
            let is_decided = selection.holds_decides && batch.is_decided;
            if is_decided
                || selection
                    .holds
                    .iter()
                    .all(|group| group.iter().any(|text| line.contains(text)))
            {
                let pairs = batch.metadata.get(place).iter();
                let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
                let line = if selection.holds_decides { "" } else { line };
                lines.push((*at_ns, line.to_owned(), pairs.collect()));
            }
        }
        LogFlow::More
    };
    store.read(selection, &mut take).unwrap();
    streams.retain(|_, lines| !lines.is_empty());
    // Of the same time any order will do between batches.
    for lines in streams.values_mut() {
        lines.sort();
    }
    streams
}

fn line(random: &mut Random) -> String {
    let number = random.below(1000);
    match random.below(6) {
        0 => format!(
            r#"{{"level":"info","ms":{number},"id":"{:016x}"}}"#,
            random.below(u64::MAX)
        ),
        1 => format!("user {number} logged in from 10.0.0.{}", number % 256),
        2 => format!("GET /api/v{}/items/{number:05} HTTP/1.1", number % 3),
        3 => String::new(),
        4 if random.chance(4) => "a long line ".repeat(30_000),
        4 => "the same line".to_owned(),
        _ => (0..random.below(30))
            .map(|_| ['a', ' ', '=', 'ö', '7', '"'][random.below(6) as usize])
            .collect(),
    }
}

fn batch(random: &mut Random) -> LogRows {
    let mut rows = LogRows::new(TenantId::DEFAULT);
    rows.key = (random.below(3) == 0).then(|| u128::from(random.below(40)));
    for _ in 0..=random.below(3) {
        let stream = format!("s{}", random.below(5));
        rows.begin_stream(Labels::from_pairs([("app", "shop"), ("stream", stream.as_str())]));
        for _ in 0..random.below(60) {
            let at_ns = NOW_NS - random.below(3600) as i64 * SECOND;
            let pairs = (random.below(4) == 0).then(|| ("trace", format!("{:x}", random.below(99))));
            let pairs = pairs.iter().map(|(name, value)| (*name, value.as_str()));
            rows.push(at_ns, &line(random), pairs);
        }
    }
    rows
}

fn selection(random: &mut Random) -> LogSelection {
    let (from, length) = (random.below(3600) as i64, random.below(3600) as i64);
    let texts = [
        "user",
        "the same line",
        "=",
        "10.0.0.1",
        "level",
        "aa",
        "items/00",
        "7",
        "ö",
    ];
    let text = |random: &mut Random| texts[random.below(texts.len() as u64) as usize].to_owned();
    LogSelection {
        tenant: TenantId::DEFAULT,
        matchers: match random.below(3) {
            0 => vec![Matcher::equal("app", "shop")],
            1 => vec![Matcher::equal("stream", "s1")],
            _ => vec![Matcher::equal("app", "shop"), Matcher::equal("stream", "s3")],
        },
        from_ns: NOW_NS - from * SECOND,
        to_ns: NOW_NS - from * SECOND + length * SECOND,
        direction: if random.below(2) == 0 {
            Direction::Forward
        } else {
            Direction::Backward
        },
        holds: (0..random.below(3))
            .map(|_| (0..=random.below(2)).map(|_| text(random)).collect())
            .collect(),
        needs_lines: true,
        holds_decides: random.chance(30),
        json_fields: None,
        metadata: None,
        budget: None,
    }
}

#[test]
fn any_life_reads_as_the_plain_store() {
    for seed in 0..12 {
        let mut random = Random::new(seed);
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            dir: dir.path().to_owned(),
            seal_bytes: 20_000,
            ..Config::default()
        };
        let plain = MemoryLogs::new();
        let now_ms = NOW_NS / 1_000_000;
        let open = || {
            let parts = Parts::new(support::catalog(dir.path()), Telemetry::default());
            Lake::open(config.clone(), parts, now_ms).unwrap().0
        };
        let mut lake = open();
        for step in 0..160 {
            match random.below(10) {
                0..=5 => {
                    let rows = batch(&mut random);
                    let (ours, theirs) = (
                        lake.append(&rows, NOW_NS).unwrap(),
                        plain.append(&rows, NOW_NS).unwrap(),
                    );
                    if !rows.is_empty() {
                        assert_eq!(ours, theirs);
                    }
                }
                6 => lake.maintain(now_ms).unwrap(),
                7 if random.below(3) == 0 => lake.flush(now_ms).unwrap(),
                8 if random.below(3) == 0 => {
                    drop(lake);
                    lake = open();
                }
                _ => {
                    let selection = selection(&mut random);
                    let (ours, theirs) = (read(&lake, &selection), read(&*plain, &selection));
                    assert_eq!(ours, theirs, "seed {seed}, step {step}: {selection:?}");
                }
            }
        }
        let all = StreamSelection {
            from_ns: 0,
            to_ns: i64::MAX,
            ..StreamSelection::default()
        };
        let extents = |store: &dyn LogRead| {
            let streams = store.streams(&all).unwrap().into_iter();
            streams
                .map(|stream| (stream.labels, stream.lines, stream.bytes))
                .collect::<Vec<_>>()
        };
        assert_eq!(extents(&lake), extents(&*plain));
        assert!(lake.damage().is_empty());
    }
}
