//! Numbers made of the lines of windows: `rate({…}[5m])`.

use std::sync::Arc;

use model::{Direction, LogBatch, LogFlow, LogSelection, MatcherOp};

use super::column::{ABSENT, Column, held_bytes, is_present};
use super::grid::Grid;
use super::series::{SeriesTable, all_labels};
use super::state::{First, Last, Least, Mean, Most, Spread, Sum};
use super::windows::{Gathered, Merged, Windows, seconds};
use super::{Evaluator, numbers};
use crate::ast::{Grouping, LogExpr, LogRange, RangeAggregation, RangeOp};
use crate::error::EvalError;
use crate::label_set::LabelSet;
use crate::limits;
use crate::pipeline::{self, Fields, Pipeline, Unwrapped};

/// All lines together.
static BY_NOTHING: Grouping = Grouping {
    without: false,
    labels: Vec::new(),
};

/// One aggregation under way.
struct Reading<'e, 'a> {
    evaluator: &'e mut Evaluator<'a>,
    fields: Fields,
    pipeline: Pipeline,
    /// The stages for lines that are without what nobody asks for, and are known to hold the texts.
    reduced: Option<Pipeline>,
    unwrapped: Option<Unwrapped>,
    series: SeriesTable,
    windows: Box<dyn Windows>,
    offset_ns: i64,
    counts_bytes: bool,
    /// Whether every line counts, whatever is in it.
    is_plain: bool,
    /// Whether every line counts that holds some texts.
    holds_decides: bool,
    before: Option<model::Labels>,
}

impl Evaluator<'_> {
    /// The series of an aggregation. `pushed` is the grouping of a sum around it: what would be added up later is added up here.
    pub(super) fn range_aggregation(
        &mut self,
        aggregation: &RangeAggregation,
        pushed: Option<&Grouping>,
        grid: Grid,
    ) -> Result<Vec<Column>, EvalError> {
        let range = &aggregation.range;
        let grouping = match aggregation.op {
            RangeOp::Absent => Some(&BY_NOTHING),
            _ => aggregation.grouping.as_ref().or(pushed),
        };
        let counts_bytes = matches!(aggregation.op, RangeOp::Bytes | RangeOp::BytesRate);
        let (stages, needs_lines) = if counts_bytes {
            (range.log.stages.clone(), true)
        } else {
            pipeline::without_idle(&range.log.stages)
        };
        let mut fields = Fields::new();
        let pipeline = Pipeline::new(&stages, &mut fields, self.now_ns).map_err(EvalError::Stage)?;
        let unwrapped = range.unwrap.as_ref();
        let unwrapped = unwrapped.map(|unwrap| Unwrapped::new(unwrap, &mut fields));
        let unwrapped = unwrapped.transpose().map_err(EvalError::Stage)?;
        fields.wanted = pipeline::wanted(&stages, range.unwrap.as_ref(), grouping, &mut fields);
        let holds_decides = !counts_bytes && range.unwrap.is_none() && pipeline::holds_decide(&stages);
        let of_json = pipeline::of_json_alone(&stages).filter(|_| !counts_bytes);
        let json_fields = of_json.as_ref().and_then(|_| fields.wanted_names());
        let reduced = of_json.or(holds_decides.then(Vec::new));
        let reduced = reduced.map(|stages| Pipeline::new(&stages, &mut fields, self.now_ns));
        let reduced = reduced.transpose().map_err(EvalError::Stage)?;
        let series = SeriesTable::new(grouping, unwrapped.as_ref().map(Unwrapped::label), &mut fields);
        let (from_ns, to_ns) = reach(range, grid);
        let selection = LogSelection {
            tenant: self.options.tenant,
            matchers: range.log.matchers.clone(),
            from_ns,
            to_ns,
            direction: Direction::Forward,
            holds: pipeline::holds(&stages),
            needs_lines,
            holds_decides,
            json_fields,
            metadata: fields.wanted_names(),
            budget: Some(Arc::clone(&self.budget)),
        };
        let mut reading = Reading {
            evaluator: self,
            fields,
            pipeline,
            reduced,
            unwrapped,
            series,
            windows: windows(aggregation, grid),
            offset_ns: range.offset_ns,
            counts_bytes,
            is_plain: stages.is_empty() && range.unwrap.is_none() && !counts_bytes,
            holds_decides: selection.holds_decides,
            before: None,
        };
        reading.read(&selection)?;
        let columns = reading.finish()?;
        if aggregation.op != RangeOp::Absent {
            return Ok(columns);
        }
        let made = absent(&range.log, &columns, grid);
        self.exchange(held_bytes(&columns), &made)?;
        Ok(made)
    }
}

impl Reading<'_, '_> {
    fn read(&mut self, selection: &LogSelection) -> Result<(), EvalError> {
        let store = self.evaluator.store;
        let mut outcome = Ok(());
        let read = store.read_counted(selection, &mut |batch| match self.batch(batch) {
            Ok(()) => LogFlow::More,
            Err(error) => {
                outcome = Err(error);
                LogFlow::Stop
            }
        });
        outcome?;
        self.evaluator.settle(read)
    }

    fn batch(&mut self, batch: &LogBatch<'_>) -> Result<(), EvalError> {
        if self.before.as_ref() != Some(batch.stream) {
            self.before = Some(batch.stream.clone());
            self.fields.start_stream(batch.stream);
            self.series.start_stream();
        }
        let statistics = &mut self.evaluator.statistics;
        statistics.lines_read += batch.times_ns.len() as u64;
        statistics.bytes_read += batch.lines.text.len() as u64;
        let is_plain = self.is_plain || self.holds_decides && batch.is_decided;
        if is_plain && batch.metadata.offsets.is_empty() {
            for times_ns in batch.times_ns.chunks(limits::CHECK_EVERY) {
                self.check()?;
                self.count(times_ns);
            }
            return self.check();
        }
        for (place, at_ns) in batch.times_ns.iter().enumerate() {
            if place.is_multiple_of(limits::CHECK_EVERY) {
                self.check()?;
            }
            let (line, metadata) = (batch.lines.get(place), batch.metadata.get(place));
            let is_reduced = batch.is_reduced || self.holds_decides && batch.is_decided;
            self.line(*at_ns, line, metadata, is_reduced)?;
        }
        self.check()
    }

    /// Counts lines of which nothing but their times matters: all belong to the same series.
    fn count(&mut self, times_ns: &[i64]) {
        self.fields.start_line(&[]);
        let series = self.series.find(&self.fields);
        let mut rest = times_ns;
        while let Some(first) = rest.first() {
            let first_ns = first.saturating_add(self.offset_ns);
            let last_ns = self.windows.same_until(first_ns).max(first_ns);
            let is_same = |at_ns: &&i64| (first_ns..=last_ns).contains(&at_ns.saturating_add(self.offset_ns));
            let count = rest.iter().take_while(is_same).count();
            // They are ones that are added up, so their sum may come at once.
            if self.windows.add(series, first_ns, count as f64) {
                self.evaluator.statistics.lines_kept += count as u64;
            }
            rest = rest.get(count..).unwrap_or_default();
        }
    }

    fn check(&mut self) -> Result<(), EvalError> {
        self.evaluator.check()?;
        self.evaluator.check_room(self.held_bytes())?;
        super::check_names(&self.fields)
    }

    fn line(
        &mut self,
        at_ns: i64,
        line: &str,
        metadata: &[(&str, &str)],
        is_reduced: bool,
    ) -> Result<(), EvalError> {
        let fields = &mut self.fields;
        fields.start_line(metadata);
        let pipeline = match &mut self.reduced {
            Some(reduced) if is_reduced => reduced,
            _ => &mut self.pipeline,
        };
        let Some(line) = pipeline.run(at_ns, line, fields) else {
            return Ok(());
        };
        let value = match &self.unwrapped {
            Some(unwrapped) => match unwrapped.value(fields) {
                Some(value) => value,
                None => return Ok(()),
            },
            None if self.counts_bytes => line.len() as f64,
            None => 1.0,
        };
        let window_ns = at_ns.saturating_add(self.offset_ns);
        if let Some(error) = fields.error() {
            if !self.windows.covers(window_ns) {
                return Ok(());
            }
            return Err(EvalError::Pipeline {
                error: error.to_owned(),
                labels: all_labels(fields).to_string(),
            });
        }
        let known = self.series.len();
        let series = self.series.find(fields);
        if self.windows.add(series, window_ns, value) {
            self.evaluator.statistics.lines_kept += 1;
        }
        if self.series.len() > known {
            self.evaluator.check_room(self.held_bytes())?;
        }
        Ok(())
    }

    /// The series with their values. What was gathered is held until the values are made of it.
    fn finish(mut self) -> Result<Vec<Column>, EvalError> {
        let mut held = self.held_bytes();
        self.evaluator.hold(held)?;
        let count = self.series.len();
        let work = self.windows.work_bytes() + count * size_of::<Column>();
        self.evaluator.hold(work)?;
        let mut columns = Vec::with_capacity(count);
        for series in 0..count {
            if series.is_multiple_of(limits::CHECK_EVERY) {
                self.evaluator.check()?;
                let rest = self.held_bytes();
                self.evaluator.release(held.saturating_sub(rest));
                held = rest;
            }
            let evaluator = &*self.evaluator;
            let values = self.windows.finish(series, &|| evaluator.check())?;
            if values.iter().any(|value| is_present(*value)) {
                let labels = self.series.labels(series, &self.fields);
                let column = Column { labels, values };
                self.evaluator.hold(column.held_bytes())?;
                columns.push(column);
            }
        }
        self.evaluator.release(held + work);
        Ok(columns)
    }

    fn held_bytes(&self) -> usize {
        self.series.held_bytes() + self.windows.held_bytes()
    }
}

/// From which time on and before which time lines matter to any of the steps, in nanoseconds since the Unix epoch.
fn reach(range: &LogRange, grid: Grid) -> (i64, i64) {
    let from_ns = grid
        .start_ns
        .saturating_sub(range.interval_ns)
        .saturating_sub(range.offset_ns)
        .saturating_add(1);
    (
        from_ns,
        grid.end_ns().saturating_sub(range.offset_ns).saturating_add(1),
    )
}

/// How the windows of an aggregation are made.
fn windows(aggregation: &RangeAggregation, grid: Grid) -> Box<dyn Windows> {
    let interval_ns = aggregation.range.interval_ns;
    match aggregation.op {
        RangeOp::Count | RangeOp::Absent | RangeOp::Bytes | RangeOp::Sum => {
            Box::new(Merged::new(grid, interval_ns, |sum: &Sum, _| sum.0))
        }
        RangeOp::Rate | RangeOp::BytesRate => {
            Box::new(Merged::new(grid, interval_ns, |sum: &Sum, seconds| {
                sum.0 / seconds
            }))
        }
        RangeOp::Avg => Box::new(Merged::new(grid, interval_ns, |mean: &Mean, _| {
            mean.sum / mean.count
        })),
        RangeOp::Min => Box::new(Merged::new(grid, interval_ns, |least: &Least, _| least.0)),
        RangeOp::Max => Box::new(Merged::new(grid, interval_ns, |most: &Most, _| most.0)),
        RangeOp::Stdvar => Box::new(Merged::new(grid, interval_ns, |spread: &Spread, _| {
            spread.variance()
        })),
        RangeOp::Stddev => Box::new(Merged::new(grid, interval_ns, |spread: &Spread, _| {
            spread.variance().sqrt()
        })),
        RangeOp::First => Box::new(Merged::new(grid, interval_ns, |first: &First, _| first.1)),
        RangeOp::Last => Box::new(Merged::new(grid, interval_ns, |last: &Last, _| last.1)),
        RangeOp::Quantile => {
            let quantile = aggregation.parameter.unwrap_or(f64::NAN);
            Box::new(Gathered::new(
                grid,
                interval_ns,
                move |samples: &mut [(i64, f64)], _| numbers::quantile(quantile, samples),
            ))
        }
        RangeOp::RateCounter => Box::new(Gathered::new(
            grid,
            interval_ns,
            move |samples: &mut [(i64, f64)], end_ns| {
                let from_ns = end_ns.saturating_sub(interval_ns);
                let start = samples
                    .first()
                    .map_or(0, |(at_ns, _)| at_ns.saturating_sub(from_ns));
                let end = samples
                    .last()
                    .map_or(0, |(at_ns, _)| end_ns.saturating_sub(*at_ns));
                let (start, end) = (seconds(start), seconds(end));
                numbers::rate_of_counter(samples, (start, end), seconds(interval_ns))
            },
        )),
    }
}

/// One where there is no line, with the labels that the selector says for sure.
fn absent(log: &LogExpr, columns: &[Column], grid: Grid) -> Vec<Column> {
    let is_there = |step| {
        let mut values = columns.iter().filter_map(|column| column.values.get(step));
        values.any(|value| is_present(*value))
    };
    let values = (0..grid.steps).map(|step| if is_there(step) { ABSENT } else { 1.0 });
    let of_name = |name: &str| {
        log.matchers
            .iter()
            .filter(|matcher| matcher.name() == name)
            .count()
    };
    let sure = log
        .matchers
        .iter()
        .filter(|matcher| *matcher.op() == MatcherOp::Equal && of_name(matcher.name()) == 1)
        .filter(|matcher| !matcher.value().is_empty());
    let column = Column {
        labels: LabelSet::from_pairs(sure.map(|matcher| (matcher.name(), matcher.value()))),
        values: values.collect(),
    };
    if column.is_empty() {
        Vec::new()
    } else {
        vec![column]
    }
}
