//! Lines good and bad, against what InfluxDB's reference says of them.

use proptest::prelude::*;

use super::*;

const NOW_MS: i64 = 1_700_000_000_123;

fn take(body: &str, precision: Precision, database: &str) -> (Vec<String>, Lines) {
    let frame = Frame {
        precision,
        now_ms: NOW_MS,
        database,
    };
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    let outcome = read(body.as_bytes(), &frame, &mut batch).unwrap();
    let print = |(series, samples): (&Series, &[model::Sample])| {
        format!("{} {} @{}", series.labels(), samples[0].value, samples[0].at_ms)
    };
    (batch.iter().map(print).collect(), outcome)
}

fn rows(body: &str) -> Vec<String> {
    let (rows, outcome) = take(body, Precision::Nanoseconds, "");
    assert_eq!(outcome.faults, []);
    rows
}

#[test]
fn fields_become_series_and_tags_become_labels() {
    let body = "cpu,host=a,cpu=cpu0 usage_idle=98.5,usage_user=1i,up=true,name=\"x\" 1700000000123456789\n\
                # a comment\n\n\
                load value=2u\r\n\
                bare,host=b value=-1.5e3,other=F 1\n";
    let (rows, outcome) = take(body, Precision::Nanoseconds, "telegraf");
    let expected = [
        r#"cpu_usage_idle{cpu="cpu0", db="telegraf", host="a"} 98.5 @1700000000123"#,
        r#"cpu_usage_user{cpu="cpu0", db="telegraf", host="a"} 1 @1700000000123"#,
        r#"cpu_up{cpu="cpu0", db="telegraf", host="a"} 1 @1700000000123"#,
        r#"load{db="telegraf"} 2 @1700000000123"#,
        r#"bare{db="telegraf", host="b"} -1500 @0"#,
        r#"bare_other{db="telegraf", host="b"} 0 @0"#,
    ];
    assert_eq!(rows, expected);
    assert_eq!((outcome.lines, outcome.samples, outcome.texts_skipped), (3, 6, 1));
    // A tag of that name is the writer's own word.
    assert_eq!(
        take("m,db=own value=1 1", Precision::Seconds, "given").0,
        [r#"m{db="own"} 1 @1000"#]
    );
}

#[test]
fn escapes_are_undone_where_they_are_escapes() {
    let check =
        |line: &str, expected: &str| assert_eq!(rows(&format!("{line} 0")), [format!("{expected} 1 @0")]);
    check(r"my\ name\,x value=1", r#"{"my name,x"}"#);
    check(r"m=n value=1", r#"{"m=n"}"#);
    check(r"m,t\ a\,g\=s=v\ a\,l\=u value=1", r#"m{"t a,g=s"="v a,l=u"}"#);
    check(r"m,path=C:\dir\\x value=1", r#"m{path="C:\\dir\\\\x"}"#);
    check(r"m field\ name=1", r#"{"m_field name"}"#);
    check("m,t=\"quoted\" value=1", r#"m{t="\"quoted\""}"#);
    check("m,t=日本 value=1", "m{t=\"日本\"}");
    // Texts may hold anything, line ends too.
    assert_eq!(
        rows("m s=\"a, b=c \\\" \\\\\",value=1 0\nn value=2 0"),
        ["m{} 1 @0", "n{} 2 @0"]
    );
    assert_eq!(
        rows("m s=\"one\ntwo\",value=1 0\nn value=2 0"),
        ["m{} 1 @0", "n{} 2 @0"]
    );
}

#[test]
fn texts_without_an_end_cost_their_line_once() {
    // A line of them that is looked through to the end of the body takes minutes for all.
    let (rows, outcome) = take(&"\" =\"\n".repeat(400_000), Precision::Nanoseconds, "");
    assert_eq!((rows.len(), outcome.lines_refused), (0, 400_000));
    // What lies behind is read as before.
    let (rows, outcome) = take(
        "m s=\"a\nm value=1 0\nm s=\"b\nm value=2 0",
        Precision::Nanoseconds,
        "",
    );
    assert_eq!(rows, ["m{} 2 @0"]);
    assert_eq!(outcome.lines_refused, 1);
    let (rows, outcome) = take("m s=\"a\nm value=1 0\nm value=2 0", Precision::Nanoseconds, "");
    assert_eq!(rows, ["m{} 1 @0", "m{} 2 @0"]);
    assert_eq!(outcome.lines_refused, 1);
}

#[test]
fn tags_count_for_every_field_of_their_line() {
    let line = |fields: usize| format!("m,t={} {}f=1 0", "x".repeat(100_000), "f=1,".repeat(fields - 1));
    let frame = Frame {
        precision: Precision::Nanoseconds,
        now_ms: NOW_MS,
        database: "",
    };
    let read = |body: String| read(body.as_bytes(), &frame, &mut SeriesBatch::new(TenantId::DEFAULT));
    assert_eq!(read(line(100)).unwrap().samples, 100);
    let refused = read(line(25_000)).unwrap_err().to_string();
    assert_eq!(
        refused,
        "the body has more than 268435456 bytes of samples and labels; send smaller batches"
    );
}

#[test]
fn time_is_counted_as_the_request_says() {
    let check = |precision: &str, written: &str, at_ms: i64| {
        let precision = Precision::parse(precision).unwrap();
        let (rows, outcome) = take(&format!("m value=1 {written}"), precision, "");
        assert_eq!(outcome.faults, []);
        assert_eq!(rows, [format!("m{{}} 1 @{at_ms}")]);
    };
    check("", "1999999", 1);
    check("ns", "-1", -1);
    check("us", "1500", 1);
    check("u", "1500", 1);
    check("ms", "1500", 1500);
    check("s", "2", 2_000);
    check("m", "2", 120_000);
    check("h", "2", 7_200_000);
    check("s", "", NOW_MS);
    assert_eq!(Precision::parse("days"), None);
}

#[test]
fn a_faulty_line_costs_itself_alone_and_is_named() {
    let body =
        "good value=1 1\nbad\n  also,bad= value=1\nm value=1 2 3\nm s=\"open value=1 1\nlast value=2 1\n";
    let (rows, outcome) = take(body, Precision::Seconds, "");
    assert_eq!(rows, ["good{} 1 @1000", "last{} 2 @1000"]);
    assert_eq!((outcome.lines, outcome.lines_refused), (2, 4));
    let told: Vec<String> = outcome.faults.iter().map(ToString::to_string).collect();
    let expected = [
        "line 2, column 4: missing fields in 'bad'",
        "line 3, column 12: missing tag value in '  also,bad= value=1'",
        "line 4, column 13: unexpected text behind the timestamp in 'm value=1 2 3'",
        "line 5, column 5: unbalanced quotes in 'm s=\"open value=1 1'",
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_is_no_line_is_refused() {
    let check = |line: &str, column: usize, expected: &str| {
        let (rows, outcome) = take(line, Precision::Seconds, "");
        assert_eq!(rows, Vec::<String>::new(), "{line}");
        let fault = outcome.faults.first().unwrap();
        assert!(
            fault.reason.contains(expected) && fault.column == column,
            "{line}: {fault}"
        );
    };
    check(",t=v value=1", 1, "missing measurement");
    check("m,=v value=1", 3, "missing tag key");
    check("m,t value=1", 4, "missing tag value");
    check("m,t=v=w value=1", 6, "needs a backslash");
    check("m,__name__=x value=1", 3, "taken by the measurement");
    check("m =1", 3, "missing field key");
    check("m a", 4, "missing field value");
    check("m a=", 5, "missing field value");
    check("m a=1,", 7, "missing field key");
    for value in [
        "NaN",
        "inf",
        "+Inf",
        "1.5i",
        "-1u",
        "9223372036854775808i",
        "yes",
        "1e999",
        "0x1",
        "1 x",
        "--1",
    ] {
        let (rows, outcome) = take(&format!("m a={value}"), Precision::Seconds, "");
        assert!(rows.is_empty() && outcome.lines_refused == 1, "{value}");
    }
    check("m a=\"x\"y", 8, "comma or a blank");
    check("m a=1 9223372036854775807", 7, "out of range");
    let frame = Frame {
        precision: Precision::Seconds,
        now_ms: 0,
        database: "",
    };
    let outcome = read(
        b"m,t=\xff value=1\nm value=1",
        &frame,
        &mut SeriesBatch::new(TenantId::DEFAULT),
    )
    .unwrap();
    assert_eq!(
        (outcome.lines, outcome.faults[0].reason.as_str()),
        (1, "the line is not UTF-8")
    );
}

#[test]
fn only_the_first_faults_are_named() {
    let body = "bad\n".repeat(INFLUX_FAULTS_NAMED_MAX + 5);
    let (_, outcome) = take(&body, Precision::Seconds, "");
    assert_eq!(outcome.lines_refused as usize, INFLUX_FAULTS_NAMED_MAX + 5);
    assert_eq!(outcome.faults.len(), INFLUX_FAULTS_NAMED_MAX);
}

/// Escapes as client libraries do.
fn escaped(text: &str, specials: &[char]) -> String {
    text.chars()
        .flat_map(|char| specials.contains(&char).then_some('\\').into_iter().chain([char]))
        .collect()
}

proptest! {
    #[test]
    fn no_text_panics(body in "(?s).{0,200}") {
        let (rows, outcome) = take(&body, Precision::Seconds, "db");
        prop_assert_eq!(rows.len() as u64, outcome.samples);
    }

    #[test]
    fn no_near_miss_panics(parts in proptest::collection::vec(
        prop_oneof![
            Just("m"), Just(","), Just(" "), Just("="), Just("\""), Just("\\"), Just("\n"), Just("1"), Just("1i"),
            Just("t=v"), Just("value=1"), Just("#"), Just("\r"), Just("ü"),
        ], 0..30,
    )) {
        take(&parts.concat(), Precision::Seconds, "db");
    }

    #[test]
    fn what_is_written_reads_back(
        measurement in "[^\\\\\r\n# \t][^\\\\\r\n]{0,10}",
        tags in proptest::collection::btree_map("[^\\\\\r\n]{1,8}", "[^\\\\\r\n]{1,8}", 0..4),
        field in "[^\\\\\r\n]{1,8}",
        text in "(?s).{0,12}",
        value in any::<f64>().prop_filter("finite", |value| value.is_finite()),
        at_ms in -1_000_000_000_000..10_000_000_000_000_i64,
    ) {
        prop_assume!(field != "value" && !tags.contains_key(METRIC_NAME));
        let mut line = escaped(&measurement, &[',', ' ']);
        for (name, value) in &tags {
            line.extend([",", &escaped(name, &[',', '=', ' ']), "=", &escaped(value, &[',', '=', ' '])]);
        }
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        let field_written = escaped(&field, &[',', '=', ' ']);
        let line = format!("{line} s=\"{quoted}\",{field_written}={value} {at_ms}");
        let (rows, outcome) = take(&format!("{line}\nnext value=1 0\n"), Precision::Milliseconds, "");
        prop_assert_eq!(&outcome.faults, &[]);
        let mut expected = LabelsBuilder::default();
        for (name, value) in &tags {
            expected.set(name, value);
        }
        expected.set(METRIC_NAME, format!("{measurement}_{field}"));
        prop_assert_eq!(&rows, &[format!("{} {value} @{at_ms}", expected.build()), "next{} 1 @0".to_owned()]);
    }
}
