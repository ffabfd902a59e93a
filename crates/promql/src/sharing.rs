//! Which parts of a query say the same, so that they are computed once (common sub-expressions).
//!
//! Parts are the same if they print the same and tell the same of histograms' resets. Only the largest ones count: within a part that is
//! computed once there is nothing to share.

use rustc_hash::FxHashMap;

use crate::ast::Expr;
use crate::limits::SHARED_PARTS_MAX;
use crate::plan::{Op, Plan, Shared, Source};

/// Whether parts of an expression can be the same: one selector alone is only itself.
pub(crate) fn is_likely(expr: &Expr) -> bool {
    let mut selectors = 0;
    expr.root.for_each_selector(&mut |_, _| selectors += 1);
    (2..=SHARED_PARTS_MAX).contains(&selectors)
}

/// Gives parts that are the same the same number in [`Plan::shared`]. Only parts with a text are looked at.
pub(crate) fn mark(root: &mut Plan) {
    let mut counts = FxHashMap::default();
    count(root, &mut counts);
    counts.retain(|_, count| *count > 1);
    if counts.is_empty() {
        return;
    }
    // How often they stand where none of the larger ones stands around them.
    let mut outermost = FxHashMap::default();
    count_outermost(root, &counts, &mut outermost);
    let repeated = outermost.into_iter().filter(|(_, count)| *count > 1);
    let numbers = repeated
        .enumerate()
        .map(|(number, (text, uses))| (text, Shared { number, uses }));
    number(root, &numbers.collect());
}

fn count(plan: &Plan, counts: &mut FxHashMap<Box<str>, usize>) {
    if let Some(text) = shareable(plan) {
        *counts.entry(text.into()).or_default() += 1;
    }
    plan.for_each_part(&mut |part| {
        if takes_value(plan, part) {
            count(part, counts);
        }
    });
}

fn count_outermost(
    plan: &Plan,
    counts: &FxHashMap<Box<str>, usize>,
    outermost: &mut FxHashMap<Box<str>, usize>,
) {
    match shareable(plan).filter(|text| counts.contains_key(*text)) {
        Some(text) => *outermost.entry(text.into()).or_default() += 1,
        None => plan.for_each_part(&mut |part| {
            if takes_value(plan, part) {
                count_outermost(part, counts, outermost);
            }
        }),
    }
}

fn number(plan: &mut Plan, numbers: &FxHashMap<Box<str>, Shared>) {
    plan.shared = shareable(plan).and_then(|text| numbers.get(text).copied());
    if plan.shared.is_none() {
        let reads_itself = reads_selector(plan);
        plan.for_each_part_mut(&mut |part| {
            if !(reads_itself && matches!(part.op, Op::Selector(_))) {
                number(part, numbers);
            }
        });
    }
}

/// Whether a part wants the value of one of its parts.
fn takes_value(plan: &Plan, part: &Plan) -> bool {
    !(reads_selector(plan) && matches!(part.op, Op::Selector(_)))
}

/// Whether it asks a selector for something else than its value: the times of its samples.
fn reads_selector(plan: &Plan) -> bool {
    matches!(&plan.op, Op::Call(call) if matches!(call.function.name, "timestamp" | "start_timestamp"))
}

/// The text of a part that reads series and changes with the steps: what does not is computed once anyway.
fn shareable(plan: &Plan) -> Option<&str> {
    let reads = match &plan.op {
        Op::Selector(_) => true,
        Op::Window(_) | Op::Number(_) | Op::Text { .. } => false,
        _ => plan.reads_series(),
    };
    plan.key.as_deref().filter(|_| reads && !plan.is_constant)
}

impl Plan {
    /// The parts whose values this one is computed from.
    pub(crate) fn for_each_part<'p>(&'p self, visit: &mut dyn FnMut(&'p Self)) {
        match &self.op {
            Op::Number(_) | Op::Text { .. } | Op::Selector(_) => {}
            Op::Window(window) => {
                if let Source::Subquery { inner, .. } = &window.source {
                    visit(inner);
                }
            }
            Op::Plus(inner) | Op::Negate(inner) => visit(inner),
            Op::Binary(binary) => [&binary.left, &binary.right].into_iter().for_each(visit),
            Op::Aggregate(aggregate) => {
                aggregate
                    .parameter
                    .iter()
                    .chain([&aggregate.inner])
                    .for_each(visit);
            }
            Op::Call(call) => call.args.iter().for_each(visit),
        }
    }

    fn for_each_part_mut(&mut self, visit: &mut dyn FnMut(&mut Self)) {
        match &mut self.op {
            Op::Number(_) | Op::Text { .. } | Op::Selector(_) => {}
            Op::Window(window) => {
                if let Source::Subquery { inner, .. } = &mut window.source {
                    visit(inner);
                }
            }
            Op::Plus(inner) | Op::Negate(inner) => visit(inner),
            Op::Binary(binary) => {
                visit(&mut binary.left);
                visit(&mut binary.right);
            }
            Op::Aggregate(aggregate) => {
                aggregate.parameter.iter_mut().for_each(&mut *visit);
                visit(&mut aggregate.inner);
            }
            Op::Call(call) => call.args.iter_mut().for_each(visit),
        }
    }

    /// Whether it or a part of it reads the store.
    fn reads_series(&self) -> bool {
        match &self.op {
            Op::Selector(_) => true,
            Op::Window(window) if matches!(window.source, Source::Series(_)) => true,
            _ => {
                let mut reads = false;
                self.for_each_part(&mut |part| reads |= part.reads_series());
                reads
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Grid;
    use crate::options::Options;

    /// The texts of the parts that are computed once, as often as they stand there.
    fn check(query: &str, shared: &[&str]) {
        let expr = crate::parse(query).unwrap();
        let grid = Grid::new(0, 60_000, 15_000).unwrap();
        let plan = crate::plan::bind(&expr, grid, &Options::default()).unwrap().plan;
        let mut found = Vec::new();
        gather(&plan, &mut found);
        assert_eq!(found, shared, "{query}");
    }

    fn gather<'p>(plan: &'p Plan, found: &mut Vec<&'p str>) {
        if plan.shared.is_some() {
            found.push(plan.text());
        }
        plan.for_each_part(&mut |part| gather(part, found));
    }

    #[test]
    fn the_largest_equal_parts_are_shared() {
        check("a / (a + b)", &["a", "a"]);
        check(
            "sum(rate(a[5m])) / count(rate(a[5m]))",
            &["rate(a[5m])", "rate(a[5m])"],
        );
        check("(a + b) / (b + (a + b))", &["a + b", "a + b"]);
        check("sum(a) > 1 and sum (a) < 5", &["sum(a)", "sum(a)"]);
        check("a{x=\"1\"} or a{x=\"2\"}", &[]);
        check("a + a offset 5m", &[]);
        check("time() - time() + a", &[]);
        check("a and timestamp(a) > 5", &[]);
        check("timestamp(a) + timestamp(a)", &["timestamp(a)", "timestamp(a)"]);
        check("histogram_count(a) + histogram_quantile(0.5, a)", &[]);
    }

    #[test]
    fn what_does_not_change_is_computed_once_anyway() {
        check("a @ 5 + a @ 5", &[]);
    }
}
