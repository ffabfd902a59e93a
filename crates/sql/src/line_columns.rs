//! Lines as the store hands them over, made into record batches.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, MapBuilder, RecordBatch, RecordBatchOptions, StringBuilder, StringViewBuilder,
    TimestampNanosecondBuilder,
};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Fields, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use model::{Labels, LogBatch};

use crate::limits::{BATCH_ROWS, BATCH_TEXT_BYTES};

/// Times are in UTC, as `now()` is.
pub(crate) const UTC: &str = "+00:00";

/// A column of the table of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Column {
    /// When the line was written.
    Timestamp,
    /// The line.
    Line,
    /// All labels of the stream.
    Labels,
    /// All that is known of the line beside it.
    Metadata,
    /// One label.
    Label(String),
    /// One piece of metadata.
    Pair(String),
}

impl Column {
    /// The name in statements.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Timestamp => "timestamp",
            Self::Line => "line",
            Self::Labels => "labels",
            Self::Metadata => "metadata",
            Self::Label(name) | Self::Pair(name) => name,
        }
    }

    /// The column as the engine sees it.
    pub(crate) fn field(&self) -> Field {
        match self {
            Self::Timestamp => time_field(),
            Self::Line => Field::new(self.name(), DataType::Utf8View, false),
            Self::Labels | Self::Metadata => map_field(self.name()),
            Self::Label(_) | Self::Pair(_) => Field::new(self.name(), DataType::Utf8View, true),
        }
    }
}

/// The column of times, which every table has.
pub(crate) fn time_field() -> Field {
    let kind = DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into()));
    Field::new("timestamp", kind, false)
}

/// A column of names and values.
pub(crate) fn map_field(name: &str) -> Field {
    let entries = Fields::from(vec![
        Field::new("keys", DataType::Utf8, false),
        Field::new("values", DataType::Utf8, true),
    ]);
    let entries = Field::new("entries", DataType::Struct(entries), false);
    Field::new(name, DataType::Map(Arc::new(entries), false), false)
}

/// Builds a column of times.
pub(crate) fn times_builder() -> TimestampNanosecondBuilder {
    TimestampNanosecondBuilder::new().with_timezone(UTC)
}

/// Builds a column of names and values.
pub(crate) type PairsBuilder = MapBuilder<StringBuilder, StringBuilder>;

/// A builder for [`map_field`].
pub(crate) fn pairs_builder() -> PairsBuilder {
    MapBuilder::new(None, StringBuilder::new(), StringBuilder::new())
}

/// Adds a row of names and values.
pub(crate) fn append_pairs<'a>(
    builder: &mut PairsBuilder,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), ArrowError> {
    for (name, value) in pairs {
        builder.keys().append_value(name);
        builder.values().append_value(value);
    }
    builder.append(true)
}

/// A text that many rows have, held once.
pub(crate) fn append_repeated(
    builder: &mut StringViewBuilder,
    text: Option<&str>,
    rows: usize,
) -> Result<(), ArrowError> {
    let Some(text) = text else {
        (0..rows).for_each(|_| builder.append_null());
        return Ok(());
    };
    // A short text lies in the view itself.
    if rows < 4 || text.len() <= 12 {
        (0..rows).for_each(|_| builder.append_value(text));
        return Ok(());
    }
    let block = builder.append_block(Buffer::from(text.as_bytes()));
    (0..rows).try_for_each(|_| builder.try_append_view(block, 0, text.len() as u32))
}

#[derive(Debug)]
enum Building {
    Times(TimestampNanosecondBuilder),
    Lines(StringViewBuilder),
    Label(String, StringViewBuilder),
    Pair(String, StringViewBuilder),
    Labels(PairsBuilder),
    Metadata(PairsBuilder),
}

/// Gathers rows until they are worth a record batch.
#[derive(Debug)]
pub(crate) struct LineColumns {
    schema: SchemaRef,
    columns: Vec<Building>,
    rows: usize,
    text_bytes: usize,
}

impl LineColumns {
    /// Columns for a schema made of them, in the same order.
    pub(crate) fn new(schema: SchemaRef, columns: &[Column]) -> Self {
        let building = |column: &Column| match column {
            Column::Timestamp => Building::Times(times_builder()),
            Column::Line => Building::Lines(StringViewBuilder::new()),
            Column::Labels => Building::Labels(pairs_builder()),
            Column::Metadata => Building::Metadata(pairs_builder()),
            Column::Label(name) => Building::Label(name.clone(), StringViewBuilder::new()),
            Column::Pair(name) => Building::Pair(name.clone(), StringViewBuilder::new()),
        };
        Self {
            schema,
            columns: columns.iter().map(building).collect(),
            rows: 0,
            text_bytes: 0,
        }
    }

    /// How many rows of a batch, from a place on, still fit.
    pub(crate) fn room(&self, batch: &LogBatch<'_>, from: usize) -> usize {
        (batch.times_ns.len() - from).min(BATCH_ROWS.saturating_sub(self.rows).max(1))
    }

    /// Whether there is enough for a record batch.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.text_bytes >= BATCH_TEXT_BYTES
    }

    /// How many rows wait.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Takes in rows of a batch.
    pub(crate) fn append(&mut self, batch: &LogBatch<'_>, rows: Range<usize>) -> Result<(), ArrowError> {
        for column in &mut self.columns {
            match column {
                Building::Times(builder) => {
                    builder.append_slice(batch.times_ns.get(rows.clone()).unwrap_or_default());
                }
                Building::Lines(builder) => self.text_bytes += append_lines(builder, batch, rows.clone())?,
                Building::Label(name, builder) => {
                    append_repeated(builder, batch.stream.get(name), rows.len())?;
                }
                Building::Pair(name, builder) => {
                    for row in rows.clone() {
                        let pairs = batch.metadata.get(row);
                        let value = pairs.iter().find(|(known, _)| known == name);
                        builder.append_option(value.map(|(_, value)| *value));
                    }
                }
                Building::Labels(builder) => {
                    self.text_bytes += append_labels(builder, batch.stream, rows.len())?;
                }
                Building::Metadata(builder) => {
                    for row in rows.clone() {
                        let pairs = batch.metadata.get(row);
                        self.text_bytes += pairs
                            .iter()
                            .map(|(name, value)| name.len() + value.len())
                            .sum::<usize>();
                        append_pairs(builder, pairs.iter().copied())?;
                    }
                }
            }
        }
        self.rows += rows.len();
        Ok(())
    }

    /// The rows that were gathered.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let arrays: Vec<ArrayRef> = self.columns.iter_mut().map(Building::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        self.text_bytes = 0;
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
    }
}

impl Building {
    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Times(builder) => ArrayBuilder::finish(builder),
            Self::Lines(builder) | Self::Label(_, builder) | Self::Pair(_, builder) => {
                ArrayBuilder::finish(builder)
            }
            Self::Labels(builder) | Self::Metadata(builder) => ArrayBuilder::finish(builder),
        }
    }
}

/// Lines lie one behind the other: they are copied at once and pointed at.
fn append_lines(
    builder: &mut StringViewBuilder,
    batch: &LogBatch<'_>,
    rows: Range<usize>,
) -> Result<usize, ArrowError> {
    let offset = |row: usize| batch.lines.offsets.get(row).map_or(0, |at| *at as usize);
    let (start, end) = (offset(rows.start), offset(rows.end));
    let text = batch.lines.text.get(start..end).unwrap_or_default();
    let block = builder.append_block(Buffer::from(text.as_bytes()));
    for row in rows {
        let (from, to) = (offset(row), offset(row + 1));
        builder.try_append_view(block, (from - start) as u32, to.saturating_sub(from) as u32)?;
    }
    Ok(text.len())
}

fn append_labels(builder: &mut PairsBuilder, labels: &Labels, rows: usize) -> Result<usize, ArrowError> {
    for _ in 0..rows {
        append_pairs(builder, labels.iter())?;
    }
    Ok(rows * labels.heap_bytes())
}
