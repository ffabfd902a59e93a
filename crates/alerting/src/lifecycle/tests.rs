//! The life of an alert as scripts: one line a moment, `seconds verdict -> phase`.

use proptest::prelude::*;

use super::*;

/// Runs a script; each line is `second +|- -> phase`, `+` where the condition holds.
fn check(timing: Timing, start: Option<Life>, script: &str) {
    let mut life = start;
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (input, expected) = line.split_once("->").unwrap();
        let (second, holds) = input.trim().split_once(' ').unwrap();
        let now_ms = second.parse::<i64>().unwrap() * 1_000;
        let step = step(
            life.as_ref(),
            &verdict(holds.trim() == "+", now_ms),
            &timing,
            now_ms,
        );
        life = step.life;
        let phase = life.map_or(AlertPhase::Inactive, |life| life.phase);
        assert_eq!(phase.as_str(), expected.trim(), "at {line}");
    }
}

fn verdict(holds: bool, now_ms: i64) -> Verdict {
    Verdict {
        holds,
        value: 1.0,
        observed_at_ms: now_ms,
    }
}

fn timing(for_s: i64, keep_s: i64) -> Timing {
    Timing {
        for_ms: for_s * 1_000,
        keep_firing_for_ms: keep_s * 1_000,
        grace_until_ms: 0,
        resolved_retention_ms: 900_000,
    }
}

#[test]
fn fires_only_when_it_held_long_enough() {
    check(
        timing(10, 0),
        None,
        "0 + -> pending
         9 + -> pending
         10 + -> firing
         15 - -> resolved
         16 + -> pending
         20 - -> inactive",
    );
}

#[test]
fn fires_at_once_without_for() {
    check(
        timing(0, 0),
        None,
        "0 + -> firing\n 5 - -> resolved\n 6 + -> firing",
    );
}

#[test]
fn is_kept_firing_through_short_gaps() {
    check(
        timing(0, 30),
        None,
        "0 + -> firing
         10 - -> firing
         35 - -> firing
         36 + -> firing
         40 - -> firing
         69 - -> firing
         70 - -> resolved",
    );
}

#[test]
fn a_resolved_alert_is_forgotten_after_a_while() {
    check(
        timing(0, 0),
        None,
        "0 + -> firing\n 1 - -> resolved\n 901 - -> resolved\n 902 - -> inactive",
    );
}

#[test]
fn a_restored_alert_is_not_resolved_by_silence_within_the_grace() {
    let life = Life {
        phase: AlertPhase::Firing,
        active_at_ms: 0,
        fired_at_ms: Some(10_000),
        resolved_at_ms: None,
        keep_firing_since_ms: None,
        value: 1.0,
        restored: true,
    };
    let grace = Timing {
        grace_until_ms: 130_000,
        ..timing(10, 0)
    };
    check(
        grace,
        Some(life),
        "100 - -> firing\n 129 - -> firing\n 130 - -> resolved",
    );
    // Once seen to hold again, it is an alert like any other.
    check(grace, Some(life), "100 + -> firing\n 101 - -> resolved");
}

#[test]
fn due_times_are_exact() {
    let pending = step(None, &verdict(true, 5_000), &timing(10, 0), 5_000)
        .life
        .unwrap();
    assert_eq!(next_due_ms(&pending, &timing(10, 0)), Some(15_000));
    let firing = step(None, &verdict(true, 0), &timing(0, 30), 0).life.unwrap();
    assert_eq!(next_due_ms(&firing, &timing(0, 30)), None);
    let kept = step(Some(&firing), &verdict(false, 7_000), &timing(0, 30), 7_000)
        .life
        .unwrap();
    assert_eq!(next_due_ms(&kept, &timing(0, 30)), Some(37_000));
}

proptest! {
    /// Whatever happens, firing and resolving alternate: an episode begins once and ends once.
    #[test]
    fn episodes_begin_and_end_once(
        for_s in 0i64..20, keep_s in 0i64..20,
        moments in proptest::collection::vec((1i64..15, any::<bool>()), 1..80),
    ) {
        let timing = timing(for_s, keep_s);
        let (mut life, mut now_ms, mut firing) = (None, 0, false);
        for (wait_s, holds) in moments {
            now_ms += wait_s * 1_000;
            let step = step(life.as_ref(), &verdict(holds, now_ms), &timing, now_ms);
            match step.change {
                Some((_, AlertPhase::Firing)) => {
                    prop_assert!(!firing && holds);
                    let life = step.life.unwrap();
                    prop_assert!(now_ms - life.active_at_ms >= timing.for_ms);
                    firing = true;
                }
                Some((from, AlertPhase::Resolved)) => {
                    prop_assert!(firing && !holds && from == AlertPhase::Firing);
                    firing = false;
                }
                _ => {}
            }
            prop_assert_eq!(step, super::step(life.as_ref(), &verdict(holds, now_ms), &timing, now_ms));
            life = step.life;
        }
    }
}
