//! The real store, with a tenant for each expression, and series that the expression's selectors find.

use std::collections::{BTreeMap, BTreeSet};

use model::{Labels, METRIC_NAME, Matcher, Sample, Series, SeriesBatch, SeriesWrite, TenantId};
use promql::{Options, Value};
use tsdb::{Config, Db};

const NOW_MS: i64 = 1_700_010_600_000;
const STEP_MS: i64 = 15_000;
/// Samples of each series: ten minutes of them.
const SAMPLES: i64 = 40;
/// Bounds of classic histograms, where a selector does not name one.
const BOUNDS: [&str; 5] = ["0.1", "1.0", "10.0", "100.0", "+Inf"];
/// Values that a label may have where its matchers leave that open.
const VALUES: [&str; 16] = [
    "a", "1", "node", "default", "200", "500", "5xx", "eth0", "sda", "/", "ext4", "0", "x-y", "GET", "read",
    "A",
];

/// The store and the tenants that are taken.
pub(crate) struct Store {
    db: Db,
    tenants: u32,
    _folder: tempfile::TempDir,
}

impl Store {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (db, _) = Db::open(Config::in_dir(folder.path()), NOW_MS).unwrap();
        Self {
            db,
            tenants: 0,
            _folder: folder,
        }
    }

    /// Asks for the expression at a moment and over ten minutes; gives back whether there was an answer that is not empty.
    pub(crate) fn ask(&mut self, text: &str) -> Result<bool, String> {
        let expr = promql::parse(text).map_err(|error| error.to_string())?;
        self.tenants += 1;
        let tenant = TenantId(self.tenants);
        let mut batch = SeriesBatch::new(tenant);
        let mut known = BTreeSet::new();
        for asked in expr.selectors() {
            for labels in series_of(asked.matchers) {
                // Which of two selectors a series is for makes no difference.
                if known.insert(labels.clone()) {
                    batch.push(Series::new(labels.clone()), &samples(&labels));
                }
            }
        }
        if !batch.is_empty() {
            let accepted = self
                .db
                .append(&batch, NOW_MS)
                .map_err(|error| error.to_string())?;
            assert_eq!(accepted.refused, [], "{text}");
        }
        let options = Options {
            tenant,
            ..Options::default()
        };
        let at_moment =
            promql::instant(&expr, &self.db, NOW_MS, &options).map_err(|error| error.to_string())?;
        if !matches!(at_moment.value, Value::Matrix(_) | Value::String { .. }) {
            let from_ms = NOW_MS - SAMPLES * STEP_MS;
            promql::range(&expr, &self.db, from_ms, NOW_MS, STEP_MS, &options)
                .map_err(|error| error.to_string())?;
        }
        Ok(match at_moment.value {
            Value::Vector(samples) => !samples.is_empty(),
            Value::Matrix(series) => !series.is_empty(),
            Value::Scalar { .. } | Value::String { .. } => true,
        })
    }
}

/// Series that meet the matchers: one, or one for each bound of a classic histogram.
fn series_of(matchers: &[Matcher]) -> Vec<Labels> {
    let mut by_label: BTreeMap<&str, Vec<&Matcher>> = BTreeMap::new();
    for matcher in matchers {
        by_label.entry(matcher.name()).or_default().push(matcher);
    }
    let pairs = by_label
        .iter()
        .filter_map(|(name, all)| Some(((*name).to_owned(), value_of(all)?)));
    let labels = Labels::from_pairs(pairs.collect::<Vec<_>>());
    let is_bucket = labels.metric_name().ends_with("_bucket") && labels.get("le").is_none();
    if !is_bucket {
        return vec![labels];
    }
    let with_bound = |bound: &&str| {
        let mut builder = labels.to_builder();
        builder.set("le", *bound);
        builder.build()
    };
    BOUNDS.iter().map(with_bound).collect()
}

/// A value that meets all matchers; `None` where only an absent label does.
fn value_of(matchers: &[&Matcher]) -> Option<String> {
    let written = matchers.iter().flat_map(|matcher| words(matcher.value()));
    let is_name = matchers.iter().any(|matcher| matcher.name() == METRIC_NAME);
    let fallback: &[&str] = if is_name { &["some_metric_total"] } else { &VALUES };
    let candidates = written.chain(fallback.iter().map(|value| (*value).to_owned()));
    let mut meeting = candidates.filter(|value| matchers.iter().all(|matcher| matcher.matches(value)));
    meeting.find(|value| !value.is_empty())
}

/// The value itself, and what its pattern may stand for: its alternatives without what is special in patterns.
fn words(value: &str) -> Vec<String> {
    let mut words = vec![value.to_owned()];
    for part in value.split('|') {
        let part = part.trim_matches(['(', ')', '^', '$', '?', ':']);
        words.push(part.to_owned());
        words.push(part.replace(".*", "").replace(".+", "x"));
        words.push(part.replace("[0-9]+", "1").replace("\\d+", "1").replace('\\', ""));
        let plain: String = part
            .chars()
            .filter(|char| char.is_ascii_alphanumeric() || "_-/:".contains(*char))
            .collect();
        words.push(plain);
    }
    words
}

/// A counter that grows; buckets hold the more the greater their bound.
fn samples(labels: &Labels) -> Vec<Sample> {
    let bound = labels.get("le").and_then(model::number::parse_float);
    let pace = bound.map_or(2.0, |bound| bound.min(1000.0).log10() + 3.0);
    (0..=SAMPLES)
        .map(|place| Sample {
            at_ms: NOW_MS - (SAMPLES - place) * STEP_MS,
            value: pace * place as f64,
        })
        .collect()
}
