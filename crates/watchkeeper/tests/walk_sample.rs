//! The sample walk: one measurement on its way from a text on the wire to a point in an answer, room by room.
//!
//! Read this first. Every step below is the code that runs in the server; only the network is left out.

use std::sync::Arc;

use model::{Labels, MetricKind, Series, SeriesBatch, SeriesRead, SeriesWrite, TenantId};
use promql::{Options, Value};

const NOW_MS: i64 = 1_700_000_000_000;

#[test]
fn a_sample_walks_from_the_wire_to_an_answer_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();

    // 1. `ingest` parses the text that an exporter shows. Parsing is pure: text in, series and samples out.
    let parsed = ingest::exposition::parse_all(
        "# HELP http_requests_total Requests answered.\n\
         # TYPE http_requests_total counter\n\
         http_requests_total{code=\"200\"} 1027 1700000000000\n\
         http_requests_total{code=\"500\"} 3 1700000000000\n",
    )
    .unwrap();
    assert_eq!(parsed.metadata[0].kind, MetricKind::Counter);

    // 2. Parsed samples become a batch: whose they are, and for each series its labels, identity and samples.
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    for sample in &parsed.samples {
        let mut labels = sample.labels.to_builder();
        labels.set("job", "shop");
        batch.push_one(Series::new(labels.build()), sample.at_ms.unwrap(), sample.value);
    }
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

fn ask(db: &tsdb::Db, question: &promql::Expr) -> Vec<(Labels, f64)> {
    let reader: Arc<dyn SeriesRead> = Arc::new(db.clone());
    let answer = promql::instant(question, reader.as_ref(), NOW_MS, &Options::default()).unwrap();
    let Value::Vector(rows) = answer.value else {
        panic!("a sum is a vector")
    };
    rows.into_iter().map(|row| (row.labels, row.value)).collect()
}
