//! `trace`: which trace and span a line belongs to, from its fields, its metadata, or its text.

use std::sync::LazyLock;

use ::regex::Regex;
use serde::Deserialize;

use super::{Entry, Flow, Stage};

/// The keys of `trace`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TraceConfig {
    /// Names that may hold the id of the trace, or a `traceparent`.
    pub sources: Vec<String>,
    /// Names that may hold the id of the span.
    pub span_sources: Vec<String>,
    /// Whether the text of the line is looked at where none does: a `traceparent`, a name such as `trace_id` with 32 hexadecimal digits
    /// behind it.
    pub from_line: bool,
}

impl Default for TraceConfig {
    fn default() -> Self {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            sources: own(&[
                "trace_id",
                "traceId",
                "traceID",
                "traceid",
                "TraceId",
                "otelTraceID",
                "trace",
                "traceparent",
                "http_traceparent",
            ]),
            span_sources: own(&["span_id", "spanId", "spanID", "spanid", "SpanId", "otelSpanID"]),
            from_line: true,
        }
    }
}

#[derive(Debug)]
pub(super) struct Trace(pub(super) TraceConfig);

/// W3C Trace Context in its version 00, and names with an id behind them in JSON, logfmt or plain text.
static IN_TEXT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)
        \b00-(?P<parent>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}\b
        | (?i:trace[_.-]?id)\\?["']?\s*[:=]\s*\\?["']?(?P<id>[0-9a-fA-F]{32})\b"#,
    )
    .ok()
});
static SPAN_IN_TEXT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i:span[_.-]?id)\\?["']?\s*[:=]\s*\\?["']?(?P<id>[0-9a-fA-F]{16})\b"#).ok()
});

impl Stage for Trace {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let (mut trace, mut span) = (None, None);
        for name in &self.0.sources {
            let Some(value) = entry.value(name) else { continue };
            if let Some((of_trace, of_span)) = traceparent(value) {
                (trace, span) = (Some(of_trace), Some(of_span));
            } else {
                trace = id(value, 32);
            }
            if trace.is_some() {
                break;
            }
        }
        let mut spans = self.0.span_sources.iter();
        span = spans.find_map(|name| id(entry.value(name)?, 16)).or(span);
        if self.0.from_line && (trace.is_none() || span.is_none()) {
            let (of_trace, of_span) = in_text(&entry.line);
            trace = trace.or(of_trace);
            span = span.or(of_span);
        }
        let Some(trace) = trace else {
            return Flow::Missed("no trace");
        };
        entry.set_metadata("trace_id", trace);
        if let Some(span) = span {
            entry.set_metadata("span_id", span);
        }
        Flow::On
    }
}

fn in_text(line: &str) -> (Option<String>, Option<String>) {
    let may_hold = ["race", "RACE", "00-"]
        .iter()
        .any(|part| memchr::memmem::find(line.as_bytes(), part.as_bytes()).is_some());
    if !may_hold {
        return (None, None);
    }
    let Some(captures) = IN_TEXT.as_ref().and_then(|expression| expression.captures(line)) else {
        return (None, None);
    };
    let group = |name: &str, digits: usize| captures.name(name).and_then(|held| id(held.as_str(), digits));
    let span = group("span", 16).or_else(|| {
        let captures = SPAN_IN_TEXT.as_ref()?.captures(line)?;
        id(captures.name("id")?.as_str(), 16)
    });
    (group("parent", 32).or_else(|| group("id", 32)), span)
}

/// `00-<trace>-<span>-01`, as W3C Trace Context has it.
fn traceparent(text: &str) -> Option<(String, String)> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_form = version.len() == 2 && version != "ff" && flags.len() == 2;
    is_form.then_some(())?;
    Some((id(trace, 32)?, id(span, 16)?))
}

/// So many hexadecimal digits, not all of them zero, in lower case. Dashes of UUIDs are left out; an id of 16 digits of an older
/// tracer becomes one of 32.
fn id(text: &str, digits: usize) -> Option<String> {
    let plain: String = text.chars().filter(|c| *c != '-').collect();
    let is_hex = plain.bytes().all(|byte| byte.is_ascii_hexdigit()) && plain.bytes().any(|byte| byte != b'0');
    match plain.len() {
        _ if !is_hex => None,
        length if length == digits => Some(plain.to_ascii_lowercase()),
        16 if digits == 32 => Some(format!("{plain:0>32}").to_ascii_lowercase()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use model::Labels;

    use super::*;

    #[test]
    fn traces_are_found() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        for (line, fields, expected) in [
            (
                format!("x traceparent=00-{trace}-00f067aa0ba902b7-01 y"),
                vec![],
                "4bf9… 00f067aa0ba902b7",
            ),
            (
                format!(r#"{{"trace_id":"{trace}","span_id":"00F067AA0BA902B7"}}"#),
                vec![],
                "4bf9… 00f067aa0ba902b7",
            ),
            (format!("TraceID: {trace} done"), vec![], "4bf9…"),
            (
                "x".to_owned(),
                vec![("traceId", trace), ("spanId", "00f067aa0ba902b7")],
                "4bf9… 00f067aa0ba902b7",
            ),
            (
                "x".to_owned(),
                vec![("trace_id", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736")],
                "4bf9…",
            ),
            (
                "x".to_owned(),
                vec![("trace_id", "00000000000000000000000000000000")],
                "",
            ),
            (format!("checksum {trace}"), vec![], ""),
        ] {
            let stream = Labels::empty();
            let mut entry = Entry::new(&stream, 0, &line, []);
            for (name, value) in fields {
                entry.set_field(name, value);
            }
            Trace(TraceConfig::default()).apply(&mut entry, 0);
            let told: Vec<String> = [entry.metadata("trace_id"), entry.metadata("span_id")]
                .into_iter()
                .flatten()
                .map(|id| {
                    if id == trace {
                        "4bf9…".to_owned()
                    } else {
                        id.to_owned()
                    }
                })
                .collect();
            assert_eq!(told.join(" "), expected, "{line}");
        }
    }
}
