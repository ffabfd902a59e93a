//! The table function `promql('expr' [, at])`, `promql('expr', from, to [, step])`: PromQL's answer as rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringViewBuilder};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use datafusion::catalog::{MemTable, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use model::TenantId;
use parking_lot::Mutex;

use crate::error::SqlError;
use crate::limits::{BATCH_ROWS, LABEL_COLUMNS_MAX, POINTS_PER_SERIES_MAX, STEPS_DEFAULT};
use crate::line_columns::{
    append_pairs, append_repeated, map_field, pairs_builder, time_field, times_builder,
};
use crate::metrics::{Metrics, MetricsAnswer, MetricsQuestion, MetricsRow};
use crate::moment;
use crate::threads::Watch;

/// The name in statements.
pub(crate) const NAME: &str = "promql";

/// What tables of a statement hold in memory, and what is to be said about them.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Given back when the statement ends.
    reservations: Mutex<Vec<MemoryReservation>>,
    /// For who asked.
    pub(crate) notes: Mutex<BTreeSet<String>>,
}

/// Evaluates when a statement is planned: only the answer says which columns there are.
#[derive(Debug)]
pub(crate) struct PromqlFunction {
    pub(crate) metrics: Arc<dyn Metrics>,
    pub(crate) tenant: TenantId,
    pub(crate) now_ms: i64,
    pub(crate) memory_max: usize,
    pub(crate) watch: Watch,
    pub(crate) held: Arc<Held>,
}

impl TableFunctionImpl for PromqlFunction {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let values = args
            .exprs()
            .iter()
            .map(|expr| moment::value(expr, args.session()));
        let values = values.collect::<Result<Vec<_>>>()?;
        let usage = || {
            SqlError::Statement(
                "promql() takes an expression as text, and then nothing, a moment, or start and end and a step: \
                 promql('rate(http_requests_total[5m])', 'now-1h', 'now', '1m')"
                    .to_owned(),
            )
        };
        let expr = values
            .first()
            .and_then(|value| value.try_as_str().flatten())
            .ok_or_else(usage)?;
        let moment = |place: usize| {
            values
                .get(place)
                .map(|value| moment::moment_ms(value, self.now_ms))
                .transpose()
        };
        let (first, last) = (moment(1)?.unwrap_or(self.now_ms), moment(2)?);
        let step_ms = values.get(3).map(moment::step_ms).transpose()?;
        if values.len() > 4 {
            return Err(usage().into());
        }
        let (from_ms, to_ms) = (first, last.unwrap_or(first));
        let span_ms = span(from_ms, to_ms)?;
        let step_ms = last.map(|_| step_ms.unwrap_or((span_ms / STEPS_DEFAULT).max(1_000)));
        check_points(span_ms, step_ms)?;
        let question = MetricsQuestion {
            tenant: self.tenant,
            expr,
            from_ms,
            to_ms,
            step_ms,
            memory_max: self.memory_max,
            deadline: self.watch.deadline(),
            cancel: Arc::clone(&self.watch.cancel),
        };
        let answer = tokio::task::block_in_place(|| self.metrics.answer(&question));
        let answer = answer.map_err(|reason| SqlError::Statement(format!("promql(): {reason}")))?;
        let pool = &args.session().runtime_env().memory_pool;
        let reservation = MemoryConsumer::new("promql()").register(pool);
        reservation.try_grow(memory(&answer))?;
        self.held.reservations.lock().push(reservation);
        if answer.histograms_left_out > 0 {
            let note = format!(
                "promql(): {} native histograms are left out; ask for histogram_quantile(), histogram_sum() or histogram_count()",
                answer.histograms_left_out
            );
            self.held.notes.lock().insert(note);
        }
        let warnings = answer.warnings.iter();
        let warnings = warnings.map(|warning| format!("promql(): {warning}"));
        self.held.notes.lock().extend(warnings);
        Ok(Arc::new(table(&answer)?))
    }
}

fn span(from_ms: i64, to_ms: i64) -> Result<i64, SqlError> {
    let span_ms = to_ms.checked_sub(from_ms).filter(|span_ms| *span_ms >= 0);
    let wrong = "promql(): the end lies before the start, or too far behind it";
    span_ms.ok_or_else(|| SqlError::Statement(wrong.to_owned()))
}

fn check_points(span_ms: i64, step_ms: Option<i64>) -> Result<(), SqlError> {
    match step_ms {
        Some(step_ms) if span_ms / step_ms > POINTS_PER_SERIES_MAX => Err(SqlError::Statement(format!(
            "promql(): more than {POINTS_PER_SERIES_MAX} points a series; take a longer step"
        ))),
        _ => Ok(()),
    }
}

/// Times, values, views of labels, and the labels as a map for every point.
fn memory(answer: &MetricsAnswer) -> usize {
    let point = |row: &MetricsRow| 16 * (2 + row.labels.len()) + 2 * row.labels.heap_bytes();
    let rows = answer.rows.iter();
    rows.map(|row| row.times_ms.len().saturating_mul(point(row)))
        .fold(0, usize::saturating_add)
}

fn table(answer: &MetricsAnswer) -> Result<MemTable> {
    let names: BTreeSet<&str> = answer
        .rows
        .iter()
        .flat_map(|row| row.labels.iter().map(|(name, _)| name))
        .filter(|name| !matches!(*name, "timestamp" | "value" | "labels"))
        .collect();
    let names: Vec<&str> = names.into_iter().take(LABEL_COLUMNS_MAX).collect();
    let mut fields = vec![time_field()];
    fields.extend(
        names
            .iter()
            .map(|name| Field::new(*name, DataType::Utf8View, true)),
    );
    fields.extend([Field::new("value", DataType::Float64, false), map_field("labels")]);
    let schema = Arc::new(Schema::new(fields));
    let mut batches = Vec::new();
    let mut rows: Vec<(&MetricsRow, std::ops::Range<usize>)> = Vec::new();
    let mut count = 0;
    for row in &answer.rows {
        let samples = row.times_ms.len().min(row.values.len());
        let mut from = 0;
        while from < samples {
            let to = samples.min(from + BATCH_ROWS - count);
            rows.push((row, from..to));
            count += to - from;
            from = to;
            if count == BATCH_ROWS {
                batches.push(RecordBatch::try_new(
                    Arc::clone(&schema),
                    columns(&rows, &names)?,
                )?);
                rows.clear();
                count = 0;
            }
        }
    }
    if !rows.is_empty() {
        batches.push(RecordBatch::try_new(
            Arc::clone(&schema),
            columns(&rows, &names)?,
        )?);
    }
    MemTable::try_new(schema, vec![batches])
}

fn columns(
    rows: &[(&MetricsRow, std::ops::Range<usize>)],
    names: &[&str],
) -> Result<Vec<ArrayRef>, ArrowError> {
    let mut times = times_builder();
    let mut values = Vec::new();
    let mut labels = pairs_builder();
    for (row, range) in rows {
        for at_ms in row.times_ms.get(range.clone()).unwrap_or_default() {
            times.append_value(at_ms.saturating_mul(1_000_000));
            append_pairs(&mut labels, row.labels.iter())?;
        }
        values.extend_from_slice(row.values.get(range.clone()).unwrap_or_default());
    }
    let mut columns: Vec<ArrayRef> = vec![Arc::new(times.finish())];
    for name in names {
        let mut column = StringViewBuilder::new();
        for (row, range) in rows {
            append_repeated(&mut column, row.labels.get(name), range.len())?;
        }
        columns.push(Arc::new(column.finish()));
    }
    columns.push(Arc::new(Float64Array::from(values)));
    columns.push(Arc::new(labels.finish()));
    Ok(columns)
}
