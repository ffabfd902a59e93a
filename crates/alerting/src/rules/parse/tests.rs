//! Faults in rule files: each is named with its line, its key and the mend, all in one pass.

use super::*;

fn faults(text: &str) -> Vec<String> {
    parse_rule_file("r.yml", text, NameScheme::Utf8)
        .expect_err("the file must be refused")
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn all_faults_are_named_at_once() {
    let found = faults(
        "groups:\n- name: a\n  rules:\n  - alert: X\n    exprs: up == 0\n    for: 5 minutes\n  - record: y\n    expr: rate(hi)\n- name: a\n",
    );
    let all = found.join("\n");
    assert!(
        all.contains("r.yml:5: groups[0].rules[0].exprs: unknown key \"exprs\"; did you mean \"expr\""),
        "{all}"
    );
    assert!(all.contains("r.yml:6: groups[0].rules[0].for:"), "{all}");
    assert!(
        all.contains("r.yml:8: groups[0].rules[1].expr: could not parse expression"),
        "{all}"
    );
    assert!(
        all.contains("r.yml:9: groups[1].name: groupname: \"a\" is repeated"),
        "{all}"
    );
    assert!(found.len() >= 5, "{all}");
}

#[test]
fn a_bad_template_names_its_annotation() {
    let found = faults(
        "groups:\n- name: a\n  rules:\n  - alert: X\n    expr: up\n    annotations:\n      ok: fine\n      bad: '{{ .Labels'\n",
    );
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("r.yml:8: groups[0].rules[0].annotations.bad: bad template"),
        "{found:?}"
    );
}

#[test]
fn keys_and_digests_outlive_moves() {
    let text = "groups:\n- name: a\n  rules:\n  - {alert: X, expr: up}\n  - {alert: X, expr: up > 1}\n";
    let one = parse_rule_file("r.yml", text, NameScheme::Utf8).unwrap();
    let two = parse_rule_file("r.yml", &format!("# moved\n\n{text}"), NameScheme::Utf8).unwrap();
    assert_eq!(one.groups[0].digest, two.groups[0].digest);
    assert_eq!(one.groups[0].rules[1].key, "r.yml;a;X;1");
    let edited = parse_rule_file("r.yml", &text.replace("> 1", "> 2"), NameScheme::Utf8).unwrap();
    assert_ne!(one.groups[0].digest, edited.groups[0].digest);
    assert_eq!(one.groups[0].rules[1].key, edited.groups[0].rules[1].key);
}

#[test]
fn labels_of_the_group_yield_to_those_of_the_rule() {
    let text = "groups:\n- name: a\n  labels: {team: x, tier: one}\n  rules:\n  - {alert: X, expr: up, labels: {team: y}}\n";
    let file = parse_rule_file("r.yml", text, NameScheme::Utf8).unwrap();
    let labels = &file.groups[0].rules[0].labels;
    assert_eq!((labels.get("team"), labels.get("tier")), (Some("y"), Some("one")));
}

#[test]
fn groups_and_rules_of_a_file_cost_no_more_each_than_in_a_small_one() {
    let groups: Vec<String> = (0..100_000)
        .map(|group| format!("- {{name: g{group}}}\n"))
        .collect();
    let text = format!("groups:\n{}", groups.concat());
    let file = parse_rule_file("r.yml", &text, NameScheme::Utf8).unwrap();
    assert_eq!(file.groups.len(), 100_000);
    let rules = "  - {record: a, expr: b}\n".repeat(50_000);
    let text = format!("groups:\n- name: g\n  rules:\n{rules}");
    let file = parse_rule_file("r.yml", &text, NameScheme::Utf8).unwrap();
    assert_eq!(file.groups[0].rules[49_999].key, "r.yml;g;a;49999");
}

#[test]
fn labels_of_groups_are_counted_for_each_rule() {
    let file = |labels: &[String], rules: usize| {
        let rules = "  - {record: a, expr: b}\n".repeat(rules);
        let text = format!(
            "groups:\n- name: g\n  labels: {{{}}}\n  rules:\n{rules}",
            labels.join(",")
        );
        parse_rule_file("r.yml", &text, NameScheme::Utf8)
    };
    let many: Vec<String> = (0..400).map(|label| format!("l{label}: v")).collect();
    let long = [format!("l: {}", "v".repeat(100_000))];
    assert!(file(&many, 400).is_ok());
    for refused in [file(&many, 501), file(&long, 200)] {
        let found = refused.unwrap_err();
        assert_eq!((found.len(), found[0].key.as_str()), (1, "groups[0].labels"));
        assert!(
            found[0].message.contains("more than 200000"),
            "{}",
            found[0].message
        );
    }
}

#[test]
fn names_of_groups_and_lists_of_faults_are_bounded() {
    let name = "n".repeat(1_025);
    let found = faults(&format!("groups:\n- name: {name}\n"));
    assert!(
        found[0].contains("has 1025 bytes, the limit is 1024"),
        "{found:?}"
    );
    let labels: Vec<String> = (0..3_000)
        .map(|label| format!("      l{label}: '{{{{ .X'\n"))
        .collect();
    let text = format!(
        "groups:\n- name: g\n  rules:\n  - alert: a\n    expr: b\n    labels:\n{}",
        labels.concat()
    );
    assert_eq!(faults(&text).len(), 1_000);
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "(?s)[ a-z:\\[\\]{}\"'\n-]{0,200}") {
        let _ = parse_rule_file("r.yml", &text, NameScheme::Utf8);
    }
}
