//! Values of attributes as text, as the collector's `pcommon.Value.AsString` writes them: a text as it is, lists and maps as
//! JSON, bytes in base64.

use std::fmt::Write;

/// A float as ECMAScript writes it, which JSON has too; infinities and NaN by name.
pub(super) fn push_double(out: &mut String, number: f64) {
    let magnitude = number.abs();
    let plain = magnitude == 0.0 || (1e-6..1e21).contains(&magnitude);
    // Writing to a string cannot fail.
    let _ = if plain || !number.is_finite() {
        write!(out, "{number}")
    } else {
        let text = format!("{number:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => write!(out, "{digits}e+{exponent}"),
            _ => write!(out, "{text}"),
        }
    };
}

/// A text in JSON's quotes.
pub(super) fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Bytes in base64 with padding (RFC 4648, section 4).
pub(super) fn push_base64(out: &mut String, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let at = |place: usize| u32::from(group.get(place).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            if place <= group.len() {
                let index = (bits >> (18 - 6 * place)) & 0x3f;
                out.push(char::from(ALPHABET[index as usize]));
            } else {
                out.push('=');
            }
        }
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// The bytes that hexadecimal digits of either case stand for.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn values_are_written_as_the_collector_writes_them() {
        for (number, text) in [
            (1.5, "1.5"),
            (3.0, "3"),
            (-0.25, "-0.25"),
            (1e21, "1e+21"),
            (1e-7, "1e-7"),
            (123_456_789.0, "123456789"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(written(|out| push_double(out, number)), text);
        }
        assert_eq!(
            written(|out| push_quoted(out, "a\"b\\\n\u{1}é")),
            "\"a\\\"b\\\\\\n\\u0001é\""
        );
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(written(|out| push_base64(out, bytes.as_bytes())), text);
        }
        assert_eq!(unhex("00fFa1"), Some(vec![0, 255, 161]));
        assert_eq!(hex(&[0, 255, 161]), "00ffa1");
        assert_eq!((unhex("0"), unhex("zz")), (None, None));
    }
}
