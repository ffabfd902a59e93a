//! Series as a Parquet file: one row per sample, labels as a map. The only place that names the `parquet` crate
//! (docs/decisions/0015-parquet-in-the-roof.md).
//!
//! The columns are `name` (string), `labels` (map of strings, without the name), `timestamp` (milliseconds, UTC) and `value`
//! (double); rows are sorted by series, then by time.

use std::io::Write;
use std::sync::Arc;

use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::parser::parse_message_type;
use ::parquet::schema::types::ColumnPath;
use anyhow::Context;
use model::{Labels, METRIC_NAME, SampleColumns};

use super::export::left_out;

const SCHEMA: &str = "
message series {
    required binary name (STRING);
    required group labels (MAP) {
        repeated group key_value {
            required binary key (STRING);
            required binary value (STRING);
        }
    }
    required int64 timestamp (TIMESTAMP(MILLIS,true));
    required double value;
}";

/// Rows of a row group; its samples are held in memory.
const ROWS_PER_GROUP: usize = 1 << 20;
/// Rows that are handed to the encoder at a time.
const ROWS_PER_BATCH: usize = 1024;

/// A Parquet file that is being written.
pub(super) struct ParquetFile<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    group: Vec<(Labels, SampleColumns)>,
    group_rows: usize,
    samples: u64,
    series: u64,
    histograms_left_out: u64,
}

impl<W: Write + Send> ParquetFile<W> {
    pub(super) fn new(target: W) -> anyhow::Result<Self> {
        let column = |name: &str| ColumnPath::from(name);
        let level = ZstdLevel::try_new(3)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_column_dictionary_enabled(column("timestamp"), false)
            .set_column_encoding(column("timestamp"), Encoding::DELTA_BINARY_PACKED)
            .set_created_by(concat!("watchkeeper ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let writer = SerializedFileWriter::new(target, schema, Arc::new(properties))
            .context("cannot write the Parquet file")?;
        Ok(Self {
            writer,
            group: Vec::new(),
            group_rows: 0,
            samples: 0,
            series: 0,
            histograms_left_out: 0,
        })
    }

    /// Adds a series, or a piece of one.
    pub(super) fn add(
        &mut self,
        labels: &Labels,
        samples: SampleColumns,
        histograms: usize,
    ) -> anyhow::Result<()> {
        self.histograms_left_out += histograms as u64;
        if samples.is_empty() {
            return Ok(());
        }
        self.samples += samples.len() as u64;
        self.group_rows += samples.len();
        if self.group.last().is_none_or(|(last, _)| last != labels) {
            self.series += 1;
        }
        self.group.push((labels.clone(), samples));
        if self.group_rows >= ROWS_PER_GROUP {
            self.write_group()?;
        }
        Ok(())
    }

    /// How far it is, for people.
    pub(super) fn line(&self) -> String {
        format!(
            "{} samples of {} series written{}",
            self.samples,
            self.series,
            left_out(self.histograms_left_out, "native histograms")
        )
    }

    /// Writes what is left and gives back the closing line and what was written to.
    pub(super) fn finish(mut self) -> anyhow::Result<(String, W)> {
        self.write_group()?;
        let line = self.line();
        let target = self.writer.into_inner().context("cannot end the Parquet file")?;
        Ok((line, target))
    }

    fn write_group(&mut self) -> anyhow::Result<()> {
        if self.group.is_empty() {
            return Ok(());
        }
        self.group_rows = 0;
        let group = std::mem::take(&mut self.group);
        self.write_columns(&group)
            .context("cannot write the Parquet file")
    }

    fn write_columns(&mut self, group: &[(Labels, SampleColumns)]) -> Result<(), ParquetError> {
        let mut row_group = self.writer.next_row_group()?;
        let mut place = 0;
        while let Some(mut column) = row_group.next_column()? {
            match place {
                0 => names(group, &mut column)?,
                1 => pairs(group, |(name, _)| name, &mut column)?,
                2 => pairs(group, |(_, value)| value, &mut column)?,
                3 => {
                    for (_, samples) in group {
                        column
                            .typed::<Int64Type>()
                            .write_batch(samples.at_ms.as_slice(), None, None)?;
                    }
                }
                _ => {
                    for (_, samples) in group {
                        column
                            .typed::<DoubleType>()
                            .write_batch(samples.values.as_slice(), None, None)?;
                    }
                }
            }
            column.close()?;
            place += 1;
        }
        row_group.close()?;
        Ok(())
    }
}

fn names(
    group: &[(Labels, SampleColumns)],
    column: &mut SerializedColumnWriter<'_>,
) -> Result<(), ParquetError> {
    for (labels, samples) in group {
        let name = ByteArray::from(labels.metric_name());
        let batch = vec![name; samples.len().min(ROWS_PER_BATCH)];
        for rows in batches(samples.len()) {
            let values = batch.get(..rows).unwrap_or_default();
            column.typed::<ByteArrayType>().write_batch(values, None, None)?;
        }
    }
    Ok(())
}

/// One side of the map of labels. A row's first pair has the repetition level 0, the others 1; a row without pairs has the
/// definition level 0.
fn pairs(
    group: &[(Labels, SampleColumns)],
    side: impl for<'l> Fn((&'l str, &'l str)) -> &'l str,
    column: &mut SerializedColumnWriter<'_>,
) -> Result<(), ParquetError> {
    for (labels, samples) in group {
        let of_row: Vec<ByteArray> = labels
            .iter()
            .filter(|(name, _)| *name != METRIC_NAME)
            .map(|pair| ByteArray::from(side(pair)))
            .collect();
        for rows in batches(samples.len()) {
            let mut values = Vec::with_capacity(rows * of_row.len());
            let (mut defined, mut repeated) = (Vec::new(), Vec::new());
            for _ in 0..rows {
                if of_row.is_empty() {
                    defined.push(0);
                    repeated.push(0);
                }
                for (place, value) in of_row.iter().enumerate() {
                    values.push(value.clone());
                    defined.push(1);
                    repeated.push(i16::from(place > 0));
                }
            }
            column
                .typed::<ByteArrayType>()
                .write_batch(&values, Some(&defined), Some(&repeated))?;
        }
    }
    Ok(())
}

/// `rows` in batches.
fn batches(rows: usize) -> impl Iterator<Item = usize> {
    (0..rows.div_ceil(ROWS_PER_BATCH)).map(move |batch| (rows - batch * ROWS_PER_BATCH).min(ROWS_PER_BATCH))
}

#[cfg(test)]
mod tests {
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use ::parquet::record::{Field, RowAccessor};
    use bytes::Bytes;
    use model::STALE_NAN;

    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let labels = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        let mut long = SampleColumns::default();
        (0..3000).for_each(|at_ms| long.push(at_ms * 1000, at_ms as f64 / 3.0));
        let mut short = SampleColumns::default();
        short.push(-1, STALE_NAN);
        let series = [
            (labels(&[("__name__", "a"), ("größe", "ü"), ("job", "x")]), long),
            (labels(&[("__name__", "b")]), short),
        ];
        let mut file = ParquetFile::new(Vec::new()).unwrap();
        for (labels, samples) in &series {
            file.add(labels, samples.clone(), 0).unwrap();
        }
        let (line, bytes) = file.finish().unwrap();
        assert_eq!(line, "3001 samples of 2 series written");

        let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
        let mut rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
        for (labels, samples) in &series {
            for sample in samples.iter() {
                let row = rows.next().unwrap();
                assert_eq!(row.get_string(0).unwrap(), labels.metric_name());
                let mut pairs = vec![("__name__".to_owned(), labels.metric_name().to_owned())];
                for (name, value) in row.get_map(1).unwrap().entries() {
                    let (Field::Str(name), Field::Str(value)) = (name, value) else {
                        panic!("{name:?} {value:?}");
                    };
                    pairs.push((name.clone(), value.clone()));
                }
                assert_eq!(Labels::from_pairs(pairs), *labels);
                assert_eq!(row.get_timestamp_millis(2).unwrap(), sample.at_ms);
                assert_eq!(row.get_double(3).unwrap().to_bits(), sample.value.to_bits());
            }
        }
        assert!(rows.next().is_none());
    }
}
