//! Aggregations that are summed up while series come: what is held is one summary for each group and step, not the series.

use model::Labels;
use rustc_hash::FxHashMap;

use super::aggregate::{Group, group_labels, groups_by_name, sort_by_labels};
use super::batches::Sink;
use super::column::{ABSENT, Column, Evaluated, is_present};
use super::{Evaluator, Grid};
use crate::ast::AggregateOp;
use crate::error::EvalError;
use crate::functions::sum::{Mean, Sum, Variance};
use crate::plan::AggregatePlan;

/// What becomes of many values, one after the other.
trait Summary: Default + Clone {
    fn add(&mut self, value: f64);
    fn value(&self) -> f64;
}

/// Declares summaries: what they are kept in, how a value is added, what comes of it.
macro_rules! summaries {
    ($($name:ident($kept:ty): $add:expr, $value:expr;)*) => {
        $(
            #[derive(Debug, Clone, Default)]
            struct $name($kept);

            impl Summary for $name {
                #[inline]
                fn add(&mut self, value: f64) {
                    let add: fn(&mut $kept, f64) = $add;
                    add(&mut self.0, value);
                }

                #[inline]
                fn value(&self) -> f64 {
                    let of: fn(&$kept) -> f64 = $value;
                    of(&self.0)
                }
            }
        )*
    };
}

summaries! {
    Total(Sum): Sum::add, Sum::value;
    Average(Mean): Mean::add, Mean::value;
    Stdvar(Variance): Variance::add, Variance::value;
    Stddev(Variance): Variance::add, |variance| variance.value().sqrt();
    Count(f64): |count, _| *count += 1.0, |count| *count;
    Presence(()): |(), _| {}, |()| 1.0;
    Least(Option<f64>): |least, value| keep(least, value, value < least.unwrap_or(value)), |least| least.unwrap_or(ABSENT);
    Most(Option<f64>): |most, value| keep(most, value, value > most.unwrap_or(value)), |most| most.unwrap_or(ABSENT);
}

/// Takes a value that is better, or the first, or where there was no number before.
#[inline]
fn keep(best: &mut Option<f64>, value: f64, is_better: bool) {
    if is_better || best.is_none_or(f64::is_nan) {
        *best = Some(value);
    }
}

impl Evaluator<'_> {
    /// The value of an aggregation that can be summed up; nothing for others.
    pub(super) fn folded(
        &mut self,
        plan: &AggregatePlan,
        grid: Grid,
    ) -> Result<Option<Evaluated>, EvalError> {
        match plan.op {
            AggregateOp::Sum => self.fold::<Total>(plan, grid),
            AggregateOp::Avg => self.fold::<Average>(plan, grid),
            AggregateOp::Stdvar => self.fold::<Stdvar>(plan, grid),
            AggregateOp::Stddev => self.fold::<Stddev>(plan, grid),
            AggregateOp::Count => self.fold::<Count>(plan, grid),
            AggregateOp::Group => self.fold::<Presence>(plan, grid),
            AggregateOp::Min => self.fold::<Least>(plan, grid),
            AggregateOp::Max => self.fold::<Most>(plan, grid),
            _ => return Ok(None),
        }
        .map(Some)
    }

    fn fold<S: Summary>(&mut self, plan: &AggregatePlan, grid: Grid) -> Result<Evaluated, EvalError> {
        let at = plan.inner.at;
        let mut folding = Folding::<S>::new(plan, grid);
        let mut take = |evaluator: &Evaluator<'_>, columns: Vec<Column>| {
            evaluator.tell_ignored(plan.op, &columns, at);
            for column in columns {
                let samples = column.sample_count();
                let held = folding.add(column);
                evaluator.hold(held)?;
                evaluator.release(samples);
            }
            Ok(())
        };
        let mut sink = Sink {
            take: &mut take,
            holds_all: false,
        };
        self.for_each_batch(&plan.inner, grid, &mut sink)?;
        let Folding {
            mut groups, retained, ..
        } = folding;
        sort_by_labels(&mut groups, |running| &running.group.labels);
        let mut results = Vec::with_capacity(groups.len());
        for (turn, running) in groups.into_iter().enumerate() {
            self.check_at(turn)?;
            let held = running.held();
            let (group, mut result) = running.finish();
            self.sum_histograms(plan.op, &retained, &group, (&mut result, at))?;
            self.release(held);
            self.hold(result.sample_count())?;
            results.push(result);
        }
        self.release(super::column::sample_count(&retained));
        Ok(Evaluated::Vector(results))
    }
}

/// An aggregation under way.
struct Folding<'a, S> {
    plan: &'a AggregatePlan,
    by_name: bool,
    grid: Grid,
    places: FxHashMap<Labels, usize>,
    /// In the order in which they first appeared.
    groups: Vec<Running<S>>,
    /// Series with native histograms, which are added up at the end. Members of groups are places here.
    retained: Vec<Column>,
}

struct Running<S> {
    group: Group,
    summaries: Vec<S>,
    present: Vec<bool>,
}

impl<'a, S: Summary> Folding<'a, S> {
    fn new(plan: &'a AggregatePlan, grid: Grid) -> Self {
        Self {
            plan,
            by_name: groups_by_name(plan),
            grid,
            places: FxHashMap::default(),
            groups: Vec::new(),
            retained: Vec::new(),
        }
    }

    /// Adds a series to its group. Says how many samples are held more than before.
    fn add(&mut self, column: Column) -> usize {
        let labels = group_labels(self.plan, &column);
        let mut held = 0;
        let place = match self.places.get(&labels) {
            Some(place) => *place,
            None => {
                let running = Running::new(labels.clone(), self.grid.steps);
                held += running.held();
                self.groups.push(running);
                self.places.insert(labels, self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        let Some(running) = self.groups.get_mut(place) else {
            return held;
        };
        running.group.drops_name |= self.by_name && column.drops_name;
        let cells = running.summaries.iter_mut().zip(&mut running.present);
        for ((summary, present), value) in cells.zip(&column.values) {
            if is_present(*value) {
                *present = true;
                summary.add(*value);
            }
        }
        if column.histograms.is_some() {
            held += column.sample_count();
            running.group.members.push(self.retained.len());
            self.retained.push(column);
        }
        held
    }
}

impl<S: Summary> Running<S> {
    fn new(labels: Labels, steps: usize) -> Self {
        Self {
            group: Group {
                labels,
                drops_name: false,
                members: Vec::new(),
            },
            summaries: vec![S::default(); steps],
            present: vec![false; steps],
        }
    }

    /// The memory of its summaries, in samples.
    fn held(&self) -> usize {
        (size_of_val(&*self.summaries) + self.present.len()).div_ceil(size_of::<f64>())
    }

    fn finish(self) -> (Group, Column) {
        let cells = self.summaries.iter().zip(self.present);
        let values = cells.map(|(summary, present)| if present { summary.value() } else { ABSENT });
        let mut result = Column::new(self.group.labels.clone(), values.collect());
        result.drops_name = self.group.drops_name;
        (self.group, result)
    }
}
