//! Random life of a store, by seed: whatever order of appends, flushes, restarts, crashes and faults, it reads as the
//! plain model does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

#[path = "../../disk/tests/support/faulty.rs"]
mod faulty;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::SharedStorage;
use faulty::{Faults, FaultyStorage};
use model::{
    Labels, Matcher, NO_START, Rollups, Sample, SampleColumns, Selector, Series, SeriesBatch, SeriesRead,
    SeriesWrite, Statistic, TenantId, TimeRange,
};
use stdx::HumanDuration;
use testkit::{MemorySeries, Random};
use tsdb::{Config, Db};

const T0: i64 = 1_700_006_400_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Says how many lives to live; a dozen takes a few seconds, a million appends some minutes of a release build.
const LIVES: &str = "WATCHKEEPER_SIMULATION_LIVES";
const LIVES_DEFAULT: u64 = 12;
/// Statistics that samples outside of the asked range say nothing about.
const STATISTICS: [Statistic; 5] = [
    Statistic::Count,
    Statistic::Sum,
    Statistic::Min,
    Statistic::Max,
    Statistic::Last,
];

struct World {
    random: Random,
    config: Config,
    storage: SharedStorage,
    faults: Arc<Faults>,
    db: Option<Db>,
    model: Arc<MemorySeries>,
    /// Newest sample by series, to stay within the window.
    newest: BTreeMap<u64, i64>,
    /// Batches that were not acknowledged: they may be there or not, so they are given again until they are.
    unsure: Vec<SeriesBatch>,
    now_ms: i64,
    /// Deleting leaves names of series in indexes until blocks are written again.
    deletes: bool,
    counts: Counts,
}

/// What lives came to.
#[derive(Debug, Default)]
struct Counts {
    appended: usize,
    started: usize,
    rollups: usize,
    flips_noticed: usize,
}

impl World {
    fn new(seed: u64, dir: &Path) -> Self {
        let (storage, faults) = FaultyStorage::with_faults();
        let mut world = Self {
            random: Random::new(seed),
            config: Config {
                out_of_order_window: HumanDuration::from_secs(2 * 3600),
                // Longer than a life.
                retention: HumanDuration::from_secs(120 * 86_400),
                ..Config::in_dir(dir)
            },
            storage,
            faults,
            db: None,
            model: MemorySeries::new(),
            newest: BTreeMap::new(),
            unsure: Vec::new(),
            now_ms: T0,
            deletes: seed % 2 == 1,
            counts: Counts::default(),
        };
        world.reopen();
        world
    }

    fn db(&self) -> &Db {
        self.db.as_ref().unwrap()
    }

    fn reopen(&mut self) {
        self.db = None;
        let (db, report) = Db::open_on(
            SharedStorage::clone(&self.storage),
            self.config.clone(),
            self.now_ms,
        )
        .unwrap();
        assert!(
            report.damage.iter().all(|text| text.contains("unfinished write")),
            "{:?}",
            report.damage
        );
        self.db = Some(db);
    }

    fn batch(&mut self) -> SeriesBatch {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        for _ in 0..=self.random.below(12) {
            let number = self.random.below(9);
            let labels = Labels::from_pairs([
                (
                    "__name__",
                    ["cpu", "memory", "disk"][number as usize % 3].to_owned(),
                ),
                ("instance", format!("host-{}", number / 3)),
                (
                    "zone",
                    if number.is_multiple_of(2) {
                        "a".to_owned()
                    } else {
                        String::new()
                    },
                ),
            ]);
            let (mut samples, mut starts) = (Vec::new(), Vec::new());
            let mut in_batch = Vec::new();
            // Of some series no start is ever told, of others now and then, of the last always.
            let tells_starts = self.random.below(3) < number % 3 + number / 6;
            for _ in 0..=self.random.below(40) {
                let newest_ms = self.newest.get(&number).copied().unwrap_or(self.now_ms);
                let at_ms = match self.random.below(5) {
                    0 => newest_ms - self.random.below(3_600_000 / 1000 - 100) as i64 * 1000,
                    _ => newest_ms + 1000 * self.random.below(3) as i64,
                };
                let at_ms = at_ms.min(self.now_ms);
                let value = self.random.below(1000) as f64 / 8.0;
                in_batch.push(at_ms);
                if tells_starts {
                    starts.push(match number {
                        0..6 => T0 + at_ms.div_euclid(4 * HOUR),
                        _ => at_ms - 1 - self.random.below(3) as i64,
                    });
                }
                samples.push(Sample { at_ms, value });
            }
            let newest_ms = in_batch.iter().copied().max().unwrap_or(self.now_ms);
            let known = self.newest.entry(number).or_insert(newest_ms);
            *known = newest_ms.max(*known);
            batch.push_started(Series::new(labels), &samples, &starts);
        }
        batch
    }

    fn append(&mut self, batch: SeriesBatch) {
        self.counts.appended += batch.sample_count();
        let starts = batch.row_starts().flatten();
        self.counts.started += starts.filter(|start_ms| **start_ms != NO_START).count();
        match self.db().append(&batch, self.now_ms) {
            Ok(accepted) => assert_eq!(accepted, self.model.append(&batch, self.now_ms).unwrap()),
            Err(_) => self.unsure.push(batch),
        }
    }

    fn settle(&mut self) {
        self.faults.full.store(false, Ordering::SeqCst);
        self.faults.sync_fails.store(false, Ordering::SeqCst);
        for batch in std::mem::take(&mut self.unsure) {
            let accepted = self.db().append(&batch, self.now_ms).unwrap();
            assert_eq!(accepted, self.model.append(&batch, self.now_ms).unwrap());
        }
    }

    /// A crash: no close, and what was being written at that moment is there in part.
    fn crash(&mut self, dir: &Path) {
        self.settle();
        self.db = None;
        let mut segments: Vec<_> = std::fs::read_dir(dir.join("log"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        segments.sort();
        if let Some(last) = segments.last() {
            let mut bytes = std::fs::read(last).unwrap();
            let torn = self.random.below(200) as usize;
            bytes.extend((0..torn).map(|_| self.random.below(256) as u8));
            std::fs::write(last, bytes).unwrap();
        }
        self.reopen();
    }

    /// Deletes whole hours, so that the stretches of coarse tiers are deleted whole or not at all.
    fn delete(&mut self) {
        self.settle();
        let from_ms = self.now_ms.div_euclid(HOUR) * HOUR - HOUR * self.random.below(30) as i64;
        let to_ms = from_ms + HOUR * (1 + self.random.below(12)) as i64;
        let range = TimeRange::new(from_ms + 1, to_ms).unwrap();
        let name = ["cpu", "memory", "disk"][self.random.below(3) as usize];
        let matchers = [Matcher::equal("__name__", name)];
        self.db()
            .delete(TenantId::DEFAULT, &matchers, range, self.now_ms)
            .unwrap();
        self.model.delete(&matchers, range);
    }

    fn step(&mut self, dir: &Path) {
        match self.random.below(28) {
            0 => {
                self.settle();
                self.db().flush(self.now_ms).unwrap();
            }
            1 => {
                self.settle();
                self.reopen();
            }
            2 => self.crash(dir),
            3 => self.faults.full.store(true, Ordering::SeqCst),
            4 => self.faults.sync_fails.store(true, Ordering::SeqCst),
            5 => {
                // May fail on a faulty disk; must harm nothing.
                let _ = self.db().flush(self.now_ms);
            }
            6 | 7 => self.settle(),
            8 => {
                self.settle();
                self.now_ms += 3_600_000;
                self.db().maintain(self.now_ms).unwrap();
            }
            9 => {
                let short = self.random.below(2) * 700;
                self.faults.short_write_bytes.store(short, Ordering::SeqCst);
            }
            10 if self.deletes => self.delete(),
            11 => {
                // A day goes by: the one before it is rolled up.
                self.settle();
                self.now_ms += DAY;
                self.newest.clear();
                self.db().maintain(self.now_ms).unwrap();
            }
            _ => {
                let batch = self.batch();
                self.append(batch);
                self.now_ms += 1000 * self.random.below(60) as i64;
            }
        }
    }

    fn compare(&mut self, seed: u64) {
        self.settle();
        let from_ms = T0 - 3_600_000 + self.random.below(4_000_000) as i64;
        let range = TimeRange::new(from_ms, from_ms + self.random.below(20_000_000) as i64).unwrap();
        let matchers = match self.random.below(5) {
            0 => vec![Matcher::equal("__name__", "cpu")],
            1 => vec![Matcher::not_equal("zone", "a")],
            2 => vec![
                Matcher::matching("instance", "host-[12]").unwrap(),
                Matcher::not_equal("zone", ""),
            ],
            3 => vec![Matcher::not_matching("instance", ".*1").unwrap()],
            _ => Vec::new(),
        };
        let selector = Selector {
            tenant: TenantId::DEFAULT,
            matchers: matchers.clone(),
            range,
        };
        assert_eq!(
            dump(self.db(), &selector),
            dump(&*self.model, &selector),
            "seed {seed}"
        );
        self.compare_tiers(&matchers, seed);
        if self.deletes {
            return;
        }
        let values = |store: &dyn SeriesRead| {
            store
                .label_values(
                    TenantId::DEFAULT,
                    "instance",
                    TimeRange::ALL,
                    std::slice::from_ref(&matchers),
                )
                .unwrap()
        };
        assert_eq!(values(self.db()), values(&*self.model), "seed {seed}");
        let names =
            |store: &dyn SeriesRead| store.label_names(TenantId::DEFAULT, TimeRange::ALL, &[]).unwrap();
        assert_eq!(names(self.db()), names(&*self.model), "seed {seed}");
    }

    /// Coarse tiers say what the samples come to, whether their days are rolled up already or not.
    fn compare_tiers(&mut self, matchers: &[Matcher], seed: u64) {
        let resolution_ms = [60_000, HOUR][self.random.below(2) as usize];
        let hours = (self.now_ms - T0).div_euclid(HOUR) as u64 + 2;
        let from_ms = T0 + HOUR * self.random.below(hours) as i64;
        let range = TimeRange::new(from_ms, from_ms + HOUR * self.random.below(72) as i64).unwrap();
        let selector = Selector {
            tenant: TenantId::DEFAULT,
            matchers: matchers.to_vec(),
            range,
        };
        let rolled_up = in_tier(self.db(), &selector, resolution_ms);
        let expected = of_samples(&*self.model, &selector, resolution_ms);
        assert!(
            rolled_up == expected,
            "seed {seed}: {range:?} by {resolution_ms} ms of {matchers:?}: {} and {} series",
            rolled_up.len(),
            expected.len()
        );
        self.counts.rollups += rolled_up.iter().map(|(_, rollups)| rollups.len()).sum::<usize>();
    }

    /// Turns one bit of a random file over. What is read then was written once, and where something is missing it is said.
    fn flip_a_bit(&mut self, dir: &Path, seed: u64) {
        self.settle();
        self.db().flush(self.now_ms).unwrap();
        self.db = None;
        let mut files = files_below(&dir.join("blocks"));
        files.extend(files_below(&dir.join("log")));
        let Some(path) = files.get(self.random.below(files.len().max(1) as u64) as usize) else {
            return;
        };
        let mut bytes = std::fs::read(path).unwrap();
        if bytes.is_empty() {
            return;
        }
        let place = self.random.below(bytes.len() as u64) as usize;
        bytes[place] ^= 1 << self.random.below(8);
        std::fs::write(path, bytes).unwrap();
        let opened = Db::open_on(
            SharedStorage::clone(&self.storage),
            self.config.clone(),
            self.now_ms,
        );
        let (db, report) = opened.unwrap();
        let selector = Selector {
            tenant: TenantId::DEFAULT,
            matchers: Vec::new(),
            range: TimeRange::ALL,
        };
        let (found, written) = (dump(&db, &selector), dump(&*self.model, &selector));
        let written: BTreeMap<_, BTreeMap<i64, Bits>> = written
            .into_iter()
            .map(|(labels, samples)| (labels, samples.into_iter().collect()))
            .collect();
        let mut count = 0;
        for (labels, samples) in found {
            let known = written.get(&labels).expect("a series that was written");
            count += samples.len();
            let right = |(at_ms, bits): &(i64, Bits)| known.get(at_ms) == Some(bits);
            assert!(
                samples.iter().all(right),
                "seed {seed}: {labels} in {}",
                path.display()
            );
        }
        let all: usize = written.values().map(BTreeMap::len).sum();
        let noticed = !report.damage.is_empty() || !db.damage().is_empty();
        self.counts.flips_noticed += usize::from(noticed);
        assert!(
            count == all || noticed,
            "seed {seed}: {count} of {all} samples, and nobody says so: {} at {place}",
            path.display()
        );
    }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

type OfTier = Vec<(String, Rollups)>;

fn in_tier(store: &Db, selector: &Selector, resolution_ms: i64) -> OfTier {
    let selected = store.select_in_tier(selector, resolution_ms).unwrap();
    let rollups = selected.iter().map(|series| {
        let mut rollups = Rollups::of(&STATISTICS);
        series.read_rollups(selector.range, &mut rollups).unwrap();
        (series.labels().to_string(), rollups)
    });
    rollups.filter(|(_, rollups)| !rollups.is_empty()).collect()
}

fn of_samples(store: &dyn SeriesRead, selector: &Selector, resolution_ms: i64) -> OfTier {
    let selected = store.select(&Selector {
        range: TimeRange::ALL,
        ..selector.clone()
    });
    let rollups = selected.unwrap().into_iter().map(|series| {
        let mut samples = SampleColumns::default();
        series.read(TimeRange::ALL, &mut samples).unwrap();
        let mut rollups = Rollups::of(&STATISTICS);
        rollups.roll_up(&samples, resolution_ms, selector.range);
        (series.labels().to_string(), rollups)
    });
    rollups.filter(|(_, rollups)| !rollups.is_empty()).collect()
}

/// The bits of a sample's value, and its start.
type Bits = (u64, i64);

/// Every selected series that has samples in the range, with their bits and starts.
fn dump(store: &dyn SeriesRead, selector: &Selector) -> Vec<(String, Vec<(i64, Bits)>)> {
    let mut all = Vec::new();
    for series in store.select(selector).unwrap() {
        let mut columns = SampleColumns::default();
        series.read(selector.range, &mut columns).unwrap();
        if !columns.is_empty() {
            let bits = |(place, sample): (usize, Sample)| {
                let start_ms = columns.starts.get(place);
                (sample.at_ms, (sample.value.to_bits(), start_ms))
            };
            let samples = columns.iter().enumerate().map(bits).collect();
            all.push((series.labels().to_string(), samples));
        }
    }
    all
}

#[test]
fn a_random_life_reads_as_the_model_does() {
    let lives = std::env::var(LIVES).map_or(LIVES_DEFAULT, |lives| lives.parse().unwrap());
    let mut counts = Counts::default();
    for seed in 0..lives {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new(seed, dir.path());
        for step in 0..120 {
            world.step(dir.path());
            if step % 10 == 9 {
                world.compare(seed);
            }
        }
        world.compare(seed);
        world.flip_a_bit(dir.path(), seed);
        counts.appended += world.counts.appended;
        counts.started += world.counts.started;
        counts.rollups += world.counts.rollups;
        counts.flips_noticed += world.counts.flips_noticed;
    }
    println!("simulation: {lives} lives, {counts:?}");
    assert!(counts.rollups > 0 && counts.flips_noticed > 0 && counts.started > 0);
}
