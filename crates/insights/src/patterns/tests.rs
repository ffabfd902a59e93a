//! What the state promises, over made-up logs.

use super::*;
use crate::limits::CANDIDATES_MAX;

fn texts(lines: &[&str]) -> Vec<String> {
    let mut patterns = Patterns::default();
    let ids: Vec<TemplateId> = lines.iter().map(|line| patterns.step(line)).collect();
    let text = |id: &TemplateId| patterns.get(*id).unwrap().text.to_owned();
    ids.iter().map(text).collect()
}

#[test]
fn words_that_vary_become_wildcards_once_enough_were_seen() {
    let session = ["session opened for root", "session closed for root"];
    assert_eq!(texts(&session), session);
    let names = [
        "invalid user ann from 10.0.0.1 with key",
        "invalid user bob from 10.0.0.2 with key",
        "invalid user cid from 10.0.0.3 with key",
    ];
    assert_eq!(texts(&names), ["invalid user <_> from <_> with key"; 3]);
    let cities = [
        "the parcel goes to Rome by train",
        "the parcel goes to Oslo by train",
        "the parcel goes to Bonn by train",
        "the parcel goes to Kyiv by train",
        "the parcel goes to Riga by train",
    ];
    assert_eq!(texts(&cities[..4]), cities[..4]);
    assert_eq!(texts(&cities), ["the parcel goes to <_> by train"; 5]);
    let switches = ["flag x is true in all cases", "flag x is false in all cases"];
    assert_eq!(texts(&switches), switches);
}

#[test]
fn two_places_vary_together() {
    let words = ["ann", "bob", "cid", "dan", "eve", "fay", "gil"];
    let lines: Vec<String> = (0..7)
        .map(|n| {
            format!(
                "accepted key of {} for service unit on {} today",
                words[n],
                words[(n * 3 + 1) % 7]
            )
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(
        texts(&lines),
        ["accepted key of <_> for service unit on <_> today"; 7]
    );
}

#[test]
fn what_was_a_number_before_is_a_wildcard_for_words_too() {
    let both = [
        "Failed password for user test9 from host",
        "Failed password for user admin from host",
    ];
    let expected = ["Failed password for user <_> from host"; 2];
    assert_eq!(texts(&both), expected);
    assert_eq!(texts(&[both[1], both[0]]), expected);
}

#[test]
fn ids_are_fixed_for_ever() {
    let mut patterns = Patterns::default();
    let id = patterns.step("Took 93.0 ms to answer 10.0.0.1:80");
    assert_eq!(patterns.get(id).unwrap().text, "Took <_> to answer <_>");
    assert_eq!(id.to_string(), "e92a8a2db91600c4");
    let mut other = Patterns::default();
    other.step("something else");
    assert_eq!(other.step("Took 1 s to answer 10.9.9.9"), id);
}

#[test]
fn retired_ids_lead_on() {
    let mut patterns = Patterns::default();
    let names = ["ann", "bob", "cid", "dan"];
    let ids = names.map(|name| patterns.step(&format!("unknown user {name} asks for entry")));
    assert_eq!(ids.map(|id| patterns.resolve(id)), [ids[3]; 4]);
    assert_eq!(patterns.get(ids[0]).unwrap().lines, 4);
    assert_eq!(patterns.len(), 1);
}

#[test]
fn the_order_of_lines_does_not_change_the_templates() {
    let mut lines: Vec<String> = Vec::new();
    for word in ["ann", "bob", "cid", "dan", "eve", "fay"] {
        lines.push(format!("unknown user {word} asks for entry"));
        lines.push(format!("the parcel of {word} goes by train today"));
        lines.push(format!("{word} took 5 ms"));
        lines.push("session opened for root".to_owned());
    }
    let final_ids = |lines: &[String]| {
        let mut patterns = Patterns::default();
        let ids: Vec<(String, TemplateId)> = lines
            .iter()
            .map(|line| (line.clone(), patterns.step(line)))
            .collect();
        let mut ids: Vec<_> = ids
            .into_iter()
            .map(|(line, id)| (line, patterns.resolve(id)))
            .collect();
        ids.sort_unstable();
        ids
    };
    let expected = final_ids(&lines);
    let mut random = testkit::Random::new(7);
    for _ in 0..50 {
        for place in (1..lines.len()).rev() {
            lines.swap(place, random.below(place as u64 + 1) as usize);
        }
        assert_eq!(final_ids(&lines), expected);
    }
}

#[test]
fn memory_is_bounded() {
    let mut patterns = Patterns::new(1000);
    let letters = |mut number: u64| {
        let mut word = String::new();
        for _ in 0..8 {
            word.push(char::from(b'a' + (number % 26) as u8));
            number /= 26;
        }
        word
    };
    let mut random = testkit::Random::new(3);
    for number in 0..50_000_u64 {
        let words: Vec<String> = (0..=random.below(6))
            .map(|_| letters(random.below(u64::MAX)))
            .collect();
        patterns.step(&words.join(if number % 3 == 0 { "=" } else { " " }));
        assert!(patterns.len() <= 1000);
    }
    let in_skeletons: usize = patterns.skeletons.values().map(Vec::len).sum();
    assert_eq!(in_skeletons, patterns.len());
    assert_eq!(patterns.templates().count(), patterns.len());
    assert!(patterns.slots.len() <= 1001);
    assert!(patterns.evicted() > 0);
    assert!(patterns.retired.pairs().len() <= 2000);
}

#[test]
fn what_is_seen_stays_when_others_go() {
    let mut patterns = Patterns::new(100);
    let kept = patterns.step("the one that matters");
    for number in 0..1000_u64 {
        let word: String = number
            .to_string()
            .bytes()
            .map(|digit| char::from(digit + 49))
            .collect();
        patterns.step(&word.repeat(1 + (number % 7) as usize));
        patterns.step(&format!("{}={word}", "x,".repeat((number % 90) as usize)));
        assert_eq!(patterns.step("the one that matters"), kept);
    }
    assert!(patterns.evicted() > 0);
}

proptest::proptest! {
    #[test]
    fn every_line_is_of_a_template_that_fits(lines in proptest::collection::vec("[a-d]{1,2}( [a-d]{1,2}){0,4}( [0-9])?", 1..300)) {
        let mut patterns = Patterns::new(64);
        for line in &lines {
            let id = patterns.step(line);
            let template = patterns.get(id).unwrap();
            let pieces: Vec<&str> = template.text.split(' ').collect();
            let words: Vec<&str> = line.split(' ').collect();
            proptest::prop_assert_eq!(pieces.len(), words.len());
            for (piece, word) in pieces.iter().zip(&words) {
                proptest::prop_assert!(*piece == "<_>" || piece == word, "{} {}", template.text, line);
            }
            proptest::prop_assert!(patterns.len() <= 64);
        }
        let counted: u64 = patterns.templates().map(|template| template.lines).sum();
        proptest::prop_assert!(patterns.evicted() > 0 || counted == lines.len() as u64);
    }
}

#[test]
fn the_window_of_candidates_follows_use() {
    let mut patterns = Patterns::default();
    let kept = patterns.step("aa zz 1 qq");
    // Lines of the same skeleton, apart from each other: the first is pushed out of the window unless it is used.
    for number in 0..CANDIDATES_MAX as u64 * 2 {
        let word: String = number
            .to_string()
            .bytes()
            .map(|digit| char::from(digit + 49))
            .collect();
        patterns.step(&format!("{word} {word}x {word}y {word}z"));
        assert_eq!(patterns.step("aa zz 2 qq"), kept);
    }
}
