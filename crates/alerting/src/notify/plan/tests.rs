//! Decisions about notifications: grouping, repetition, inhibition, resolution.

use model::fingerprint;

use super::*;
use crate::notify::message::Message;

const SECOND: i64 = 1_000;

fn policy(yaml: &str) -> Policy {
    let config: Config = serde_saphyr::from_str(yaml).unwrap();
    config.validate().unwrap();
    Policy::compile(&config, Vec::new(), "http://mon")
}

const HOOK: &str = "receivers: [{name: hook, webhook_configs: [{url: 'http://h/'}]}]\n";

fn notice(labels: &[(&str, &str)], starts_at_ms: i64, ends_at_ms: Option<i64>) -> Notice {
    let labels = Labels::from_pairs(labels.iter().copied());
    Notice {
        fingerprint: fingerprint(&labels),
        labels,
        annotations: Labels::empty(),
        starts_at_ms,
        ends_at_ms,
        generator_url: "http://g".into(),
    }
}

/// Decides, applies, and returns the messages as `status: names`.
fn tell(book: &mut Book, policy: &Policy, notices: &[Notice], now_ms: i64) -> Vec<String> {
    let input = if notices.is_empty() {
        Input::Tick
    } else {
        Input::Alerts(notices)
    };
    let decision = step(book, policy, &input, now_ms);
    assert_eq!(decision, step(book, policy, &input, now_ms), "a pure step");
    book.apply(&decision);
    let texts = decision.messages.iter().map(|message| {
        let message: Message = serde_json::from_str(&message.payload).unwrap();
        let names: Vec<String> = message
            .alerts
            .iter()
            .map(|alert| format!("{}{}", alert.labels["i"], &alert.status[..1]))
            .collect();
        format!("{}: {}", message.status, names.join(" "))
    });
    texts.collect()
}

#[test]
fn a_new_group_pages_at_once_and_then_waits_its_interval() {
    let policy = policy(&format!(
        "route: {{receiver: hook, group_by: [alertname], group_interval: 1m, repeat_interval: 1h}}\n{HOOK}"
    ));
    let mut book = Book::default();
    let (a, b) = (
        notice(&[("alertname", "X"), ("i", "a")], 0, None),
        notice(&[("alertname", "X"), ("i", "b")], 0, None),
    );
    assert_eq!(
        tell(&mut book, &policy, std::slice::from_ref(&a), 0),
        ["firing: af"]
    );
    assert_eq!(tell(&mut book, &policy, &[b], 5 * SECOND), Vec::<String>::new());
    assert_eq!(book.next_due_ms(), Some(60 * SECOND));
    assert_eq!(tell(&mut book, &policy, &[], 60 * SECOND), ["firing: af bf"]);
    assert_eq!(tell(&mut book, &policy, &[], 120 * SECOND), Vec::<String>::new());
    let over = Notice {
        ends_at_ms: Some(130 * SECOND),
        ..a
    };
    assert_eq!(
        tell(&mut book, &policy, &[over], 130 * SECOND),
        Vec::<String>::new()
    );
    assert_eq!(tell(&mut book, &policy, &[], 180 * SECOND), ["firing: ar bf"]);
}

#[test]
fn an_unchanged_group_is_told_again_after_its_repeat_interval() {
    let policy = policy(&format!(
        "route: {{receiver: hook, group_interval: 1m, repeat_interval: 10m}}\n{HOOK}"
    ));
    let mut book = Book::default();
    let told: usize = (0..30)
        .map(|minute| {
            let first = notice(&[("i", "a")], 0, None);
            let notices = if minute == 0 { vec![first] } else { Vec::new() };
            tell(&mut book, &policy, &notices, minute * 60 * SECOND).len()
        })
        .sum();
    assert_eq!(told, 3);
}

#[test]
fn a_group_that_is_over_is_told_and_forgotten() {
    let policy = policy(&format!("route: {{receiver: hook, group_interval: 1s}}\n{HOOK}"));
    let mut book = Book::default();
    tell(&mut book, &policy, &[notice(&[("i", "a")], 0, None)], 0);
    let over = notice(&[("i", "a")], 0, Some(5 * SECOND));
    assert_eq!(tell(&mut book, &policy, &[over], 5 * SECOND), ["resolved: ar"]);
    assert_eq!(book, Book::default());
    // The next episode is told anew.
    assert_eq!(
        tell(
            &mut book,
            &policy,
            &[notice(&[("i", "a")], 9 * SECOND, None)],
            9 * SECOND
        ),
        ["firing: af"]
    );
}

#[test]
fn group_wait_gathers_and_receivers_may_not_hear_of_the_end() {
    let policy = policy(
        "route: {receiver: hook, group_wait: 10s, group_interval: 10s}\n\
         receivers: [{name: hook, webhook_configs: [{url: 'http://h/', send_resolved: false}]}]\n",
    );
    let mut book = Book::default();
    assert_eq!(
        tell(&mut book, &policy, &[notice(&[("i", "a")], 0, None)], 0),
        Vec::<String>::new()
    );
    assert_eq!(
        tell(
            &mut book,
            &policy,
            &[notice(&[("i", "b")], 4 * SECOND, None)],
            4 * SECOND
        ),
        Vec::<String>::new()
    );
    assert_eq!(tell(&mut book, &policy, &[], 10 * SECOND), ["firing: af bf"]);
    let over = [
        notice(&[("i", "a")], 0, Some(15 * SECOND)),
        notice(&[("i", "b")], 0, Some(15 * SECOND)),
    ];
    assert_eq!(tell(&mut book, &policy, &over, 15 * SECOND), Vec::<String>::new());
    assert_eq!(tell(&mut book, &policy, &[], 20 * SECOND), Vec::<String>::new());
    assert_eq!(book, Book::default());
}

#[test]
fn critical_silences_the_warning_about_the_same_thing() {
    let policy = policy(&format!(
        "route: {{receiver: hook, group_by: ['...'], group_interval: 1s}}\n{HOOK}\
         inhibit_rules: [{{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [alertname, disk]}}]\n"
    ));
    let mut book = Book::default();
    let make = |severity: &str, disk: &str, i: &str| {
        notice(
            &[
                ("alertname", "Full"),
                ("severity", severity),
                ("disk", disk),
                ("i", i),
            ],
            0,
            None,
        )
    };
    let both = [
        make("warning", "/", "w"),
        make("critical", "/", "c"),
        make("warning", "/var", "v"),
    ];
    let mut told = tell(&mut book, &policy, &both, 0);
    told.sort();
    assert_eq!(told, ["firing: cf", "firing: vf"]);
}

#[test]
fn a_restart_repeats_nothing_and_loses_nothing() {
    let policy = policy(&format!(
        "route: {{receiver: hook, group_interval: 1m, repeat_interval: 1h}}\n{HOOK}"
    ));
    let mut book = Book::default();
    let fired = notice(&[("i", "a")], 0, None);
    tell(&mut book, &policy, std::slice::from_ref(&fired), 0);
    let restart = |alert: Notice, now_ms: i64| {
        let alerts = BTreeMap::from([(alert.fingerprint, alert)]);
        Book::rebuild(alerts, book.log.clone(), &policy, now_ms).book
    };
    let mut same = restart(fired.clone(), 90 * SECOND);
    assert_eq!(tell(&mut same, &policy, &[], 90 * SECOND), Vec::<String>::new());
    // It was over while nothing ran: that is told, once.
    let over = Notice {
        ends_at_ms: Some(80 * SECOND),
        ..fired
    };
    let mut ended = restart(over, 90 * SECOND);
    assert_eq!(tell(&mut ended, &policy, &[], 90 * SECOND), ["resolved: ar"]);
    assert_eq!(tell(&mut ended, &policy, &[], 200 * SECOND), Vec::<String>::new());
}

#[test]
fn what_nobody_knows_any_more_leaves_the_log() {
    let policy = policy(&format!(
        "route: {{receiver: hook, group_by: [alertname], group_interval: 1m}}\n{HOOK}"
    ));
    let mut book = Book::default();
    let alert = |name: &str, i: &str| notice(&[("alertname", name), ("i", i)], 0, None);
    let all = [alert("A", "a"), alert("A", "b"), alert("B", "c")];
    tell(&mut book, &policy, &all, 0);
    assert_eq!(book.log.len(), 2);
    let lane_of_b = book
        .log
        .values()
        .find(|row| row.firing == [all[2].fingerprint])
        .unwrap();
    // After a restart only the first alert is known.
    let known = BTreeMap::from([(all[0].fingerprint, all[0].clone())]);
    let rebuilt = Book::rebuild(known, book.log.clone(), &policy, SECOND);
    assert_eq!(rebuilt.forgotten, std::slice::from_ref(&lane_of_b.lane));
    assert_eq!(rebuilt.notified.len(), 1);
    assert_eq!(rebuilt.notified[0].firing, [all[0].fingerprint]);
    // The others are paged again when they fire again.
    let mut book = rebuilt.book;
    assert_eq!(tell(&mut book, &policy, &all[1..], SECOND), ["firing: cf"]);
    assert_eq!(tell(&mut book, &policy, &[], 61 * SECOND), ["firing: af bf"]);
}

#[test]
fn a_message_that_was_given_up_is_told_again_after_a_while() {
    let policy = policy(&format!(
        "route: {{receiver: hook, group_interval: 1s, repeat_interval: 1h}}\n{HOOK}"
    ));
    let mut book = Book::default();
    let fired = notice(&[("i", "a")], 0, None);
    assert_eq!(tell(&mut book, &policy, &[fired], 0), ["firing: af"]);
    let lane = book.log.keys().next().unwrap().clone();
    book.untold(&lane, &policy, SECOND);
    assert_eq!(tell(&mut book, &policy, &[], 30 * SECOND), Vec::<String>::new());
    assert_eq!(tell(&mut book, &policy, &[], 61 * SECOND), ["firing: af"]);
    assert_eq!(tell(&mut book, &policy, &[], 130 * SECOND), Vec::<String>::new());
}

proptest::proptest! {
    /// Whatever an alert does, its receiver hears of firing and of resolution in turns.
    #[test]
    fn firing_and_resolved_are_told_in_turns(moments in proptest::collection::vec((1i64..40, 0u8..3), 1..60)) {
        let policy = policy(&format!(
            "route: {{receiver: hook, group_by: ['...'], group_interval: 30s, repeat_interval: 1y}}\n{HOOK}"
        ));
        let mut book = Book::default();
        let (mut now_ms, mut firing, mut told) = (0, false, Vec::new());
        for (wait_s, event) in moments {
            now_ms += wait_s * SECOND;
            let notices = match (event, firing) {
                (0, false) => vec![notice(&[("i", "a")], now_ms, None)],
                (1, true) => vec![notice(&[("i", "a")], 0, Some(now_ms))],
                _ => Vec::new(),
            };
            firing ^= !notices.is_empty();
            told.extend(tell(&mut book, &policy, &notices, now_ms));
        }
        // Long after, everything that had to be told was told.
        told.extend(tell(&mut book, &policy, &[], now_ms + 60 * SECOND));
        for (index, message) in told.iter().enumerate() {
            let wanted = if index % 2 == 0 { "firing: af" } else { "resolved: ar" };
            proptest::prop_assert_eq!(message, wanted);
        }
        proptest::prop_assert_eq!(told.len() % 2 == 1, firing);
    }
}
