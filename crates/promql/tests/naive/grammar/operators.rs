//! Operators, above all between vectors that have a chance to match.

use super::{Grammar, LABELS};
use crate::tree::{Aggregate, Binary, Expr, Group, Matching};

const ARITHMETIC: [&str; 8] = ["+", "-", "*", "/", "%", "^", "atan2", "+"];
const COMPARISONS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
const SETS: [&str; 3] = ["and", "or", "unless"];

impl Grammar<'_> {
    /// An operator with at least one vector.
    pub(crate) fn operation(&mut self, depth: u32) -> Expr {
        if self.random.chance(35) {
            let (vector, scalar) = (self.vector(depth - 1), self.scalar(depth.min(2) - 1));
            let (left, right) = if self.random.chance(60) {
                (vector, scalar)
            } else {
                (scalar, vector)
            };
            return self.compute(left, right, Matching::default());
        }
        let left = self.vector(depth - 1);
        let right = match self.random.below(10) {
            // The same series, perhaps at another time.
            0..3 => left.clone(),
            _ => self.vector(depth - 1),
        };
        if self.random.chance(30) {
            let op = self.random.pick(&SETS);
            let matching = self.matching();
            return Self::binary(op, left, right, false, matching);
        }
        match self.random.below(10) {
            0..4 => self.many_to_one(left, right),
            4..7 => {
                let labels = self.random.some_of(&LABELS[..3]);
                let (left, right) = (self.by(&labels, left), self.by(&labels, right));
                self.compute(left, right, Matching::default())
            }
            _ => {
                let matching = self.matching();
                self.compute(left, right, matching)
            }
        }
    }

    /// An operator between two scalars.
    pub(crate) fn of_scalars(&mut self, depth: u32) -> Expr {
        let (left, right) = (self.scalar(depth - 1), self.scalar(depth - 1));
        if self.random.chance(70) {
            let op = self.random.pick(&ARITHMETIC);
            return Self::binary(op, left, right, false, Matching::default());
        }
        let op = self.random.pick(&COMPARISONS);
        Self::binary(op, left, right, true, Matching::default())
    }

    fn many_to_one(&mut self, left: Expr, right: Expr) -> Expr {
        let labels = if self.random.chance(70) {
            vec!["job".to_owned()]
        } else {
            self.random.some_of(&LABELS[..3])
        };
        let one = if self.random.chance(80) {
            self.by(&labels, right)
        } else {
            right
        };
        let mut include = Vec::new();
        if self.random.chance(30) {
            let mut names = self.random.some_of(&["version", "core", "instance"]);
            names.retain(|name| !labels.contains(name));
            include = names;
        }
        let is_right = self.random.chance(40);
        let group = Some(Group { is_right, include });
        let matching = Matching {
            is_on: true,
            labels,
            group,
        };
        let (left, right) = if is_right { (one, left) } else { (left, one) };
        self.compute(left, right, matching)
    }

    fn by(&mut self, labels: &[String], inner: Expr) -> Expr {
        let op = self.random.pick(&["sum", "max", "min", "avg", "count"]);
        let labels = labels.to_vec();
        Expr::Aggregate(Box::new(Aggregate {
            op,
            parameter: None,
            is_without: false,
            labels,
            inner,
        }))
    }

    fn matching(&mut self) -> Matching {
        let group = None;
        match self.random.below(10) {
            0..4 => Matching::default(),
            4..8 => Matching {
                is_on: true,
                labels: self.random.some_of(&LABELS),
                group,
            },
            _ => Matching {
                is_on: false,
                labels: self.random.some_of(&LABELS),
                group,
            },
        }
    }

    fn compute(&mut self, left: Expr, right: Expr, matching: Matching) -> Expr {
        if self.random.chance(60) {
            let op = self.random.pick(&ARITHMETIC);
            return Self::binary(op, left, right, false, matching);
        }
        let op = self.random.pick(&COMPARISONS);
        let is_bool = self.random.chance(40);
        Self::binary(op, left, right, is_bool, matching)
    }

    fn binary(op: &'static str, left: Expr, right: Expr, is_bool: bool, matching: Matching) -> Expr {
        Expr::Binary(Box::new(Binary {
            op,
            left,
            right,
            is_bool,
            matching,
        }))
    }
}
