//! Every action against label sets, with the results that Prometheus' own tests expect.

use model::{Labels, LabelsBuilder};
use proptest::prelude::*;

use super::template::Template;
use super::*;

fn rules(yaml: &str) -> Vec<Rule> {
    serde_saphyr::from_str(yaml).unwrap()
}

fn relabelled(yaml: &str, labels: &[(&str, &str)]) -> Option<String> {
    let mut builder = Labels::from_pairs(labels.iter().copied()).to_builder();
    let kept = apply(&rules(yaml), &mut builder).unwrap();
    kept.then(|| builder.build().to_string())
}

fn check(yaml: &str, labels: &[(&str, &str)], expected: Option<&str>) {
    assert_eq!(relabelled(yaml, labels).as_deref(), expected, "{yaml}");
}

const ABC: [(&str, &str); 3] = [("a", "foo"), ("b", "bar"), ("c", "baz")];

#[test]
fn replace_sets_expands_and_deletes() {
    check(
        "[{source_labels: [a], regex: 'f(.*)', target_label: d, separator: ';', replacement: 'ch${1}-ch${1}'}]",
        &ABC,
        Some(r#"{a="foo", b="bar", c="baz", d="choo-choo"}"#),
    );
    check(
        "[{source_labels: [a, b], regex: 'f(.*);(.*)r', target_label: a, replacement: 'b${1}${2}m'}]",
        &ABC,
        Some(r#"{a="boobam", b="bar", c="baz"}"#),
    );
    check(
        "[{source_labels: [a], regex: '(foo)', target_label: '${1}', replacement: x}]",
        &ABC,
        Some(r#"{a="foo", b="bar", c="baz", foo="x"}"#),
    );
    check(
        "[{source_labels: [a], regex: 'nothing', target_label: d, replacement: x}]",
        &ABC,
        Some(r#"{a="foo", b="bar", c="baz"}"#),
    );
    check(
        "[{source_labels: [a], regex: foo, target_label: b, replacement: ''}]",
        &ABC,
        Some(r#"{a="foo", c="baz"}"#),
    );
    check(
        "[{target_label: d, replacement: y}]",
        &[("a", "foo")],
        Some(r#"{a="foo", d="y"}"#),
    );
    // The longest name counts: $1x is group "1x", which there is none of.
    check(
        "[{source_labels: [a], regex: 'f(.*)', target_label: d, replacement: 'p$1x'}]",
        &[("a", "foo")],
        Some(r#"{a="foo", d="p"}"#),
    );
    check(
        "[{source_labels: [a], regex: 'f(?P<tail>.*)', target_label: d, replacement: '$$-${tail}-$'}]",
        &[("a", "foo")],
        Some(r#"{a="foo", d="$-oo-$"}"#),
    );
}

#[test]
fn keep_and_drop_decide_over_the_whole_value() {
    check("[{source_labels: [a], regex: 'fo', action: keep}]", &ABC, None);
    check("[{source_labels: [a], regex: 'fo.', action: drop}]", &ABC, None);
    let kept = Some(r#"{a="foo", b="bar", c="baz"}"#);
    check("[{source_labels: [a], regex: 'fo', action: drop}]", &ABC, kept);
    check(
        "[{source_labels: [a, c], regex: 'foo;baz', action: Keep}]",
        &ABC,
        kept,
    );
    check(
        "[{source_labels: [a], action: dropequal, target_label: b}]",
        &ABC,
        kept,
    );
    check(
        "[{source_labels: [a], action: keepequal, target_label: b}]",
        &ABC,
        None,
    );
    check(
        "[{source_labels: [a], action: dropequal, target_label: d}]",
        &[("a", "x"), ("d", "x")],
        None,
    );
}

#[test]
fn hashmod_gives_the_shards_of_prometheus() {
    let shard = |value, expected: &str| {
        check(
            "[{source_labels: [c], target_label: d, action: hashmod, modulus: 1000}]",
            &[("c", value)],
            Some(&format!(r#"{{c={value:?}, d="{expected}"}}"#)),
        );
    };
    shard("baz", "976");
    shard("foo\nbar", "734");
}

#[test]
fn names_are_mapped_dropped_and_kept() {
    check(
        "[{regex: '(b.*)', action: labelmap, replacement: 'bar_${1}'}]",
        &[("a", "foo"), ("b1", "bar"), ("b2", "baz")],
        Some(r#"{a="foo", b1="bar", b2="baz", bar_b1="bar", bar_b2="baz"}"#),
    );
    check(
        "[{regex: '__meta_(my.*)', action: labelmap}]",
        &[("__meta_my_bar", "aaa"), ("__meta_my_baz", "bbb")],
        Some(r#"{__meta_my_bar="aaa", __meta_my_baz="bbb", my_bar="aaa", my_baz="bbb"}"#),
    );
    check(
        "[{regex: '(b.*)', action: labeldrop}]",
        &[("a", "1"), ("b1", "2")],
        Some(r#"{a="1"}"#),
    );
    check(
        "[{regex: '(b.*)', action: labelkeep}]",
        &[("a", "1"), ("b1", "2")],
        Some(r#"{b1="2"}"#),
    );
}

#[test]
fn case_is_changed() {
    check(
        "[{source_labels: [foo], action: uppercase, target_label: up}, \
          {source_labels: [foo], action: lowercase, target_label: low}]",
        &[("foo", "bAr123Foo")],
        Some(r#"{foo="bAr123Foo", low="bar123foo", up="BAR123FOO"}"#),
    );
}

#[test]
fn rules_that_prometheus_refuses_are_refused_with_the_mend() {
    let refused = |yaml: &str, expected: &str| {
        let error = serde_saphyr::from_str::<Vec<Rule>>(yaml).unwrap_err().to_string();
        assert!(error.contains(expected), "{yaml}: {error}");
        assert!(error.contains("line 1"), "{yaml}: {error}");
    };
    refused("[{regex: abc}]", "replace requires 'target_label'");
    refused("[{action: null}]", "action cannot be empty");
    refused(
        "[{action: explode, target_label: a}]",
        "unknown action \"explode\"; write one of replace, keep",
    );
    refused(
        "[{action: hashmod, source_labels: [a], target_label: b}]",
        "non-zero modulus",
    );
    refused(
        "[{action: hashmod, source_labels: [a], modulus: 8}]",
        "requires 'target_label'",
    );
    refused("[{action: labelkeep, target_label: yolo}]", "takes only 'regex'");
    refused("[{action: labeldrop, separator: ','}]", "takes only 'regex'");
    refused(
        "[{action: keepequal, source_labels: [a]}]",
        "requires 'target_label'",
    );
    refused(
        "[{action: lowercase, source_labels: [a], target_label: a, replacement: x}]",
        "'replacement'",
    );
    refused(
        "[{action: keep, source_labels: [a], regex: '('}]",
        "invalid regular expression",
    );
    refused("[{action: keep, source_label: [a]}]", "source_label");
}

#[test]
fn rules_that_double_end_somewhere() {
    let refused = |rule: &str, times: usize| {
        let all: Vec<String> = (0..times)
            .map(|number| rule.replace('#', &number.to_string()))
            .collect();
        let rules = rules(&format!("[{}]", all.join(",")));
        let mut builder = Labels::from_pairs(ABC).to_builder();
        assert_eq!(apply(&rules, &mut builder), Err(TooMuchMade), "{rule}");
    };
    refused("{action: labelmap, regex: '(.+)', replacement: 'x#_$1'}", 14);
    refused(
        "{source_labels: [a], target_label: a, regex: '(.+)', replacement: '$1$1'}",
        33,
    );
    refused(
        "{source_labels: [a], target_label: '$1$1', regex: '(.+)', replacement: 'x'},\
         {action: labelmap, regex: '(.+)', replacement: '$1$1'}",
        30,
    );
    let names = vec!["a"; 1_000].join(",");
    refused(
        &format!("{{source_labels: [{names}], target_label: a, action: uppercase}}"),
        3,
    );
    refused(
        &format!(
            "{{source_labels: [a], action: keep, regex: '.*'}},{{source_labels: [{names}], target_label: a}}"
        ),
        3,
    );
}

#[test]
fn large_objects_of_kubernetes_are_relabelled() {
    let annotations: Vec<(String, String)> = (0..1_000)
        .map(|number| (format!("__meta_annotation_{number}"), "x".repeat(768)))
        .collect();
    let mut builder = Labels::from_pairs(annotations).to_builder();
    let rules = rules("[{action: labelmap, regex: '__meta_annotation_(.+)', replacement: 'a_$1'}]");
    assert_eq!(apply(&rules, &mut builder), Ok(true));
    assert_eq!(builder.build().len(), 2_000);
}

proptest! {
    #[test]
    fn no_rule_panics(
        pattern in "[a-z().*|$]{0,8}",
        replacement in "[a-z$1{}_]{0,8}",
        value in ".{0,12}",
    ) {
        let yaml = serde_json::json!([
            {"source_labels": ["a"], "regex": pattern, "target_label": "b", "replacement": replacement}
        ]);
        if let Ok(rules) = serde_saphyr::from_str::<Vec<Rule>>(&yaml.to_string()) {
            let mut builder = LabelsBuilder::default();
            builder.set("a", value);
            apply(&rules, &mut builder).unwrap();
        }
    }

    #[test]
    fn templates_without_dollar_are_plain(text in "[^$]*") {
        prop_assert!(!Template::new(&text).has_variables());
        let regex = regex::Regex::new("x").unwrap();
        let captures = regex.captures("x").unwrap();
        prop_assert_eq!(Template::new(&text).expand(&captures, &mut Room::default()), Ok(text));
    }
}
