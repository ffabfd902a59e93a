//! Names as Prometheus' own tests of `otlptranslator` have them.

use super::*;

fn namer(strategy: TranslationStrategy) -> Namer {
    Namer::new(&OtlpConfig {
        translation_strategy: strategy,
        ..OtlpConfig::default()
    })
}

fn check(strategy: TranslationStrategy, cases: &[(&str, &str, Suffix, &str)]) {
    for (name, unit, suffix, expected) in cases {
        let built = namer(strategy).metric(name, unit, *suffix).unwrap_or_default();
        assert_eq!(built, *expected, "{strategy:?} {name} {unit} {suffix:?}");
    }
}

#[test]
fn escaped_names_carry_unit_and_kind() {
    use Suffix::{Counter, Gauge, Unit};
    check(
        TranslationStrategy::UnderscoreEscapingWithSuffixes,
        &[
            ("requests", "", Counter, "requests_total"),
            ("requests.total", "{request}", Counter, "requests_total"),
            ("total.requests", "1", Counter, "requests_total"),
            ("cpu.usage", "1", Gauge, "cpu_usage_ratio"),
            ("queue.size", "1", Unit, "queue_size"),
            (
                "http.server.request.duration",
                "s",
                Unit,
                "http_server_request_duration_seconds",
            ),
            ("response_time_seconds", "s", Gauge, "response_time_seconds"),
            ("throughput", "By/s", Gauge, "throughput_bytes_per_second"),
            ("requests", "1/s", Counter, "requests_per_second_total"),
            ("load", "By/{custom}", Gauge, "load_bytes"),
            ("system.cpu.time", "s", Counter, "system_cpu_time_seconds_total"),
            (
                "custom_metric",
                "unit@with#special/chars",
                Gauge,
                "custom_metric_unit_with_special_per_chars",
            ),
            ("metric__with", "unit__x", Gauge, "metric_with_unit_x"),
            ("7z", "", Gauge, "_7z"),
            ("a:b", "%", Gauge, "a:b_percent"),
            ("temperature", "Cel", Gauge, "temperature_celsius"),
            ("@#$%", "", Gauge, ""),
        ],
    );
}

#[test]
fn other_strategies_keep_more_of_the_name() {
    use Suffix::{Counter, Gauge, Unit};
    check(
        TranslationStrategy::UnderscoreEscapingWithoutSuffixes,
        &[
            ("http.requests", "s", Counter, "http_requests"),
            ("a__b", "", Gauge, "a__b"),
            ("123metric", "", Gauge, "_123metric"),
            ("@#$%", "", Gauge, ""),
        ],
    );
    check(
        TranslationStrategy::NoUTF8EscapingWithSuffixes,
        &[
            ("http.requests", "", Counter, "http.requests_total"),
            ("http.requests.total", "", Counter, "http.requests_total"),
            ("cpu_seconds_total", "s", Counter, "cpu_seconds_total"),
            ("requêsts", "1/s", Counter, "requêsts_per_second_total"),
            ("cpu.usagé", "1", Gauge, "cpu.usagé_ratio"),
            ("http.duration", "s", Unit, "http.duration_seconds"),
            ("total", "", Counter, "total_total"),
        ],
    );
    check(
        TranslationStrategy::NoTranslation,
        &[
            ("http.requests", "s", Counter, "http.requests"),
            ("ようこそ", "", Gauge, "ようこそ"),
        ],
    );
}

#[test]
fn label_names_are_escaped_and_never_begin_with_one_underscore() {
    let escaping = namer(TranslationStrategy::default());
    let label = |name: &str| escaping.label(name).map(Cow::into_owned);
    for (name, expected) in [
        ("http.method", "http_method"),
        ("label:with:colons", "label_with_colons"),
        ("123label", "key_123label"),
        ("_private", "key_private"),
        ("__reserved__", "__reserved__"),
        ("a..b", "a__b"),
        ("label_字符", "label___"),
    ] {
        assert_eq!(label(name).as_deref(), Ok(expected), "{name}");
    }
    for name in ["", "__", "ようこそ"] {
        assert!(label(name).is_err(), "{name}");
    }
    let as_is = namer(TranslationStrategy::NoTranslation);
    assert_eq!(as_is.label("http.method").as_deref(), Ok("http.method"));
    let collapsing = Namer {
        underscores_stay: false,
        key_before_underscore: false,
        ..escaping
    };
    assert_eq!(collapsing.label("_a..b__c").as_deref(), Ok("_a_b_c"));
    assert_eq!(collapsing.label("__a..b__").as_deref(), Ok("__a_b__"));
}

#[test]
fn units_are_told_in_words() {
    for (unit, words) in [
        ("s", "seconds"),
        ("By/s", "bytes_per_second"),
        ("1", ""),
        ("{request}", ""),
        ("1/s", "per_second"),
        ("foo-bar", "foo_bar"),
    ] {
        assert_eq!(unit_words(unit), words, "{unit}");
    }
}
