//! The JSON of answers, whole and in pieces.

use model::{Buckets, HistogramSample, Labels, SampleColumns};

use super::*;

fn text_of(value: Value) -> String {
    let mut body = ResultBody::new(value, b"}}".to_vec());
    let mut all = Vec::new();
    while let Some(chunk) = body.next_chunk() {
        all.extend_from_slice(&chunk);
    }
    String::from_utf8(all).unwrap()
}

fn series(name: &str, samples: &[(i64, f64)]) -> MatrixSeries {
    let mut columns = SampleColumns::default();
    for &(at_ms, value) in samples {
        columns.push(at_ms, value);
    }
    MatrixSeries {
        labels: Labels::from_pairs([("__name__", name)]),
        samples: columns,
        histograms: Vec::new(),
    }
}

#[test]
fn chunks_that_end_anywhere_join_to_one_document() {
    // Names of every length move the ends of chunks over every place of a series.
    let all: Vec<MatrixSeries> = (0..4000)
        .map(|n| series(&"n".repeat(1 + n % 97), &[(1_000, n as f64), (2_000, 0.5)]))
        .collect();
    let text = text_of(Value::Matrix(all));
    assert!(text.len() > 4 * ENCODE_CHUNK_BYTES);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let result = document["data"]["result"].as_array().unwrap();
    assert_eq!(result.len(), 4000);
    assert!(
        result
            .iter()
            .all(|series| series["values"].as_array().unwrap().len() == 2)
    );
}

fn histogram() -> Histogram {
    Histogram {
        zero_threshold: 0.001,
        zero_count: 2.0,
        count: 7.5,
        sum: -3.0,
        positive: Buckets::from_sorted([(0, 1.0), (1, 0.0), (2, 1.5)]),
        negative: Buckets::from_sorted([(1, 3.0)]),
        ..Histogram::default()
    }
}

const HISTOGRAM: &str = r#"{"count":"7.5","sum":"-3","buckets":[[1,"-2","-1","3"],[3,"-0.001","0.001","2"],[0,"0.5","1","1"],[0,"2","4","1.5"]]}"#;

#[test]
fn histograms_show_their_buckets() {
    let mut mixed = series("h", &[(1_000, 1.0), (2_000, 2.0)]);
    mixed.histograms = [3_000, 4_000]
        .map(|at_ms| HistogramSample::new(at_ms, histogram().into()))
        .to_vec();
    let mut only = mixed.clone();
    only.samples.clear();
    only.histograms.truncate(1);
    assert_eq!(
        text_of(Value::Matrix(vec![mixed, only])),
        [
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"h"},"values":[[1,"1"],[2,"2"]],"histograms":[[3,"#,
            HISTOGRAM,
            "],[4,",
            HISTOGRAM,
            r#"]]},{"metric":{"__name__":"h"},"histograms":[[3,"#,
            HISTOGRAM,
            "]]}]}}",
        ]
        .concat()
    );
    let element = VectorSample {
        labels: Labels::empty(),
        at_ms: 1_000,
        value: Point::Histogram(Histogram::default().into()),
    };
    assert_eq!(
        text_of(Value::Vector(vec![element])),
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{"count":"0","sum":"0"}]}]}}"#
    );
}

#[test]
fn histograms_are_split_into_chunks_as_numbers_are() {
    let mut all: Vec<MatrixSeries> = (0..50).map(|n| series(&format!("m{n}"), &[(1, 2.0)])).collect();
    for series in &mut all {
        series.histograms = (2..40)
            .map(|at_ms| HistogramSample::new(at_ms, histogram().into()))
            .collect();
    }
    let text = text_of(Value::Matrix(all));
    assert!(text.len() > 2 * ENCODE_CHUNK_BYTES);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let result = document["data"]["result"].as_array().unwrap();
    let counts = |name: &str| {
        result
            .iter()
            .all(|series| !series[name].as_array().unwrap().is_empty())
    };
    assert!(counts("values") && counts("histograms"));
    assert!(
        result
            .iter()
            .all(|series| series["histograms"].as_array().unwrap().len() == 38)
    );
}

#[test]
fn each_kind_of_value_has_its_shape() {
    let check = |value: Value, data: &str| {
        assert_eq!(text_of(value), format!(r#"{{"status":"success","data":{data}}}"#));
    };
    check(
        Value::Scalar {
            at_ms: 1500,
            value: 2.0,
        },
        r#"{"resultType":"scalar","result":[1.500,"2"]}"#,
    );
    check(
        Value::String {
            at_ms: 1000,
            value: "a\"b".into(),
        },
        r#"{"resultType":"string","result":[1,"a\"b"]}"#,
    );
    check(Value::Vector(vec![]), r#"{"resultType":"vector","result":[]}"#);
    check(
        Value::Matrix(vec![
            series("a", &[(1000, 1.0), (2000, f64::NAN)]),
            series("b", &[]),
        ]),
        concat!(
            r#"{"resultType":"matrix","result":[{"metric":{"__name__":"a"},"values":[[1,"1"],[2,"NaN"]]},"#,
            r#"{"metric":{"__name__":"b"}}]}"#
        ),
    );
}

#[test]
fn a_large_result_comes_in_small_chunks_and_whole() {
    let points: Vec<(i64, f64)> = (0..11_000).map(|i| (i * 1000, i as f64 / 7.0)).collect();
    let value = Value::Matrix((0..5).map(|i| series(&format!("m{i}"), &points)).collect());
    let mut body = ResultBody::new(value, b"}}".to_vec());
    let mut all = Vec::new();
    while let Some(chunk) = body.next_chunk() {
        assert!(chunk.len() < ENCODE_CHUNK_BYTES + 1024);
        all.extend_from_slice(&chunk);
    }
    let read: serde_json::Value = serde_json::from_slice(&all).unwrap();
    for i in 0..5 {
        let values = read["data"]["result"][i]["values"].as_array().unwrap();
        assert_eq!(values.len(), 11_000);
        assert_eq!(
            values[10_999][1].as_str().unwrap().parse::<f64>().unwrap(),
            10_999.0 / 7.0
        );
    }
}
