//! The words of the language, and what can be said of each without lines.

use super::{BinaryOp, CompareOp, Conversion, LineOp, RangeOp, VectorOp};

impl LineOp {
    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contains => "|=",
            Self::ContainsNot => "!=",
            Self::Matches => "|~",
            Self::MatchesNot => "!~",
            Self::Fits => "|>",
            Self::FitsNot => "!>",
        }
    }

    /// Whether lines with the needle are left out.
    pub fn is_negated(self) -> bool {
        matches!(self, Self::ContainsNot | Self::MatchesNot | Self::FitsNot)
    }
}

impl CompareOp {
    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
        }
    }

    /// Whether the comparison holds.
    pub fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
        }
    }
}

impl Conversion {
    /// The function as written; empty for none.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "",
            Self::Bytes => "bytes",
            Self::Duration => "duration",
            Self::DurationSeconds => "duration_seconds",
        }
    }
}

impl RangeOp {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Count,
        Self::Rate,
        Self::RateCounter,
        Self::Bytes,
        Self::BytesRate,
        Self::Avg,
        Self::Sum,
        Self::Min,
        Self::Max,
        Self::Stdvar,
        Self::Stddev,
        Self::Quantile,
        Self::First,
        Self::Last,
        Self::Absent,
    ];

    /// The function as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count_over_time",
            Self::Rate => "rate",
            Self::RateCounter => "rate_counter",
            Self::Bytes => "bytes_over_time",
            Self::BytesRate => "bytes_rate",
            Self::Avg => "avg_over_time",
            Self::Sum => "sum_over_time",
            Self::Min => "min_over_time",
            Self::Max => "max_over_time",
            Self::Stdvar => "stdvar_over_time",
            Self::Stddev => "stddev_over_time",
            Self::Quantile => "quantile_over_time",
            Self::First => "first_over_time",
            Self::Last => "last_over_time",
            Self::Absent => "absent_over_time",
        }
    }

    /// Whether it can be grouped by labels.
    pub fn can_group(self) -> bool {
        matches!(
            self,
            Self::Avg
                | Self::Stddev
                | Self::Stdvar
                | Self::Quantile
                | Self::Max
                | Self::Min
                | Self::First
                | Self::Last
        )
    }

    /// Whether it works on lines, without `unwrap`.
    pub fn takes_lines(self) -> bool {
        matches!(
            self,
            Self::Bytes | Self::BytesRate | Self::Count | Self::Rate | Self::Absent
        )
    }

    /// Whether it works on values, by `unwrap`.
    pub fn takes_values(self) -> bool {
        !matches!(self, Self::Bytes | Self::BytesRate | Self::Count)
    }
}

impl VectorOp {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Sum,
        Self::Avg,
        Self::Count,
        Self::Max,
        Self::Min,
        Self::Stddev,
        Self::Stdvar,
        Self::Bottomk,
        Self::Topk,
        Self::ApproxTopk,
        Self::Sort,
        Self::SortDesc,
    ];

    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Max => "max",
            Self::Min => "min",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Bottomk => "bottomk",
            Self::Topk => "topk",
            Self::ApproxTopk => "approx_topk",
            Self::Sort => "sort",
            Self::SortDesc => "sort_desc",
        }
    }

    /// Whether it keeps some series rather than making one of many.
    pub fn selects(self) -> bool {
        matches!(self, Self::Topk | Self::Bottomk | Self::ApproxTopk)
    }
}

impl BinaryOp {
    /// How strongly it binds.
    pub(crate) fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Compare(_) => 3,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod => 5,
            Self::Pow => 6,
        }
    }

    /// How strongly an operator of its left side must bind to need no parentheses.
    pub(crate) fn strength_of_left(self) -> u8 {
        self.strength() + u8::from(self == Self::Pow)
    }

    /// The same for its right side: a power binds that first.
    pub(crate) fn strength_of_right(self) -> u8 {
        self.strength() + u8::from(self != Self::Pow)
    }

    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Unless => "unless",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Compare(op) => op.as_str(),
        }
    }

    /// Whether it works on sets of series rather than on numbers.
    pub fn is_set(self) -> bool {
        matches!(self, Self::Or | Self::And | Self::Unless)
    }

    /// The number made of two numbers; comparisons give 0 or 1.
    pub fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Or | Self::And | Self::Unless => f64::NAN,
            Self::Add => left + right,
            Self::Sub => left - right,
            Self::Mul => left * right,
            // Whatever is divided by nothing is no number, infinity included.
            Self::Div | Self::Mod if right == 0.0 => f64::NAN,
            Self::Div => left / right,
            Self::Mod => left % right,
            Self::Pow => left.powf(right),
            Self::Compare(op) => f64::from(u8::from(op.holds(left, right))),
        }
    }
}
