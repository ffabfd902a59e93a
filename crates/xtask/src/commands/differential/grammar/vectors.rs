//! Instant vectors: the choice among everything that gives one.

use super::{Expression, Grammar, Precision};

/// How often something precise enough is looked for before a plain selector is taken.
const TRIES: usize = 3;

impl Grammar<'_> {
    /// Any instant vector with at most `depth` operations within each other.
    pub(super) fn vector(&mut self, depth: u32) -> Expression {
        if depth == 0 {
            return Expression::new(self.selector(), Precision::Exact);
        }
        match self.random.below(100) {
            0..8 => Expression::new(self.selector(), Precision::Exact),
            8..30 => self.over_time(depth),
            30..42 => self.mathematics(depth),
            42..58 => self.aggregation(depth),
            58..76 => self.binary(depth),
            76..80 => self.relabelled(depth),
            80..84 => self.histogram(depth),
            84..87 => self.date(depth),
            87..89 => self.timestamp(depth),
            89..92 => self.negated(depth),
            92..94 => self.absent(depth),
            94..96 => self.sorted(depth),
            96..98 => Expression::new(format!("vector({})", self.scalar(depth - 1)), Precision::Rounded),
            98 => Expression::new(self.selector_of_several(), Precision::Exact),
            _ => {
                let of = self.vector(depth - 1);
                let text = format!("({})", of.text);
                of.reworded(text)
            }
        }
    }

    /// An instant vector that both sides know at least so well.
    pub(super) fn precise(&mut self, depth: u32, least: Precision) -> Expression {
        for _ in 0..TRIES {
            let found = self.vector(depth);
            if found.precision >= least {
                return found;
            }
        }
        Expression::new(self.selector(), Precision::Exact)
    }

    fn negated(&mut self, depth: u32) -> Expression {
        let of = self.vector(depth.saturating_sub(1));
        let sign = self.random.pick(&["-", "-", "+", "- -"]);
        let text = format!("({sign}{})", of.text);
        of.reworded(text)
    }

    fn absent(&mut self, depth: u32) -> Expression {
        let text = match self.random.below(3) {
            0 => format!("absent({}{{job=\"none\", room=~\"x\"}})", self.metric().name),
            1 => format!("absent({})", self.vector(depth.saturating_sub(1)).text),
            _ => format!("absent_over_time({}{{instance=\"z\"}}[5m])", self.metric().name),
        };
        Expression::new(text, Precision::Exact)
    }

    fn sorted(&mut self, depth: u32) -> Expression {
        let name = self.random.pick(&["sort", "sort_desc"]);
        let of = self.vector(depth.saturating_sub(1));
        let text = format!("{name}({})", of.text);
        of.reworded(text)
    }
}
