//! Lines as container engines write them: Docker's `json-file`, and the Container Runtime Interface's `TIME STREAM P|F TEXT`.
//!
//! Engines split long lines. The pieces of a line are joined again, of each of the two streams for itself.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Cut, End, Lines, Record, Take};
use crate::limits::LOG_LINE_BYTES_MAX;

/// Which of a container's streams a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The normal one.
    Stdout,
    /// The one for errors.
    Stderr,
}

impl Stream {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"stdout" => Some(Self::Stdout),
            b"stderr" => Some(Self::Stderr),
            _ => None,
        }
    }
}

/// A line of such a file: a line of a container, or a piece of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece<'l> {
    /// When it was written, in nanoseconds since the Unix epoch.
    pub at_ns: i64,
    /// To which stream.
    pub stream: Stream,
    /// More of the same line follows.
    pub is_partial: bool,
    /// The text.
    pub text: Cow<'l, [u8]>,
    /// What the engine adds to every line.
    pub attributes: BTreeMap<String, String>,
}

/// A line of Docker's `json-file`.
#[derive(Debug, Deserialize)]
struct DockerLine<'l> {
    #[serde(borrow, default)]
    log: Cow<'l, str>,
    #[serde(borrow)]
    stream: Cow<'l, str>,
    #[serde(borrow)]
    time: Cow<'l, str>,
    #[serde(default)]
    attrs: BTreeMap<String, String>,
}

/// Reads a line of either form; `None` where it is neither.
pub fn parse(line: &[u8]) -> Option<Piece<'_>> {
    if line.first() == Some(&b'{') {
        docker(line)
    } else {
        cri(line)
    }
}

fn docker(line: &[u8]) -> Option<Piece<'_>> {
    let line: DockerLine<'_> = serde_json::from_slice(line).ok()?;
    let at_ns = nanoseconds(&line.time)?;
    let stream = Stream::named(line.stream.as_bytes())?;
    let is_partial = !line.log.ends_with('\n');
    let text = match line.log {
        Cow::Borrowed(text) => Cow::Borrowed(without_end(text.as_bytes())),
        Cow::Owned(text) => {
            let mut text = text.into_bytes();
            text.truncate(without_end(&text).len());
            Cow::Owned(text)
        }
    };
    Some(Piece {
        at_ns,
        stream,
        is_partial,
        text,
        attributes: line.attrs,
    })
}

fn without_end(text: &[u8]) -> &[u8] {
    let Some(text) = text.strip_suffix(b"\n") else {
        return text;
    };
    text.strip_suffix(b"\r").unwrap_or(text)
}

fn cri(line: &[u8]) -> Option<Piece<'_>> {
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let time = std::str::from_utf8(parts.next()?).ok()?;
    let stream = Stream::named(parts.next()?)?;
    // Tags are separated by colons; the first one is the only one that is defined.
    let is_partial = match parts.next()?.split(|byte| *byte == b':').next()? {
        b"P" => true,
        b"F" => false,
        _ => return None,
    };
    Some(Piece {
        at_ns: nanoseconds(time)?,
        stream,
        is_partial,
        text: Cow::Borrowed(parts.next().unwrap_or_default()),
        attributes: BTreeMap::new(),
    })
}

fn nanoseconds(time: &str) -> Option<i64> {
    let time: Timestamp = time.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

/// The beginning of a line of which more is to come.
#[derive(Debug)]
struct Begun {
    at_ns: i64,
    text: Vec<u8>,
    attributes: BTreeMap<String, String>,
}

/// Joins pieces. While a line is begun, lines of the other stream are held, so that what was handed over always ends where no line is
/// begun.
#[derive(Debug, Default)]
struct Joiner {
    stdout: Option<Begun>,
    stderr: Option<Begun>,
    held: Vec<Record<'static>>,
}

impl Joiner {
    fn is_idle(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }

    fn begun(&mut self, stream: Stream) -> &mut Option<Begun> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    /// The line that a piece completes. One that becomes too long is cut in two.
    fn join<'w>(&mut self, piece: Piece<'w>) -> Option<Record<'w>> {
        let stream = piece.stream;
        let begun = self.begun(stream);
        if begun.is_none() && !piece.is_partial {
            return Some(record(piece.at_ns, stream, piece.text, piece.attributes));
        }
        let line = begun.get_or_insert_with(|| Begun {
            at_ns: piece.at_ns,
            text: Vec::new(),
            attributes: piece.attributes,
        });
        line.text.extend_from_slice(&piece.text);
        if piece.is_partial && line.text.len() < LOG_LINE_BYTES_MAX {
            return None;
        }
        let line = begun.take()?;
        let mut record = record(line.at_ns, stream, Cow::Owned(line.text), line.attributes);
        record.is_cut |= piece.is_partial;
        Some(record)
    }

    /// The lines that are begun, as far as they came.
    fn break_off(&mut self) -> impl Iterator<Item = Record<'static>> {
        let begun = [
            (Stream::Stdout, self.stdout.take()),
            (Stream::Stderr, self.stderr.take()),
        ];
        begun.into_iter().filter_map(|(stream, begun)| {
            let line = begun?;
            Some(record(line.at_ns, stream, Cow::Owned(line.text), line.attributes))
        })
    }
}

fn record(
    at_ns: i64,
    stream: Stream,
    text: Cow<'_, [u8]>,
    attributes: BTreeMap<String, String>,
) -> Record<'_> {
    let is_cut = text.len() > LOG_LINE_BYTES_MAX;
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..LOG_LINE_BYTES_MAX).unwrap_or(text)),
        Cow::Owned(mut text) => {
            text.truncate(LOG_LINE_BYTES_MAX);
            Cow::Owned(text)
        }
    };
    Record {
        at_ns: Some(at_ns),
        stream: Some(stream),
        text,
        pairs: attributes.into_iter().collect(),
        is_cut,
        is_malformed: false,
    }
}

/// Hands over the lines of a stretch.
pub(super) fn cut(window: &[u8], end: End, take: &mut Take<'_>) -> Cut {
    let mut joiner = Joiner::default();
    let (mut consumed, mut seen) = (0, 0);
    for line in Lines::new(window, end) {
        seen = line.next;
        let Some(record) = read(line.text, &mut joiner) else {
            continue;
        };
        if !joiner.is_idle() {
            joiner.held.push(owned(record));
            continue;
        }
        consumed = seen;
        let mut more = true;
        for held in joiner.held.drain(..) {
            more = take(held);
        }
        if !record.text.is_empty() {
            more = take(record);
        }
        if !more {
            return to(consumed);
        }
    }
    // A line that was begun is not waited for where nothing comes, or where nothing else would fit.
    let is_stuck = end == End::Full && consumed == 0;
    let is_over = matches!(end, End::Waited | End::Closed);
    if is_over || is_stuck || (joiner.is_idle() && joiner.held.is_empty()) {
        let held: Vec<Record<'static>> = joiner.held.drain(..).collect();
        for mut record in joiner.break_off() {
            record.is_cut |= is_stuck || end == End::Waited;
            take(record);
        }
        for record in held {
            take(record);
        }
        consumed = seen;
    }
    let rest = window.get(consumed..).unwrap_or_default();
    if consumed == seen
        && rest.len() > LOG_LINE_BYTES_MAX
        && end == End::Full
        && memchr::memchr(b'\n', rest).is_none()
    {
        // No engine writes such lines.
        take(Record {
            is_malformed: true,
            ..super::plain::cut_off(rest)
        });
        return Cut {
            consumed: window.len(),
            is_skipping: true,
        };
    }
    to(consumed)
}

fn to(consumed: usize) -> Cut {
    Cut {
        consumed,
        is_skipping: false,
    }
}

fn read<'w>(line: &'w [u8], joiner: &mut Joiner) -> Option<Record<'w>> {
    if line.is_empty() {
        return None;
    }
    match parse(line) {
        Some(piece) => joiner.join(piece),
        None => Some(Record {
            is_malformed: true,
            ..super::plain::cut_off(line)
        }),
    }
}

fn owned(record: Record<'_>) -> Record<'static> {
    Record {
        text: Cow::Owned(record.text.into_owned()),
        ..record
    }
}
