//! Rows as JSON, CSV or Arrow's stream format, a piece at a time.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, RecordBatch, StringBuilder};
use arrow::compute::cast;
use arrow::csv;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::json::writer::{JsonArray, make_encoder};
use arrow::json::{EncoderOptions, Writer as JsonWriter, WriterBuilder as JsonWriterBuilder};
use serde_json::json;

/// In which form rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One object: `meta` (names and types of columns), `data` (an object for each row), `rows`, `statistics`, `notes`.
    #[default]
    Json,
    /// RFC 4180 with a line of names; nested values as JSON.
    Csv,
    /// Arrow's IPC stream format.
    Arrow,
}

impl Format {
    /// Every form with the name that asks for it.
    pub const ALL: [(&'static str, Self); 3] =
        [("json", Self::Json), ("csv", Self::Csv), ("arrow", Self::Arrow)];

    /// The media type of answers.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }
}

/// What is said behind the rows, where the form has a place for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Closing {
    pub(crate) elapsed: Duration,
    pub(crate) notes: Vec<String>,
}

/// Writes rows into bytes that are taken out bit by bit.
pub(crate) struct Encoder {
    schema: SchemaRef,
    rows: u64,
    form: Form,
}

enum Form {
    Json(JsonWriter<Vec<u8>, JsonArray>),
    Csv(Box<csv::Writer<Vec<u8>>>),
    Arrow(Box<StreamWriter<Vec<u8>>>),
}

impl Encoder {
    /// Begins an answer with these columns.
    pub(crate) fn new(format: Format, schema: &SchemaRef) -> Result<Self, ArrowError> {
        let schema = match format {
            Format::Json => Arc::clone(schema),
            Format::Csv | Format::Arrow => plain_schema(schema, format),
        };
        let form = match format {
            Format::Json => {
                let builder = JsonWriterBuilder::new().with_explicit_nulls(true);
                let mut begun = Vec::new();
                begun.extend_from_slice(b"{\"meta\":");
                begun.extend_from_slice(meta(&schema).to_string().as_bytes());
                begun.extend_from_slice(b",\"data\":");
                Form::Json(builder.build::<_, JsonArray>(begun))
            }
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new().with_header(true).build(Vec::new());
                // Names stand there even where no row does.
                writer.write(&RecordBatch::new_empty(Arc::clone(&schema)))?;
                Form::Csv(Box::new(writer))
            }
            Format::Arrow => Form::Arrow(Box::new(StreamWriter::try_new(Vec::new(), &schema)?)),
        };
        Ok(Self {
            schema,
            rows: 0,
            form,
        })
    }

    /// Writes rows; what has been written so far may be taken.
    pub(crate) fn write(
        &mut self,
        batch: &RecordBatch,
        take_from_bytes: usize,
    ) -> Result<Option<Vec<u8>>, ArrowError> {
        self.rows += batch.num_rows() as u64;
        match &mut self.form {
            Form::Json(writer) => {
                writer.write(batch)?;
                Ok(take(writer.get_mut(), take_from_bytes))
            }
            Form::Csv(writer) => {
                writer.write(&plain_batch(batch, &self.schema)?)?;
                // The writer gives its bytes back as a whole only.
                let rest = csv::WriterBuilder::new().with_header(false).build(Vec::new());
                let bytes = std::mem::replace(&mut **writer, rest).into_inner();
                Ok((!bytes.is_empty()).then_some(bytes))
            }
            Form::Arrow(writer) => {
                writer.write(&plain_batch(batch, &self.schema)?)?;
                Ok(take(writer.get_mut(), take_from_bytes))
            }
        }
    }

    /// Ends the answer.
    pub(crate) fn finish(self, closing: &Closing) -> Result<Vec<u8>, ArrowError> {
        match self.form {
            Form::Json(mut writer) => {
                writer.finish()?;
                let mut bytes = writer.into_inner();
                let elapsed = closing.elapsed.as_secs_f64();
                let (rows, notes) = (self.rows, &closing.notes);
                let rest = format!(
                    ",\"rows\":{rows},\"statistics\":{},\"notes\":{}}}\n",
                    json!({ "elapsed": elapsed }),
                    json!(notes),
                );
                bytes.extend_from_slice(rest.as_bytes());
                Ok(bytes)
            }
            Form::Csv(writer) => Ok(writer.into_inner()),
            Form::Arrow(mut writer) => {
                writer.finish()?;
                writer.into_inner()
            }
        }
    }
}

fn take(bytes: &mut Vec<u8>, from_bytes: usize) -> Option<Vec<u8>> {
    (bytes.len() >= from_bytes).then(|| std::mem::take(bytes))
}

fn meta(schema: &Schema) -> serde_json::Value {
    let column = |field: &Arc<Field>| json!({"name": field.name(), "type": field.data_type().to_string()});
    schema.fields().iter().map(column).collect()
}

/// Columns as every reader knows them: texts of the plain kind, and nested values as JSON where the form has no place for them.
fn plain_schema(schema: &Schema, format: Format) -> SchemaRef {
    let plain = |field: &Arc<Field>| {
        let kind = match field.data_type() {
            DataType::Utf8View => DataType::Utf8,
            DataType::BinaryView => DataType::Binary,
            kind if format == Format::Csv && kind.is_nested() => DataType::Utf8,
            kind => kind.clone(),
        };
        Field::new(field.name(), kind, field.is_nullable())
    };
    let fields: Vec<Field> = schema.fields().iter().map(plain).collect();
    Arc::new(Schema::new(fields))
}

fn plain_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let given = batch.schema();
    let columns = batch.columns().iter().zip(given.fields()).zip(schema.fields());
    let columns = columns.map(|((column, given), wanted)| {
        if column.data_type() == wanted.data_type() {
            Ok(Arc::clone(column))
        } else if column.data_type().is_nested() {
            as_json(column, given)
        } else {
            cast(column, wanted.data_type())
        }
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

fn as_json(column: &ArrayRef, field: &Arc<Field>) -> Result<ArrayRef, ArrowError> {
    let options = EncoderOptions::default();
    let mut encoder = make_encoder(field, column, &options)?;
    let mut texts = StringBuilder::new();
    let mut text = Vec::new();
    for row in 0..column.len() {
        if encoder.is_null(row) {
            texts.append_null();
            continue;
        }
        text.clear();
        encoder.encode(row, &mut text);
        texts.append_value(String::from_utf8_lossy(&text));
    }
    Ok(Arc::new(texts.finish()))
}
