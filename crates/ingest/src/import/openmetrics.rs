//! OpenMetrics files of any size, piece by piece; packed by gzip or not.
//!
//! Every sample needs a time stamp, as for `promtool tsdb create-blocks-from openmetrics`. The first fault ends the import: what
//! follows it can mean anything.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use model::{Backfill, Labels, MetricKind, MetricMetadata, SampleColumns, Series};

use super::{ImportError, Reading, Wanted};
use crate::exposition::{Entry, Exposition, Format, LabelPairs, ParseError, body_text, parse_series};
use crate::limits::{IMPORT_FAMILIES_MAX, IMPORT_LINE_BYTES_MAX, IMPORT_PIECE_BYTES};

/// The last line of a file.
const END: &str = "# EOF";

/// What a file held beside samples.
#[derive(Debug, Default)]
pub struct Described {
    families: HashMap<Arc<str>, MetricMetadata>,
}

/// Reads `from`, whose name is for messages, and gives what is `wanted` to `into`. `told` hears of the progress.
pub fn import(
    name: &str,
    from: impl Read,
    wanted: &Wanted,
    into: &mut dyn Backfill,
    told: &mut dyn FnMut(&Reading),
) -> Result<(Reading, Described), ImportError> {
    let mut buffered = BufReader::with_capacity(256 << 10, from);
    let start = buffered.fill_buf().map_err(|error| unreadable(name, 0, error))?;
    let is_packed = start.starts_with(&[0x1f, 0x8b]);
    if is_packed {
        let unpacked = BufReader::with_capacity(256 << 10, MultiGzDecoder::new(buffered));
        File::new(name, wanted, into).read(unpacked, told)
    } else {
        File::new(name, wanted, into).read(buffered, told)
    }
}

/// A file that is being read.
struct File<'a> {
    name: &'a str,
    wanted: &'a Wanted,
    into: &'a mut dyn Backfill,
    reading: Reading,
    described: Described,
    /// Series that gave samples, by the lower half of their identity.
    series: std::collections::HashSet<u64>,
    /// Lines before the piece that is being parsed.
    lines: usize,
}

/// The samples of one series in a piece.
struct InPiece {
    samples: SampleColumns,
    /// The line in the piece where the series comes first.
    line: usize,
}

impl<'a> File<'a> {
    fn new(name: &'a str, wanted: &'a Wanted, into: &'a mut dyn Backfill) -> Self {
        Self {
            name,
            wanted,
            into,
            reading: Reading::default(),
            described: Described::default(),
            series: std::collections::HashSet::new(),
            lines: 0,
        }
    }

    fn read(
        mut self,
        mut from: impl BufRead,
        told: &mut dyn FnMut(&Reading),
    ) -> Result<(Reading, Described), ImportError> {
        let mut piece = Vec::with_capacity(IMPORT_PIECE_BYTES + IMPORT_LINE_BYTES_MAX);
        loop {
            piece.clear();
            let ended = self.read_piece(&mut from, &mut piece)?;
            let lines = memchr::memchr_iter(b'\n', &piece).count();
            if !ended {
                // The parser wants an end; the file's own comes with the last piece.
                piece.extend_from_slice(END.as_bytes());
                piece.push(b'\n');
            }
            self.parse(&piece)?;
            self.lines += lines;
            told(&self.reading);
            if ended {
                self.reading.sources = 1;
                return Ok((self.reading, self.described));
            }
        }
    }

    /// Reads whole lines; says whether the file ended with them.
    fn read_piece(&self, from: &mut impl BufRead, piece: &mut Vec<u8>) -> Result<bool, ImportError> {
        while piece.len() < IMPORT_PIECE_BYTES {
            let start = piece.len();
            let line_max = (IMPORT_LINE_BYTES_MAX + 1) as u64;
            let read = from.by_ref().take(line_max).read_until(b'\n', piece);
            let lines = || self.lines + memchr::memchr_iter(b'\n', piece).count();
            match read {
                Err(error) => return Err(unreadable(self.name, lines(), error)),
                Ok(0) => return Ok(true),
                Ok(count) if count > IMPORT_LINE_BYTES_MAX => {
                    let reason = format!("the line has more than {IMPORT_LINE_BYTES_MAX} bytes");
                    return Err(self.malformed(lines() + 1, &reason));
                }
                Ok(_) => {}
            }
            // Whatever follows the end is the parser's to refuse.
            if piece
                .get(start..)
                .is_some_and(|line| line.trim_ascii_end() == END.as_bytes())
            {
                let more = from.by_ref().take(line_max).read_until(b'\n', piece);
                more.map_err(|error| unreadable(self.name, 0, error))?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn parse(&mut self, piece: &[u8]) -> Result<(), ImportError> {
        let text = body_text(piece).map_err(|error| self.parse_error(&error))?;
        let mut found: HashMap<&str, InPiece> = HashMap::new();
        let mut order: Vec<&str> = Vec::new();
        let mut line = 0;
        for entry in Exposition::new(Format::OpenMetrics, &text) {
            line += 1;
            match entry.map_err(|error| self.parse_error(&error))? {
                Entry::Sample(sample) => {
                    let Some(at_ms) = sample.at_ms else {
                        let reason = format!("the sample of {} has no time stamp", sample.series);
                        return Err(self.malformed(self.lines + line, &reason));
                    };
                    self.reading.exemplars_left_out += u64::from(sample.exemplar.is_some());
                    let of_series = found.entry(sample.series).or_insert_with(|| {
                        order.push(sample.series);
                        InPiece {
                            samples: SampleColumns::default(),
                            line,
                        }
                    });
                    if self.wanted.range.contains(at_ms) {
                        of_series.samples.push(at_ms, sample.value);
                    }
                }
                metadata => self.described.note(&metadata),
            }
        }
        for series in order {
            if let Some(InPiece { samples, line }) = found.remove(series) {
                self.give(series, line, &samples)?;
            }
        }
        Ok(())
    }

    fn give(&mut self, series: &str, line: usize, samples: &SampleColumns) -> Result<(), ImportError> {
        let mut pairs = LabelPairs::new();
        if let Err(fault) = parse_series(series, Format::OpenMetrics, &mut pairs) {
            return Err(self.malformed(self.lines + line, &fault.to_string()));
        }
        let labels = Labels::from_pairs(pairs);
        if samples.is_empty() || !self.wanted.wants(&labels) {
            return Ok(());
        }
        self.into.add(&labels, samples)?;
        self.reading.samples += samples.len() as u64;
        if self.series.insert(Series::new(labels).id().0 as u64) {
            self.reading.series += 1;
        }
        Ok(())
    }

    fn parse_error(&self, error: &ParseError) -> ImportError {
        self.malformed(self.lines + error.line, &error.reason)
    }

    fn malformed(&self, line: usize, reason: &str) -> ImportError {
        ImportError::Malformed {
            place: format!("{}, line {line}", self.name),
            reason: reason.to_owned(),
        }
    }
}

fn unreadable(name: &str, lines: usize, error: std::io::Error) -> ImportError {
    ImportError::Malformed {
        place: format!("{name}, after line {lines}"),
        reason: error.to_string(),
    }
}

// === impl Described ===

impl Described {
    /// What was said of metrics, sorted by name.
    pub fn metadata(self) -> Vec<MetricMetadata> {
        let mut all: Vec<MetricMetadata> = self.families.into_values().collect();
        all.sort();
        all
    }

    fn note(&mut self, entry: &Entry<'_>) {
        match entry {
            Entry::Sample(_) => {}
            Entry::Kind { family, kind } => {
                if let Some(known) = self.family(family) {
                    known.kind = *kind;
                }
            }
            Entry::Help { family, help } => {
                if let Some(known) = self.family(family) {
                    known.help = Arc::from(&**help);
                }
            }
            Entry::Unit { family, unit } => {
                if let Some(known) = self.family(family) {
                    known.unit = Arc::from(*unit);
                }
            }
        }
    }

    fn family(&mut self, name: &str) -> Option<&mut MetricMetadata> {
        if !self.families.contains_key(name) {
            if self.families.len() >= IMPORT_FAMILIES_MAX {
                return None;
            }
            let name: Arc<str> = Arc::from(name);
            let new = MetricMetadata {
                name: Arc::clone(&name),
                kind: MetricKind::Unknown,
                help: Arc::from(""),
                unit: Arc::from(""),
            };
            self.families.insert(name, new);
        }
        self.families.get_mut(name)
    }
}
