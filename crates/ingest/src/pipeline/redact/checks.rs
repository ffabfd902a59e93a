//! What a detector's expression alone cannot judge: checksums, and what only looks like a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// All of it.
#[expect(clippy::unnecessary_wraps, reason = "has the form of every check")]
pub(super) fn always(text: &str) -> Option<usize> {
    Some(text.len())
}

/// A payment card's number: digits with blanks or dashes between them, beginning as those of a known network, with the check digit of
/// Luhn (ISO/IEC 7812-1).
pub(super) fn card(text: &str) -> Option<usize> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let is_known = (13..=19).contains(&digits.len()) && is_of_a_network(&digits);
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 1 { doubled(*digit) } else { *digit })
        .sum();
    (is_known && sum.is_multiple_of(10)).then_some(text.len())
}

fn is_of_a_network(digits: &[u32]) -> bool {
    let first = |count: usize| {
        digits
            .iter()
            .take(count)
            .fold(0, |number, digit| number * 10 + digit)
    };
    let (length, two, three, four) = (digits.len(), first(2), first(3), first(4));
    match two / 10 {
        4 => matches!(length, 13 | 16 | 19),
        5 => length == 16 && (51..=55).contains(&two),
        2 => length == 16 && (2221..=2720).contains(&four),
        6 => length >= 16 && (four == 6011 || two == 62 || two == 65 || (644..=649).contains(&three)),
        3 => match two {
            34 | 37 => length == 15,
            35 => length >= 16 && (3528..=3589).contains(&four),
            36 | 38 | 39 => length >= 14,
            30 => length >= 14 && (300..=305).contains(&three),
            _ => false,
        },
        _ => false,
    }
}

/// Characters of the account numbers of the countries that have them (ISO 13616 registry).
const IBAN_LENGTHS: [(&str, usize); 82] = [
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NL", 18),
    ("NO", 15),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("SA", 24),
    ("SC", 31),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("BI", 27),
    ("DJ", 27),
    ("RU", 33),
    ("SD", 18),
];

/// An account number: as long as its country's are, and the check digits right (ISO 7064, mod 97-10). What follows it in the text is
/// not part of it.
pub(super) fn iban(text: &str) -> Option<usize> {
    let country = text.get(..2)?;
    let (_, length) = IBAN_LENGTHS.iter().find(|(known, _)| *known == country)?;
    let mut characters = text.char_indices().filter(|(_, c)| *c != ' ');
    let taken: Vec<(usize, char)> = characters.by_ref().take(*length).collect();
    let end = taken.last()?.0 + 1;
    let goes_on = text.as_bytes().get(end).is_some_and(u8::is_ascii_alphanumeric);
    if taken.len() < *length || goes_on {
        return None;
    }
    let (head, body) = taken.split_at_checked(4)?;
    let remainder = body.iter().chain(head).try_fold(0_u32, |remainder, (_, c)| {
        let value = c.to_digit(36)?;
        Some(if value < 10 {
            (remainder * 10 + value) % 97
        } else {
            (remainder * 100 + value) % 97
        })
    })?;
    (remainder == 1).then_some(end)
}

/// Name and password in base64, as HTTP's Basic scheme has them.
pub(super) fn basic(text: &str) -> Option<usize> {
    let decoded = STANDARD.decode(text).ok()?;
    let is_pair = decoded.contains(&b':') && !decoded.iter().any(u8::is_ascii_control);
    is_pair.then_some(text.len())
}

/// Not a word of prose: digits and letters, or very long.
pub(super) fn token(text: &str) -> Option<usize> {
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    let has_letter = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    ((has_digit && has_letter) || text.len() >= 32)
        .then_some(text.len())
        .filter(|_| !is_placeholder(text))
}

/// The value of a key that announces a secret, unless it stands for one only.
pub(super) fn value(text: &str) -> Option<usize> {
    (text.len() >= 4 && !is_placeholder(text)).then_some(text.len())
}

const PLACEHOLDERS: [&str; 15] = [
    "null",
    "none",
    "true",
    "false",
    "undefined",
    "empty",
    "required",
    "missing",
    "invalid",
    "expired",
    "redacted",
    "masked",
    "hidden",
    "string",
    "optional",
];

fn is_placeholder(text: &str) -> bool {
    // A path is where a secret lies, or the shell's PWD.
    let is_marked = ["[REDACTED", "[HASH:", "<", "${", "{{", "%{", "$(", "/"]
        .iter()
        .any(|start| text.starts_with(start));
    let is_blank = text
        .bytes()
        .all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.' | b'-' | b'#'));
    is_marked || is_blank || PLACEHOLDERS.iter().any(|known| text.eq_ignore_ascii_case(known))
}
