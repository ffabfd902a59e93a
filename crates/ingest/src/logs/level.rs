//! Which level a line has, from what its sender says of it or from the line itself, in Loki's words.

use crate::limits::LOG_LEVEL_BYTES_LOOKED_AT;

/// The metadata that holds a line's level.
pub const DETECTED_LEVEL: &str = "detected_level";

/// What is said of a line whose level cannot be told.
pub const UNKNOWN: &str = "unknown";

/// The level that a text names, in Loki's words; `None` where it names none that is known.
pub fn known(text: &[u8]) -> Option<&'static str> {
    let is = |name: &str| text.eq_ignore_ascii_case(name.as_bytes());
    // The first letter tells most of them apart.
    let level = match text.first()? | 0x20 {
        b'i' if is("info") || is("inf") || is("information") || is("informational") => "info",
        b'n' if is("notice") => "info",
        b'e' if is("error") || is("err") => "error",
        b'w' if is("warn") || is("warning") || is("wrn") => "warn",
        b'd' if is("debug") || is("dbg") => "debug",
        b't' if is("trace") || is("trc") => "trace",
        b'f' if is("fatal") => "fatal",
        b'c' if is("critical") || is("crit") => "critical",
        b'p' if is("panic") => "fatal",
        b'a' if is("alert") => "critical",
        b'e' if is("emerg") || is("emergency") => "fatal",
        _ => return None,
    };
    Some(level)
}

/// The level that a field holds: in Loki's words, or as it is where it is none of them.
pub fn normal(text: &str) -> &str {
    known(text.as_bytes()).unwrap_or(text)
}

/// The level that a severity number of OpenTelemetry stands for (log data model, "Field: SeverityNumber").
pub fn of_severity_number(number: u64) -> &'static str {
    match number {
        1..=4 => "trace",
        5..=8 => "debug",
        9..=12 => "info",
        13..=16 => "warn",
        17..=20 => "error",
        21..=24 => "fatal",
        _ => UNKNOWN,
    }
}

/// The level that a line tells of itself: what a field of JSON or logfmt says, or else the first word of it that names a level.
/// Only the beginning of a long line is looked at.
pub fn of_line(line: &str, fields: &[String]) -> &'static str {
    let all = line.as_bytes();
    let line = all.get(..LOG_LEVEL_BYTES_LOOKED_AT).unwrap_or(all);
    let of_field = if line.trim_ascii_start().first() == Some(&b'{') {
        json_field(line, fields)
    } else {
        logfmt_field(line, fields)
    };
    of_field
        .and_then(known)
        .or_else(|| first_word(line))
        .unwrap_or(UNKNOWN)
}

fn is_field(name: &[u8], fields: &[String]) -> bool {
    fields
        .iter()
        .any(|field| field.len() == name.len() && name.eq_ignore_ascii_case(field.as_bytes()))
}

/// The value of a key of a JSON object. Keys are looked for by their quotes, at any depth: the line is not read as JSON, which would
/// take longer than all else together.
fn json_field<'l>(line: &'l [u8], fields: &[String]) -> Option<&'l [u8]> {
    let mut rest = line;
    loop {
        let start = memchr::memchr(b'"', rest)? + 1;
        rest = rest.get(start..)?;
        let end = memchr::memchr(b'"', rest)?;
        let name = rest.get(..end)?;
        rest = rest.get(end + 1..)?;
        if !is_field(name, fields) {
            // A key is passed with its colon; what comes next may be the quote of a text that holds quotes of its own.
            continue;
        }
        let after = rest.trim_ascii_start();
        let Some(after) = after.strip_prefix(b":") else {
            continue;
        };
        let value = after.trim_ascii_start().strip_prefix(b"\"")?;
        return value.get(..memchr::memchr(b'"', value)?);
    }
}

/// The value of `name=value` or `name="value"`.
fn logfmt_field<'l>(line: &'l [u8], fields: &[String]) -> Option<&'l [u8]> {
    for at in memchr::memchr_iter(b'=', line) {
        let before = line.get(..at)?;
        let start = memchr::memrchr2(b' ', b'\t', before).map_or(0, |blank| blank + 1);
        if is_field(before.get(start..)?, fields) {
            let value = line.get(at + 1..)?;
            return match value.strip_prefix(b"\"") {
                Some(quoted) => quoted.get(..memchr::memchr(b'"', quoted)?),
                None => value.get(..memchr::memchr2(b' ', b'\t', value).unwrap_or(value.len())),
            };
        }
    }
    None
}

/// First letters of words that name levels, of either case: most bytes of a line are none of them.
const FIRST_LETTERS: [bool; 256] = {
    let mut table = [false; 256];
    let letters = b"iewdtfcIEWDTFC";
    let mut at = 0;
    while at < letters.len() {
        table[letters[at] as usize] = true;
        at += 1;
    }
    table
};

/// The first word that names a level. Words that mean other things too do not count here.
fn first_word(line: &[u8]) -> Option<&'static str> {
    let mut before = b' ';
    for (at, &byte) in line.iter().enumerate() {
        if FIRST_LETTERS[usize::from(byte)] && !before.is_ascii_alphanumeric() {
            let rest = line.get(at..).unwrap_or_default();
            let letters = rest
                .iter()
                .take(14)
                .take_while(|byte| byte.is_ascii_alphanumeric());
            let word = rest.get(..letters.count()).unwrap_or_default();
            // No name of a level is shorter than "err" or longer than "informational".
            if (3..14).contains(&word.len())
                && !word.eq_ignore_ascii_case(b"inf")
                && let Some(level) = known(word)
            {
                return Some(level);
            }
        }
        before = byte;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::logs::LogsConfig;

    #[test]
    fn a_line_tells_its_level() {
        let fields = LogsConfig::default().level_fields;
        let check = |line: &str, level: &str| assert_eq!(of_line(line, &fields), level, "{line}");
        check(r#"{"msg":"error", "level": "WARN"}"#, "warn");
        check(r#"{"a":{"severity":"critical"}}"#, "critical");
        check(r#"{"msg":"x \"level\" y","lvl":"dbg"}"#, "debug");
        check(r#"{"level":30,"msg":"an error"}"#, "error");
        check("ts=1 level=error msg=\"info\"", "error");
        check("ts=1 LEVEL=\"warning\" msg=x", "warn");
        check("a=b INFO started", "info");
        check("2024-01-01 12:00:00,123 [main] ERROR c.e.Shop - no info", "error");
        check("<err> it failed", "error");
        check("errors: none", UNKNOWN);
        check("GET /index.html 200", UNKNOWN);
        check("", UNKNOWN);
        check("FATAL: the role does not exist", "fatal");
        assert_eq!(normal("Information"), "info");
        assert_eq!(normal("loud"), "loud");
        assert_eq!((of_severity_number(9), of_severity_number(0)), ("info", UNKNOWN));
        let late = format!("{} error", "x".repeat(LOG_LEVEL_BYTES_LOOKED_AT));
        check(&late, UNKNOWN);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in r#"\PC*|[{}a:="level\\ ]*"#) {
            let _ = of_line(&line, &LogsConfig::default().level_fields);
        }
    }
}
