//! `access_log`: lines of web servers in the common and the combined form, as nginx and Apache write them.

use serde::Deserialize;

use super::logfmt::quoted;
use super::{Entry, Flow, Stage};

/// The keys of `access_log`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessLogConfig {
    /// What is read; the line where absent.
    pub source: Option<String>,
}

#[derive(Debug)]
pub(super) struct AccessLog(pub(super) AccessLogConfig);

/// The fields of a line. What a server writes as `-` is absent.
#[derive(Debug, Default, PartialEq, Eq)]
struct Access<'l> {
    remote_addr: &'l str,
    remote_ident: &'l str,
    remote_user: &'l str,
    time_local: &'l str,
    request: String,
    status: &'l str,
    body_bytes_sent: &'l str,
    referer: Option<String>,
    user_agent: Option<String>,
    /// What follows: further fields of the server's own format.
    rest: &'l str,
}

impl Stage for AccessLog {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let Some(text) = entry.text_of(self.0.source.as_deref()) else {
            return Flow::Missed("no source");
        };
        let Some(access) = read(text) else {
            return Flow::Missed("not in the combined form");
        };
        let own = |text: &str| Some(text.to_owned());
        let texts = [
            ("remote_addr", own(access.remote_addr)),
            ("remote_ident", own(access.remote_ident)),
            ("remote_user", own(access.remote_user)),
            ("time_local", own(access.time_local)),
            ("status", own(access.status)),
            (
                "body_bytes_sent",
                own(access.body_bytes_sent).filter(|bytes| !bytes.is_empty()),
            ),
            ("http_referer", access.referer),
            ("http_user_agent", access.user_agent),
            ("rest", own(access.rest).filter(|rest| !rest.is_empty())),
        ];
        let request = access.request;
        for (name, value) in texts {
            if let Some(value) = value.filter(|value| value != "-") {
                entry.set_field(name, value);
            }
        }
        set_request(entry, &request);
        entry.set_field("request", request);
        Flow::On
    }
}

/// `GET /path?query HTTP/1.1`; what is in another form, as port scanners send it, stays whole.
fn set_request(entry: &mut Entry<'_>, request: &str) {
    let Some((method, rest)) = request.split_once(' ') else {
        return;
    };
    let (uri, protocol) = rest.rsplit_once(' ').unwrap_or((rest, ""));
    if method.is_empty()
        || !method
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'-')
    {
        return;
    }
    entry.set_field("method", method);
    entry.set_field("request_uri", uri);
    entry.set_field("path", uri.split(['?', '#']).next().unwrap_or(uri));
    if !protocol.is_empty() {
        entry.set_field("protocol", protocol);
    }
}

fn read(line: &str) -> Option<Access<'_>> {
    let (remote_addr, rest) = line.trim_start().split_once(' ')?;
    let (remote_ident, rest) = rest.split_once(' ')?;
    // Names of users may hold blanks; the time has the first bracket.
    let (remote_user, rest) = rest.split_once(" [")?;
    let (time_local, rest) = rest.split_once("] ")?;
    let (request, rest) = quoted(rest.strip_prefix('"')?)?;
    let rest = rest.strip_prefix(' ')?;
    let (status, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (body_bytes_sent, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(status) || !(is_number(body_bytes_sent) || matches!(body_bytes_sent, "-" | "")) {
        return None;
    }
    let mut access = Access {
        remote_addr,
        remote_ident,
        remote_user,
        time_local,
        request,
        status,
        body_bytes_sent,
        ..Access::default()
    };
    let Some((referer, rest)) = next_quoted(rest) else {
        access.rest = rest;
        return Some(access);
    };
    access.referer = Some(referer);
    match next_quoted(rest) {
        Some((user_agent, rest)) => {
            access.user_agent = Some(user_agent);
            access.rest = rest.trim();
        }
        None => access.rest = rest.trim(),
    }
    Some(access)
}

fn next_quoted(text: &str) -> Option<(String, &str)> {
    quoted(text.trim_start().strip_prefix('"')?)
}

#[cfg(test)]
mod tests {
    use model::Labels;

    use super::*;

    fn fields(line: &str) -> Result<Vec<String>, Flow> {
        let stream = Labels::empty();
        let mut entry = Entry::new(&stream, 0, line, []);
        match AccessLog(AccessLogConfig::default()).apply(&mut entry, 0) {
            Flow::On => Ok(entry
                .fields()
                .map(|(name, value)| format!("{name}={value}"))
                .collect()),
            other => Err(other),
        }
    }

    #[test]
    fn lines_are_taken_apart() {
        let line = r#"10.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.0" 200 2326 "-" "x \"y\"" "1.2.3.4" rt=0.1"#;
        let expected = [
            "remote_addr=10.0.0.1",
            "remote_user=frank",
            "time_local=10/Oct/2000:13:55:36 -0700",
            "status=200",
            "body_bytes_sent=2326",
            "http_user_agent=x \"y\"",
            "rest=\"1.2.3.4\" rt=0.1",
            "method=GET",
            "request_uri=/a?b=c",
            "path=/a",
            "protocol=HTTP/1.0",
            "request=GET /a?b=c HTTP/1.0",
        ];
        assert_eq!(fields(line).unwrap(), expected);
        let common = r#"::1 - - [10/Oct/2000:13:55:36 -0700] "\x16\x03\x01" 400 -"#;
        let expected = [
            "remote_addr=::1",
            "time_local=10/Oct/2000:13:55:36 -0700",
            "status=400",
            "request=\\x16\\x03\\x01",
        ];
        assert_eq!(fields(common).unwrap(), expected);
        assert!(fields("I0507 11:59:44.523502 4727 kubelet.go:187] \"Pod status\"").is_err());
        assert!(fields("").is_err());
    }
}
