//! What the parser takes, what it refuses, and how it says so.

use proptest::prelude::*;

use super::*;

fn prints(input: &str, expected: &str) {
    match parse(input) {
        Ok(expr) => assert_eq!(expr.to_string(), expected, "{input}"),
        Err(error) => panic!("{input}: {error}"),
    }
}

fn refused(input: &str, expected: &str) {
    match parse(input) {
        Ok(expr) => panic!("{input} was taken as {expr}"),
        Err(error) => assert!(error.to_string().contains(expected), "{input}: {error}"),
    }
}

#[test]
fn who_browses_may_select_every_stream() {
    for (input, expected) in [
        ("{}", "{}"),
        (r#"{ } |= "x""#, r#"{} |= "x""#),
        ("rate({a=\"b\"}[1m])", "rate({a=\"b\"}[1m])"),
    ] {
        assert_eq!(
            parse_browsing(input).map(|expr| expr.to_string()),
            Ok(expected.to_owned()),
            "{input}"
        );
    }
    for input in ["rate({}[1m])", "{", "{} | json x="] {
        assert!(parse_browsing(input).is_err(), "{input}");
    }
}

#[test]
fn canonical_forms() {
    for (input, expected) in [
        (r#"{ a = "b" ,c!="d"}"#, r#"{a="b", c!="d"}"#),
        (r#"{a="b"}|="x"|~`y`or"z""#, r#"{a="b"} |= "x" |~ "y" or "z""#),
        (r#"{a="b"} != "x" or "y""#, r#"{a="b"} != "x" != "y""#),
        (r#"{a="b"} |= ip("1.2.3.4")"#, r#"{a="b"} |= ip("1.2.3.4")"#),
        (
            r#"{a="b"} | x="1" or y>2, z<=3s | w!=4KiB"#,
            r#"{a="b"} | ( x="1" or ( y>2 , z<=3s ) ) | w!=4KiB"#,
        ),
        (
            r#"{a="b"} | json x, y="p[0]" | logfmt --strict z"#,
            r#"{a="b"} | json x="x",y="p[0]" | logfmt --strict z="z""#,
        ),
        (
            r#"{a="b"} | drop x, y=~"z" | label_format p=q, r="{{.s}}""#,
            r#"{a="b"} | drop x,y=~"z" | label_format p=q,r="{{.s}}""#,
        ),
        (
            r#"sum(rate({a="b"}[5m])) by (c, d)"#,
            r#"sum by (c,d)(rate({a="b"}[5m]))"#,
        ),
        (
            r#"SUM(RATE({a="b"}[1h] OFFSET 1d))"#,
            r#"sum(rate({a="b"}[1h] offset 1d))"#,
        ),
        (
            r#"rate({a="b"}[5m] | logfmt | unwrap bytes(x) | __error__="")"#,
            r#"rate({a="b"} | logfmt | unwrap bytes(x) | __error__=""[5m])"#,
        ),
        (r#"(({a="b"} | json)[5m])"#, "!"),
        ("2^3^2", "512"),
        ("-2^2", "4"),
        ("1+1--1", "3"),
        ("10/0", "(10 / 0)"),
        ("vector(2)", "vector(2.000000)"),
        (
            r#"rate({a="b"}[1m]) > bool on (a) group_left rate({a="b"}[1m])"#,
            r#"(rate({a="b"}[1m]) > bool on (a) group_left () rate({a="b"}[1m]))"#,
        ),
        (
            r#"variants(count_over_time({a="b"}[1m])) of ({a="b"}[1m])"#,
            r#"variants(count_over_time({a="b"}[1m])) of ({a="b"}[1m])"#,
        ),
    ] {
        if expected == "!" {
            refused(input, "syntax error");
        } else {
            prints(input, expected);
        }
    }
}

#[test]
fn faults_say_where_and_what() {
    refused(
        r#"{a="b"} | x == ip("1.2.3.4")"#,
        "line 1, col 16: syntax error: unexpected ip",
    );
    refused("-rate({a=\"b\"}[1m])", "unexpected rate, expecting NUMBER");
    refused(r#"{a="b"} | drop [1m]"#, "expecting IDENTIFIER");
    refused("0b1010", "unable to parse literal as a float");
    refused("{}", "at least one regexp or equality matcher");
    refused(r#"{a=~".*"}"#, "at least one regexp or equality matcher");
    refused(r#"{a=~"("}"#, "error parsing regexp");
    refused(
        "1 and 2",
        "unexpected literal for left leg of logical/set binary operation",
    );
    refused(r#"{a="b"} | regexp "x""#, "at least one named capture");
    refused(r#"rate({a="b"}[0s])"#, "longer than 0s");
    refused(
        r#"{a="b"} | regexp "(?P<x>.)(?P<x>.)""#,
        "invalid regexp parser: duplicate extracted label name 'x'",
    );
    refused(
        r#"{a="b"} + 1"#,
        "unexpected type for left leg of binary operation (+)",
    );
    refused("vector(0b1)", "unable to parse vectorExpr as a float");
}

#[test]
fn deep_nesting_is_refused() {
    let deep = format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000));
    refused(&deep, "nests deeper than");
    let deep = format!(
        "{{a=\"b\"}} | {}x=\"1\"{}",
        "(".repeat(10_000),
        ")".repeat(10_000)
    );
    refused(&deep, "nests deeper than");
    refused(&format!("vector(1){}", "+vector(1)".repeat(5_000)), "more than");
    refused(
        &format!("{{a=\"b\"}} | x=\"1\"{}", " or x=\"1\"".repeat(5_000)),
        "more than",
    );
}

#[test]
fn regular_expressions_of_a_query_have_a_bound_together() {
    for many in [
        format!("{{{}}}", [r#"a=~"(\\pL{9}){9}""#; 60].join(",")),
        format!("{{a=\"b\"}} {}", [r#"|~ "(\\pL{9}){9}""#; 60].join(" ")),
        format!(
            "{{a=\"b\"}} {}",
            [r#"| regexp "(?P<x>(\\pL{9}){9})""#; 60].join(" ")
        ),
        format!("{{a=\"b\"}} {}", [r#"| x=~"(\\pL{9}){9}""#; 60].join(" ")),
    ] {
        refused(&many, "more than 16 MiB together");
    }
}

#[test]
fn the_longest_chains_read_back() {
    let times = limits::OPERATORS_MAX;
    let functions = limits::NESTING_MAX;
    for text in [
        format!("1{}", "/0".repeat(times)),
        format!("{}1{}", "(".repeat(times), "/0)".repeat(times)),
        format!("vector(1){}", "^vector(1)".repeat(times)),
        format!("{{a=\"b\"}} | a=1{}", " or a=1".repeat(times)),
        format!("{{a=\"b\"}} | a=1{}", ", (a=1".repeat(times) + &")".repeat(times)),
        format!(
            "{}vector(1){}",
            "sum(".repeat(functions - 1),
            ")".repeat(functions - 1)
        ),
        format!(
            "{}vector(1){}",
            "sum(1+".repeat(functions - 1),
            ")".repeat(functions - 1)
        ),
    ] {
        let expr = parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        for printed in [expr.to_string(), expr.pretty()] {
            assert_eq!(parse(&printed).as_ref(), Ok(&expr), "{printed}");
        }
    }
}

#[test]
fn sides_in_parentheses_keep_them_where_lines_break() {
    for text in [
        "(vector(1) + vector(2)) * vector(3)",
        "vector(1) - (vector(2) - vector(3))",
        "(vector(1) ^ vector(2)) ^ vector(3)",
        "vector(1) ^ vector(2) ^ vector(3)",
        "vector(1) + vector(2) * vector(3) - vector(4)",
        "(vector(1) or vector(2)) and (vector(3) > bool vector(4))",
    ] {
        let expr = parse(text).unwrap();
        for width in [5, 20, 30] {
            let printed = expr.pretty_within(width);
            assert_eq!(parse(&printed), Ok(expr.clone()), "{printed}");
        }
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,60}") {
        let _ = parse(&text);
    }

    #[test]
    fn printed_expressions_read_back(words in proptest::collection::vec(prop::sample::select(vec![
        "{", "}", "a", "=", "\"b\"", "|", "|=", "json", "logfmt", "[5m]", "(", ")", "rate", "sum", "by", "1", "5s", "-",
        "unwrap", "bytes", "ip", "or", "and", ",", "!=", "offset", "drop", "on", "vector", "quantile_over_time", "0.5",
    ]), 0..24)) {
        let text = words.join(" ");
        if let Ok(expr) = parse(&text) {
            for printed in [expr.to_string(), expr.pretty_within(20)] {
                let again = parse(&printed).map_err(|error| error.to_string());
                prop_assert_eq!(again, Ok(expr.clone()), "{}", printed);
            }
        }
    }

    #[test]
    fn printed_stages_read_back(parts in proptest::collection::vec(prop::sample::select(vec![
        r#"|= "x" or "y""#, r#"!= "a\tb""#, r"|~ `c\d`", r#"|> "<_>""#, r#"|= ip("1.2.3.4") or "z""#, "| json", "| json a, b=\"c[0]\"",
        "| logfmt --strict --keep-empty", "| logfmt a=\"b\"", "| unpack", "| decolorize", "| drop a, b=\"c\"", "| keep d",
        "| label_format a=b, c=\"{{.d}}\"", "| line_format `{{.e}}`", "| a=\"b\" or c>5, d<=1.5s and (e!=2KiB or f=ip(\"::1\"))",
        "| g=~`h|i` j!=\"\"", "| regexp `(?P<k>.)`", "| pattern `<l> <_>`", "| m==90m | n>-5",
    ]), 0..8), offset in prop::sample::select(vec!["", " offset 1h", " offset -90s"]), unwraps: bool) {
        let stages = parts.join(" ");
        let range = if unwraps {
            format!("sum_over_time({{a=\"b\"}} {stages} | unwrap duration(x) | __error__=\"\" | y > 5 [90s]{offset})")
        } else {
            format!("rate({{a=\"b\"}} {stages} [1500ms]{offset})")
        };
        for text in [format!("{{a=\"b\"}} {stages}"), format!("topk by (z) (3, {range}) / on (z) group_left {range}")] {
            let expr = parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
            for printed in [expr.to_string(), expr.pretty_within(20), expr.pretty()] {
                let again = parse(&printed).map_err(|error| error.to_string());
                prop_assert_eq!(again, Ok(expr.clone()), "{}", printed);
            }
        }
    }
}
