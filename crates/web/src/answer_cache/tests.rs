//! Whether answers with the cache are those without it, whatever happens to the store meanwhile.

use model::{Labels, Matcher, Sample, Series, SeriesBatch, SeriesWrite, TimeRange};
use testkit::Random;

use super::*;

const START_MS: i64 = 1_700_000_000_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

const QUERIES: [&str; 9] = [
    "m",
    "sum by (a) (rate(m[5m]))",
    "avg_over_time(m[10m]) > 40",
    "m offset -7m",
    "max_over_time(sum(m)[20m:1m])",
    "topk(2, m)",
    "quantile_over_time(0.9, m[7m]) - m offset 3m",
    "stddev_over_time(m[9m])",
    "sum by (a) (m) - start()",
];

/// A store, its clock and a source of chance.
struct World {
    store: tsdb::Db,
    _folder: tempfile::TempDir,
    now_ms: i64,
    random: Random,
}

impl World {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = tsdb::Config::in_dir(folder.path().join("series"));
        let (store, _) = tsdb::Db::open(config, START_MS).unwrap();
        let mut world = Self {
            store,
            _folder: folder,
            now_ms: START_MS,
            random: Random::new(seed),
        };
        for _ in 0..720 {
            world.now_ms += 10_000;
            world.append_live();
        }
        world
    }

    fn below(&mut self, end: i64) -> i64 {
        self.random.below(end.unsigned_abs()).cast_signed()
    }

    /// A sample of each of these series.
    fn append(&mut self, series: impl Iterator<Item = i64>, at_ms: i64) {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        for series in series {
            let value = self.below(100) as f64;
            let labels = Labels::from_pairs([
                ("__name__", "m"),
                ("a", ["x", "y", "z"][(series % 3) as usize]),
                ("n", &series.to_string()),
            ]);
            batch.push(Series::new(labels), &[Sample { at_ms, value }]);
        }
        self.store.append(&batch, self.now_ms).unwrap();
    }

    fn append_live(&mut self) {
        // One of them comes and goes.
        let count = 11 + (self.now_ms / (10 * MINUTE)) % 2;
        self.append(0..count, self.now_ms);
    }

    /// Something happens.
    fn go_on(&mut self) {
        match self.below(60) {
            0..=51 => {
                self.now_ms += 10_000;
                self.append_live();
            }
            52..=54 => {
                let (series, late_ms) = (self.below(12), self.below(55 * MINUTE));
                self.append(std::iter::once(series), self.now_ms - late_ms);
            }
            55 => {
                let from_ms = self.now_ms - self.below(2 * HOUR);
                let range = TimeRange::new(from_ms, from_ms + self.below(10 * MINUTE)).unwrap();
                let number = self.below(12).to_string();
                let matchers = [Matcher::equal("n", &number)];
                self.store
                    .delete(TenantId::DEFAULT, &matchers, range, self.now_ms)
                    .unwrap();
            }
            56 => self.store.flush(self.now_ms).unwrap(),
            _ => self.now_ms += self.below(5 * MINUTE),
        }
    }
}

fn text_of(answer: &Answer) -> String {
    format!("{:?}", answer.value)
}

/// Every answer is compared to one that was computed from the store alone, to the last bit.
fn check_life(seed: u64) -> (u64, u64) {
    let mut world = World::new(seed);
    let cache = AnswerCache::new(8 << 20, Telemetry::default()).unwrap();
    let options = Options::default();
    let queries = QUERIES.chunks(3).nth(seed as usize).unwrap();
    let (mut asked_count, mut reused_count) = (0, 0);
    for turn in 0..150 {
        world.go_on();
        let query = queries[world.below(queries.len() as i64) as usize];
        let expr = promql::parse(query).unwrap();
        // Two dashboards: one whose ends are multiples of the step, one whose are not.
        let (step_ms, phase_ms) = [(15_000, 0), (MINUTE, 7_000)][world.below(2) as usize];
        let end_ms = world.now_ms - world.now_ms % step_ms + phase_ms;
        let asked = Asked {
            tenant: TenantId::DEFAULT,
            expr: &expr,
            from_ms: end_ms - 2 * HOUR,
            to_ms: end_ms,
            step_ms,
        };
        let (answer, reused) = cache.range(asked, &world.store, &options).unwrap();
        let plain = asked.compute(asked.from_ms, &world.store, &options).unwrap();
        assert_eq!(
            text_of(&answer),
            text_of(&plain),
            "seed {seed}, turn {turn}: {query}"
        );
        asked_count += 1;
        reused_count += u64::from(reused > 0);
    }
    (asked_count, reused_count)
}

#[test]
fn answers_are_those_of_the_store() {
    for seed in 0..3 {
        let (asked, reused) = check_life(seed);
        assert!(
            reused > asked / 5,
            "seed {seed}: of {asked} only {reused} used what was kept"
        );
    }
}

#[test]
fn an_answer_of_almost_its_share_is_kept() {
    let world = World::new(5);
    let options = Options::default();
    let expr = promql::parse("m").unwrap();
    let asked = Asked {
        tenant: TenantId::DEFAULT,
        expr: &expr,
        from_ms: world.now_ms - 2 * HOUR,
        to_ms: world.now_ms,
        step_ms: 5_000,
    };
    let answer = asked.compute(asked.from_ms, &world.store, &options).unwrap();
    let Value::Matrix(series) = answer.value else {
        panic!("no matrix")
    };
    let bytes: usize = series
        .iter()
        .map(|series| series.samples.len() * SAMPLE_BYTES)
        .sum();
    let bytes_max = (bytes as u64 + 10_000) * ANSWER_SHARE_MAX;
    let cache = AnswerCache::new(bytes_max, Telemetry::default()).unwrap();
    cache.range(asked, &world.store, &options).unwrap();
    let (_, reused) = cache.range(asked, &world.store, &options).unwrap();
    assert_eq!(reused, 1_441);
}

#[test]
fn what_asks_for_much_or_for_nothing_is_not_kept() {
    let world = World::new(9);
    let cache = AnswerCache::new(20_000, Telemetry::default()).unwrap();
    let options = Options::default();
    for query in ["m", "m @ end()", "sum(nothing)"] {
        let expr = promql::parse(query).unwrap();
        let asked = Asked {
            tenant: TenantId::DEFAULT,
            expr: &expr,
            from_ms: world.now_ms - 2 * HOUR,
            to_ms: world.now_ms,
            step_ms: MINUTE,
        };
        for _ in 0..2 {
            let (_, reused) = cache.range(asked, &world.store, &options).unwrap();
            assert_eq!(reused, 0, "{query}");
        }
    }
    assert_eq!(cache.entries.len(), 0);
    assert!(AnswerCache::new(0, Telemetry::default()).is_none());
}
