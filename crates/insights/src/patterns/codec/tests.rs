//! Saved patterns read back, and nothing else is read as such.

use super::*;

fn some_patterns() -> Patterns {
    let mut patterns = Patterns::default();
    for line in [
        "unknown user ann asks for entry",
        "unknown user bob asks for entry",
        "unknown user cid asks for entry",
        "started in 5 ms",
        "a literal <_> stays",
        "",
    ] {
        patterns.step(line);
    }
    patterns
}

#[test]
fn numbers_that_cannot_be_are_refused() {
    let mut patterns = Patterns::new(8);
    patterns.step("a line");
    let mut bytes = encode_patterns(&patterns);
    let at = MAGIC.len() + 1;
    bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
    let error = decode_patterns(&bytes, 8).unwrap_err();
    assert!(error.to_string().contains("more lines"), "{error}");
}

/// A state of two templates that took a line each, whose numbers are written over: those of the head and of the first template.
fn with_lines(head: u64, of_first: u64) -> Vec<u8> {
    let mut patterns = Patterns::new(16);
    let first = patterns.step("unknown user ann asks for entry");
    patterns.step("unknown user bob asks for entry");
    patterns.lines = head;
    let slot = patterns.by_id[&first] as usize;
    patterns.slots[slot].template.as_mut().unwrap().lines = of_first;
    encode_patterns(&patterns)
}

#[test]
fn templates_of_more_lines_than_the_state_together_are_refused() {
    assert!(decode_patterns(&with_lines(2, 1), 16).is_ok());
    let error = decode_patterns(&with_lines(2, 2), 16).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("templates of more lines than there were"),
        "{error}"
    );
    assert!(decode_patterns(&with_lines(LINES_COUNTED_MAX, u64::MAX), 16).is_err());
}

#[test]
fn a_state_that_counts_no_further_lines_reads_back() {
    let mut patterns = decode_patterns(&with_lines(LINES_COUNTED_MAX, LINES_COUNTED_MAX - 1), 16).unwrap();
    patterns.evicted = LINES_COUNTED_MAX;
    // Known lines, lines that widen a template, and so many new ones that templates go.
    for line in [
        "unknown user ann asks for entry",
        "unknown user cid asks for entry",
    ] {
        let id = patterns.step(line);
        assert!(patterns.get(id).is_some(), "{line}");
    }
    for place in 0..40 {
        patterns.step(&"(".repeat(place));
    }
    let bytes = encode_patterns(&patterns);
    let read = decode_patterns(&bytes, 16).unwrap();
    assert_eq!(encode_patterns(&read), bytes);
    assert_eq!(
        (read.lines(), read.evicted()),
        (LINES_COUNTED_MAX, LINES_COUNTED_MAX)
    );
}

#[test]
fn a_saved_state_knows_its_lines() {
    let mut before = some_patterns();
    let bytes = encode_patterns(&before);
    let mut after = decode_patterns(&bytes, 1000).unwrap();
    assert_eq!(encode_patterns(&after), bytes);
    let ann = crate::patterns::template::id_of("unknown user ann asks for entry");
    assert_ne!(before.resolve(ann), ann);
    assert_eq!(before.resolve(ann), after.resolve(ann));
    for line in [
        "unknown user eve asks for entry",
        "started in 7 s",
        "a literal <_> stays",
        "new",
    ] {
        assert_eq!(before.step(line), after.step(line), "{line}");
    }
    assert_eq!((before.len(), before.lines()), (after.len(), after.lines()));
}

#[test]
fn faults_name_their_place() {
    let bytes = encode_patterns(&some_patterns());
    for length in 0..bytes.len() {
        assert!(decode_patterns(&bytes[..length], 100).is_err(), "{length}");
    }
    let mut more = bytes.clone();
    more.push(0);
    let error = decode_patterns(&more, 100).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot read the saved patterns: at byte {}: more follows than was written",
            bytes.len()
        )
    );
}

/// Written by version 1; this file stays for ever.
const FIXTURE: &[u8] = include_bytes!("../../../tests/fixtures/patterns-v1.bin");

#[test]
fn version_1_is_read_for_ever() {
    let patterns = decode_patterns(FIXTURE, 1000).unwrap();
    assert_eq!(encode_patterns(&patterns), FIXTURE);
    let mut texts: Vec<&str> = patterns.templates().map(|template| template.text).collect();
    texts.sort_unstable();
    let expected = [
        "",
        "a literal <_> stays",
        "started in <_>",
        "unknown user <_> asks for entry",
    ];
    assert_eq!(texts, expected);
    assert_eq!(encode_patterns(&some_patterns()), FIXTURE);
}

proptest::proptest! {
    #[test]
    fn any_state_reads_back(lines in proptest::collection::vec("[a-c] ?[a-c]{0,2}[=(]?[0-9]?[a-d]{0,3}", 0..200)) {
        let mut patterns = Patterns::new(16);
        for line in &lines {
            patterns.step(line);
        }
        let bytes = encode_patterns(&patterns);
        let read = decode_patterns(&bytes, 16).unwrap();
        proptest::prop_assert_eq!(encode_patterns(&read), bytes);
    }

    #[test]
    fn any_bytes_are_refused_or_read(change in 0_usize..400, to: u8) {
        let mut bytes = FIXTURE.to_vec();
        if let Some(byte) = bytes.get_mut(change) {
            *byte = to;
        }
        if let Ok(mut patterns) = decode_patterns(&bytes, 16) {
            patterns.step("unknown user eve asks for entry");
            patterns.step("started in 5 ms");
        }
    }
}
