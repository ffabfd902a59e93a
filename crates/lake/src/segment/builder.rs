//! From rows in order to a segment.

use disk::StorageFile;
use model::{Labels, TenantId};
use pack::{Effort, Part, integers};
use ulid::Ulid;

use super::contents::{Contents, HEADER, StreamMeta, TableMeta, TablesMeta, encode_trailer};
use super::writer::{PartSink, WriteFault};
use crate::column::Form;
use crate::column::encode::{encode, encode_texts};
use crate::limits::PAGE_ROWS;
use crate::table::{FinishedTables, LineTables, PairTables};

/// Gathers rows, stream by stream and each in order of time, and writes them.
#[derive(Debug)]
pub(crate) struct SegmentBuilder {
    tenant: TenantId,
    keys: Vec<(u128, i64)>,
    log_before: u64,
    sources: Vec<Ulid>,
    streams: Vec<StreamMeta>,
    times_ns: Vec<i64>,
    line_bytes: u64,
    lines: LineTables,
    pairs: PairTables,
}

impl SegmentBuilder {
    /// For lines of a tenant, which came in batches with these keys at these times (milliseconds).
    pub(crate) fn new(tenant: TenantId, keys: Vec<(u128, i64)>) -> Self {
        Self {
            tenant,
            keys,
            log_before: 0,
            sources: Vec::new(),
            streams: Vec::new(),
            times_ns: Vec::new(),
            line_bytes: 0,
            lines: LineTables::default(),
            pairs: PairTables::default(),
        }
    }

    /// The lines of the tenant in segments of the log before this one are sealed with it.
    pub(crate) fn log_before(&mut self, log_segment: u64) {
        self.log_before = log_segment;
    }

    /// The segments that it stands for.
    pub(crate) fn sources(&mut self, sources: Vec<Ulid>) {
        self.sources = sources;
    }

    /// Begins a stream, behind all that were begun, in the order of [`Ordered`](crate::stream_order::Ordered).
    pub(crate) fn begin_stream(&mut self, labels: Labels) {
        self.streams.push(StreamMeta {
            labels,
            rows_end: self.times_ns.len(),
            min_ns: i64::MAX,
            max_ns: i64::MIN,
            line_bytes: 0,
        });
    }

    /// Adds a row to the stream that was begun last.
    #[inline]
    pub(crate) fn push<'p>(
        &mut self,
        at_ns: i64,
        line: &[u8],
        pairs: impl ExactSizeIterator<Item = (&'p str, &'p str)> + Clone,
    ) {
        let Some(stream) = self.streams.last_mut() else {
            return;
        };
        self.times_ns.push(at_ns);
        stream.rows_end = self.times_ns.len();
        stream.min_ns = stream.min_ns.min(at_ns);
        stream.max_ns = stream.max_ns.max(at_ns);
        stream.line_bytes += line.len() as u64;
        self.line_bytes += line.len() as u64;
        self.lines.push(line);
        self.pairs.push(pairs);
    }

    /// Writes the segment; tells what is in it, and where that is written.
    pub(crate) fn write(self, file: &dyn StorageFile) -> Result<(Contents, Part), WriteFault> {
        let mut sink = PartSink::new(file);
        sink.put(|out| out.extend_from_slice(&HEADER))?;
        let mut times = Vec::new();
        for page in self.times_ns.chunks(PAGE_ROWS) {
            times.push(sink.put(|out| integers::encode(page.to_vec(), Effort::Fast, out))?);
        }
        let lines = write_tables(self.lines.finish(), &mut sink)?;
        let pairs = self
            .pairs
            .finish()
            .map(|pairs| write_tables(pairs, &mut sink))
            .transpose()?;
        let contents = Contents {
            tenant: self.tenant,
            min_ns: self.times_ns.iter().copied().min().unwrap_or_default(),
            max_ns: self.times_ns.iter().copied().max().unwrap_or_default(),
            rows: self.times_ns.len(),
            line_bytes: self.line_bytes,
            keys: self.keys,
            log_before: self.log_before,
            sources: self.sources,
            streams: self.streams,
            times,
            lines,
            pairs,
        };
        let encoded = (contents.encode())
            .ok_or_else(|| WriteFault::other("the table of contents would be too long to be read"))?;
        let part = sink.put(|out| out.extend_from_slice(&encoded))?;
        sink.put(|out| out.extend_from_slice(&encode_trailer(part)))?;
        sink.flush()?;
        Ok((contents, part))
    }
}

fn write_tables(finished: FinishedTables, sink: &mut PartSink<'_>) -> Result<TablesMeta, WriteFault> {
    let bases = TablesMeta::bases_of(&finished.ids, finished.tables.len());
    let mut ids = Vec::new();
    for page in finished.ids.chunks(PAGE_ROWS) {
        let page = page.iter().map(|id| i64::from(*id)).collect();
        ids.push(sink.put(|out| integers::encode(page, Effort::Fast, out))?);
    }
    let mut tables = Vec::new();
    for (place, table) in finished.tables.into_iter().enumerate() {
        let (key, rows) = (table.key.clone(), table.rows as usize);
        let columns = table
            .forms()
            .map(|form| match form {
                Form::Words(words) if place == 0 => {
                    encode_texts(words.codes.iter().map(|code| words.word(*code)), sink)
                }
                form => encode(form, sink),
            })
            .collect::<Result<_, _>>()?;
        tables.push(TableMeta { key, rows, columns });
    }
    Ok(TablesMeta { tables, ids, bases })
}
