//! What Go takes, means and refuses, and what programs take.

use super::*;

fn compiled(pattern: &str) -> Regex {
    GoRegex::parse(pattern).unwrap().compile(pattern).unwrap()
}

#[test]
fn what_go_takes_is_taken() {
    for (pattern, text, expected) in [
        ("user{id", "user{id", true),
        ("a{2}", "aa", true),
        ("a{2}", "a{2}", false),
        ("[a[b]", "[", true),
        ("[]a]", "]", true),
        ("[[:digit:]]+x", "12x", true),
        (r"\Qa.b\E", "a.b", true),
        (r"\Qa.b\E", "axb", false),
        (r"\<b\>", "<b>", true),
        (r"\x{41}", "A", true),
        ("(?i)(?i)ABC", "abc", true),
        (r"(?P<a>\w+) \S+", "x y", true),
        ("[a&&b]", "&", true),
        ("[[:a]", "[", true),
        ("[[:a]", ":", true),
        ("[^]a]", "]", false),
        ("[^]a]", "b", true),
        ("^[!--]$", "#", true),
        ("^[!--]$", "-", true),
        ("^[+--]$", ",", true),
        ("^[!--/]$", ".", false),
        ("^[!--/]$", "/", true),
        ("^[a-c-e]$", "d", false),
        ("^[a-c-e]$", "-", true),
        (r"^[\w-.]$", "-", true),
        (r"^[.\-]$", "-", true),
        ("^[a-]$", "-", true),
        ("^[-a]$", "-", true),
        (r"\012", "\n", true),
        (r"^[\101-\103]$", "B", true),
        ("a{01}", "a{01}", true),
        ("a{,2}", "a{,2}", true),
    ] {
        assert_eq!(compiled(pattern).is_match(text), expected, "{pattern}");
    }
}

#[test]
fn what_go_refuses_is_refused() {
    for pattern in [
        r"[+-\d]", r"[.-\w]", r"[a-\pL]", r"\1", "(", "[b-a]", "[]", "a**b(",
    ] {
        assert!(GoRegex::parse(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn long_patterns_are_read_in_one_walk() {
    // Looked through to its end for each brace and bracket, each of these takes minutes.
    for pattern in [
        "{".repeat(PATTERN_BYTES_MAX),
        format!("[{}aa]", "[:".repeat(PATTERN_BYTES_MAX / 2 - 2)),
    ] {
        GoRegex::parse(&pattern).unwrap();
        let fault = GoRegex::parse(&format!("{pattern}aaa")).unwrap_err();
        assert!(fault.to_string().contains("512 KiB"), "{fault}");
    }
}

#[test]
fn words_digits_and_blanks_are_of_ascii() {
    for (pattern, text, expected) in [
        (r"^\w$", "é", false),
        (r"^\W$", "é", true),
        (r"^[\w.]$", "é", false),
        (r"^[\w.]$", ".", true),
        (r"^[^\w.]$", "é", true),
        (r"^[\W]$", "é", true),
        (r"^\d$", "٣", false),
        (r"^\D$", "٣", true),
        (r"^\d$", "3", true),
        (r"^\s$", "\u{a0}", false),
        (r"^\s$", "\u{b}", false),
        (r"^\s$", "\t", true),
        (r"^\S$", "\u{a0}", true),
        (r"^\pL$", "é", true),
        (r"\bnaïf\b", "naïf", true),
        (r"\bf", "ïf", true),
        (r"\Bf", "ïf", false),
        (r"^[\w-]+$", "a-b", true),
    ] {
        assert_eq!(compiled(pattern).is_match(text), expected, "{pattern} {text}");
    }
}

#[test]
fn what_a_program_takes_is_reckoned_before_it_is_made() {
    let bytes = |pattern: &str| GoRegex::parse(pattern).unwrap().program_bytes();
    assert!(bytes(r"\w{18}") < 8 << 10);
    assert!((700 << 10..1 << 20).contains(&bytes(r"\pL{18}")));
    assert!(bytes(&"x".repeat(100_000)) < PROGRAM_BYTES_MAX);
    for pattern in [
        r"\pL{1000}",
        r"((a{1000}){1000}){1000}",
        r"(\pL{90}){90}",
        &"x".repeat(1 << 20),
    ] {
        let fault = GoRegex::parse(pattern).and_then(|read| read.compile(pattern));
        let fault = fault.unwrap_err().to_string();
        assert!(
            fault.contains("more than 16 MiB") || fault.contains("more than 512 KiB"),
            "{fault}"
        );
    }
    let mut size = PatternsSize::default();
    let added = (0..300)
        .map(|_| size.add(bytes(r"\pL{18}")))
        .take_while(Result::is_ok);
    assert_eq!(added.count(), 18);
}

proptest::proptest! {
    #[test]
    fn plain_expressions_mean_the_same(
        // A bracket within a class is one more class for the library, and a plain sign for Go.
        pattern in "([ab.|*+()?^$-]|\\[ab\\]|\\[\\^a-b\\]|[{]1,2[}]){0,8}",
        text in "[ab{}-]{0,6}",
    ) {
        if let (Ok(plain), Ok(translated)) = (Regex::new(&pattern), Regex::new(&translate(&pattern))) {
            proptest::prop_assert_eq!(plain.is_match(&text), translated.is_match(&text), "{}", pattern);
        }
    }
}
