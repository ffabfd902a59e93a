//! `scrape_failure_log_file`: one JSON line for each scrape that failed, in the form of Prometheus' own.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use url::Url;

/// A scrape that failed.
#[derive(Debug, Serialize)]
pub(super) struct Failure<'a> {
    time: String,
    level: &'static str,
    msg: &'a str,
    job_name: &'a str,
    target: &'a str,
}

impl<'a> Failure<'a> {
    pub(super) fn new(at_ms: i64, msg: &'a str, job_name: &'a str, target: &'a Url) -> Self {
        let time = Timestamp::from_millisecond(at_ms).unwrap_or_default().to_string();
        Self {
            time,
            level: "ERROR",
            msg,
            job_name,
            target: target.as_str(),
        }
    }

    /// Appends the line. The file is opened for every one, so that it can be rotated away at any time.
    pub(super) fn append_to(&self, path: &Path) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?
            .write_all(&line)
    }
}
