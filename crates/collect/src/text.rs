//! Reading the kernel's text as bytes: lines, fields, numbers; nothing allocates and nothing panics.

use std::borrow::Cow;

/// The lines of a text, without their ends.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

/// The fields of a line, split at blanks and tabs.
pub(crate) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty())
}

/// A decimal number without sign that fits 64 bits.
pub(crate) fn number(field: &[u8]) -> Option<u64> {
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0u64, |total, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        total.checked_mul(10)?.checked_add(digit)
    })
}

/// A decimal number with an optional minus.
pub(crate) fn signed(field: &[u8]) -> Option<i64> {
    match field.strip_prefix(b"-") {
        Some(digits) => number(digits).and_then(|n| 0i64.checked_sub_unsigned(n)),
        None => number(field).and_then(|n| i64::try_from(n).ok()),
    }
}

/// A decimal fraction; never infinite and never NaN.
pub(crate) fn fraction(field: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(field).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

/// The number in a file that holds nothing else.
pub(crate) fn only_number(text: &[u8]) -> Option<u64> {
    number(text.trim_ascii())
}

/// A field as text; bytes that are not UTF-8 become U+FFFD.
pub(crate) fn words(field: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(field)
}

/// A field of a mount table with its octal escapes (`\040` for a blank) undone (proc(5), fstab(5)).
pub(crate) fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let escaped = match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] if *first == b'\\' => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        plain.push(escaped.unwrap_or(*first));
        rest = match escaped {
            Some(_) => tail.get(3..).unwrap_or_default(),
            None => tail,
        };
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_that_do_not_fit_are_none() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for bad in [&b"18446744073709551616"[..], b"", b"-1", b"1.5", b"0x1", b" 1"] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
        assert_eq!(signed(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(signed(b"-9223372036854775809"), None);
        assert_eq!(
            (fraction(b"0.25"), fraction(b"inf"), fraction(b"nan")),
            (Some(0.25), None, None)
        );
        assert_eq!(only_number(b" 42\n"), Some(42));
    }

    #[test]
    fn escapes_of_mount_tables_are_undone() {
        let check = |escaped: &[u8], plain: &[u8]| assert_eq!(unescape(escaped), plain);
        check(br"/mnt/my\040disk", b"/mnt/my disk");
        check(br"/a\134b\011", b"/a\\b\t");
        check(br"/end\04", br"/end\04");
        check(br"\999", br"\999");
    }

    proptest! {
        #[test]
        fn printed_numbers_read_back(value: u64, with_sign: i64) {
            prop_assert_eq!(number(value.to_string().as_bytes()), Some(value));
            prop_assert_eq!(signed(with_sign.to_string().as_bytes()), Some(with_sign));
        }

        #[test]
        fn no_field_panics(bytes: Vec<u8>) {
            let _ = (number(&bytes), signed(&bytes), fraction(&bytes), unescape(&bytes), words(&bytes));
        }
    }
}
