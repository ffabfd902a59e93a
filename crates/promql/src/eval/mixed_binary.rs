//! Binary operators with a native histogram on either side (prometheus/promql `vectorElemBinop`).

use model::{Histogram, ResetHint};

use super::binary::{compute, is_trim, keeps};
use super::{Evaluator, Note, Notes};
use crate::answer::Point;
use crate::ast::BinaryOp;
use crate::histogram::{Added, FloatHistogram, Keep, MixedSchemas, is_same};

/// What is to be said about an operator, gathered over all its steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    notes: Notes,
    /// Kinds of operands that it does not take: left and right, whether each is a histogram.
    incompatible: Vec<(bool, bool)>,
    layouts_differ: bool,
}

/// What an operator says of two operands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// A value.
    Value(Point),
    /// A comparison holds or not.
    Holds(bool),
    /// Nothing.
    Nothing,
}

impl Said {
    fn refuse(&mut self, left: bool, right: bool) -> Verdict {
        if !self.incompatible.contains(&(left, right)) {
            self.incompatible.push((left, right));
        }
        Verdict::Nothing
    }
}

/// An operator between two operands.
pub(super) fn apply(op: BinaryOp, left: &Point, right: &Point, said: &mut Said) -> Verdict {
    match (left, right) {
        (Point::Float(left), Point::Float(right)) => match keeps(op, *left, *right) {
            Some(holds) => Verdict::Holds(holds),
            None if is_trim(op) => said.refuse(false, false),
            None => Verdict::Value(Point::Float(compute(op, *left, *right))),
        },
        (Point::Float(factor), Point::Histogram(histogram)) => match op {
            BinaryOp::Mul => scaled(histogram, |tally| tally.multiply(*factor)),
            _ => said.refuse(false, true),
        },
        (Point::Histogram(histogram), Point::Float(number)) => match op {
            BinaryOp::Mul => scaled(histogram, |tally| tally.multiply(*number)),
            BinaryOp::Div => scaled(histogram, |tally| tally.divide(*number)),
            BinaryOp::TrimUpper => trimmed(histogram, *number, Keep::Below),
            BinaryOp::TrimLower => trimmed(histogram, *number, Keep::Above),
            _ => said.refuse(true, false),
        },
        (Point::Histogram(left), Point::Histogram(right)) => match op {
            BinaryOp::Add => combined(left, right, Note::ADDED, said),
            BinaryOp::Sub => combined(left, right, Note::SUBTRACTED, said),
            BinaryOp::Equal => Verdict::Holds(is_same(left, right)),
            BinaryOp::NotEqual => Verdict::Holds(!is_same(left, right)),
            _ => said.refuse(true, true),
        },
    }
}

impl Verdict {
    /// The operator's value; of a comparison that holds what is compared, or one of numbers for true and false.
    pub(super) fn value(self, return_bool: bool, compared: impl FnOnce() -> Point) -> Option<Point> {
        match self {
            Self::Value(point) => Some(point),
            Self::Holds(holds) if return_bool => Some(Point::Float(f64::from(u8::from(holds)))),
            Self::Holds(true) => Some(compared()),
            Self::Holds(false) | Self::Nothing => None,
        }
    }
}

fn scaled(histogram: &Histogram, scale: impl Fn(&mut FloatHistogram)) -> Verdict {
    let mut tally = FloatHistogram::from(histogram);
    scale(&mut tally);
    tally.compact();
    Verdict::Value(Point::Histogram(tally.shared()))
}

fn trimmed(histogram: &Histogram, value: f64, keep: Keep) -> Verdict {
    let mut tally = FloatHistogram::from(histogram);
    tally.trim(value, keep);
    Verdict::Value(Point::Histogram(tally.shared()))
}

/// Which of the two notes an operation leads to.
type OfOperation = (bool, Note, Note);

impl Note {
    const ADDED: OfOperation = (false, Self::ReconciledInAddition, Self::ResetsCollideInAddition);
    const SUBTRACTED: OfOperation = (
        true,
        Self::ReconciledInSubtraction,
        Self::ResetsCollideInSubtraction,
    );
}

fn combined(
    left: &Histogram,
    right: &Histogram,
    (subtracts, reconciled, collides): OfOperation,
    said: &mut Said,
) -> Verdict {
    let mut tally = FloatHistogram::from(left);
    let result: Result<Added, MixedSchemas> = if subtracts {
        tally.subtract(right)
    } else {
        tally.add(right)
    };
    let Ok(added) = result else {
        said.layouts_differ = true;
        return Verdict::Nothing;
    };
    said.notes.add_if(added.bounds_reconciled, reconciled);
    said.notes.add_if(added.resets_collide, collides);
    if subtracts {
        tally.hint = ResetHint::Gauge;
    }
    tally.compact();
    Verdict::Value(Point::Histogram(tally.shared()))
}

impl Evaluator<'_> {
    /// Tells what an operator had to say.
    pub(super) fn tell_operator(&mut self, op: BinaryOp, said: &Said, at: usize) {
        self.tell(said.notes, "", at);
        let op = op.as_str();
        let kind = |is_histogram: bool| if is_histogram { "histogram" } else { "float" };
        for (left, right) in &said.incompatible {
            let (left, right) = (kind(*left), kind(*right));
            self.inform(
                at,
                &format!(
                    "incompatible sample types encountered for binary operator {op:?}: {left} {op} {right}"
                ),
            );
        }
        if said.layouts_differ {
            self.warn(
                at,
                &format!("incompatible bucket layout encountered for binary operator {op}"),
            );
        }
    }
}
