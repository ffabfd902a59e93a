//! Log lines, and the door through which engines that keep them are asked.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use crate::batch::TenantId;
use crate::doors::ReadError;
use crate::labels::Labels;
use crate::matcher::Matcher;
use crate::read_budget::ReadBudget;

/// A store of log lines that can be asked.
///
/// Calls block on CPU and disk: async callers go through a blocking task.
pub trait LogRead: Send + Sync + Debug {
    /// Hands over the lines that are asked for, batch by batch, each line once. Within a batch they are in the order of
    /// [`LogSelection::direction`]; batches come as the store has them, best in that order too. What is handed over is
    /// borrowed: who needs it longer copies it.
    ///
    /// The store judges matchers and times. It may leave out lines by the other fields of the selection, and need not.
    fn read(
        &self,
        selection: &LogSelection,
        take: &mut dyn FnMut(&LogBatch<'_>) -> LogFlow,
    ) -> Result<(), ReadError>;

    /// The same as [`read`](Self::read), and tells what was looked through for it. A store that keeps no segments says nothing.
    fn read_counted(
        &self,
        selection: &LogSelection,
        take: &mut dyn FnMut(&LogBatch<'_>) -> LogFlow,
    ) -> Result<Searched, ReadError> {
        self.read(selection, take)?;
        Ok(Searched::default())
    }

    /// The streams that may have lines in the range, each once, sorted by labels, with how much they hold there.
    fn streams(&self, selection: &StreamSelection) -> Result<Vec<StreamExtent>, ReadError>;

    /// The names of the labels of these streams, sorted.
    fn label_names(&self, selection: &StreamSelection) -> Result<Vec<String>, ReadError> {
        let streams = self.streams(selection)?;
        let names = streams.iter().flat_map(|stream| stream.labels.iter());
        let names: BTreeSet<&str> = names.map(|(name, _)| name).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    /// The values of one label of these streams, sorted.
    fn label_values(&self, selection: &StreamSelection, name: &str) -> Result<Vec<String>, ReadError> {
        let streams = self.streams(selection)?;
        let values = streams.iter().filter_map(|stream| stream.labels.get(name));
        let values: BTreeSet<&str> = values.collect();
        Ok(values.into_iter().map(str::to_owned).collect())
    }
}

/// What a question made a store do. Segments that are in no count below the first were not needed any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Searched {
    /// Segments that the tenant has.
    pub segments: u64,
    /// Those without lines of the time that is asked for; they stayed closed.
    pub ruled_out_by_time: u64,
    /// Those without a stream that is asked for.
    pub ruled_out_by_stream: u64,
    /// Those of which words and filters tell that no line holds the texts; no line of them was read.
    pub ruled_out_by_text: u64,
    /// Those of which lines were read.
    pub read: u64,
    /// Of all these, those whose contents had to be fetched from disk.
    pub opened: u64,
}

impl std::ops::AddAssign for Searched {
    fn add_assign(&mut self, other: Self) {
        self.segments += other.segments;
        self.ruled_out_by_time += other.ruled_out_by_time;
        self.ruled_out_by_stream += other.ruled_out_by_stream;
        self.ruled_out_by_text += other.ruled_out_by_text;
        self.read += other.read;
        self.opened += other.opened;
    }
}

/// Which streams.
#[derive(Debug, Clone, Default)]
pub struct StreamSelection {
    /// Whose streams.
    pub tenant: TenantId,
    /// Streams that meet all matchers of any of these; every stream where there is none.
    pub any_of: Vec<Vec<Matcher>>,
    /// The earliest time, in nanoseconds since the Unix epoch.
    pub from_ns: i64,
    /// Before which time, in nanoseconds since the Unix epoch.
    pub to_ns: i64,
    /// What looking for them may cost; `None`: anything.
    pub budget: Option<Arc<ReadBudget>>,
}

impl StreamSelection {
    /// Whether a stream of the tenant is selected by its labels.
    pub fn selects(&self, labels: &Labels) -> bool {
        let meets = |all: &Vec<Matcher>| all.iter().all(|matcher| matcher.matches_labels(labels));
        self.any_of.is_empty() || self.any_of.iter().any(meets)
    }
}

/// A stream, and how much it holds in a range. Stores count whole pieces: what lies about the ends of the range may be
/// counted as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamExtent {
    /// The labels of the stream.
    pub labels: Labels,
    /// How many lines.
    pub lines: u64,
    /// How many bytes of lines, as they were taken in.
    pub bytes: u64,
    /// Pieces of files that hold some of it.
    pub pieces: u64,
}

/// Which lines.
#[derive(Debug, Clone)]
pub struct LogSelection {
    /// Whose lines.
    pub tenant: TenantId,
    /// What the labels of a stream must meet; all must hold.
    pub matchers: Vec<Matcher>,
    /// The earliest time, in nanoseconds since the Unix epoch.
    pub from_ns: i64,
    /// Before which time, in nanoseconds since the Unix epoch.
    pub to_ns: i64,
    /// In which order.
    pub direction: Direction,
    /// What lines must hold: one text at least of every group. Lines that do not are of no use to the asker, who looks himself;
    /// a store with an index may leave them out.
    pub holds: Vec<Vec<String>>,
    /// Whether the lines themselves are looked at; where not, a store may hand over empty ones.
    pub needs_lines: bool,
    /// Whether lines are looked at for [`holds`](Self::holds) alone. A store that hands over no line but those that hold the texts may leave
    /// the lines themselves out, where it says so with [`LogBatch::is_decided`].
    pub holds_decides: bool,
    /// Lines that hold the texts are only read as JSON, for the fields with these names at their top; `None`: they are looked at as they are.
    /// Of a line that is an object a store may hand over one with these fields alone, where it says so with
    /// [`LogBatch::is_reduced`]; fields whose names are not only letters, digits and underscores must stay.
    pub json_fields: Option<Vec<String>>,
    /// What the reading may cost; `None`: anything. The store asks it before every piece that it reads.
    pub budget: Option<Arc<ReadBudget>>,
    /// Names of metadata that are looked at; `None`: all. A store may leave out what has other names.
    pub metadata: Option<Vec<String>>,
}

impl Default for LogSelection {
    /// Whole lines with all their metadata, of every stream of the default tenant and of no time yet.
    fn default() -> Self {
        Self {
            tenant: TenantId::DEFAULT,
            matchers: Vec::new(),
            from_ns: 0,
            to_ns: 0,
            direction: Direction::default(),
            holds: Vec::new(),
            needs_lines: true,
            holds_decides: false,
            json_fields: None,
            metadata: None,
            budget: None,
        }
    }
}

/// In which order lines are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The oldest first.
    Forward,
    /// The newest first.
    #[default]
    Backward,
}

/// Whether the reading goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFlow {
    /// More is wanted.
    More,
    /// More is wanted, but nothing from this time on in the direction of reading: neither at it nor behind it. In
    /// nanoseconds since the Unix epoch. Batches behind it may be left out.
    MoreBefore(i64),
    /// Nothing more is wanted.
    Stop,
}

/// Lines of one stream, in columns.
#[derive(Debug, Clone, Copy)]
pub struct LogBatch<'a> {
    /// The labels of the stream.
    pub stream: &'a Labels,
    /// When each line was written, in nanoseconds since the Unix epoch.
    pub times_ns: &'a [i64],
    /// The lines.
    pub lines: TextColumn<'a>,
    /// What else is known of each line.
    pub metadata: MetadataColumn<'a>,
    /// Whether every line holds what [`LogSelection::holds`] asks for, so that who looks for nothing else need not look.
    pub is_decided: bool,
    /// Whether lines may be without fields that nobody asked for ([`LogSelection::json_fields`]); then every line holds the texts.
    pub is_reduced: bool,
}

/// Texts one behind the other, and where each begins.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextColumn<'a> {
    /// All texts.
    pub text: &'a str,
    /// Where each text begins and, at last, where the last one ends: one more than there are texts.
    pub offsets: &'a [i32],
}

/// Pairs of name and value, some for each line or none at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct MetadataColumn<'a> {
    /// All pairs. Values may be empty.
    pub pairs: &'a [(&'a str, &'a str)],
    /// Where the pairs of each line begin and, at last, where those of the last one end; empty where no line has any.
    pub offsets: &'a [i32],
}

impl<'a> TextColumn<'a> {
    /// The text at a place; empty where there is none.
    pub fn get(&self, place: usize) -> &'a str {
        bounds(self.offsets, place)
            .and_then(|(start, end)| self.text.get(start..end))
            .unwrap_or_default()
    }
}

impl<'a> MetadataColumn<'a> {
    /// The pairs of the line at a place.
    pub fn get(&self, place: usize) -> &'a [(&'a str, &'a str)] {
        bounds(self.offsets, place)
            .and_then(|(start, end)| self.pairs.get(start..end))
            .unwrap_or_default()
    }
}

fn bounds(offsets: &[i32], place: usize) -> Option<(usize, usize)> {
    let bound = |place: usize| offsets.get(place).and_then(|at| usize::try_from(*at).ok());
    Some((bound(place)?, bound(place + 1)?))
}
