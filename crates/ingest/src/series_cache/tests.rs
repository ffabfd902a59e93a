//! Rounds of a target that changes, against what must be known, gone or alive.

use proptest::prelude::*;

use super::*;

fn labels(text: &str) -> Option<Labels> {
    (!text.starts_with("dropped")).then(|| Labels::from_pairs([("__name__", text)]))
}

/// One whole scrape; returns what vanished and how many texts were new.
fn round(cache: &mut SeriesCache, texts: &[&str]) -> (Vec<String>, usize) {
    cache.begin();
    let mut new = 0;
    for text in texts {
        let known = cache.find(text).unwrap_or_else(|| {
            new += 1;
            cache.learn(text, labels(text))
        });
        if let Known::Kept(slot) = known {
            assert_eq!(
                cache.series(slot).map(|series| series.labels().metric_name()),
                Some(*text)
            );
            cache.see(slot, Form::Float, true);
        }
    }
    let mut vanished: Vec<String> = cache
        .vanished()
        .map(|(series, _)| series.labels().metric_name().to_owned())
        .collect();
    vanished.sort();
    cache.commit(!texts.is_empty());
    (vanished, new)
}

#[test]
fn a_series_vanishes_once() {
    let mut cache = SeriesCache::new();
    assert_eq!(round(&mut cache, &["a", "b", "dropped"]), (vec![], 3));
    assert_eq!(round(&mut cache, &["a", "b", "dropped"]), (vec![], 0));
    assert_eq!(round(&mut cache, &["b", "c"]), (vec!["a".to_owned()], 1));
    assert_eq!(round(&mut cache, &["b", "c"]), (vec![], 0));
    assert_eq!(cache.text_count(), 2);
    assert_eq!(round(&mut cache, &[]), (vec!["b".to_owned(), "c".to_owned()], 0));
    assert_eq!(round(&mut cache, &[]), (vec![], 0));
    assert_eq!(
        round(&mut cache, &["c"]),
        (vec![], 0),
        "a failed scrape forgets no text"
    );
}

#[test]
fn a_round_that_is_begun_anew_changes_nothing_of_what_is_alive() {
    let mut cache = SeriesCache::new();
    round(&mut cache, &["a", "b"]);
    cache.begin();
    cache.find("a");
    assert_eq!(round(&mut cache, &[]), (vec!["a".to_owned(), "b".to_owned()], 0));
}

#[test]
fn untracked_series_never_vanish_and_repeats_are_told() {
    let mut cache = SeriesCache::new();
    cache.begin();
    let Known::Kept(slot) = cache.learn("a", labels("a")) else {
        panic!("kept")
    };
    assert!(cache.see(slot, Form::Float, false));
    assert!(!cache.see(slot, Form::Float, false));
    cache.commit(true);
    assert_eq!(round(&mut cache, &["b"]), (vec![], 1));
}

#[test]
fn changed_rules_forget_meanings_and_keep_what_is_alive() {
    let mut cache = SeriesCache::new();
    round(&mut cache, &["a", "b"]);
    cache.forget_meanings();
    assert_eq!(round(&mut cache, &["a"]), (vec!["b".to_owned()], 1));
}

proptest! {
    #[test]
    fn any_history_gives_what_sets_give(history in proptest::collection::vec(
        proptest::collection::btree_set("[a-f]{1,2}|dropped[ab]", 0..12), 1..12,
    ), reverse in any::<bool>()) {
        let mut cache = SeriesCache::new();
        let mut alive: std::collections::BTreeSet<String> = std::collections::BTreeSet::new();
        for texts in history {
            let mut order: Vec<&str> = texts.iter().map(String::as_str).collect();
            if reverse {
                order.reverse();
            }
            let (vanished, _) = round(&mut cache, &order);
            let now: std::collections::BTreeSet<String> =
                texts.iter().filter(|text| labels(text).is_some()).cloned().collect();
            let expected: Vec<String> = alive.difference(&now).cloned().collect();
            prop_assert_eq!(vanished, expected);
            alive = now;
        }
    }
}
