//! Numbers and `printf` as Go prints them.

use std::fmt::{self, Write};
use std::iter::Peekable;
use std::str::Chars;

use crate::value::Value;

/// A float as Go's `%v` prints it: the shortest that reads back, with an exponent below 1e-4 and from 1e21 on.
pub fn go_float(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        exponent(&format!("{value:e}"))
    } else {
        format!("{value}")
    }
}

/// A float as Go's `%.4g` prints it where `digits` is four: so many significant digits, zeros at the end left out.
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return go_float(value);
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let digits = digits.max(1);
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, power) = scientific.split_once('e').unwrap_or((scientific.as_str(), "0"));
    let power: i32 = power.parse().unwrap_or_default();
    if power < -4 || power >= digits as i32 {
        let mantissa = without_zeros(mantissa);
        return exponent(&format!("{mantissa}e{power}"));
    }
    let places = (digits as i32 - 1 - power).max(0) as usize;
    without_zeros(&format!("{value:.places$}")).to_owned()
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// Go writes at least two digits of exponent and always its sign.
fn exponent(text: &str) -> String {
    let Some((mantissa, power)) = text.split_once('e') else {
        return text.to_owned();
    };
    let (sign, digits) = power
        .strip_prefix('-')
        .map_or(('+', power), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[derive(Debug, Default)]
struct Spec {
    minus: bool,
    plus: bool,
    zero: bool,
    space: bool,
    sharp: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// No field is wider and no number more precise than this.
const WIDTH_MAX: usize = 256;

/// Go's `fmt.Sprintf`.
pub(crate) fn sprintf(out: &mut impl Write, format: &str, arguments: &[Value]) -> fmt::Result {
    let mut chars = format.chars().peekable();
    let mut arguments = arguments.iter();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.write_char(c)?;
            continue;
        }
        let spec = spec(&mut chars);
        match chars.next() {
            Some('%') => out.write_char('%')?,
            Some(verb) => match arguments.next() {
                Some(value) => write_value(out, verb, value, &spec)?,
                None => write!(out, "%!{verb}(MISSING)")?,
            },
            None => out.write_str("%!(NOVERB)")?,
        }
    }
    let mut before = "%!(EXTRA ";
    for value in arguments.as_slice() {
        write!(out, "{before}{}={value}", value.type_name())?;
        before = ", ";
    }
    out.write_str(if arguments.as_slice().is_empty() { "" } else { ")" })
}

/// One argument. What holds others may print as very much and is not made before it is written, unless it is padded.
fn write_value(out: &mut impl Write, verb: char, value: &Value, spec: &Spec) -> fmt::Result {
    if !matches!(value, Value::Map(_) | Value::Struct(_) | Value::List(_)) {
        return out.write_str(&pad(&verb_text(verb, value, spec), spec, value));
    }
    let mut short = Short {
        text: String::new(),
        left: spec.width.unwrap_or_default(),
    };
    match write_container(&mut short, verb, value) {
        Ok(()) => out.write_str(&pad(&short.text, spec, value)),
        Err(fmt::Error) => write_container(out, verb, value),
    }
}

/// What holds other values, as the verbs print it that know it.
fn write_container(out: &mut impl Write, verb: char, value: &Value) -> fmt::Result {
    match verb {
        's' | 'v' => write!(out, "{value}"),
        'T' => out.write_str(value.type_name()),
        _ => write!(out, "%!{verb}({}={value})", value.type_name()),
    }
}

/// A text that may need padding: it takes no more characters than a field has.
struct Short {
    text: String,
    left: usize,
}

impl Write for Short {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let count = piece.chars().take(self.left + 1).count();
        self.left = self.left.checked_sub(count).ok_or(fmt::Error)?;
        self.text.push_str(piece);
        Ok(())
    }
}

/// What stands between `%` and the verb.
fn spec(chars: &mut Peekable<Chars<'_>>) -> Spec {
    let mut spec = Spec::default();
    while let Some(flag) = chars.next_if(|c| "-+0 #".contains(*c)) {
        match flag {
            '-' => spec.minus = true,
            '+' => spec.plus = true,
            '0' => spec.zero = true,
            ' ' => spec.space = true,
            _ => spec.sharp = true,
        }
    }
    spec.width = digits(chars);
    if chars.next_if_eq(&'.').is_some() {
        spec.precision = Some(digits(chars).unwrap_or_default());
    }
    spec
}

fn digits(chars: &mut Peekable<Chars<'_>>) -> Option<usize> {
    let mut number: Option<usize> = None;
    while let Some(digit) = chars.next_if(char::is_ascii_digit).and_then(|c| c.to_digit(10)) {
        number = Some((number.unwrap_or_default() * 10 + digit as usize).min(WIDTH_MAX));
    }
    number
}

fn verb_text(verb: char, value: &Value, spec: &Spec) -> String {
    let text = match (verb, value) {
        ('v', Value::Float(float)) => match spec.precision {
            Some(digits) => significant(*float, digits),
            None => go_float(*float),
        },
        ('s' | 'v', Value::Text(text)) => match spec.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text.to_string(),
        },
        ('v', value) => value.to_string(),
        ('s', Value::Time(_) | Value::TimePointer(_)) => value.to_string(),
        ('q', Value::Text(text)) => format!("{text:?}"),
        ('d', Value::Int(int)) => int.to_string(),
        ('x', Value::Int(int)) => format!("{int:x}"),
        ('X', Value::Int(int)) => format!("{int:X}"),
        ('o', Value::Int(int)) => format!("{int:o}"),
        ('b', Value::Int(int)) => format!("{int:b}"),
        ('c', Value::Int(int)) => u32::try_from(*int)
            .ok()
            .and_then(char::from_u32)
            .unwrap_or('\u{fffd}')
            .to_string(),
        ('x', Value::Text(text)) => hexadecimal(text),
        ('f' | 'F', Value::Float(float)) if float.is_finite() => {
            format!("{float:.*}", spec.precision.unwrap_or(6))
        }
        ('e', Value::Float(float)) if float.is_finite() => {
            exponent(&format!("{float:.*e}", spec.precision.unwrap_or(6)))
        }
        ('g', Value::Float(float)) => match spec.precision {
            Some(digits) => significant(*float, digits),
            None => go_float(*float),
        },
        ('f' | 'F' | 'e', Value::Float(float)) => go_float(*float),
        ('t', Value::Bool(value)) => value.to_string(),
        ('T', value) => value.type_name().to_owned(),
        (_, value) => return format!("%!{verb}({}={value})", value.type_name()),
    };
    let is_number = matches!(value, Value::Int(_) | Value::Float(_)) && verb != 'c';
    let is_signed = text.starts_with(['-', '+']);
    match (is_number && !is_signed, spec.plus, spec.space) {
        (true, true, _) => format!("+{text}"),
        (true, false, true) => format!(" {text}"),
        _ => text,
    }
}

fn hexadecimal(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        // Writing to a text cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn pad(text: &str, spec: &Spec, value: &Value) -> String {
    let missing = spec
        .width
        .unwrap_or_default()
        .saturating_sub(text.chars().count());
    if missing == 0 {
        return text.to_owned();
    }
    let number = matches!(value, Value::Int(_) | Value::Float(_));
    match (spec.minus, spec.zero && number) {
        (true, _) => format!("{text}{}", " ".repeat(missing)),
        (false, true) => {
            let (sign, digits) = match text.strip_prefix(['-', '+']) {
                Some(digits) => (text.get(..1).unwrap_or_default(), digits),
                None => ("", text),
            };
            format!("{sign}{}{digits}", "0".repeat(missing))
        }
        (false, false) => format!("{}{text}", " ".repeat(missing)),
    }
}
