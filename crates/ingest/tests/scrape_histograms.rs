//! Histograms in every form a target can expose them, scraped over HTTP and read into batches.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use std::collections::BTreeMap;

use ingest::Health;
use ingest::exposition::Format;
use ingest::exposition::protobuf::wire::{
    Bucket, BucketSpan, Counter, Exemplar, Histogram, LabelPair, Metric, MetricFamily, MetricType, Quantile,
    Summary, Timestamp,
};
use ingest::histograms::HistogramRules;
use ingest::intake::{self, SampleRules, Tally};
use ingest::series_cache::SeriesCache;
use model::histogram::CUSTOM_BUCKETS;
use model::{NO_START, SeriesBatch, TenantId};
use prost::Message as _;
use support::{Answer, FakeTarget, Rig, job};

const TYPE: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

fn labels(pairs: &[(&str, &str)]) -> Vec<LabelPair> {
    let pair = |(name, value): &(&str, &str)| LabelPair {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    pairs.iter().map(pair).collect()
}

fn exemplar(id: &str, value: f64, at_ms: Option<i64>) -> Exemplar {
    Exemplar {
        label: labels(&[("trace_id", id)]),
        value,
        timestamp: at_ms.map(Timestamp::from_ms),
    }
}

fn counter(value: f64, created_ms: i64) -> MetricFamily {
    MetricFamily {
        name: "requests_total".to_owned(),
        help: "Requests.".to_owned(),
        r#type: MetricType::Counter as i32,
        metric: vec![Metric {
            label: labels(&[("path", "/a \"b\"\\\n"), ("dotted.name", "ü")]),
            counter: Some(Counter {
                value,
                exemplar: Some(exemplar("t1", 1.0, None)),
                created_timestamp: Some(Timestamp::from_ms(created_ms)),
            }),
            ..Metric::default()
        }],
        ..MetricFamily::default()
    }
}

fn summary() -> MetricFamily {
    MetricFamily {
        name: "rpc_seconds".to_owned(),
        r#type: MetricType::Summary as i32,
        unit: "seconds".to_owned(),
        metric: vec![Metric {
            summary: Some(Summary {
                sample_count: 7,
                sample_sum: 3.5,
                quantile: vec![Quantile {
                    quantile: 0.5,
                    value: 0.25,
                }],
                created_timestamp: None,
            }),
            timestamp_ms: 500,
            ..Metric::default()
        }],
        ..MetricFamily::default()
    }
}

/// A histogram in both forms; the classic one without its last bucket.
fn histogram() -> MetricFamily {
    let histogram = Histogram {
        sample_count: 6,
        sample_sum: 4.5,
        bucket: vec![Bucket {
            cumulative_count: 4,
            upper_bound: 1.0,
            exemplar: Some(exemplar("t2", 0.5, Some(700))),
            ..Bucket::default()
        }],
        schema: 1,
        zero_threshold: 0.01,
        zero_count: 1,
        positive_span: vec![BucketSpan {
            offset: -1,
            length: 3,
        }],
        positive_delta: vec![2, 0, -1],
        exemplars: vec![
            exemplar("late", 2.0, Some(900)),
            exemplar("early", 1.0, Some(800)),
            exemplar("x", 1.0, None),
        ],
        ..Histogram::default()
    };
    MetricFamily {
        name: "size".to_owned(),
        r#type: MetricType::Histogram as i32,
        metric: vec![Metric {
            histogram: Some(histogram),
            ..Metric::default()
        }],
        ..MetricFamily::default()
    }
}

fn body(families: &[MetricFamily]) -> Vec<u8> {
    families
        .iter()
        .flat_map(MetricFamily::encode_length_delimited_to_vec)
        .collect()
}

/// One target whose scrapes are read into batches and printed.
#[derive(Default)]
struct Target {
    cache: SeriesCache,
    rules: SampleRules,
}

enum Body<'b> {
    Protobuf(&'b [MetricFamily]),
    OpenMetrics(&'b str),
}

impl Target {
    fn new(histograms: HistogramRules) -> Self {
        Self {
            cache: SeriesCache::new(),
            rules: SampleRules {
                honor_timestamps: true,
                histograms,
                ..SampleRules::default()
            },
        }
    }

    fn scrape(&mut self, given: Body<'_>, at_ms: i64) -> (Vec<String>, Tally, Option<String>) {
        self.cache.begin();
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        let (cache, rules) = (&mut self.cache, &self.rules);
        let (tally, result) = match given {
            Body::Protobuf(families) => {
                intake::read_protobuf(cache, rules, &body(families), at_ms, &mut batch)
            }
            Body::OpenMetrics(text) => {
                intake::read_body(cache, rules, Format::OpenMetrics, text, at_ms, &mut batch)
            }
        };
        intake::push_stale(&self.cache, at_ms, &mut batch);
        self.cache.commit(result.is_ok());
        self.cache.good_until_ms = Some(at_ms);
        (print(&batch), tally, result.err().map(|error| error.to_string()))
    }
}

fn print(batch: &SeriesBatch) -> Vec<String> {
    let mut rows: Vec<String> = batch
        .iter()
        .map(|(series, samples)| {
            let sample = samples[0];
            let value = if model::is_stale(sample.value) {
                "stale".to_owned()
            } else {
                sample.value.to_string()
            };
            format!("{} {value} @{}", series.labels(), sample.at_ms)
        })
        .collect();
    for (series, samples) in batch.histograms() {
        let (at_ms, value) = (samples[0].at_ms, &samples[0].value);
        let buckets: BTreeMap<i32, f64> = value.positive.iter().filter(|(_, count)| *count > 0.0).collect();
        let text = if value.is_stale() {
            "stale".to_owned()
        } else {
            format!(
                "schema {} count {} zero {} {buckets:?}",
                value.schema, value.count, value.zero_count
            )
        };
        rows.push(format!("{} {text} @{at_ms}", series.labels()));
    }
    for (series, exemplar) in batch.exemplars() {
        rows.push(format!(
            "{} # {} {} @{}",
            series.labels(),
            exemplar.labels,
            exemplar.value,
            exemplar.at_ms
        ));
    }
    rows
}

fn native_rules() -> HistogramRules {
    HistogramRules {
        scrape_native: true,
        ..HistogramRules::default()
    }
}

#[test]
fn every_kind_of_metric_is_read_from_protobuf() {
    let mut target = Target::new(HistogramRules::default());
    let (rows, tally, error) =
        target.scrape(Body::Protobuf(&[counter(5.0, 10), summary(), histogram()]), 1000);
    assert_eq!(error, None);
    let expected = [
        r#"requests_total{"dotted.name"="ü", path="/a \"b\"\\\n"} 5 @1000"#,
        "rpc_seconds_count{} 7 @500",
        "rpc_seconds_sum{} 3.5 @500",
        r#"rpc_seconds{quantile="0.5"} 0.25 @500"#,
        "size_count{} 6 @1000",
        "size_sum{} 4.5 @1000",
        r#"size_bucket{le="1.0"} 4 @1000"#,
        r#"size_bucket{le="+Inf"} 6 @1000"#,
        r#"requests_total{"dotted.name"="ü", path="/a \"b\"\\\n"} # {trace_id="t1"} 1 @1000"#,
        r#"size_bucket{le="1.0"} # {trace_id="t2"} 0.5 @700"#,
    ];
    assert_eq!(rows, expected);
    assert_eq!((tally.scraped, tally.kept, tally.series_added), (8, 8, 8));
    // The same once more: nothing is parsed anew, and no exemplar is repeated.
    let (rows, tally, _) = target.scrape(Body::Protobuf(&[counter(5.0, 10), summary(), histogram()]), 2000);
    assert_eq!(
        (tally.parsed, rows.iter().filter(|row| row.contains('#')).count()),
        (0, 0)
    );
}

#[test]
fn a_native_histogram_takes_the_place_of_the_classic_one() {
    let mut target = Target::new(native_rules());
    let (rows, ..) = target.scrape(Body::Protobuf(&[histogram()]), 1000);
    let native = "size{} schema 1 count 6 zero 1 {-1: 2.0, 0: 2.0, 1: 1.0} @1000";
    let expected = [
        native,
        r#"size{} # {trace_id="early"} 1 @800"#,
        r#"size{} # {trace_id="late"} 2 @900"#,
    ];
    assert_eq!(rows, expected);
    // It vanishes: the marker is a histogram's.
    let (rows, ..) = target.scrape(Body::Protobuf(&[]), 2000);
    assert_eq!(rows, ["size{} stale @2000"]);

    let mut both = Target::new(HistogramRules {
        keep_classic: true,
        ..native_rules()
    });
    let (rows, tally, _) = both.scrape(Body::Protobuf(&[histogram()]), 1000);
    assert_eq!(tally.kept, 5);
    assert!(
        rows.contains(&native.to_owned()) && rows.contains(&r#"size_bucket{le="+Inf"} 6 @1000"#.to_owned())
    );
}

#[test]
fn native_histograms_are_made_coarser_or_refused() {
    let limited = |bucket_limit, schema_max| {
        let rules = HistogramRules {
            bucket_limit,
            schema_max,
            ..native_rules()
        };
        let (rows, tally, error) = Target::new(rules).scrape(Body::Protobuf(&[histogram()]), 1000);
        (rows.first().cloned(), tally.scraped, error)
    };
    let (row, ..) = limited(2, 8);
    assert_eq!(
        row.unwrap(),
        "size{} schema 0 count 6 zero 1 {0: 4.0, 1: 1.0} @1000"
    );
    let (row, ..) = limited(0, 0);
    assert_eq!(
        row.unwrap(),
        "size{} schema 0 count 6 zero 1 {0: 4.0, 1: 1.0} @1000"
    );
    let (.., error) = limited(1, 8);
    assert_eq!(
        error.unwrap(),
        "native_histogram_bucket_limit exceeded (series: {\"size\"}, limit: 1)"
    );
}

#[test]
fn classic_histograms_become_native_ones_where_the_job_says_so() {
    let text = "# TYPE h histogram\nh_bucket{a=\"x\",le=\"1\"} 2 # {id=\"q\"} 0.5 0.7\nh_bucket{a=\"x\",le=\"+Inf\"} 3\n\
                h_count{a=\"x\"} 3\nh_sum{a=\"x\"} 4\nh_bucket{a=\"y\",le=\"+Inf\"} 1\nh_count{a=\"y\"} 1\n\
                h_sum{a=\"y\"} 2\n# TYPE g gauge\ng 1\n# EOF\n";
    let rules = HistogramRules {
        convert_classic: true,
        ..HistogramRules::default()
    };
    let mut target = Target::new(rules);
    let (rows, ..) = target.scrape(Body::OpenMetrics(text), 1000);
    let expected = [
        "g{} 1 @1000".to_owned(),
        format!(r#"h{{a="x"}} schema {CUSTOM_BUCKETS} count 3 zero 0 {{0: 2.0, 1: 1.0}} @1000"#),
        format!(r#"h{{a="y"}} schema {CUSTOM_BUCKETS} count 1 zero 0 {{0: 1.0}} @1000"#),
        r#"h{a="x"} # {id="q"} 0.5 @700"#.to_owned(),
    ];
    assert_eq!(rows, expected);
    let (rows, ..) = target.scrape(Body::OpenMetrics("# EOF\n"), 2000);
    assert!(rows.contains(&r#"h{a="x"} stale @2000"#.to_owned()), "{rows:?}");

    let mut from_protobuf = Target::new(HistogramRules {
        keep_classic: true,
        ..rules
    });
    let (rows, ..) = from_protobuf.scrape(Body::Protobuf(&[histogram()]), 1000);
    assert!(rows.contains(&"size_sum{} 4.5 @1000".to_owned()));
    let native = format!("size{{}} schema {CUSTOM_BUCKETS} count 6 zero 0 {{0: 4.0, 1: 2.0}} @1000");
    assert!(rows.contains(&native), "{rows:?}");
}

#[test]
fn a_bound_is_written_alike_in_every_form() {
    let text =
        "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_count 3\nh_sum 4\n# EOF\n";
    let (rows, ..) = Target::new(HistogramRules::default()).scrape(Body::OpenMetrics(text), 1000);
    assert_eq!(rows[0], r#"h_bucket{le="1.0"} 2 @1000"#);
    assert_eq!(rows[1], r#"h_bucket{le="+Inf"} 3 @1000"#);
}

#[test]
fn what_protobuf_says_was_created_is_the_start_of_the_sample_and_makes_no_zero() {
    let mut target = Target::new(native_rules());
    for (value, created_ms, at_ms) in [(5.0, 900, 1000), (2.0, 1500, 2000), (3.0, 1500, 3000)] {
        let (cache, rules) = (&mut target.cache, &target.rules);
        cache.begin();
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        let given = body(&[counter(value, created_ms), histogram()]);
        intake::read_protobuf(cache, rules, &given, at_ms, &mut batch)
            .1
            .unwrap();
        cache.commit(true);
        cache.good_until_ms = Some(at_ms);
        let rows: Vec<(f64, i64)> = batch
            .iter()
            .zip(batch.row_starts())
            .map(|((_, samples), starts)| (samples[0].value, starts.first().copied().unwrap_or(NO_START)))
            .collect();
        assert_eq!(rows, [(value, created_ms)]);
        // This histogram says nothing of its creation.
        assert_eq!(batch.histograms()[0].1[0].start_ms, NO_START);
    }
}

#[test]
fn what_is_created_between_two_scrapes_began_at_zero() {
    let mut target = Target::new(HistogramRules::default());
    let text = |created: &str| {
        format!(
            "# TYPE c counter\nc_total{{a=\"x\"}} 5\nc_created{{a=\"x\"}} {created}\n# TYPE h histogram\n\
             h_bucket{{le=\"+Inf\"}} 3\nh_count 3\nh_sum 4\nh_created {created}\n# EOF\n"
        )
    };
    let (rows, ..) = target.scrape(Body::OpenMetrics(&text("0.5")), 1000);
    assert_eq!(rows.len(), 6);
    let (rows, ..) = target.scrape(Body::OpenMetrics(&text("1.5")), 2000);
    let zeros: Vec<&String> = rows.iter().filter(|row| row.ends_with(" 0 @1500")).collect();
    let expected = [
        r#"c_total{a="x"} 0 @1500"#,
        r#"h_bucket{le="+Inf"} 0 @1500"#,
        "h_count{} 0 @1500",
        "h_sum{} 0 @1500",
    ];
    assert_eq!(zeros, expected);
}

#[test]
fn exemplars_with_too_many_characters_are_left_out_and_counted() {
    let text = |id: &str| format!("# TYPE c counter\nc_total 5 # {{id=\"{id}\"}} 1\n# EOF\n");
    let mut target = Target::new(HistogramRules::default());
    let (rows, tally, error) = target.scrape(Body::OpenMetrics(&text(&"x".repeat(127))), 1000);
    assert_eq!((rows.len(), tally.exemplars_dropped, error), (1, 1, None));
    let (rows, tally, _) = target.scrape(Body::OpenMetrics(&text(&"x".repeat(126))), 2000);
    assert_eq!((rows.len(), tally.exemplars_dropped), (2, 0));
}

#[tokio::test]
async fn protobuf_is_asked_for_first_and_read() {
    let answer = Answer {
        headers: vec![("content-type", TYPE.to_owned())],
        body: body(&[counter(5.0, 10), histogram()]),
        ..Answer::text("")
    };
    let target = FakeTarget::start(answer).await;
    let rig = Rig::start(&job(&target.address, ", scrape_native_histograms: true"));
    rig.until("up", "1").await;
    assert_eq!(rig.last("requests_total").as_deref(), Some("5"));
    assert_eq!(rig.last("scrape_samples_scraped").as_deref(), Some("2"));
    let (_, headers) = target.last_request();
    let accept = headers["accept"].to_str().unwrap();
    assert!(
        accept.starts_with("application/vnd.google.protobuf;proto="),
        "{accept}"
    );
    let metadata =
        model::SeriesRead::metadata(&*rig.store, TenantId::DEFAULT, Some("requests_total")).unwrap();
    assert_eq!(&*metadata[0].help, "Requests.");

    // A body that breaks off fails the scrape, and what was there ends.
    target.answer_with(Answer {
        headers: vec![("content-type", TYPE.to_owned())],
        body: vec![200, 1, 2],
        ..Answer::text("")
    });
    rig.until("up", "0").await;
    rig.until("requests_total", "stale").await;
    let status = rig.until_told(Health::Down).await;
    assert!(status.last_error.contains("message 1"), "{}", status.last_error);
}
