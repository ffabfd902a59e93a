//! One expression over some series, and how a failing one is made smaller.

use std::fmt::{Debug, Formatter, Result};

use proptest::prelude::Rng;
use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::data::{self, NativeSeries, Series};
use super::evaluate::Settings;
use super::grammar::{Grammar, time};
use super::tree::{Expr, Shift};
use testkit::Random;

/// What is asked, for when, and over what.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) expr: Expr,
    pub(crate) times: Times,
    pub(crate) series: Vec<Series>,
    pub(crate) natives: Vec<NativeSeries>,
    pub(crate) settings: Settings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    Instant {
        at_ms: i64,
    },
    Range {
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
    },
}

impl Case {
    pub(crate) fn random(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let (series, natives) = (data::series(&mut random), data::natives(&mut random));
        let start_ms = time(&mut random);
        let times = if random.chance(50) {
            Times::Instant { at_ms: start_ms }
        } else {
            let step_ms = random.pick(&[15_000, 60_000, 60_000, 97_000, 300_000, 1]);
            // The last step may lie before the end.
            let beyond_ms = random.pick(&[0, 0, step_ms / 3]);
            let end_ms = start_ms + random.between(0, 5) * step_ms + beyond_ms;
            Times::Range {
                start_ms,
                end_ms,
                step_ms,
            }
        };
        let settings = Settings {
            lookback_ms: random.pick(&[300_000, 300_000, 60_000, 7_777, 1_200_000]),
            subquery_step_ms: random.pick(&[60_000, 60_000, 15_000, 44_000]),
        };
        let expr = Grammar {
            random: &mut random,
            subqueries: 0,
        }
        .expression();
        Self {
            expr,
            times,
            series,
            natives,
            settings,
        }
    }

    /// Cases that are a little smaller than this one, those that leave out most first.
    fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for expr in smaller_expressions(&self.expr) {
            all.push(Self { expr, ..self.clone() });
        }
        for times in self.smaller_times() {
            all.push(Self {
                times,
                ..self.clone()
            });
        }
        for kept in without(&self.series) {
            all.push(Self {
                series: kept,
                ..self.clone()
            });
        }
        for natives in without(&self.natives) {
            all.push(Self {
                natives,
                ..self.clone()
            });
        }
        for (place, one) in self.natives.iter().enumerate() {
            for samples in without(&one.samples) {
                let mut case = self.clone();
                case.natives[place].samples = samples;
                all.push(case);
            }
        }
        for (place, one) in self.series.iter().enumerate() {
            for samples in without(&one.samples) {
                let mut case = self.clone();
                case.series[place].samples = samples;
                all.push(case);
            }
        }
        all
    }

    fn smaller_times(&self) -> Vec<Times> {
        let Times::Range {
            start_ms,
            end_ms,
            step_ms,
        } = self.times
        else {
            return Vec::new();
        };
        let mut all = vec![
            Times::Instant { at_ms: start_ms },
            Times::Instant { at_ms: end_ms },
        ];
        if start_ms < end_ms {
            all.push(Times::Range {
                start_ms: start_ms + step_ms,
                end_ms,
                step_ms,
            });
            all.push(Times::Range {
                start_ms,
                end_ms: end_ms - step_ms,
                step_ms,
            });
        }
        all
    }
}

/// Without a half of them, without one of them.
fn without<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    let half = all.len() / 2;
    let mut fewer = Vec::new();
    if half > 0 {
        fewer.push(all[..half].to_vec());
        fewer.push(all[half..].to_vec());
    }
    for place in 0..all.len() {
        let mut one_less = all.to_vec();
        one_less.remove(place);
        fewer.push(one_less);
    }
    fewer
}

/// A part in place of the whole, a part's part in place of the part, a selector without its modifiers and matchers.
fn smaller_expressions(expr: &Expr) -> Vec<Expr> {
    let nodes = expr.nodes();
    let is_query = |part: &&&Expr| part.kind() == expr.kind();
    let mut all: Vec<Expr> = nodes[1..]
        .iter()
        .filter(is_query)
        .map(|part| (**part).clone())
        .collect();
    for (place, node) in nodes.iter().enumerate() {
        let mut replaced = |with: Expr| {
            let mut smaller = expr.clone();
            if let Some(found) = smaller.node_mut(place) {
                *found = with;
                all.push(smaller);
            }
        };
        for part in node
            .nodes()
            .into_iter()
            .skip(1)
            .filter(|part| part.kind() == node.kind())
        {
            replaced(part.clone());
        }
        let mut plain = (*node).clone();
        if let Some(shift) = plain.shift_mut()
            && *shift != Shift::default()
        {
            *shift = Shift::default();
            replaced(plain);
        }
        if let Expr::Selector(selector) | Expr::Window { selector, .. } = node {
            for matchers in without(&selector.matchers) {
                let mut plain = (*node).clone();
                if let Expr::Selector(selector) | Expr::Window { selector, .. } = &mut plain {
                    selector.matchers = matchers;
                }
                replaced(plain);
            }
        }
    }
    all
}

impl Debug for Case {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "{}\n  {:?} {:?}", self.expr, self.times, self.settings)?;
        for one in &self.series {
            writeln!(f, "  {:?}", one.labels)?;
            for (at_ms, value) in &one.samples {
                let marker = if model::is_stale(*value) { " (stale)" } else { "" };
                writeln!(f, "    {at_ms} {value:?}{marker}")?;
            }
        }
        for one in &self.natives {
            writeln!(f, "  {:?}", one.labels)?;
            for (at_ms, native) in &one.samples {
                writeln!(f, "    {at_ms} {native:?}")?;
            }
        }
        Ok(())
    }
}

/// Random cases.
#[derive(Debug)]
pub(crate) struct Cases;

/// A case that fails, on its way to the smallest that still does.
#[derive(Debug)]
pub(crate) struct Shrinking {
    failing: Case,
    tried: Case,
    candidates: std::vec::IntoIter<Case>,
}

impl Strategy for Cases {
    type Tree = Shrinking;
    type Value = Case;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let case = Case::random(runner.rng().next_u64());
        Ok(Shrinking {
            failing: case.clone(),
            tried: case,
            candidates: Vec::new().into_iter(),
        })
    }
}

impl ValueTree for Shrinking {
    type Value = Case;

    fn current(&self) -> Case {
        self.tried.clone()
    }

    fn simplify(&mut self) -> bool {
        self.failing = self.tried.clone();
        self.candidates = self.failing.smaller().into_iter();
        self.complicate()
    }

    fn complicate(&mut self) -> bool {
        match self.candidates.next() {
            Some(candidate) => {
                self.tried = candidate;
                true
            }
            None => {
                self.tried = self.failing.clone();
                false
            }
        }
    }
}
