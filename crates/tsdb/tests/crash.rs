//! A process that appends is killed at random moments; everything it said was acknowledged is there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use model::{
    Labels, SampleColumns, Selector, Series, SeriesBatch, SeriesRead, SeriesWrite, TenantId, TimeRange,
};
use tsdb::{Config, Db};

const T0: i64 = 1_700_006_400_000;
const DIR: &str = "WATCHKEEPER_TEST_CRASH_DIR";
const START: &str = "WATCHKEEPER_TEST_CRASH_START";
const SERIES: i64 = 20;
const KILLS: i64 = 20;

fn labels(number: i64) -> Labels {
    Labels::from_pairs([("__name__", "crash".to_owned()), ("series", number.to_string())])
}

/// What the killed process does: appends without end, flushes at times, says each batch once it is acknowledged.
fn append_for_ever(dir: &Path, start: i64) {
    let now_ms = |step: i64| T0 + step * 1000;
    let (db, _) = Db::open(Config::in_dir(dir), now_ms(start)).unwrap();
    let mut out = std::io::stdout();
    for step in start.. {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        for number in 0..SERIES {
            batch.push_one(
                Series::new(labels(number)),
                now_ms(step),
                (step * SERIES + number) as f64,
            );
        }
        let accepted = db.append(&batch, now_ms(step)).unwrap();
        assert_eq!(accepted.stored, SERIES as u64);
        // In one write, on a line of its own: the test harness prints beside it.
        out.write_all(format!("\nacknowledged {step}\n").as_bytes())
            .unwrap();
        out.flush().unwrap();
        if step % 40 == 39 {
            db.flush(now_ms(step)).unwrap();
        }
    }
}

#[test]
fn everything_acknowledged_survives_kill_9() {
    if let (Some(dir), Ok(start)) = (std::env::var_os(DIR), std::env::var(START)) {
        append_for_ever(Path::new(&dir), start.parse().unwrap());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<i64> = Vec::new();
    for round in 0..KILLS {
        let start = round * 10_000;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "everything_acknowledged_survives_kill_9",
                "--nocapture",
            ])
            .env(DIR, dir.path())
            .env(START, start.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed some moment after the first acknowledgement, in the midst of an append or a flush.
        let (mut running, mut killer) = (Some(child), None);
        for line in lines.map_while(Result::ok) {
            let Some(step) = line
                .strip_prefix("acknowledged ")
                .and_then(|step| step.parse().ok())
            else {
                continue;
            };
            acknowledged.push(step);
            if let Some(mut child) = running.take() {
                let delay = Duration::from_micros(500 + (round as u64 * 7919) % 150_000);
                killer = Some(std::thread::spawn(move || {
                    std::thread::sleep(delay);
                    // SIGKILL.
                    child.kill().unwrap();
                    child.wait().unwrap()
                }));
            }
        }
        assert!(!killer.expect("the child appended").join().unwrap().success());
        check(dir.path(), &acknowledged, round);
    }
    assert!(
        acknowledged.len() > 5 * KILLS as usize,
        "{} acknowledged",
        acknowledged.len()
    );
}

/// Opens what the killed process left and looks for every acknowledged sample.
fn check(dir: &Path, acknowledged: &[i64], round: i64) {
    let (db, report) = Db::open(Config::in_dir(dir), T0 + (round + 1) * 10_000_000).unwrap();
    assert!(
        report.damage.iter().all(|text| text.contains("unfinished write")),
        "{:?}",
        report.damage
    );
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: Vec::new(),
        range: TimeRange::ALL,
    };
    let selected = db.select(&selector).unwrap();
    for number in 0..SERIES {
        let series = selected
            .iter()
            .find(|series| *series.labels() == labels(number))
            .unwrap();
        let mut columns = SampleColumns::default();
        series.read(TimeRange::ALL, &mut columns).unwrap();
        for step in acknowledged {
            let place = columns.at_ms.binary_search(&(T0 + step * 1000));
            let value =
                columns.values[place.unwrap_or_else(|_| panic!("round {round}: step {step} is lost"))];
            assert_eq!(value, (step * SERIES + number) as f64);
        }
    }
}
