//! The lines themselves, as many as are asked for.

use std::collections::BinaryHeap;
use std::sync::Arc;

use model::{Direction, LogBatch, LogFlow, LogSelection};
use rustc_hash::FxHashMap;

use super::Evaluator;
use super::memory::{allocated, through_growth};
use crate::answer::{LogLine, LogStream};
use crate::ast::LogExpr;
use crate::error::EvalError;
use crate::label_set::LabelSet;
use crate::limits;
use crate::pipeline::{self, Category, Fields, Pipeline};

/// Lines from a time on and before another, both in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) from_ns: i64,
    pub(super) to_ns: i64,
    pub(super) direction: Direction,
    pub(super) limit: usize,
}

/// The labels of lines by where they come from.
type Categories = [LabelSet; 3];

struct Reading<'e, 'a> {
    evaluator: &'e mut Evaluator<'a>,
    fields: Fields,
    pipeline: Pipeline,
    asked: Asked,
    /// The last of the lines that are kept comes first.
    kept: BinaryHeap<Kept>,
    streams: FxHashMap<Categories, usize>,
    held: usize,
    count: u64,
    before: Option<model::Labels>,
}

/// A line; of two the greater one is further from where the reading begins.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    distance: i64,
    /// Of lines of one time the first that comes is kept.
    number: u64,
    stream: usize,
    line: String,
}

impl Evaluator<'_> {
    pub(super) fn lines(&mut self, log: &LogExpr, asked: Asked) -> Result<Vec<LogStream>, EvalError> {
        let mut fields = Fields::new();
        let pipeline = Pipeline::new(&log.stages, &mut fields, self.now_ns).map_err(EvalError::Stage)?;
        let selection = LogSelection {
            tenant: self.options.tenant,
            matchers: log.matchers.clone(),
            from_ns: asked.from_ns,
            to_ns: asked.to_ns,
            direction: asked.direction,
            holds: pipeline::holds(&log.stages),
            budget: Some(Arc::clone(&self.budget)),
            ..LogSelection::default()
        };
        let store = self.store;
        let mut reading = Reading {
            evaluator: self,
            fields,
            pipeline,
            asked,
            kept: BinaryHeap::new(),
            streams: FxHashMap::default(),
            held: 0,
            count: 0,
            before: None,
        };
        let mut outcome = Ok(());
        let read = store.read_counted(&selection, &mut |batch| match reading.batch(batch) {
            Ok(flow) => flow,
            Err(error) => {
                outcome = Err(error);
                LogFlow::Stop
            }
        });
        outcome?;
        reading.evaluator.settle(read)?;
        Ok(reading.finish())
    }
}

impl Reading<'_, '_> {
    fn batch(&mut self, batch: &LogBatch<'_>) -> Result<LogFlow, EvalError> {
        if self.asked.limit == 0 {
            return Ok(LogFlow::Stop);
        }
        if self.before.as_ref() != Some(batch.stream) {
            self.before = Some(batch.stream.clone());
            self.fields.start_stream(batch.stream);
        }
        let statistics = &mut self.evaluator.statistics;
        statistics.lines_read += batch.times_ns.len() as u64;
        statistics.bytes_read += batch.lines.text.len() as u64;
        for (place, at_ns) in batch.times_ns.iter().enumerate() {
            if place.is_multiple_of(limits::CHECK_EVERY) {
                self.check()?;
            }
            // The lines of a batch are in order.
            if self
                .furthest()
                .is_some_and(|furthest| self.distance(*at_ns) >= furthest)
            {
                break;
            }
            self.line(*at_ns, batch.lines.get(place), batch.metadata.get(place))?;
        }
        self.check()?;
        Ok(match self.furthest() {
            Some(furthest) => LogFlow::MoreBefore(self.distance(furthest)),
            None => LogFlow::More,
        })
    }

    fn check(&mut self) -> Result<(), EvalError> {
        self.evaluator.check()?;
        self.evaluator.check_room(self.held)?;
        super::check_names(&self.fields)
    }

    /// How far from where the reading begins; and back.
    fn distance(&self, at_ns: i64) -> i64 {
        match self.asked.direction {
            Direction::Forward => at_ns,
            Direction::Backward => -at_ns,
        }
    }

    /// The distance from which on nothing is wanted any more.
    fn furthest(&self) -> Option<i64> {
        let is_full = self.kept.len() >= self.asked.limit;
        self.kept.peek().filter(|_| is_full).map(|kept| kept.distance)
    }

    fn line(&mut self, at_ns: i64, line: &str, metadata: &[(&str, &str)]) -> Result<(), EvalError> {
        self.fields.start_line(metadata);
        let Some(line) = self.pipeline.run(at_ns, line, &mut self.fields) else {
            return Ok(());
        };
        let line = line.into_owned();
        self.evaluator.statistics.lines_kept += 1;
        let labels = categories(&self.fields);
        let next = self.streams.len();
        let bytes: usize = labels.iter().map(LabelSet::heap_bytes).sum();
        let bytes = bytes + through_growth(size_of::<(Categories, usize)>() + size_of::<LogStream>());
        let stream = *self.streams.entry(labels).or_insert_with(|| {
            self.held += bytes;
            next
        });
        self.held += bytes_of(&line);
        self.count += 1;
        self.kept.push(Kept {
            distance: self.distance(at_ns),
            number: self.count,
            stream,
            line,
        });
        if self.kept.len() > self.asked.limit
            && let Some(dropped) = self.kept.pop()
        {
            self.held -= bytes_of(&dropped.line);
        }
        self.evaluator.check_room(self.held)
    }

    fn finish(self) -> Vec<LogStream> {
        let direction = self.asked.direction;
        let mut streams: Vec<LogStream> = vec![LogStream::default(); self.streams.len()];
        for ([stream, metadata, parsed], place) in self.streams {
            if let Some(made) = streams.get_mut(place) {
                (made.stream, made.metadata, made.parsed) = (stream, metadata, parsed);
            }
        }
        for kept in self.kept.into_sorted_vec() {
            let at_ns = match direction {
                Direction::Forward => kept.distance,
                Direction::Backward => -kept.distance,
            };
            if let Some(made) = streams.get_mut(kept.stream) {
                made.lines.push(LogLine {
                    at_ns,
                    line: kept.line,
                });
            }
        }
        streams.retain(|stream| !stream.lines.is_empty());
        streams.sort_by_cached_key(LogStream::labels);
        streams
    }
}

/// Bytes that a line takes in the list of those that are kept, and then in the answer's.
fn bytes_of(line: &String) -> usize {
    allocated(line.capacity()) + through_growth(size_of::<Kept>())
}

fn categories(fields: &Fields) -> Categories {
    let of = |category: Category| {
        let labels = fields.iter().filter(move |(.., known)| *known == category);
        labels.map(|(name, value, _)| (name, value))
    };
    [
        fields.label_set(of(Category::Stream)),
        fields.label_set(of(Category::Metadata)),
        fields.label_set(of(Category::Parsed).chain(fields.errors())),
    ]
}
