//! The sample walk: one measurement on its way from a text on the wire to a point in an answer, room by room.
//!
//! Read this first. Every step below is the code that runs in the server; only the network is left out.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::sync::Arc;

use ingest::exposition::{Entry, Exposition, Format};
use ingest::intake::SampleRules;
use ingest::series_cache::SeriesCache;
use model::{Labels, MetricKind, SeriesBatch, SeriesRead, SeriesWrite, TenantId};
use promql::{Options, Value};

const NOW_MS: i64 = 1_700_000_000_000;

const PAGE: &str = "\
# TYPE http_requests_total counter
http_requests_total{code=\"200\"} 1027
http_requests_total{code=\"500\"} 3
";

#[test]
fn a_sample_walks_from_the_wire_to_an_answer_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();

    // 1. `ingest` walks the text that an exporter shows, line by line. Parsing is pure: text in, entries out.
    check_lines(Exposition::new(Format::Text, PAGE));

    // 2. A job's rules turn the page into a batch: each series with its labels, identity and samples. The cache
    //    remembers series between scrapes, so that a steady page costs no label parsing at all.
    let rules = SampleRules {
        target_labels: Labels::from_pairs([("job", "shop")]),
        ..SampleRules::default()
    };
    let mut cache = SeriesCache::new();
    cache.begin();
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    let (tally, result) =
        ingest::intake::read_body(&mut cache, &rules, Format::Text, PAGE, NOW_MS, &mut batch);
    result.unwrap();
    assert_eq!((tally.scraped, tally.parsed), (2, 2));
    assert_eq!((batch.series_count(), batch.sample_count()), (2, 2));

    // 3. `tsdb` takes the batch in through the door: to its log, synced, and only then into memory. The answer says
    //    what is durable now.
    let config = tsdb::Config::in_dir(folder.path().join("series"));
    let (db, report) = tsdb::Db::open(config.clone(), NOW_MS).unwrap();
    assert_eq!(report.samples, 0);
    let accepted = db.append(&batch, NOW_MS).unwrap();
    assert_eq!((accepted.stored, accepted.refused_count()), (2, 0));

    // 4. `promql` parses a question once and evaluates it over the door, at any time the asker names.
    let question = promql::parse("sum by (job) (http_requests_total{code=~\"2..|5..\"})").unwrap();
    assert_eq!(
        ask(&db, &question),
        [(Labels::from_pairs([("job", "shop")]), 1030.0)]
    );

    // 5. The process ends without a word. What was acknowledged is in the log, and the log is read at the next start.
    drop(db);
    let (db, report) = tsdb::Db::open(config.clone(), NOW_MS).unwrap();
    assert_eq!(report.samples, 2);
    assert_eq!(report.damage, Vec::<String>::new());
    assert_eq!(
        ask(&db, &question),
        [(Labels::from_pairs([("job", "shop")]), 1030.0)]
    );

    // 6. Sealed into a block, the same samples give the same answer, and the log has nothing left to read.
    db.flush(NOW_MS).unwrap();
    db.close();
    drop(db);
    let (db, report) = tsdb::Db::open(config, NOW_MS).unwrap();
    assert_eq!((report.samples, report.blocks), (0, 1));
    assert_eq!(
        ask(&db, &question),
        [(Labels::from_pairs([("job", "shop")]), 1030.0)]
    );

    // 7. `web` prints the answer in the words of Prometheus' HTTP API.
    let answer = promql::instant(&question, &db, NOW_MS, &Options::default()).unwrap();
    let body = web::answer_json(answer);
    let expected = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"shop"},"value":[1700000000,"1030"]}]}}"#;
    assert_eq!(String::from_utf8(body).unwrap(), expected);
}

fn check_lines(mut lines: Exposition<'_>) {
    let Some(Ok(Entry::Kind { family, kind })) = lines.next() else {
        panic!("the first line tells a kind")
    };
    assert_eq!(
        (family.as_ref(), kind),
        ("http_requests_total", MetricKind::Counter)
    );
    let Some(Ok(Entry::Sample(sample))) = lines.next() else {
        panic!("the second line is a sample")
    };
    assert_eq!(
        (sample.series, sample.value),
        (r#"http_requests_total{code="200"}"#, 1027.0)
    );
}

fn ask(db: &tsdb::Db, question: &promql::Expr) -> Vec<(Labels, f64)> {
    let reader: Arc<dyn SeriesRead> = Arc::new(db.clone());
    let answer = promql::instant(question, reader.as_ref(), NOW_MS, &Options::default()).unwrap();
    let Value::Vector(rows) = answer.value else {
        panic!("a sum is a vector")
    };
    let number = |row: promql::VectorSample| (row.labels, row.value.as_float().unwrap());
    rows.into_iter().map(number).collect()
}
