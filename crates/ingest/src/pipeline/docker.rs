//! `docker`: lines as Docker's driver `json-file` writes them, `{"log":"the line\n","stream":"stdout","time":"…"}`.

use serde::Deserialize;

use super::timestamp_format::rfc3339_ns;
use super::{Entry, Flow, Stage};

/// The keys of `docker`; there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DockerConfig {}

#[derive(Debug)]
pub(super) struct Docker;

/// What Docker writes; further keys are `attrs` of the driver's options.
#[derive(Debug, Deserialize)]
struct Written {
    log: String,
    #[serde(default)]
    stream: String,
    time: String,
}

impl Stage for Docker {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let Ok(written) = serde_json::from_str::<Written>(&entry.line) else {
            return Flow::Missed("not in the form of Docker");
        };
        let Some(at_ns) = rfc3339_ns(&written.time) else {
            return Flow::Missed("bad time");
        };
        entry.at_ns = at_ns;
        // Docker cuts lines at 16 KiB; only the last piece ends in a line break.
        let whole = written.log.strip_suffix('\n');
        entry.set_field("partial", if whole.is_none() { "true" } else { "false" });
        entry.set_field("stream", written.stream);
        let line = whole.unwrap_or(&written.log);
        entry.line = line.strip_suffix('\r').unwrap_or(line).to_owned().into();
        Flow::On
    }
}
