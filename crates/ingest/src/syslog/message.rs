//! Reads one syslog message: RFC 5424, RFC 3164, and what senders make of the latter. None is refused: what cannot be read is text.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::limits::SYSLOG_DATA_NAME_BYTES_MAX;

/// Facility `user`, severity `notice`: of a message that does not say (RFC 3164, section 4.3.3).
const PRIORITY_DEFAULT: u8 = 13;
/// Characters of a tag; RFC 3164 has 32, senders have more.
const TAG_CHARS_MAX: usize = 64;

/// A message. What it does not say is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message<'a> {
    /// Which part of a system speaks, 0 to 23.
    pub facility: u8,
    /// How severe it is: 0 is the most.
    pub severity: u8,
    /// When it was sent, in nanoseconds since the Unix epoch.
    pub at_ns: Option<i64>,
    /// The machine.
    pub host: &'a str,
    /// The program: RFC 5424's application, or the tag of RFC 3164.
    pub app: &'a str,
    /// The process.
    pub process: &'a str,
    /// What kind of message it is.
    pub kind: &'a str,
    /// Structured data: the element, the parameter, its value.
    pub data: Vec<(&'a str, &'a str, Cow<'a, str>)>,
    /// The text.
    pub text: &'a str,
}

/// What a time without a year and zone is reckoned from.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// When the message came, in nanoseconds since the Unix epoch.
    pub at_ns: i64,
    /// The zone of senders that tell none.
    pub zone: &'a TimeZone,
}

/// Reads a message.
pub fn read<'a>(text: &'a str, received: &Received<'_>) -> Message<'a> {
    let (priority, rest) = priority(text);
    let mut message = Message {
        facility: priority >> 3,
        severity: priority & 7,
        ..Message::default()
    };
    let is_new = rest
        .strip_prefix("1 ")
        .is_some_and(|rest| read_5424(rest, &mut message).is_some());
    if !is_new {
        message = Message {
            facility: priority >> 3,
            severity: priority & 7,
            ..Message::default()
        };
        read_3164(rest, &mut message, received);
    }
    message
}

/// The number in front, and what follows.
fn priority(text: &str) -> (u8, &str) {
    let read = || {
        let (digits, rest) = text.strip_prefix('<')?.split_once('>')?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: u8 = digits.parse().ok().filter(|number| is_number && *number <= 191)?;
        Some((number, rest))
    };
    read().unwrap_or((PRIORITY_DEFAULT, text))
}

/// RFC 5424 behind the version; `None` where it is something else.
fn read_5424<'a>(rest: &'a str, message: &mut Message<'a>) -> Option<()> {
    let mut rest = rest;
    let mut field = || {
        let (field, behind) = rest.split_once(' ')?;
        rest = behind;
        Some(if field == "-" { "" } else { field })
    };
    let time = field()?;
    message.at_ns = match time {
        "" => None,
        time => Some(rfc_3339(time)?),
    };
    message.host = field()?;
    message.app = field()?;
    message.process = field()?;
    message.kind = field()?;
    let rest = match rest.strip_prefix('-') {
        Some(rest) => rest,
        None => read_data(rest, &mut message.data)?,
    };
    let text = match rest.strip_prefix(' ') {
        Some(text) => text,
        None if rest.is_empty() => "",
        None => return None,
    };
    message.text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Some(())
}

/// Reads `[element name="value" …]…`; what follows.
fn read_data<'a>(mut rest: &'a str, data: &mut Vec<(&'a str, &'a str, Cow<'a, str>)>) -> Option<&'a str> {
    while let Some(inner) = rest.strip_prefix('[') {
        let end = inner.find([' ', ']'])?;
        let element = inner
            .get(..end)
            .filter(|name| name.len() <= SYSLOG_DATA_NAME_BYTES_MAX)?;
        rest = inner.get(end..)?;
        while let Some(param) = rest.strip_prefix(' ') {
            let (name, value) = param.split_once("=\"")?;
            if name.len() > SYSLOG_DATA_NAME_BYTES_MAX {
                return None;
            }
            let (value, behind) = quoted(value)?;
            data.push((element, name, value));
            rest = behind;
        }
        rest = rest.strip_prefix(']')?;
    }
    Some(rest)
}

/// A value up to its quote, and what follows. A backslash escapes the quote, itself and a bracket, and is itself before all else.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut escaped = false;
    let mut has_escapes = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => (escaped, has_escapes) = (true, true),
            '"' => {
                let (value, rest) = (text.get(..at)?, text.get(at + 1..)?);
                let value = if has_escapes {
                    Cow::Owned(unescaped(value))
                } else {
                    Cow::Borrowed(value)
                };
                return Some((value, rest));
            }
            _ => {}
        }
    }
    None
}

fn unescaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(&next @ ('"' | '\\' | ']'))) => {
                out.push(next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// RFC 3164 behind the priority: a time, a host, a tag, each of which may be missing.
fn read_3164<'a>(rest: &'a str, message: &mut Message<'a>, received: &Received<'_>) {
    let mut rest = rest;
    let timed = bsd_time(rest, received).or_else(|| {
        // As rsyslog forwards: a time of RFC 3339 in the place of the old one.
        let (time, behind) = rest.split_once(' ')?;
        Some((rfc_3339(time)?, behind))
    });
    if let Some((at_ns, behind)) = timed {
        message.at_ns = Some(at_ns);
        rest = behind.trim_start_matches(' ');
        // A word that is a tag already says that the host was left out.
        if let Some((host, behind)) = rest.split_once(' ')
            && !host.is_empty()
            && !host.ends_with(':')
            && !host.contains('[')
        {
            message.host = host;
            rest = behind;
        }
    }
    if let Some((app, process, text)) = tag(rest) {
        message.app = app;
        message.process = process;
        rest = text;
    }
    message.text = rest;
}

/// `tag: text` or `tag[process]: text`.
fn tag(rest: &str) -> Option<(&str, &str, &str)> {
    let end = rest.find([':', '[', ' '])?;
    let app = rest.get(..end)?;
    if app.is_empty() || app.len() > TAG_CHARS_MAX {
        return None;
    }
    let behind = rest.get(end..)?;
    let (process, behind) = match behind.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => ("", behind),
    };
    let text = behind.strip_prefix(':')?;
    Some((app, process, text.strip_prefix(' ').unwrap_or(text)))
}

/// `Nov  7 22:35:08 `: of the year that brings it nearest to when it came.
fn bsd_time<'a>(text: &'a str, received: &Received<'_>) -> Option<(i64, &'a str)> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (time, rest) = (text.get(..15)?, text.get(15..)?);
    let month = MONTHS.iter().position(|name| time.get(..3) == Some(name))?;
    let number = |range: std::ops::Range<usize>| time.get(range)?.trim_start().parse::<i8>().ok();
    let (day, hour, minute, second) = (number(4..6)?, number(7..9)?, number(10..12)?, number(13..15)?);
    let signs: Vec<u8> = [3, 6, 9, 12]
        .iter()
        .filter_map(|at| time.as_bytes().get(*at).copied())
        .collect();
    if signs != b"  ::" {
        return None;
    }
    let now = Timestamp::from_nanosecond(i128::from(received.at_ns)).ok()?;
    let year = now.to_zoned(received.zone.clone()).year();
    // A leap second is the second before.
    let time = Time::new(hour, minute, second.min(59), 0).ok()?;
    let of_year = |year: i16| {
        let date = Date::new(year, i8::try_from(month + 1).ok()?, day).ok()?;
        let zoned = date.to_datetime(time).to_zoned(received.zone.clone()).ok()?;
        i64::try_from(zoned.timestamp().as_nanosecond()).ok()
    };
    let candidates = [year.checked_sub(1), Some(year), year.checked_add(1)];
    let at_ns = candidates
        .into_iter()
        .flatten()
        .filter_map(of_year)
        .min_by_key(|at_ns| at_ns.abs_diff(received.at_ns))?;
    Some((at_ns, rest.strip_prefix(':').unwrap_or(rest)))
}

fn rfc_3339(text: &str) -> Option<i64> {
    let moment: Timestamp = text.parse().ok()?;
    i64::try_from(moment.as_nanosecond()).ok()
}

/// The name of a facility (RFC 5424, table 1; names as `logger` has them).
pub fn facility_name(facility: u8) -> &'static str {
    const NAMES: [&str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
        "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5",
        "local6", "local7",
    ];
    NAMES.get(usize::from(facility)).copied().unwrap_or("user")
}

/// The name of a severity (RFC 5424, table 2; names as `logger` has them).
pub fn severity_name(severity: u8) -> &'static str {
    const NAMES: [&str; 8] = [
        "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
    ];
    NAMES.get(usize::from(severity)).copied().unwrap_or("notice")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-22T04:00:00Z.
    const NOW_NS: i64 = 1_795_320_000 * 1_000_000_000;

    fn check(text: &str, expected: &str) {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let received = Received {
            at_ns: NOW_NS,
            zone: &zone,
        };
        let m = read(text, &received);
        let time = m
            .at_ns
            .map(|at_ns| Timestamp::from_nanosecond(i128::from(at_ns)).unwrap().to_string());
        let got = format!(
            "{}.{} {} host={} app={} process={} kind={} {:?} | {}",
            facility_name(m.facility),
            severity_name(m.severity),
            time.unwrap_or_default(),
            m.host,
            m.app,
            m.process,
            m.kind,
            m.data,
            m.text
        );
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn messages_of_both_standards_and_of_none_are_read() {
        check(
            "<165>1 2026-11-21T22:14:15.003Z mymachine evntslog 77 ID47 [a@1 x=\"1\" y=\"\\\"q\\] \\\\ \\n\"][b] \u{feff}An application",
            "local4.notice 2026-11-21T22:14:15.003Z host=mymachine app=evntslog process=77 kind=ID47 \
             [(\"a@1\", \"x\", \"1\"), (\"a@1\", \"y\", \"\\\"q] \\\\ \\\\n\")] | An application",
        );
        check("<0>1 - - - - - -", "kern.emerg  host= app= process= kind= [] | ");
        check(
            "<34>Nov  7 22:14:15 mymachine su[12]: failed for lonvick",
            "auth.crit 2026-11-07T21:14:15Z host=mymachine app=su process=12 kind= [] | failed for lonvick",
        );
        check(
            "<13>Nov 22 05:00:01 cron: no host",
            "user.notice 2026-11-22T04:00:01Z host= app=cron process= kind= [] | no host",
        );
        check(
            "<13>Jan  1 00:00:00 m a: near the year's end",
            "user.notice 2026-12-31T23:00:00Z host=m app=a process= kind= [] | near the year's end",
        );
        check(
            "<13>2026-11-22T04:00:00.5+00:00 m app/x: forwarded",
            "user.notice 2026-11-22T04:00:00.5Z host=m app=app/x process= kind= [] | forwarded",
        );
        check(
            "<13>only a text",
            "user.notice  host= app= process= kind= [] | only a text",
        );
        check(
            "no priority: x",
            "user.notice  host= app= process= kind= [] | no priority: x",
        );
        check("<999>x", "user.notice  host= app= process= kind= [] | <999>x");
        check(
            "<14>1 broken",
            "user.info  host= app= process= kind= [] | 1 broken",
        );
        check("", "user.notice  host= app= process= kind= [] | ");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"\PC*|<[0-9]{0,4}>(1 )?[-a-zA-Z0-9:\[\]="\\ .]*"#) {
            let zone = TimeZone::UTC;
            let message = read(&text, &Received { at_ns: NOW_NS, zone: &zone });
            prop_assert!(message.facility < 24 && message.severity < 8);
            prop_assert!(text.ends_with(message.text));
        }
    }
}
