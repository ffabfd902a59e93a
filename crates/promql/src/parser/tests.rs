//! What the parser refuses, and that printing and parsing again changes nothing.

use proptest::prelude::*;

use super::parse;
use crate::limits;

fn check_error(source: &str, expected: &str) {
    assert_eq!(parse(source).unwrap_err().to_string(), expected, "{source}");
}

fn check_print(source: &str, expected: &str) {
    assert_eq!(parse(source).unwrap().to_string(), expected, "{source}");
}

#[test]
fn errors_name_the_place() {
    check_error("", "1:1: parse error: no expression found in input");
    check_error("1 +", "1:4: parse error: unexpected end of input");
    check_error(
        "sum(\n  foo",
        "2:6: parse error: unexpected end of input in function call, expected \",\"",
    );
    check_error(
        "rate(foo)",
        "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
    );
    check_error(
        "irat(foo[5m])",
        "1:1: parse error: unknown function with name \"irat\", did you mean \"irate\"?",
    );
    check_error(
        "{job=~\".*\"}",
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    );
}

#[test]
fn operators_bind_as_in_prometheus() {
    let check_same = |source: &str, same: &str| {
        let value = |text: &str| {
            let expr = parse(text).unwrap();
            let store = testkit::MemorySeries::new();
            crate::instant(&expr, store.as_ref(), 0, &crate::Options::default())
                .unwrap()
                .value
        };
        assert_eq!(value(source), value(same), "{source}");
    };
    check_same("-2 ^ 2", "-4");
    check_same("2 ^ 3 ^ 2", "512");
    check_same("1 - 2 - 3", "-4");
    check_same("10 % 4 * 3", "6");
    check_same("1 + 2 == bool 3", "1");
    check_same("0755", "493");
    check_same("0x1p4", "16");
    check_same("1_000", "1000");
    check_same("1h30m", "5400");
}

#[test]
fn canonical_form() {
    check_print("SUM(foo) BY (b,a)", "sum by (b, a) (foo)");
    check_print("{\"my.metric\", \"a.b\"=\"c\"}", "{\"my.metric\",\"a.b\"=\"c\"}");
    check_print("{__name__=\"up\"}", "{__name__=\"up\"}");
    check_print("{__name__=~\"u.\", \"up\"}", "{\"up\",__name__=~\"u.\"}");
    check_print("{\"up\",__name__=~\"u.\"}", "{\"up\",__name__=~\"u.\"}");
    for word in ["bool", "ON", "ignoring", "group_left", "group_right", "atan2"] {
        let quoted = format!("{{{word:?}}}");
        check_print(&quoted, &quoted);
    }
    check_print("Inf^2", "Inf ^ 2");
    check_print("a ^ Inf ^ 2", "a ^ Inf ^ 2");
    check_print("vector(1) / -0s", "vector(1) / -0s");
    check_print("a offset -0.0001", "a offset -0s");
    check_print("a + fill_left (NaN) fill_right (-NaN) b", "a + fill (NaN) b");
    check_print("foo[90s:]offset -5", "foo[1m30s:] offset -5s");
    check_print("a * on (x) group_left b", "a * on (x) group_left () b");
    check_print("foo{b='x',a=~\"y\"} @ 1.5", "foo{a=~\"y\",b=\"x\"} @ 1.500");
}

#[test]
fn metric_names_of_selectors() {
    let names = |source: &str| parse(source).unwrap().metric_names();
    assert_eq!(
        names("rate(b[5m]) / on (x) {__name__=\"a\"}"),
        Some(vec!["a".to_owned(), "b".to_owned()])
    );
    assert_eq!(names("a + {job=\"x\"}"), None);
    assert_eq!(names("1"), Some(Vec::new()));
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("(", ")"), ("-", ""), ("abs(", ")"), ("sum(", ")")] {
        let count = 100_000;
        let source = format!("{}foo{}", open.repeat(count), close.repeat(count));
        let error = parse(&source).unwrap_err().to_string();
        assert!(error.contains("deeper"), "{error}");
    }
    let chain = vec!["a"; limits::OPERATORS_MAX + 2].join(" + ");
    assert!(parse(&chain).unwrap_err().to_string().contains("operators"));
}

#[test]
fn regular_expressions_of_an_expression_have_a_bound_together() {
    let many =
        |pattern: &str, count: usize| format!("x{{{}}}", vec![format!("a=~{pattern:?}"); count].join(","));
    let error = parse(&many(r"\pL{18}", 300)).unwrap_err().to_string();
    assert!(error.contains("more than 16 MiB together"), "{error}");
    parse(&many(r"\w{18}.+", 300)).unwrap();
}

#[test]
fn the_deepest_expressions_read_back() {
    // Two levels a parenthesis.
    let levels = (limits::NESTING_MAX - 1) / 2;
    for inner in [
        "Inf",
        "-Inf",
        "+Inf",
        "-NaN",
        "--1",
        "1 ^ -Inf",
        "a * Inf",
        "-a",
        "-Inf ^ 2",
        "vector(Inf)",
        "a[1m:-(-5m)]",
        "a offset -(5)",
    ] {
        let nested = |levels: usize| format!("{}{inner}{}", "(".repeat(levels), ")".repeat(levels));
        let deepest = (0..=levels).rev().find_map(|levels| parse(&nested(levels)).ok());
        let printed = deepest.unwrap().to_string();
        assert_eq!(parse(&printed).unwrap().to_string(), printed);
    }
    assert!(parse(&format!("{}Inf{}", "(".repeat(levels), ")".repeat(levels))).is_ok());
}

#[test]
fn expressions_that_print_too_long_are_refused() {
    let quoted = |signs: usize| format!("a{{b='{}'}}", "\"".repeat(signs));
    let half = limits::EXPRESSION_BYTES_MAX / 2 - 10;
    let printed = parse(&quoted(half)).unwrap().to_string();
    assert_eq!(parse(&printed).unwrap().to_string(), printed);
    let error = parse(&quoted(half + 10)).unwrap_err().to_string();
    assert!(error.contains("canonical form"), "{error}");
}

#[test]
fn lines_are_broken_in_one_walk() {
    // Hundreds of levels around 300 KB, of which each would be copied, sorted and quoted anew at every level.
    let matchers: Vec<String> = (0..20_000)
        .map(|place| format!("m{place}=\"x{place}\""))
        .collect();
    let mut text = format!("a{{{}}}", matchers.join(","));
    for level in 0..60 {
        text = format!("abs({text} + {level} - a)");
    }
    let expr = parse(&text).unwrap();
    let pretty = expr.pretty();
    assert!(pretty.len() < 2 * text.len(), "{}", pretty.len());
    assert_eq!(parse(&pretty).unwrap().to_string(), expr.to_string());
}

#[test]
fn broken_lines_read_back() {
    for (text, expected) in [
        ("Inf ^ metric_of_some_length", "  Inf\n^\n  metric_of_some_length"),
        ("-(metric_a + metric_b)", "-(\n    metric_a\n  +\n    metric_b\n)"),
        ("-metric_a ^ metric_b", "-metric_a\n^\n  metric_b"),
        ("abs(-metric_a)", "abs(\n  -metric_a\n)"),
    ] {
        let expr = parse(text).unwrap();
        let pretty = expr.pretty_within(10);
        assert_eq!(pretty, expected);
        assert_eq!(parse(&pretty).unwrap().to_string(), expr.to_string());
    }
}

#[test]
fn the_longest_chain_is_evaluated() {
    let chain = vec!["1"; limits::OPERATORS_MAX].join(" + ");
    let expr = parse(&chain).unwrap();
    let store = testkit::MemorySeries::new();
    let answer = crate::instant(&expr, store.as_ref(), 0, &crate::Options::default()).unwrap();
    let value = limits::OPERATORS_MAX as f64;
    assert_eq!(answer.value, crate::Value::Scalar { at_ms: 0, value });
}

proptest! {
    #[test]
    fn no_text_panics(source in ".{0,200}") {
        let _ = parse(&source);
    }

    #[test]
    fn no_sequence_of_tokens_panics(tokens in proptest::collection::vec(
        prop::sample::select(vec![
            "foo", "sum", "rate", "by", "on", "(", ")", "[", "]", "{", "}", ":", ",", "+", "-", "^", "==", "5m", "1",
            "offset", "@", "bool", "group_left", "\"x\"", "=", "=~", "and", "start", "step", "fill", "smoothed",
        ]),
        0..24,
    )) {
        printed_reads_back(&tokens.join(" "))?;
    }

    #[test]
    fn printed_expressions_read_back(source in expression()) {
        prop_assert!(parse(&source).is_ok(), "{}: {:?}", source, parse(&source));
        printed_reads_back(&source)?;
    }
}

fn printed_reads_back(source: &str) -> Result<(), TestCaseError> {
    if let Ok(expr) = parse(source) {
        let printed = expr.to_string();
        let again = parse(&printed);
        prop_assert!(again.is_ok(), "{} printed as {}: {:?}", source, printed, again);
        prop_assert_eq!(again.unwrap().to_string(), printed);
    }
    Ok(())
}

/// Valid expressions of type instant vector.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-z_]{3,8}".prop_map(|name| format!("m_{name}")),
        ("[a-z]{1,6}", "[a-zA-Z0-9 üß.*'-]{0,6}")
            .prop_map(|(name, value)| format!("m{{{name}=\"{value}\"}}")),
        (1u32..9999).prop_map(|seconds| format!("rate(m[{seconds}s])")),
        (-999i32..999).prop_map(|seconds| format!("m offset {seconds}s")),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (
                inner.clone(),
                inner.clone(),
                prop::sample::select(vec!["+", "/ on (a)", "and", "== bool", "^"])
            )
                .prop_map(|(left, right, op)| format!("{left} {op} {right}")),
            inner.clone().prop_map(|inner| format!("sum by (a) ({inner})")),
            inner.clone().prop_map(|inner| format!("topk(3, {inner})")),
            inner
                .clone()
                .prop_map(|inner| format!("max_over_time(({inner})[5m:1m])")),
            inner.prop_map(|inner| format!("-({inner})")),
        ]
    })
}
