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
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::SharedStorage;
use faulty::{Faults, FaultyStorage};
use model::{
    Labels, Matcher, Sample, SampleColumns, Selector, Series, SeriesBatch, SeriesRead, SeriesWrite, TenantId,
    TimeRange,
};
use stdx::HumanDuration;
use testkit::MemorySeries;
use tsdb::{Config, Db};

const T0: i64 = 1_700_006_400_000;

/// A small deterministic generator (PCG, XSH-RR by shift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

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
}

impl World {
    fn new(seed: u64, dir: &Path) -> Self {
        let (storage, faults) = FaultyStorage::with_faults();
        let mut world = Self {
            random: Random(seed),
            config: Config {
                out_of_order_window: HumanDuration::from_secs(2 * 3600),
                ..Config::in_dir(dir)
            },
            storage,
            faults,
            db: None,
            model: MemorySeries::new(),
            newest: BTreeMap::new(),
            unsure: Vec::new(),
            now_ms: T0,
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
            let mut samples = Vec::new();
            let mut in_batch = Vec::new();
            for _ in 0..=self.random.below(40) {
                let newest_ms = self.newest.get(&number).copied().unwrap_or(self.now_ms);
                let at_ms = match self.random.below(5) {
                    0 => newest_ms - self.random.below(3_600_000 / 1000 - 100) as i64 * 1000,
                    _ => newest_ms + 1000 * self.random.below(3) as i64,
                };
                let at_ms = at_ms.min(self.now_ms);
                let value = self.random.below(1000) as f64 / 8.0;
                in_batch.push(at_ms);
                samples.push(Sample { at_ms, value });
            }
            let newest_ms = in_batch.iter().copied().max().unwrap_or(self.now_ms);
            let known = self.newest.entry(number).or_insert(newest_ms);
            *known = newest_ms.max(*known);
            batch.push(Series::new(labels), &samples);
        }
        batch
    }

    fn append(&mut self, batch: SeriesBatch) {
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

    fn step(&mut self, dir: &Path) {
        match self.random.below(24) {
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
}

/// Every selected series that has samples in the range, with their bits.
fn dump(store: &dyn SeriesRead, selector: &Selector) -> Vec<(String, Vec<(i64, u64)>)> {
    let mut all = Vec::new();
    for series in store.select(selector).unwrap() {
        let mut columns = SampleColumns::default();
        series.read(selector.range, &mut columns).unwrap();
        if !columns.is_empty() {
            let samples = columns
                .iter()
                .map(|sample| (sample.at_ms, sample.value.to_bits()))
                .collect();
            all.push((series.labels().to_string(), samples));
        }
    }
    all
}

#[test]
fn a_random_life_reads_as_the_model_does() {
    for seed in 0..6 {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new(seed, dir.path());
        for step in 0..120 {
            world.step(dir.path());
            if step % 10 == 9 {
                world.compare(seed);
            }
        }
        world.compare(seed);
    }
}
