//! Numbers as Go writes them (decimal, octal, hexadecimal, with exponents and digit separators) and durations.

use stdx::HumanDuration;

use crate::ast::NumberLiteral;
use crate::limits::DURATION_MILLIS_MAX;

/// Reads the number or duration that `rest` starts with, and says how many bytes it takes.
pub(super) fn read(rest: &str) -> Result<(NumberLiteral, usize), String> {
    let length = literal_length(rest);
    let word = rest.get(..length).unwrap_or_default();
    let literal = number(word).or_else(|| duration(word));
    match literal {
        Some(literal) if literal.value.is_finite() => Ok((literal, length)),
        Some(_) => Err(format!("error parsing number: {word:?} is out of range")),
        None => Err(format!("bad number or duration syntax: {word:?}")),
    }
}

/// Everything that can belong to a number or duration, so that `0deadbeef` is one bad number rather than two tokens.
fn literal_length(rest: &str) -> usize {
    let hexadecimal = rest.starts_with("0x") || rest.starts_with("0X");
    let mut previous = 0_u8;
    let mut length = 0;
    for byte in rest.bytes() {
        let exponent = if hexadecimal { b"pP" } else { b"eE" };
        let signed_exponent = matches!(byte, b'+' | b'-')
            && exponent.contains(&previous)
            && rest.as_bytes().get(length + 1).is_some_and(u8::is_ascii_digit);
        if !(byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_' || signed_exponent) {
            break;
        }
        previous = byte;
        length += 1;
    }
    length
}

fn number(word: &str) -> Option<NumberLiteral> {
    let plain = without_separators(word)?;
    let value = if let Some(digits) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        hexadecimal(digits)?
    } else if !plain.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    } else if plain.len() > 1
        && plain.starts_with('0')
        && plain.bytes().all(|byte| matches!(byte, b'0'..=b'7'))
    {
        // Go reads a leading zero as octal.
        i64::from_str_radix(&plain, 8).ok()? as f64
    } else if plain
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
    {
        plain.parse().ok()?
    } else {
        return None;
    };
    Some(NumberLiteral {
        value,
        is_duration: false,
    })
}

/// Removes underscores that stand between digits; `None` where one stands elsewhere.
fn without_separators(word: &str) -> Option<String> {
    let bytes = word.as_bytes();
    let misplaced = bytes.iter().enumerate().any(|(place, byte)| {
        let digit = |place: Option<usize>| {
            place
                .and_then(|place| bytes.get(place))
                .is_some_and(u8::is_ascii_alphanumeric)
        };
        *byte == b'_' && !(digit(place.checked_sub(1)) && digit(Some(place + 1)))
    });
    (!misplaced).then(|| word.replace('_', ""))
}

/// Hexadecimal integers and floats (`0x1p-2`) without their `0x`.
fn hexadecimal(digits: &str) -> Option<f64> {
    let (mantissa, exponent) = match digits.split_once(['p', 'P']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None if digits.contains('.') => return None,
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?.checked_mul(4)?)?;
    Some(value * 2_f64.powi(shift))
}

fn duration(word: &str) -> Option<NumberLiteral> {
    let millis = HumanDuration::parse(word).ok()?.as_millis_i64();
    (millis <= DURATION_MILLIS_MAX).then(|| NumberLiteral {
        value: millis as f64 / 1000.0,
        is_duration: true,
    })
}
