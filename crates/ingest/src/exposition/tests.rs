//! Bodies line by line: what is read of them, and which are refused where.

use proptest::prelude::*;

use super::*;

fn read(format: Format, body: &str) -> Result<Vec<Entry<'_>>, ParseError> {
    let mut exposition = Exposition::new(format, body);
    let mut entries = Vec::new();
    let mut pairs = LabelPairs::new();
    while let Some(entry) = exposition.next() {
        let entry = entry?;
        if let Entry::Sample(sample) = &entry {
            parse_series(sample.series, format, &mut pairs).map_err(|fault| exposition.error_here(fault))?;
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn labels(format: Format, series: &str) -> Result<String, String> {
    let mut pairs = LabelPairs::new();
    parse_series(series, format, &mut pairs).map_err(|fault| fault.0)?;
    let print = |(name, value): &(Cow<'_, str>, Cow<'_, str>)| [name, "=", value, ";"].concat();
    Ok(pairs.iter().map(print).collect())
}

fn one_sample(format: Format, body: &str) -> Exposed<'_> {
    match read(format, body).unwrap().pop() {
        Some(Entry::Sample(sample)) => sample,
        other => panic!("{body:?}: {other:?}"),
    }
}

#[test]
fn a_text_body_is_read_line_by_line() {
    let body = "# HELP http_requests_total The total\\nnumber with \\\\ and \"quotes\".\n\
                # TYPE http_requests_total counter\n\
                http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n\
                \n# just a comment\n#and another\n\
                metric_without_timestamp_and_labels 12.47\n\
                something_weird{problem=\"division by zero\"} +Inf -3982045\n\
                  spaced { a = \"b\" , c=\"d\", } \t3 \n\
                nan_metric NaN";
    insta::assert_debug_snapshot!(read(Format::Text, body).unwrap());
}

#[test]
fn an_openmetrics_body_is_read_line_by_line() {
    let body = "# TYPE acme_http_router_request_seconds summary\n\
                # UNIT acme_http_router_request_seconds seconds\n\
                # HELP acme_http_router_request_seconds Latency though \\\"all\\\" of it.\n\
                acme_http_router_request_seconds_sum{path=\"/api/v1\"} 9036.32\n\
                acme_http_router_request_seconds_created{path=\"/api/v1\"} 1605281325.0\n\
                # TYPE foo histogram\n\
                foo_bucket{le=\"10\"} 17 1520879607.789 # {trace_id=\"KOO5S4vxi0o\"} 9.8 1520879607.1\n\
                foo_bucket{le=\"+Inf\"} 17 # {} 0.5\n\
                {\"utf8.name\",\"label.name\"=\"x\"} 1\n\
                # EOF\n";
    insta::assert_debug_snapshot!(read(Format::OpenMetrics, body).unwrap());
}

#[test]
fn labels_are_read_in_full() {
    let check = |format, series: &str, expected: &str| {
        assert_eq!(labels(format, series).as_deref(), Ok(expected), "{series}");
    };
    check(Format::Text, "up", "__name__=up;");
    check(Format::Text, "up{}", "__name__=up;");
    check(Format::Text, r#"a{b="c",d="e",}"#, "__name__=a;b=c;d=e;");
    check(Format::Text, r#"a{b="\"\\\n\q"}"#, "__name__=a;b=\"\\\n\\q;");
    check(
        Format::Text,
        r#"{"my.metric","a b"="c"}"#,
        "__name__=my.metric;a b=c;",
    );
    check(Format::Text, r#"{x="1","my.metric"}"#, "__name__=my.metric;x=1;");
    check(Format::Text, r#"a{b="}{,"}"#, "__name__=a;b=}{,;");
    check(Format::OpenMetrics, r#"a:b{c="ü"}"#, "__name__=a:b;c=ü;");
    for (series, expected) in [
        (r#"a{b="1",b="2"}"#, "not unique"),
        (r#"a{__name__="b"}"#, "not unique"),
        (r#"{b="1"}"#, "metric name not set"),
        (r#"a{"b"}"#, "already set"),
        (r#"a{b="1" c="2"}"#, "comma or closing brace"),
        (r#"a{ b="1"}"#, "expected label name"),
        (r#"a{1b="1"}"#, "expected label name"),
        (r#"{""}"#, "metric name not set"),
    ] {
        let error = labels(Format::OpenMetrics, series).unwrap_err();
        assert!(error.contains(expected), "{series}: {error}");
    }
}

#[test]
fn a_name_that_comes_twice_is_found_among_very_many() {
    // Each compared with all before it, these are five billion comparisons.
    let many: Vec<String> = (0..100_000).map(|label| format!("a{label}=\"\"")).collect();
    let many = many.join(",");
    assert!(labels(Format::Text, &format!("a{{{many}}}")).is_ok());
    let doubled = labels(Format::Text, &format!("a{{{many},a7=\"\"}}")).unwrap_err();
    assert!(doubled.contains("\"a7\" is not unique"), "{doubled}");
}

#[test]
fn numbers_are_those_of_go() {
    let text = |value: &str| read(Format::Text, &format!("a {value}\n")).is_ok();
    for value in [
        "1", "-1.5e3", "+Inf", "-Inf", "inf", "infinity", "NaN", "nan", "1.", ".5",
    ] {
        assert!(text(value), "{value}");
    }
    for value in [
        "", "0x1p-3", "1_000", "+NaN", "-nan", "1e999", "true", "1,5", "--1", "1 2.5", "1 2 3",
    ] {
        assert!(!text(value), "{value}");
    }
    assert!(!model::is_stale(one_sample(Format::Text, "a NaN\n").value));
    assert_eq!(
        one_sample(Format::OpenMetrics, "a 1 -1.0015\n# EOF\n").at_ms,
        Some(-1001)
    );
}

#[test]
fn errors_name_the_line() {
    let check = |format, body: &str, line: usize, expected: &str| {
        let error = read(format, body).unwrap_err();
        assert!(
            error.line == line && error.reason.contains(expected),
            "{body:?}: {error}"
        );
    };
    check(Format::Text, "a 1\nb{c=\"d\"} x\n", 2, "\"x\" is not a number");
    check(
        Format::Text,
        "a 1\n\n# HELP ok\nb{c=d} 1\n",
        4,
        "expected label value",
    );
    check(
        Format::Text,
        "# TYPE a countr\n",
        1,
        "invalid metric type \"countr\"",
    );
    check(
        Format::OpenMetrics,
        "a 1\n\n# EOF\n",
        2,
        "expected a valid start token",
    );
    check(Format::OpenMetrics, "a 1\nb 2\n", 3, "does not end with # EOF");
    check(Format::OpenMetrics, "a 1\r\n# EOF\n", 1, "not a number");
}

#[test]
fn only_plain_comments_may_hold_other_bytes_than_utf8() {
    assert!(body_text(b"# caf\xe9\na 1\n").is_ok());
    let check = |body: &[u8], line| assert_eq!(body_text(body).unwrap_err().line, line, "{body:?}");
    check(b"a 1\n# HELP a caf\xe9\n", 2);
    check(b"a{b=\"\xff\"} 1\n", 1);
}

proptest! {
    #[test]
    fn no_text_panics(body in "(?s).{0,200}") {
        let _ = read(Format::Text, &body);
        let _ = read(Format::OpenMetrics, &body);
    }

    #[test]
    fn no_near_miss_panics(parts in proptest::collection::vec(
        prop_oneof![
            Just("a"), Just("{"), Just("}"), Just("\""), Just("\\"), Just("="), Just(","), Just(" "), Just("\n"),
            Just("# "), Just("EOF"), Just("HELP "), Just("TYPE "), Just("1"), Just("b=\"c\""), Just("ü"), Just("\0"),
        ], 0..40,
    )) {
        let body = parts.concat();
        let _ = read(Format::Text, &body);
        let _ = read(Format::OpenMetrics, &body);
    }

    #[test]
    fn labels_survive_printing_and_parsing(
        name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,20}",
        pairs in proptest::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,8}|[^\\\\\"\n]{1,8}", "(?s).{0,20}", 0..5),
        value in any::<f64>().prop_filter("numbers", |value| !value.is_nan()),
    ) {
        let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let inside: Vec<String> =
            pairs.iter().map(|(name, value)| format!("\"{name}\"=\"{}\"", escape(value))).collect();
        let line = format!("{name}{{{}}} {}\n", inside.join(","), model::number::format_float(value));
        for (format, body) in [(Format::Text, line.clone()), (Format::OpenMetrics, format!("{line}# EOF\n"))] {
            let sample = one_sample(format, &body);
            prop_assert_eq!(sample.value.to_bits(), value.to_bits());
            let mut found = LabelPairs::new();
            prop_assert!(parse_series(sample.series, format, &mut found).is_ok() || pairs.contains_key("__name__"));
            if !pairs.contains_key("__name__") {
                let expected = std::iter::once(("__name__", name.as_str()))
                    .chain(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
                prop_assert!(found.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).eq(expected));
            }
        }
    }
}
