//! The functions of templates beside Go's own: those of Sprig that Loki has, and Loki's.

use gotemplate::{Room, Signature, Value};
use jiff::Timestamp;
use model::Regexes;

use super::functions_of_numbers as numbers;
use super::functions_of_times as times;
use crate::units;

/// All of them, with how many arguments they take.
pub(super) const SIGNATURES: &[Signature] = &[
    ("__line__", 0, 0),
    ("__timestamp__", 0, 0),
    ("now", 0, 0),
    ("ToLower", 1, 1),
    ("ToUpper", 1, 1),
    ("Replace", 4, 4),
    ("Trim", 2, 2),
    ("TrimLeft", 2, 2),
    ("TrimRight", 2, 2),
    ("TrimPrefix", 2, 2),
    ("TrimSuffix", 2, 2),
    ("TrimSpace", 1, 1),
    ("lower", 1, 1),
    ("upper", 1, 1),
    ("title", 1, 1),
    ("trunc", 2, 2),
    ("substr", 3, 3),
    ("contains", 2, 2),
    ("hasPrefix", 2, 2),
    ("hasSuffix", 2, 2),
    ("indent", 2, 2),
    ("nindent", 2, 2),
    ("replace", 3, 3),
    ("repeat", 2, 2),
    ("trim", 1, 1),
    ("trimAll", 2, 2),
    ("trimSuffix", 2, 2),
    ("trimPrefix", 2, 2),
    ("alignLeft", 2, 2),
    ("alignRight", 2, 2),
    ("b64enc", 1, 1),
    ("b64dec", 1, 1),
    ("urldecode", 1, 1),
    ("urlencode", 1, 1),
    ("regexReplaceAll", 3, 3),
    ("regexReplaceAllLiteral", 3, 3),
    ("count", 2, 2),
    ("default", 1, 2),
    ("fromJson", 1, 1),
    ("bytes", 1, 1),
    ("duration", 1, 1),
    ("duration_seconds", 1, 1),
    ("int", 1, 1),
    ("float64", 1, 1),
    ("add", 1, 64),
    ("sub", 2, 2),
    ("mul", 1, 64),
    ("div", 2, 2),
    ("mod", 2, 2),
    ("addf", 1, 64),
    ("subf", 1, 64),
    ("mulf", 1, 64),
    ("divf", 1, 64),
    ("max", 1, 64),
    ("min", 1, 64),
    ("maxf", 1, 64),
    ("minf", 1, 64),
    ("ceil", 1, 1),
    ("floor", 1, 1),
    ("round", 2, 3),
    ("date", 2, 2),
    ("toDate", 2, 2),
    ("toDateInZone", 3, 3),
    ("unixEpoch", 1, 1),
    ("unixEpochMillis", 1, 1),
    ("unixEpochNanos", 1, 1),
    ("unixToTime", 1, 1),
];

/// Bytes that `repeat` and `indent` may make.
const MADE_BYTES_MAX: usize = 64 * 1024;

/// A moment, as templates have it.
pub(super) fn time(at_ns: i64) -> Result<Value, String> {
    Timestamp::from_nanosecond(i128::from(at_ns))
        .map(Value::Time)
        .map_err(|error| error.to_string())
}

/// Calls a function.
pub(super) fn call(
    name: &str,
    arguments: &[Value],
    room: Room,
    regexes: &mut Regexes,
) -> Result<Value, String> {
    let all = Arguments(arguments);
    match name {
        "int" | "float64" | "add" | "sub" | "mul" | "div" | "mod" | "addf" | "subf" | "mulf" | "divf"
        | "max" | "min" | "maxf" | "minf" | "ceil" | "floor" | "round" => numbers::call(name, all),
        "date" | "toDate" | "toDateInZone" | "unixEpoch" | "unixEpochMillis" | "unixEpochNanos"
        | "unixToTime" => times::call(name, all),
        "contains" => Ok(Value::Bool(all.text(1)?.contains(all.text(0)?))),
        "hasPrefix" => Ok(Value::Bool(all.text(1)?.starts_with(all.text(0)?))),
        "hasSuffix" => Ok(Value::Bool(all.text(1)?.ends_with(all.text(0)?))),
        "count" => {
            let regex = regexes.get(all.text(0)?)?;
            Ok(Value::Int(regex.find_iter(all.text(1)?).count() as i64))
        }
        "default" => Ok(match arguments.get(1) {
            Some(value) if value.is_true() => value.clone(),
            _ => all.value(0)?.clone(),
        }),
        "fromJson" => Ok(super::functions_of_json::read(all.text(0)?)),
        "bytes" => units::parse_bytes(all.text(0)?).map(|bytes| Value::Float(bytes as f64)),
        "duration" | "duration_seconds" => {
            units::parse_duration(all.text(0)?).map(|ns| Value::Float(ns as f64 / units::SECOND_NS as f64))
        }
        _ => text(name, all, room, regexes).map(Value::text),
    }
}

/// The arguments of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arguments<'a>(pub(super) &'a [Value]);

impl<'a> Arguments<'a> {
    pub(super) fn value(self, index: usize) -> Result<&'a Value, String> {
        self.0.get(index).ok_or_else(|| "missing argument".to_owned())
    }

    pub(super) fn text(self, index: usize) -> Result<&'a str, String> {
        gotemplate::text_argument(self.0, index)
    }

    pub(super) fn int(self, index: usize) -> Result<i64, String> {
        match self.value(index)? {
            Value::Int(value) => Ok(*value),
            Value::Float(value) => Ok(*value as i64),
            other => Err(format!(
                "wrong type for value; expected int; got {}",
                other.type_name()
            )),
        }
    }

    fn size(self, index: usize) -> Result<usize, String> {
        usize::try_from(self.int(index)?.max(0)).map_err(|error| error.to_string())
    }
}

/// Functions that give texts.
fn text(name: &str, all: Arguments<'_>, room: Room, regexes: &mut Regexes) -> Result<String, String> {
    let is_in = |set: &str| {
        let set = set.to_owned();
        move |c: char| set.contains(c)
    };
    Ok(match name {
        "ToLower" | "lower" => all.text(0)?.to_lowercase(),
        "ToUpper" | "upper" => all.text(0)?.to_uppercase(),
        "title" => title(all.text(0)?),
        "TrimSpace" | "trim" => all.text(0)?.trim().to_owned(),
        "Trim" => all.text(0)?.trim_matches(is_in(all.text(1)?)).to_owned(),
        "TrimLeft" => all.text(0)?.trim_start_matches(is_in(all.text(1)?)).to_owned(),
        "TrimRight" => all.text(0)?.trim_end_matches(is_in(all.text(1)?)).to_owned(),
        "trimAll" => all.text(1)?.trim_matches(is_in(all.text(0)?)).to_owned(),
        "TrimPrefix" => without_prefix(all.text(0)?, all.text(1)?),
        "TrimSuffix" => without_suffix(all.text(0)?, all.text(1)?),
        "trimPrefix" => without_prefix(all.text(1)?, all.text(0)?),
        "trimSuffix" => without_suffix(all.text(1)?, all.text(0)?),
        "Replace" => {
            // Go replaces all where it is told a number below zero.
            let times = usize::try_from(all.int(3)?).unwrap_or(usize::MAX);
            replaced(all.text(0)?, all.text(1)?, all.text(2)?, times, room)?
        }
        "replace" => replaced(all.text(2)?, all.text(0)?, all.text(1)?, usize::MAX, room)?,
        "trunc" => truncated(all.int(0)?, all.text(1)?),
        "substr" => substring(all.int(0)?, all.int(1)?, all.text(2)?),
        "indent" => indented(all.size(0)?, all.text(1)?)?,
        "nindent" => format!("\n{}", indented(all.size(0)?, all.text(1)?)?),
        "repeat" => {
            let (times, text) = (all.size(0)?, all.text(1)?);
            check_size(times.saturating_mul(text.len()))?;
            text.repeat(times)
        }
        "alignLeft" => aligned(all.size(0)?, all.text(1)?, false)?,
        "alignRight" => aligned(all.size(0)?, all.text(1)?, true)?,
        "b64enc" => super::functions_of_bytes::base64(all.text(0)?),
        "b64dec" => super::functions_of_bytes::from_base64(all.text(0)?)?,
        "urlencode" => gotemplate::query_escape(all.text(0)?),
        "urldecode" => super::functions_of_bytes::unescape(all.text(0)?)?,
        "regexReplaceAll" => {
            let regex = regexes.get(all.text(0)?)?;
            let (text, by) = (all.text(1)?, all.text(2)?);
            room.check_expanded(text, by, || regex.find_iter(text).count())?;
            regex.replace_all(text, by).into_owned()
        }
        "regexReplaceAllLiteral" => {
            let regex = regexes.get(all.text(0)?)?;
            let (text, by) = (all.text(1)?, all.text(2)?);
            room.check_replaced(text, by.len(), || regex.find_iter(text).count())?;
            regex.replace_all(text, regex::NoExpand(by)).into_owned()
        }
        _ => return Err(format!("function {name:?} not defined")),
    })
}

fn replaced(text: &str, from: &str, by: &str, times: usize, room: Room) -> Result<String, String> {
    room.check_replaced(text, by.len(), || text.matches(from).take(times).count())?;
    Ok(text.replacen(from, by, times))
}

fn check_size(bytes: usize) -> Result<(), String> {
    if bytes > MADE_BYTES_MAX {
        return Err(format!("{bytes} bytes are more than {MADE_BYTES_MAX}"));
    }
    Ok(())
}

fn title(text: &str) -> String {
    let mut before = ' ';
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if before.is_alphanumeric() || before == '_' || before == '\'' {
            out.push(c);
        } else {
            out.extend(c.to_uppercase());
        }
        before = c;
    }
    out
}

fn without_prefix(text: &str, prefix: &str) -> String {
    text.strip_prefix(prefix).unwrap_or(text).to_owned()
}

fn without_suffix(text: &str, suffix: &str) -> String {
    text.strip_suffix(suffix).unwrap_or(text).to_owned()
}

fn truncated(count: i64, text: &str) -> String {
    let length = text.chars().count() as i64;
    if count < 0 && length + count > 0 {
        text.chars().skip((length + count) as usize).collect()
    } else if count >= 0 && length > count {
        text.chars().take(count as usize).collect()
    } else {
        text.to_owned()
    }
}

fn substring(start: i64, end: i64, text: &str) -> String {
    let length = text.chars().count() as i64;
    let (start, end) = (start.min(length), end.min(length));
    let (from, to) = match (start < 0, end < 0) {
        (true, true) => (0, 0),
        (true, false) => (0, end),
        (false, true) => (start, length),
        (false, false) => (start, end.max(start)),
    };
    text.chars()
        .skip(from as usize)
        .take((to - from) as usize)
        .collect()
}

fn indented(blanks: usize, text: &str) -> Result<String, String> {
    check_size(blanks.saturating_mul(text.lines().count() + 1))?;
    let margin = " ".repeat(blanks);
    Ok(format!("{margin}{}", text.replace('\n', &format!("\n{margin}"))))
}

fn aligned(width: usize, text: &str, to_the_right: bool) -> Result<String, String> {
    check_size(width)?;
    let length = text.chars().count();
    let missing = " ".repeat(width.saturating_sub(length));
    Ok(if to_the_right {
        let kept: String = text.chars().skip(length.saturating_sub(width)).collect();
        format!("{missing}{kept}")
    } else {
        let kept: String = text.chars().take(width).collect();
        format!("{kept}{missing}")
    })
}
