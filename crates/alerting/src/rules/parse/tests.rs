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

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "(?s)[ a-z:\\[\\]{}\"'\n-]{0,200}") {
        let _ = parse_rule_file("r.yml", &text, NameScheme::Utf8);
    }
}
