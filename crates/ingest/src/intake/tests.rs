//! Bodies with surprises, against what Prometheus stores of them.

use model::{Sample, TenantId};

use super::*;

struct Target {
    cache: SeriesCache,
    rules: SampleRules,
}

/// What one scrape gave: rows as text, the tally, the error.
type Scraped = (Vec<String>, Tally, Option<String>);

impl Target {
    fn new(rules: SampleRules) -> Self {
        Self {
            cache: SeriesCache::new(),
            rules,
        }
    }

    fn scrape(&mut self, body: &str) -> Scraped {
        self.scrape_at(1000, body)
    }

    fn scrape_at(&mut self, at_ms: i64, body: &str) -> Scraped {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        self.cache.begin();
        let (tally, result) = read_body(
            &mut self.cache,
            &self.rules,
            Format::Text,
            body,
            at_ms,
            &mut batch,
        );
        if result.is_err() {
            batch = SeriesBatch::new(TenantId::DEFAULT);
            self.cache.begin();
        }
        push_stale(&self.cache, at_ms, &mut batch);
        self.cache.commit(result.is_ok());
        let print = |(series, samples): (&model::Series, &[Sample])| {
            let sample = samples[0];
            let value = if model::is_stale(sample.value) {
                "stale".into()
            } else {
                sample.value.to_string()
            };
            format!("{} {value} @{}", series.labels(), sample.at_ms)
        };
        (
            batch.iter().map(print).collect(),
            tally,
            result.err().map(|error| error.to_string()),
        )
    }
}

fn rules(target_labels: &[(&str, &str)]) -> SampleRules {
    SampleRules {
        target_labels: Labels::from_pairs(target_labels.iter().copied()),
        honor_timestamps: true,
        ..SampleRules::default()
    }
}

fn relabel_rules(yaml: &str) -> SampleRules {
    SampleRules {
        relabel: serde_saphyr::from_str(yaml).unwrap(),
        ..rules(&[("job", "j")])
    }
}

#[test]
fn a_name_or_label_told_once_counts_for_every_series_that_it_stands_in() {
    use crate::exposition::protobuf::wire::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType};
    let scrape = |name_bytes: usize, metrics: usize, label_bytes: usize, buckets: usize| {
        let histogram = Histogram {
            bucket: vec![Bucket::default(); buckets],
            ..Histogram::default()
        };
        let metric = Metric {
            label: vec![LabelPair {
                name: "l".to_owned(),
                value: "v".repeat(label_bytes),
            }],
            histogram: Some(histogram),
            ..Metric::default()
        };
        let family = MetricFamily {
            name: "n".repeat(name_bytes),
            r#type: MetricType::Histogram as i32,
            metric: vec![metric; metrics],
            ..MetricFamily::default()
        };
        let mut body = Vec::new();
        crate::exposition::protobuf::write_delimited(&family, &mut body);
        let mut cache = SeriesCache::new();
        cache.begin();
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        let (tally, result) = read_protobuf(&mut cache, &rules(&[]), &body, 0, &mut batch);
        result.map(|()| tally.scraped).map_err(|error| error.to_string())
    };
    assert_eq!(scrape(100, 20_000, 100, 10), Ok(260_000));
    assert_eq!(scrape(30_000, 1, 30_000, 1_000), Ok(1_003));
    for refused in [scrape(1_000_000, 1_000, 1, 0), scrape(1, 1, 1_000_000, 1_000)] {
        let reason = refused.unwrap_err();
        assert!(
            reason.contains("more than 268435456 bytes; shorten them"),
            "{reason}"
        );
        assert!(reason.len() < 300, "{reason}");
    }
}

#[test]
fn labels_of_the_target_win_unless_honoured() {
    let body = "a{job=\"own\",exported_job=\"before\",x=\"\"} 1\n";
    let (rows, ..) = Target::new(rules(&[("job", "j"), ("instance", "i")])).scrape(body);
    let exported = r#"a{exported_exported_job="own", exported_job="before", instance="i", job="j"} 1 @1000"#;
    assert_eq!(rows, [exported]);
    let honouring = SampleRules {
        honor_labels: true,
        ..rules(&[("job", "j"), ("instance", "i")])
    };
    let (rows, ..) = Target::new(honouring).scrape(body);
    assert_eq!(
        rows,
        [r#"a{exported_job="before", instance="i", job="own"} 1 @1000"#]
    );
}

#[test]
fn vanished_series_end_and_failed_scrapes_end_all() {
    let mut target = Target::new(rules(&[]));
    let (rows, tally, _) = target.scrape("a 1\nb 2\n");
    assert_eq!(rows, ["a{} 1 @1000", "b{} 2 @1000"]);
    assert_eq!(
        (tally.scraped, tally.kept, tally.series_added, tally.parsed),
        (2, 2, 2, 2)
    );
    let (rows, tally, _) = target.scrape("b 3\n");
    assert_eq!(rows, ["b{} 3 @1000", "a{} stale @1000"]);
    assert_eq!(
        (tally.series_added, tally.parsed),
        (0, 0),
        "a steady scrape parses no labels"
    );
    let (rows, tally, error) = target.scrape("b 3\nc{ 4\n");
    assert_eq!(rows, ["b{} stale @1000"]);
    assert_eq!(tally.scraped, 1);
    assert!(error.unwrap().contains("line 2"));
    assert_eq!(target.scrape("b 5\n").0, ["b{} 5 @1000"]);
}

#[test]
fn own_time_stamps_are_kept_and_their_series_never_end() {
    let mut target = Target::new(rules(&[]));
    assert_eq!(
        target.scrape("a 1 500\na 2 600\n").0,
        ["a{} 1 @500", "a{} 2 @600"]
    );
    assert_eq!(target.scrape("b 1\n").0, ["b{} 1 @1000"]);
    let mut ignoring = Target::new(SampleRules {
        honor_timestamps: false,
        ..rules(&[])
    });
    assert_eq!(ignoring.scrape("a 1 500\n").0, ["a{} 1 @1000"]);
    let mut tracking = Target::new(SampleRules {
        track_timestamps_staleness: true,
        ..rules(&[])
    });
    tracking.scrape("a 1 500\n");
    assert_eq!(tracking.scrape("b 1\n").0, ["b{} 1 @1000", "a{} stale @1000"]);
}

#[test]
fn the_first_of_two_equal_series_counts() {
    let (rows, tally, _) = Target::new(rules(&[])).scrape("a{b=\"1\"} 1\na{b=\"1\"} 2\na{ b=\"1\"} 3\n");
    assert_eq!(rows, [r#"a{b="1"} 1 @1000"#]);
    assert_eq!(
        (tally.scraped, tally.kept, tally.duplicates, tally.series_added),
        (3, 3, 2, 1)
    );
}

#[test]
fn relabelling_drops_renames_and_may_not_lose_the_name() {
    let mut target = Target::new(relabel_rules(
        "[{source_labels: [__name__], regex: drop_.*, action: drop}, \
          {source_labels: [__name__], regex: 'old_(.*)', target_label: __name__, replacement: 'new_$1'}]",
    ));
    let (rows, tally, _) = target.scrape("drop_me 1\nold_a 2\n");
    assert_eq!(rows, [r#"new_a{job="j"} 2 @1000"#]);
    assert_eq!((tally.scraped, tally.kept), (2, 1));
    let (rows, tally, _) = target.scrape("drop_me 1\nold_a 2\n");
    assert_eq!((rows.len(), tally.parsed, tally.kept), (1, 0, 1));
    let (_, _, error) = Target::new(relabel_rules("[{regex: __name__, action: labeldrop}]")).scrape("a 1\n");
    assert!(error.unwrap().contains("missing metric name"));
}

#[test]
fn limits_fail_the_whole_scrape_and_say_which() {
    let check = |change: &dyn Fn(&mut SampleRules), body: &str, expected: &str| {
        let mut limited = rules(&[("job", "j")]);
        change(&mut limited);
        let (rows, tally, error) = Target::new(limited).scrape(body);
        assert!(error.clone().unwrap().contains(expected), "{error:?}");
        assert!(rows.is_empty());
        tally
    };
    let tally = check(
        &|rules| rules.sample_limit = 2,
        "a 1\nb 1\nc 1\nd 1\n",
        "sample limit exceeded (limit: 2)",
    );
    assert_eq!((tally.scraped, tally.kept, tally.series_added), (4, 4, 2));
    check(
        &|rules| rules.label_limit = 2,
        "a{b=\"c\"} 1\n",
        "label_limit exceeded (metric: \"a\", got: 3",
    );
    check(
        &|rules| rules.label_name_length_limit = 8,
        "a{too_long1=\"c\"} 1\n",
        "label_name_length_limit",
    );
    check(
        &|rules| rules.label_value_length_limit = 3,
        "a{b=\"long\"} 1\n",
        "label_value_length_limit",
    );
    check(
        &|rules| rules.legacy_names = true,
        "{\"a.b\"} 1\n",
        "invalid metric name",
    );
    let doubling = |number| format!("- {{action: labelmap, regex: '(.+)', replacement: 'x{number}_$1'}}\n");
    let doubling = relabel_rules(&(0..14).map(doubling).collect::<Vec<_>>().concat());
    check(
        &|rules| rules.relabel.clone_from(&doubling.relabel),
        "a{b=\"c\"} 1\n",
        "a{b=\"c\"}: relabelling makes more than 4096 labels",
    );
}

/// The values of label `n` of the ordinary samples, and how many were refused.
fn stored_and_refused(target: &mut Target, at_ms: i64, numbers: std::ops::Range<u32>) -> (Vec<u32>, u64) {
    let lines: Vec<String> = numbers.map(|n| format!("many{{n=\"{n}\"}} 1\n")).collect();
    let (rows, tally, error) = target.scrape_at(at_ms, &lines.concat());
    assert_eq!(error, None);
    assert_eq!(
        tally.kept,
        lines.len() as u64,
        "what is refused counts towards sample_limit"
    );
    let fresh = rows.iter().filter(|row| !row.contains("stale"));
    let number = |row: &String| row.split('"').nth(1).unwrap().parse().unwrap();
    let refused = target.cache.budget.refused();
    if let Some(refused) = &refused {
        assert_eq!((&*refused.metric, refused.limit), ("many", 3));
    }
    (
        fresh.map(number).collect(),
        refused.map_or(0, |refused| refused.count),
    )
}

#[test]
fn a_target_keeps_the_series_it_has_and_gets_no_more_than_its_limit() {
    let mut target = Target::new(SampleRules {
        series_limit: 3,
        ..rules(&[])
    });
    assert_eq!(stored_and_refused(&mut target, 1_000, 0..2), (vec![0, 1], 0));
    for round in 2..5 {
        assert_eq!(
            stored_and_refused(&mut target, round * 1_000, 0..1_000),
            (vec![0, 1, 2], 997),
            "round {round}"
        );
    }
}

#[test]
fn series_that_a_target_gave_up_count_for_an_hour() {
    let mut target = Target::new(SampleRules {
        series_limit: 3,
        ..rules(&[])
    });
    let hour_ms = crate::limits::DEPARTED_SERIES_MS;
    assert_eq!(stored_and_refused(&mut target, 1_000, 0..3), (vec![0, 1, 2], 0));
    assert_eq!(stored_and_refused(&mut target, 2_000, 3..6), (vec![], 3));
    assert_eq!(
        stored_and_refused(&mut target, 3_000, 2..5),
        (vec![2], 2),
        "what comes back takes its old place"
    );
    assert_eq!(
        stored_and_refused(&mut target, hour_ms + 100_000, 2..9),
        (vec![2, 3, 4], 4),
        "the two that stayed away are forgotten"
    );
}

#[test]
fn metadata_is_news_once() {
    let mut target = Target::new(rules(&[]));
    target.scrape("# HELP a first\n# TYPE a counter\na 1\n");
    let news = target.cache.families.news();
    assert_eq!(news.len(), 1);
    assert_eq!(
        (&*news[0].name, news[0].kind.as_str(), &*news[0].help),
        ("a", "counter", "first")
    );
    target.cache.families.told();
    target.scrape("# HELP a first\n# TYPE a counter\na 1\n");
    assert!(target.cache.families.news().is_empty());
    target.scrape("# HELP a second\n# TYPE a counter\na 1\n");
    assert_eq!(&*target.cache.families.news()[0].help, "second");
}
