//! Stages one by one and together.

use model::Labels;
use proptest::prelude::*;

use super::*;
use crate::ast::Expr;

/// The line and the labels that come of a line, or nothing where it is filtered out.
fn run(stages: &str, line: &str) -> Option<(String, Vec<String>)> {
    let Ok(Expr::Log(log)) = crate::parse(&format!("{{app=\"a\"}} {stages}")) else {
        panic!("{stages} is no pipeline")
    };
    let mut fields = Fields::new();
    let mut pipeline = Pipeline::new(&log.stages, &mut fields, 0).unwrap();
    fields.start_stream(&Labels::from_pairs([("app", "a"), ("zone", "eu")]));
    fields.start_line(&[("trace", "t1")]);
    let line = pipeline
        .run(1_500_000_000_123_456_789, line, &mut fields)?
        .into_owned();
    let mut labels: Vec<String> = fields
        .iter()
        .map(|(name, value, _)| (name, value))
        .chain(fields.errors())
        .map(|(name, value)| format!("{}={value}", fields.names.name(name)))
        .collect();
    labels.sort();
    Some((line, labels))
}

fn labels(stages: &str, line: &str, expected: &[&str]) {
    let found = run(stages, line).map(|(_, labels)| labels);
    let mut all: Vec<String> = expected.iter().map(|label| (*label).to_owned()).collect();
    all.extend(["app=a".to_owned(), "zone=eu".to_owned(), "trace=t1".to_owned()]);
    all.sort();
    assert_eq!(found, Some(all), "{stages} of {line}");
}

fn formatted(template: &str, line: &str, expected: &str) {
    let found = run(&format!("| logfmt | line_format `{template}`"), line).map(|(line, _)| line);
    assert_eq!(found.as_deref(), Some(expected), "{template}");
}

#[test]
fn fields_of_json() {
    labels(
        "| json",
        r#"{"a": {"b c": 1, "d": {"e": true}}, "f": [1], "g": null}"#,
        &["a_b_c=1", "a_d_e=true"],
    );
    labels(
        "| json",
        r#"{"zone": "p", "trace": 5, "0x": "\u00e4\n"}"#,
        &["zone_extracted=p", "trace_extracted=5", "_0x=ä\n"],
    );
    labels(
        "| json",
        r#"{"a": 1, oops"#,
        &[
            "a=1",
            "__error__=JSONParserErr",
            "__error_details__=a key of a JSON object is missing or not in quotes",
        ],
    );
    labels(
        r#"| json x="a.b[1]", y="q""#,
        r#"{"a": {"b": [1, "z"]}}"#,
        &["x=z", "y="],
    );
    labels("| unpack", r#"{"a": "1", "b": 2, "_entry": "it"}"#, &["a=1"]);
}

#[test]
fn fields_of_logfmt() {
    labels("| logfmt", r#"a=1 b="x \"y\"" c= d"#, &["a=1", "b=x \"y\""]);
    labels("| logfmt --keep-empty", "c= d", &["c=", "d="]);
    labels("| logfmt", r#"a=1 b="no end"#, &["a=1"]);
    labels("| logfmt a, x=\"b\"", "b=2 c=3", &["a=", "x=2"]);
}

#[test]
fn labels_come_and_go() {
    labels(
        "| logfmt | drop a, b=\"2\" | label_format d=c",
        "a=1 b=2 c=3",
        &["d=3"],
    );
    labels(
        "| logfmt | label_format a=\"{{.b}}\", b=\"{{.a}}\"",
        "a=1 b=2",
        &["a=2", "b=1"],
    );
    labels(
        "| logfmt | a > 5 | drop __error__, __error_details__",
        "a=x",
        &["a=x"],
    );
    let kept = run("| logfmt | keep app, a", "a=1 b=2").map(|(_, labels)| labels);
    assert_eq!(kept, Some(vec!["a=1".to_owned(), "app=a".to_owned()]));
}

#[test]
fn templates() {
    let line = "a=5 b=Hello c=2048 d=1.5s u=a%20b j=7";
    for (template, expected) in [
        ("{{.b}} {{.none}}{{.app}}", "Hello a"),
        ("{{.b | lower | trunc 3}}", "hel"),
        ("{{ add .a 1 .j }} {{ divf 1 4 }} {{ mod 7 4 }}", "13 0.25 3"),
        ("{{ substr 1 3 .b }} {{ replace \"l\" \"L\" .b }}", "el HeLLo"),
        ("{{ .u | urldecode }} {{ b64enc .b }}", "a b SGVsbG8="),
        ("{{ if contains \"ell\" .b }}y{{ else }}n{{ end }}", "y"),
        ("{{ default \"x\" .none }} {{ .d | duration }}", "x 1.5"),
        ("{{ alignLeft 3 .b }}|{{ alignRight 6 .b }}", "Hel| Hello"),
        (
            "{{ regexReplaceAll \"l+\" .b \"<$0>\" }} {{ count \"l\" .b }}",
            "He<ll>o 2",
        ),
        (
            "{{ __timestamp__ | date \"2006-01-02T15:04:05.000Z07:00\" }}",
            "2017-07-14T02:40:00.123+00:00",
        ),
        (
            "{{ __timestamp__ | unixEpoch }} {{ len __line__ }}",
            "1500000000 37",
        ),
        ("{{ (fromJson \"{\\\"x\\\": [1, \\\"y\\\"]}\").x }}", "[1 y]"),
        ("{{ round 2.567 1 }} {{ ceil 1.2 }} {{ int .c }}", "2.6 2 2048"),
        (
            "{{ toDate \"2006-01-02\" \"2021-11-02\" | unixEpoch }}",
            "1635811200",
        ),
    ] {
        formatted(template, line, expected);
    }
}

#[test]
fn nothing_is_replaced_for_which_there_is_no_room() {
    // Terabytes, were they made.
    for call in [
        r#"replace "a" $x $x"#,
        r#"Replace $x "" $x -1"#,
        r#"regexReplaceAll "a" $x $x"#,
        r#"regexReplaceAllLiteral "" $x $x"#,
        r#"regexReplaceAll "a+" $x (replace "a" "$0" $x)"#,
    ] {
        let doubled = "{{ $x := \"a\" }}{{ range 20 }}{{ $x = print $x $x }}{{ end }}";
        let (_, labels) = run(&format!("| line_format `{doubled}{{{{ {call} }}}}`"), "line").unwrap();
        let details = labels.iter().find(|label| label.starts_with("__error_details__"));
        let details = details.map_or("", String::as_str);
        assert!(
            details.contains("more than 16777216 bytes of text"),
            "{call}: {details}"
        );
    }
}

#[test]
fn what_a_template_looks_for_is_compiled_once() {
    // Each of these takes a while to compile.
    let look = r#"{{ count "\\w{100}" __line__ }}{{ regexReplaceAll "\\d{100}" "" "" }}"#;
    let text = format!("| line_format `{{{{ range 15000 }}}}{look}{{{{ end }}}}`");
    let (line, labels) = run(&text, "line").unwrap();
    assert!(line.len() == 15_000, "{labels:?}");
}

#[test]
fn line_filters_come_first() {
    let Ok(Expr::Log(log)) =
        crate::parse(r#"{a="b"} |= "1" | json | x="1" |= "2" | line_format "y" |= "3" | logfmt |= "4""#)
    else {
        panic!("no pipeline")
    };
    let order: Vec<String> = in_order(&log.stages)
        .into_iter()
        .map(ToString::to_string)
        .collect();
    let expected = [
        r#"|= "1""#,
        r#"|= "2""#,
        "| json",
        r#"| x="1""#,
        r#"| line_format "y""#,
        r#"|= "3""#,
        r#"|= "4""#,
        "| logfmt",
    ];
    assert_eq!(order, expected);
    assert_eq!(holds(&log.stages), [["1"], ["2"]]);
}

#[test]
fn escape_sequences_of_terminals_go() {
    let check = |line: &str, expected: &str| {
        let found = run("| decolorize", line).map(|(line, _)| line);
        assert_eq!(found.as_deref(), Some(expected), "{line:?}");
    };
    check("plain [31m", "plain [31m");
    check("\u{1b}[1;31mred\u{1b}[0m, \u{9b}32mgreen\u{9b}m", "red, green");
    check("\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\", "link");
    check("a\u{1b}[2K\u{1b}7b\u{1b}(Bc", "abc");
}

const PIPELINES: [&str; 8] = [
    "| json",
    "| logfmt --strict",
    "| unpack",
    "| json a=\"b.c[0]\" | logfmt x=\"y\"",
    "| pattern `<a> <_>=<b>` | decolorize",
    "|= ip(\"1.0.0.0/8\") | regexp `(?P<a>\\S+)`",
    "| json | a > 5 | b > 5s | c > 5KB | line_format `{{.a}} {{.b | upper}}`",
    "|> `<_>a<_>` | keep a",
];

proptest! {
    #[test]
    fn no_line_panics(
        parts in proptest::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", "\"", "\\", "a", ":", ",", "=", " ", "1", "\\u00", "d83d", "é", "\u{1b}[31m", "_entry", "true", "::1", ".",
        ]), 0..30),
        stages in prop::sample::select(PIPELINES.to_vec()),
    ) {
        let _ = run(stages, &parts.concat());
    }
}
