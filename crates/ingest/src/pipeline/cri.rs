//! `cri`: lines as container runtimes of Kubernetes write them, `2026-01-01T00:00:00.1Z stdout F the line`.

use serde::Deserialize;

use super::timestamp_format::rfc3339_ns;
use super::{Entry, Flow, Stage};

/// The keys of `cri`; there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CriConfig {}

#[derive(Debug)]
pub(super) struct Cri;

impl Stage for Cri {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let Some((at_ns, stream, tag, line)) = parts(&entry.line) else {
            return Flow::Missed("not in the form of CRI");
        };
        let (stream, tag, line) = (stream.to_owned(), tag.to_owned(), line.to_owned());
        entry.at_ns = at_ns;
        // `P` says that the rest of the line comes as a line of its own.
        entry.set_field("partial", if tag.starts_with('P') { "true" } else { "false" });
        entry.set_field("stream", stream);
        entry.line = line.into();
        Flow::On
    }
}

fn parts(line: &str) -> Option<(i64, &str, &str, &str)> {
    let (time, rest) = line.split_once(' ')?;
    let (stream, rest) = rest.split_once(' ')?;
    let (tag, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_tag = matches!(tag.split(':').next(), Some("F" | "P"));
    let is_stream = matches!(stream, "stdout" | "stderr");
    (is_tag && is_stream).then_some((rfc3339_ns(time)?, stream, tag, text))
}
