//! Syntax that only MetricsQL has: VictoriaMetrics' own dashboards use it in panels whose data source is called Prometheus.
//! Prometheus refuses each of these expressions too (`promtool check rules`, 2.42).

use regex::Regex;

/// Patterns, and what of MetricsQL they find.
const PATTERNS: [(&str, &str); 6] = [
    (r"^\s*WITH\s*\(", "WITH templates"),
    (r"\brollup_\w+\(", "functions rollup_..."),
    (r"\)\s*\[[^:\]]+\]", "a range without a step behind an expression"),
    (
        r"\b(rate|increase)\([^()\[\]]*\)",
        "a rate or an increase without a range",
    ),
    (r"\)\s*offset\b", "an offset behind an expression"),
    (r"\)\s*(default\s|or\s+\d)", "default, and numbers as sides of or"),
];

/// What of MetricsQL an expression has; nothing where it is PromQL.
pub(crate) fn reason(expr: &str) -> Option<&'static str> {
    let found = |pattern: &str| Regex::new(pattern).unwrap().is_match(expr);
    PATTERNS
        .iter()
        .find(|(pattern, _)| found(pattern))
        .map(|(_, reason)| *reason)
}

#[test]
fn promql_is_none_of_it() {
    for expr in [
        "sum(rate(a[5m])) or sum_over_time(b[5m])",
        "max_over_time(rate(a[5m])[1h:] offset 5m)",
        "a offset 5m or vector(0)",
        "sum(a{b=\"default sum\"}) > 0",
    ] {
        assert_eq!(reason(expr), None, "{expr}");
    }
    assert_eq!(reason("WITH (f = {a=\"b\"}) sum(f)"), Some("WITH templates"));
}
