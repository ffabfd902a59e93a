//! Each form of an answer, as it is printed.

use super::answer::{Row, rows_of};
use super::*;

fn rows(data: &str) -> Vec<Row> {
    let body = format!(r#"{{"status":"success","data":{data}}}"#);
    let envelope: Envelope = serde_json::from_str(&body).unwrap();
    rows_of(envelope.data.unwrap())
}

const VECTOR: &str = r#"{"resultType":"vector","result":[
    {"metric":{"__name__":"up","job":"node"},"value":[1700000000.5,"1"]},
    {"metric":{"__name__":"up","job":"a, \"b\""},"value":[1700000000.5,"-0.25"]}]}"#;
const MATRIX: &str = r#"{"resultType":"matrix","result":[
    {"metric":{},"values":[[0,"1"],[60,"NaN"]]},{"metric":{"a":"b"},"values":[[60,"12.5"]]}]}"#;
const HISTOGRAMS: &str = r#"{"resultType":"matrix","result":[
    {"metric":{"__name__":"h"},"values":[[60,"3"]],"histograms":[[0,{"count":"4","sum":"5.5","buckets":[
        [3,"-0.001","0.001","1"],[1,"-1","-0.5","1"],[0,"0.5","1","2"]]}]]}]}"#;

#[test]
fn tables_have_a_head_and_columns() {
    insta::assert_snapshot!(table::table(&rows(VECTOR)), @r#"
    SERIES              TIME                    VALUE
    up{job="node"}      2023-11-14T22:13:20.5Z      1
    up{job="a, \"b\""}  2023-11-14T22:13:20.5Z  -0.25
    "#);
    insta::assert_snapshot!(table::table(&rows(MATRIX)), @r#"
    SERIES   TIME                  VALUE
    {}       1970-01-01T00:00:00Z      1
             1970-01-01T00:01:00Z    NaN
    {a="b"}  1970-01-01T00:01:00Z   12.5
    "#);
    insta::assert_snapshot!(table::table(&rows(HISTOGRAMS)), @r#"
    SERIES  TIME                  VALUE
    h{}     1970-01-01T00:00:00Z  {count:4, sum:5.5, [-0.001,0.001]:1, [-1,-0.5):1, (0.5,1]:2}
            1970-01-01T00:01:00Z  3
    "#);
    insta::assert_snapshot!(table::table(&rows(r#"{"resultType":"scalar","result":[0,"3"]}"#)), @r#"
    SERIES  TIME                  VALUE
            1970-01-01T00:00:00Z      3
    "#);
    assert_eq!(
        table::table(&rows(r#"{"resultType":"vector","result":[]}"#)),
        "no series\n"
    );
}

#[test]
fn csv_quotes_what_needs_it() {
    insta::assert_snapshot!(table::csv(&rows(VECTOR)), @r#"
    series,time,value
    "up{job=""node""}",2023-11-14T22:13:20.5Z,1
    "up{job=""a, \""b\""""}",2023-11-14T22:13:20.5Z,-0.25
    "#);
    insta::assert_snapshot!(table::csv(&rows(MATRIX)), @r#"
    series,time,value
    "{}",1970-01-01T00:00:00Z,1
    "{}",1970-01-01T00:01:00Z,NaN
    "{a=""b""}",1970-01-01T00:01:00Z,12.5
    "#);
    insta::assert_snapshot!(table::csv(&rows(HISTOGRAMS)), @r#"
    series,time,value
    "h{}",1970-01-01T00:00:00Z,"{count:4, sum:5.5, [-0.001,0.001]:1, [-1,-0.5):1, (0.5,1]:2}"
    "h{}",1970-01-01T00:01:00Z,3
    "#);
}

#[test]
fn times_are_rfc_3339_or_seconds() {
    assert_eq!(read_time("1700000000.5").unwrap(), 1_700_000_000_500);
    assert_eq!(read_time("2023-11-14T22:13:20Z").unwrap(), 1_700_000_000_000);
    assert!(read_time("yesterday").is_err());
    assert_eq!(seconds(1_700_000_000_005), "1700000000.005");
}

#[test]
fn a_range_has_a_step_and_a_graph_a_range() {
    use clap::Parser;

    let when = |arguments: &[&str]| {
        let all = ["watchkeeper", "query", "up"]
            .into_iter()
            .chain(arguments.iter().copied());
        let Some(crate::cli::Command::Query(args)) = crate::cli::Cli::parse_from(all).command else {
            unreachable!("it says query");
        };
        read_when(&args, 10_000_000)
    };
    assert_eq!(when(&[]).unwrap(), When::At { at_ms: 10_000_000 });
    assert_eq!(when(&["--at", "7"]).unwrap(), When::At { at_ms: 7_000 });
    let range = |from_ms, to_ms, step_ms| When::Range {
        from_ms,
        to_ms,
        step_ms,
    };
    assert_eq!(
        when(&["-o", "graph"]).unwrap(),
        range(6_400_000, 10_000_000, 14_400)
    );
    assert_eq!(
        when(&["--from", "0", "--to", "100"]).unwrap(),
        range(0, 100_000, 1_000)
    );
    assert_eq!(
        when(&["--from", "0", "--step", "1m"]).unwrap(),
        range(0, 10_000_000, 60_000)
    );
    assert!(when(&["--from", "9", "--to", "8"]).is_err());
}
