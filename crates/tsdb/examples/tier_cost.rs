//! What three years of samples cost in all tiers, and what a question about one of them reads:
//! `cargo run --release -p tsdb --example tier_cost [SECONDS_BETWEEN_SAMPLES]`.

#![allow(clippy::print_stdout, reason = "a program for people")]
#![allow(clippy::unwrap_used, reason = "a failure ends the measurement")]

use std::path::Path;
use std::time::Instant;

use model::{Labels, Matcher, Rollups, SampleColumns, Selector, SeriesRead, Statistic, TenantId, TimeRange};
use stdx::HumanDuration;
use tsdb::{Config, Db};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const START: i64 = 1_600_041_600_000;
const DAYS: i64 = 3 * 365;
/// Noise in hundredths, a slow walk, a counter, a constant.
const NAMES: [&str; 4] = ["noise", "walk", "counter_total", "constant"];

/// A source of values (Lehmer, multiplier of Park and Miller).
struct Source {
    state: u64,
    walk: i64,
    counter: u64,
}

impl Source {
    fn next(&mut self, name: &str) -> f64 {
        self.state = self.state * 48_271 % 2_147_483_647;
        let random = self.state;
        match name {
            "noise" => (random % 10_000) as f64 / 100.0,
            "walk" => {
                self.walk = (self.walk + (random % 21) as i64 - 10).clamp(0, 10_000);
                self.walk as f64 / 100.0
            }
            "counter_total" => {
                self.counter = if random.is_multiple_of(100_000) {
                    0
                } else {
                    self.counter + random % 50
                };
                self.counter as f64
            }
            _ => 1.0,
        }
    }
}

fn open(dir: &Path, raw_days: u64) -> Db {
    let config = Config {
        retention: HumanDuration::from_secs(raw_days * 86_400),
        ..Config::in_dir(dir)
    };
    Db::open(config, START).unwrap().0
}

fn selector(name: &str, range: TimeRange) -> Selector {
    Selector {
        tenant: TenantId::DEFAULT,
        matchers: vec![Matcher::equal("__name__", name)],
        range,
    }
}

fn bytes_read(db: &Db, tier: &str) -> u64 {
    let label = vec![("tier".to_owned(), tier.to_owned())];
    db.telemetry().bytes_read.get_or_create(&label).get()
}

fn fill(tiers: &Db, raw: &Db, step_ms: i64) {
    let mut sources = NAMES.map(|_| Source {
        state: 7,
        walk: 5000,
        counter: 0,
    });
    for day in 0..DAYS {
        let (from_ms, now_ms) = (START + day * DAY, START + (day + 1) * DAY);
        let mut bulks = [tiers, raw].map(|db| db.backfill(TenantId::DEFAULT, now_ms));
        for (name, source) in NAMES.iter().zip(&mut sources) {
            let mut columns = SampleColumns::default();
            for at_ms in (from_ms..now_ms).step_by(step_ms as usize) {
                columns.push(at_ms, source.next(name));
            }
            let labels = Labels::from_pairs([("__name__", *name), ("instance", "a")]);
            for bulk in &mut bulks {
                bulk.add(&labels, &columns).unwrap();
            }
        }
        for bulk in bulks {
            bulk.finish().unwrap();
        }
        tiers.maintain(now_ms + HOUR).unwrap();
    }
}

fn ask(tiers: &Db, raw: &Db, name: &str) {
    let end_ms = START + (DAYS - 2) * DAY;
    let year = TimeRange::new(end_ms - 365 * DAY + HOUR, end_ms).unwrap();
    let wanted = [Statistic::Count, Statistic::Sum];
    let before = (
        ["raw", "1m", "1h"].map(|tier| bytes_read(tiers, tier)),
        bytes_read(raw, "raw"),
    );
    let began = Instant::now();
    let mut found = Rollups::of(&wanted);
    for series in tiers.select_in_tier(&selector(name, year), HOUR).unwrap() {
        series.read_rollups(year, &mut found).unwrap();
    }
    let of_tier = began.elapsed();
    let began = Instant::now();
    let mut samples = SampleColumns::default();
    let range = TimeRange::new(year.from_ms() - HOUR + 1, year.to_ms()).unwrap();
    for series in raw.select(&selector(name, range)).unwrap() {
        series.read(range, &mut samples).unwrap();
    }
    let mut exact = Rollups::of(&wanted);
    exact.roll_up(&samples, HOUR, year);
    let of_raw = began.elapsed();
    let after = (
        ["raw", "1m", "1h"].map(|tier| bytes_read(tiers, tier)),
        bytes_read(raw, "raw"),
    );
    let [of_samples, of_minutes, of_hours] = [0, 1, 2].map(|tier| after.0[tier] - before.0[tier]);
    println!(
        "{name}: {} hours, equal to raw: {}; read {of_hours} bytes of 1h, {of_minutes} of 1m, {of_samples} of raw in {of_tier:.1?}; \
         from raw {} bytes in {of_raw:.1?}: 1/{:.0}",
        found.len(),
        found == exact,
        after.1 - before.1,
        (after.1 - before.1) as f64 / of_hours as f64,
    );
}

fn main() {
    let seconds: i64 = std::env::args().nth(1).map_or(10, |text| text.parse().unwrap());
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (tiers, raw) = (open(dirs[0].path(), 7), open(dirs[1].path(), 4000));
    let began = Instant::now();
    fill(&tiers, &raw, seconds * 1000);
    println!(
        "{DAYS} days of {} series every {seconds} s, into two stores: {:.1?}; raw {} bytes",
        NAMES.len(),
        began.elapsed(),
        raw.statistics(TenantId::DEFAULT, 1).unwrap().disk_bytes,
    );
    for tier in ["raw", "1m", "1h"] {
        let label = vec![("tier".to_owned(), tier.to_owned())];
        let bytes = tiers.telemetry().tier_bytes.get_or_create(&label).get();
        println!("tier {tier}: {bytes} bytes");
    }
    for name in NAMES {
        ask(&tiers, &raw, name);
    }
}
