//! The section's faults, its warnings, and its silence about secrets.

use super::*;

fn faults(yaml: &str) -> Vec<String> {
    let config: Config = match serde_saphyr::from_str(yaml) {
        Ok(config) => config,
        Err(error) => return vec![error.to_string()],
    };
    let errors = config.validate().err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn secrets_are_not_printed() {
    let yaml = "global: {slack_api_url: 'https://hooks.example/SECRET'}\n\
                receivers:\n- name: a\n  webhook_configs: [{url: 'http://u:SECRET@h/SECRET'}]\n";
    let config: Config = serde_saphyr::from_str(yaml).unwrap();
    assert!(!format!("{config:?}").contains("SECRET"));
}

#[test]
fn every_fault_is_named_with_its_place() {
    let found = faults(
        "route: {receiver: nobody, group_by: [a, a], routes: [{matchers: ['a=~\"(\"']}]}\n\
         receivers:\n- name: a\n  webhook_configs: [{urll: x}]\n- name: a\n",
    )
    .join("\n");
    for part in [
        "route.receiver: undefined receiver \"nobody\"",
        "route.group_by: duplicated label",
        "route.routes[0].matchers[0]:",
        "receivers[0].webhook_configs[0].urll: unknown key \"urll\"; did you mean \"url\"?",
        "receivers[1].name: notification config name \"a\" is not unique",
    ] {
        assert!(found.contains(part), "{part} is missing in\n{found}");
    }
}

#[test]
fn channels_that_are_not_delivered_are_said_to_be_so() {
    let yaml = "route: {receiver: a}\nreceivers:\n- name: a\n  slack_configs: [{api_url: 'http://x/y', channel: c}]\n";
    let config: Config = serde_saphyr::from_str(yaml).unwrap();
    let warnings = config.validate().unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].contains("slack_configs") && warnings[0].contains("delivers only by log and webhook")
    );
}

#[test]
fn nothing_configured_is_fine() {
    assert_eq!(Config::default().validate().unwrap(), Vec::<String>::new());
    let config: Config = serde_saphyr::from_str("{}").unwrap();
    assert!(config.builtin_rules);
}

#[test]
fn the_nearest_key_is_not_looked_for_where_none_can_be_near() {
    let known = ["record", "alert", "expr"];
    assert_eq!(nearest("exprs", &known), "did you mean \"expr\"?");
    let long = "x".repeat(16 << 20);
    assert_eq!(nearest(&long, &known), "known keys: record, alert, expr");
}
