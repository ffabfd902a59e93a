//! Reads InfluxDB's line protocol and makes series of it, as VictoriaMetrics does.
//!
//! In: a body of lines, and what the request says of them.  Out: rows of a [`SeriesBatch`], and every line that is faulty by
//! number and column. A field becomes the series `measurement_field` (the field `value` just `measurement`), tags become
//! labels, the database becomes the label `db` where no tag is called so. Booleans are 0 and 1; texts are left out.
//! Owns: nothing.
//! Invariants: a faulty line costs itself alone, no text panics, what is written as the protocol asks reads back
//! (`push::influx::tests`).
//! Not here: HTTP and its answers (`web`), storing (`push`).
//! Start at: [`read`].
//!
//! Source: docs.influxdata.com, "Line protocol reference".

mod scanner;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use model::labels::METRIC_NAME;
use model::{Accepted, Labels, LabelsBuilder, Series, SeriesBatch, TenantId};

use super::batch_bytes::BatchBytes;
use super::{Encoding, Origin, Push, PushError};
use crate::limits::INFLUX_FAULTS_NAMED_MAX;
use scanner::{Line, Value};

/// The field that needs no name of its own.
const VALUE_FIELD: &str = "value";

/// The label that names the database.
const DATABASE_LABEL: &str = "db";

/// What a request says of its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What time stamps are counted in.
    pub precision: Precision,
    /// The time of lines that have none, in milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// The database or bucket; empty where none is named.
    pub database: &'a str,
}

/// What time stamps are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Nanoseconds.
    #[default]
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
}

/// What became of the lines of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// Lines that were read.
    pub lines: u64,
    /// Samples in them.
    pub samples: u64,
    /// Fields that hold texts, which are no numbers.
    pub texts_skipped: u64,
    /// Lines that are not stored because they are faulty.
    pub lines_refused: u64,
    /// The first of those, with what is wrong.
    pub faults: Vec<LineFault>,
}

/// What is wrong with a line, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFault {
    /// Counted from 1.
    pub line: usize,
    /// Bytes, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
    /// The beginning of the line.
    pub text: String,
}

impl Push {
    /// Takes in a body of line protocol: good lines are stored, the others are named. Blocks on the store's disk: call it from
    /// a blocking task.
    pub fn influx(
        &self,
        body: &[u8],
        encoding: Encoding,
        frame: &Frame<'_>,
        tenant: TenantId,
    ) -> Result<(Lines, Accepted), PushError> {
        self.unpacked(body, encoding, |bytes| {
            self.telemetry.body_bytes.inc_by(bytes.len() as u64);
            let policy = Arc::clone(&self.policy.read());
            let mut batch = SeriesBatch::new(tenant);
            let mut too_many_labels = |labels: &Labels| {
                let fault = policy.too_many_labels(tenant, labels)?;
                self.count_limited(tenant, "labels_per_series", 1);
                Some(fault)
            };
            let lines = read_judged(bytes, frame, &mut batch, &mut too_many_labels)?;
            let origin = Origin {
                tenant,
                now_ms: frame.now_ms,
            };
            self.admit(origin, &policy, batch.sample_count() as u64)?;
            self.telemetry.count_refused("line_faulty", lines.lines_refused);
            self.telemetry.count_refused("text_field", lines.texts_skipped);
            self.telemetry.series_parsed.inc_by(batch.series_count() as u64);
            let accepted = self.write(&batch, &[], frame.now_ms)?;
            Ok((lines, accepted))
        })
    }
}

impl Precision {
    /// Reads the request's parameter; empty is the default.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "" | "n" | "ns" => Self::Nanoseconds,
            "u" | "us" | "µ" | "µs" => Self::Microseconds,
            "ms" => Self::Milliseconds,
            "s" => Self::Seconds,
            "m" => Self::Minutes,
            "h" => Self::Hours,
            _ => return None,
        })
    }

    /// Milliseconds, smaller parts cut off; `None` where they are too many.
    fn to_ms(self, time: i64) -> Option<i64> {
        match self {
            Self::Nanoseconds => Some(time.div_euclid(1_000_000)),
            Self::Microseconds => Some(time.div_euclid(1_000)),
            Self::Milliseconds => Some(time),
            Self::Seconds => time.checked_mul(1_000),
            Self::Minutes => time.checked_mul(60_000),
            Self::Hours => time.checked_mul(3_600_000),
        }
    }
}

/// Says what is wrong with the labels of a series, if anything.
type Judge<'j> = dyn FnMut(&Labels) -> Option<String> + 'j;

/// Reads a body into `batch`; faulty lines are left out and named.
///
/// # Errors
/// Its fields and tags make more labels than a body may have.
pub fn read(body: &[u8], frame: &Frame<'_>, batch: &mut SeriesBatch) -> Result<Lines, PushError> {
    read_judged(body, frame, batch, &mut |_| None)
}

fn read_judged(
    body: &[u8],
    frame: &Frame<'_>,
    batch: &mut SeriesBatch,
    judge: &mut Judge<'_>,
) -> Result<Lines, PushError> {
    let mut outcome = Lines::default();
    let mut bytes = BatchBytes::default();
    let mut number = 0;
    for (line, lines_taken) in scanner::Lines::new(body) {
        let first = number + 1;
        number += lines_taken;
        let line = line.trim_ascii_end();
        // Blanks as InfluxDB knows them: other white space begins a name.
        if matches!(line.iter().find(|byte| !b" \t".contains(byte)), None | Some(b'#')) {
            continue;
        }
        match take_line(line, frame, (&mut *batch, &mut bytes), judge) {
            Ok(taken) => {
                outcome.lines += 1;
                outcome.samples += taken.samples;
                outcome.texts_skipped += taken.texts;
            }
            Err(NotTaken::Body(error)) => return Err(error),
            Err(NotTaken::Line((column, reason))) => {
                outcome.lines_refused += 1;
                if outcome.faults.len() < INFLUX_FAULTS_NAMED_MAX {
                    outcome.faults.push(LineFault {
                        line: first,
                        column: column + 1,
                        reason,
                        text: crate::exposition::snippet(&String::from_utf8_lossy(line)).to_owned(),
                    });
                }
            }
        }
    }
    Ok(outcome)
}

struct Taken {
    samples: u64,
    texts: u64,
}

/// Why a line, or the whole body, is not taken.
enum NotTaken {
    Line(scanner::Fault),
    Body(PushError),
}

impl From<scanner::Fault> for NotTaken {
    fn from(fault: scanner::Fault) -> Self {
        Self::Line(fault)
    }
}

fn take_line(
    bytes: &[u8],
    frame: &Frame<'_>,
    (batch, bytes_made): (&mut SeriesBatch, &mut BatchBytes),
    judge: &mut Judge<'_>,
) -> Result<Taken, NotTaken> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| (error.valid_up_to(), "the line is not UTF-8".to_owned()))?;
    let line = Line::parse(text)?;
    let at_ms = match line.time {
        None => frame.now_ms,
        Some((time, column)) => frame
            .precision
            .to_ms(time)
            .ok_or_else(|| (column, "the time stamp is out of range".to_owned()))?,
    };
    let mut labels = LabelsBuilder::default();
    if !frame.database.is_empty() {
        labels.set(DATABASE_LABEL, frame.database);
    }
    for (name, value) in line.tags {
        labels.set(name, value);
    }
    let shared_bytes: usize = labels.iter().map(|(name, value)| name.len() + value.len()).sum();
    let mut taken = Taken { samples: 0, texts: 0 };
    // The series of a line have as many labels, each.
    let mut judged = false;
    for (field, value) in line.fields {
        let Value::Number(value) = value else {
            taken.texts += 1;
            continue;
        };
        let name = match (&*line.measurement, &*field) {
            (measurement, VALUE_FIELD) => measurement.to_owned(),
            (measurement, field) => [measurement, field].join("_"),
        };
        bytes_made
            .add(shared_bytes + name.len())
            .map_err(NotTaken::Body)?;
        let mut own = labels.clone();
        own.set(METRIC_NAME, name);
        let own = own.build();
        if !judged && let Some(fault) = judge(&own) {
            return Err(NotTaken::Line((0, fault)));
        }
        judged = true;
        batch.push_one(Series::new(own), at_ms, value);
        taken.samples += 1;
    }
    Ok(taken)
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {} in '{}'",
            self.line, self.column, self.reason, self.text
        )
    }
}
