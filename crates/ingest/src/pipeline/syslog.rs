//! `syslog`: the text of syslog messages, by RFC 5424 and by RFC 3164.

use serde::Deserialize;

use super::fields::sanitized;
use super::{Entry, Flow, Stage};
use crate::limits::SYSLOG_DATA_NAME_BYTES_MAX;

/// The keys of `syslog`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyslogConfig {
    /// What is read; the line where absent.
    pub source: Option<String>,
}

#[derive(Debug)]
pub(super) struct Syslog(pub(super) SyslogConfig);

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];
const SEVERITIES: [&str; 8] = [
    "emergency",
    "alert",
    "critical",
    "error",
    "warning",
    "notice",
    "informational",
    "debug",
];

/// A field's name, and its value.
type Found = Vec<(std::borrow::Cow<'static, str>, String)>;

impl Stage for Syslog {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let Some(text) = entry.text_of(self.0.source.as_deref()) else {
            return Flow::Missed("no source");
        };
        let Some(found) = read(text) else {
            return Flow::Missed("not in a form of syslog");
        };
        entry.set_fields(found)
    }
}

fn read(text: &str) -> Option<Found> {
    let mut found = Found::new();
    let rest = match text.strip_prefix('<') {
        Some(tail) => {
            let (number, rest) = tail.split_once('>')?;
            let priority: usize = number.parse().ok().filter(|_| number.len() <= 3)?;
            found.push(("facility".into(), (*FACILITIES.get(priority / 8)?).to_owned()));
            found.push(("severity".into(), (*SEVERITIES.get(priority % 8)?).to_owned()));
            rest
        }
        None => text,
    };
    match rest.strip_prefix("1 ") {
        Some(tail) if found.len() == 2 => rfc5424(tail, &mut found)?,
        _ => rfc3164(rest, &mut found)?,
    }
    Some(found)
}

fn rfc5424(text: &str, found: &mut Found) -> Option<()> {
    let mut rest = text;
    for name in ["timestamp", "hostname", "app_name", "proc_id", "msg_id"] {
        let (value, tail) = rest.split_once(' ')?;
        if value != "-" {
            found.push((name.into(), value.to_owned()));
        }
        rest = tail;
    }
    let rest = match rest.strip_prefix('-') {
        Some(tail) => tail,
        None => structured_data(rest, found)?,
    };
    let message = rest.strip_prefix(' ').unwrap_or(rest);
    found.push((
        "message".into(),
        message.trim_start_matches('\u{feff}').to_owned(),
    ));
    Some(())
}

/// `[id name="value" …]` once or more; every value is a field `sd_ID_NAME`. Returns what follows.
fn structured_data<'t>(text: &'t str, found: &mut Found) -> Option<&'t str> {
    let mut rest = text;
    while let Some(element) = rest.strip_prefix('[') {
        let end = element.find([' ', ']'])?;
        let (id, mut tail) = element.split_at(end);
        let is_name = |name: &str| name.len() <= SYSLOG_DATA_NAME_BYTES_MAX;
        is_name(id).then_some(())?;
        while let Some(parameter) = tail.strip_prefix(' ') {
            let (name, value) = parameter.split_once("=\"").filter(|(name, _)| is_name(name))?;
            let (value, after) = parameter_value(value)?;
            found.push((format!("sd_{}_{}", sanitized(id), sanitized(name)).into(), value));
            tail = after;
        }
        rest = tail.strip_prefix(']')?;
    }
    (rest.len() < text.len()).then_some(rest)
}

/// In a value `"`, `\` and `]` are escaped, and nothing else is (RFC 5424, 6.3.3).
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' | '\\' | ']' if is_escaped => value.push(c),
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => {
                is_escaped = true;
                continue;
            }
            _ => {
                if is_escaped {
                    value.push('\\');
                }
                value.push(c);
            }
        }
        is_escaped = false;
    }
    None
}

/// `Oct 11 22:14:15 host tag[pid]: message`; the time may be that of RFC 3339, as rsyslog writes files.
fn rfc3164(text: &str, found: &mut Found) -> Option<()> {
    let (timestamp, rest) = match text.split_once(' ') {
        Some((first, rest)) if super::timestamp_format::rfc3339_ns(first).is_some() => (first, rest),
        _ => (text.get(..15)?, text.get(15..)?.strip_prefix(' ')?),
    };
    super::timestamp_format::is_rfc3164(timestamp).then_some(())?;
    found.push(("timestamp".into(), timestamp.to_owned()));
    let (hostname, rest) = rest.split_once(' ')?;
    if !hostname.is_empty() {
        found.push(("hostname".into(), hostname.to_owned()));
    }
    let is_tag = |c: char| !matches!(c, '[' | ':' | ' ');
    let tag_end = rest.find(|c| !is_tag(c)).unwrap_or(rest.len());
    let (tag, tail) = rest.split_at(tag_end);
    let (process, tail) = match tail.strip_prefix('[').and_then(|tail| tail.split_once(']')) {
        Some((process, tail)) => (Some(process), tail),
        None => (None, tail),
    };
    match tail.strip_prefix(':') {
        Some(message) if !tag.is_empty() => {
            found.push(("app_name".into(), tag.to_owned()));
            if let Some(process) = process {
                found.push(("proc_id".into(), process.to_owned()));
            }
            found.push((
                "message".into(),
                message.strip_prefix(' ').unwrap_or(message).to_owned(),
            ));
        }
        _ => found.push(("message".into(), rest.to_owned())),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let found = read(text).unwrap_or_default();
        found
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn both_forms_are_read() {
        assert_eq!(
            told("<36>Nov 20 22:35:08 vm sshd[7]: Failed password"),
            [
                "facility=auth",
                "severity=warning",
                "timestamp=Nov 20 22:35:08",
                "hostname=vm",
                "app_name=sshd",
                "proc_id=7",
                "message=Failed password"
            ]
        );
        assert_eq!(
            told("Oct  1 22:14:15 mymachine su: 'su root' failed"),
            [
                "timestamp=Oct  1 22:14:15",
                "hostname=mymachine",
                "app_name=su",
                "message='su root' failed"
            ]
        );
        assert_eq!(
            told(
                r#"<165>1 2003-10-11T22:14:15.003Z host app - ID47 [ex@1 iut="3" e="a \"x\" \] y \z"][m s="7"] with data"#
            ),
            [
                "facility=local4",
                "severity=notice",
                "timestamp=2003-10-11T22:14:15.003Z",
                "hostname=host",
                "app_name=app",
                "msg_id=ID47",
                "sd_ex_1_iut=3",
                "sd_ex_1_e=a \"x\" ] y \\z",
                "sd_m_s=7",
                "message=with data"
            ]
        );
        assert_eq!(
            told("<0>1 - - - - - -"),
            ["facility=kern", "severity=emergency", "message="]
        );
        for bad in [
            "",
            "<1",
            "<999>1 - - - - - -",
            "no syslog at all, only text",
            "<13>1 - - -",
            "<13>1 - - - - - [a b=\"c",
        ] {
            assert_eq!(told(bad), [""; 0], "{bad}");
        }
    }

    #[test]
    fn names_of_structured_data_are_those_that_the_listener_takes() {
        let with_id = |bytes: usize| told(&format!("<0>1 - - - - - [{} a=\"b\"]", "x".repeat(bytes)));
        assert_eq!(with_id(64).len(), 4);
        assert_eq!(with_id(65), [""; 0]);
        let with_name = |bytes: usize| told(&format!("<0>1 - - - - - [x {}=\"b\"]", "a".repeat(bytes)));
        assert_eq!((with_name(64).len(), with_name(65).len()), (4, 0));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(<[0-9]{1,3}>)?(1 )?[ -~]{0,60}|\\PC{0,40}") {
            read(&text);
        }
    }
}
