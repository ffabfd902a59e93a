//! Expressions as the generator makes them and the reference reads them: a tree of its own, so that what the parser makes of
//! the printed text is judged too.

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Number(f64),
    Text(String),
    Selector(Selector),
    /// `selector[5m]`
    Window {
        selector: Selector,
        range_ms: i64,
    },
    /// `expression[5m:1m]`
    Subquery {
        inner: Box<Expr>,
        range_ms: i64,
        step_ms: Option<i64>,
        shift: Shift,
    },
    Negate(Box<Expr>),
    Binary(Box<Binary>),
    Aggregate(Box<Aggregate>),
    Call {
        name: &'static str,
        arguments: Vec<Expr>,
    },
    /// What `limitk` and `limit_ratio` promise, whichever series they choose.
    Limited {
        limit: Limit,
        inner: Box<Expr>,
    },
    /// A number of every native histogram.
    OfNatives {
        name: &'static str,
        parameter: Option<Box<Expr>>,
        natives: Natives,
    },
}

/// A vector of native histograms.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Natives {
    Selector(Selector),
    OverRange {
        name: &'static str,
        selector: Selector,
        range_ms: i64,
    },
    Times {
        factor: f64,
        inner: Box<Natives>,
    },
    Aggregate {
        op: &'static str,
        is_without: bool,
        labels: Vec<String>,
        inner: Box<Natives>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Limit {
    /// `count(limitk(k, v))`: so many, or as many as there are.
    Count(f64),
    /// `limit_ratio(r, v) or limit_ratio(r - 1, v)`: all of them.
    Whole(f64),
    /// `limit_ratio(r, v) and limit_ratio(r - 1, v)`: none.
    Nothing(f64),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Selector {
    pub(crate) name: &'static str,
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) shift: Shift,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matcher {
    pub(crate) label: &'static str,
    /// `=`, `!=`, `=~` or `!~`.
    pub(crate) op: &'static str,
    pub(crate) value: &'static str,
}

/// `@` and `offset`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Shift {
    pub(crate) at: Option<At>,
    /// Milliseconds back.
    pub(crate) offset_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum At {
    Time(i64),
    Start,
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binary {
    pub(crate) op: &'static str,
    pub(crate) left: Expr,
    pub(crate) right: Expr,
    pub(crate) is_bool: bool,
    pub(crate) matching: Matching,
}

/// `on` or `ignoring`, and `group_left` or `group_right`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Matching {
    pub(crate) is_on: bool,
    pub(crate) labels: Vec<String>,
    pub(crate) group: Option<Group>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    /// `group_right` rather than `group_left`.
    pub(crate) is_right: bool,
    pub(crate) include: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregate {
    pub(crate) op: &'static str,
    pub(crate) parameter: Option<Expr>,
    pub(crate) is_without: bool,
    pub(crate) labels: Vec<String>,
    pub(crate) inner: Expr,
}

/// The type of an expression's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    Text,
    Vector,
    Matrix,
}

/// Functions whose value is a number.
const SCALAR_FUNCTIONS: [&str; 8] = [
    "time", "pi", "scalar", "start", "end", "range", "max_of", "min_of",
];

impl Expr {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Number(_) => Kind::Scalar,
            Self::Text(_) => Kind::Text,
            Self::Window { .. } | Self::Subquery { .. } => Kind::Matrix,
            Self::Selector(_) | Self::Aggregate(_) => Kind::Vector,
            Self::Negate(inner) => inner.kind(),
            Self::Binary(binary) => match (binary.left.kind(), binary.right.kind()) {
                (Kind::Scalar, Kind::Scalar) => Kind::Scalar,
                _ => Kind::Vector,
            },
            Self::Call { name, .. } if SCALAR_FUNCTIONS.contains(name) => Kind::Scalar,
            Self::Call { .. } | Self::Limited { .. } | Self::OfNatives { .. } => Kind::Vector,
        }
    }

    /// The expressions that it is directly made of.
    pub(crate) fn parts(&self) -> Vec<&Expr> {
        match self {
            Self::Number(_) | Self::Text(_) | Self::Selector(_) | Self::Window { .. } => Vec::new(),
            Self::Subquery { inner, .. } | Self::Negate(inner) | Self::Limited { inner, .. } => vec![inner],
            Self::Binary(binary) => vec![&binary.left, &binary.right],
            Self::Aggregate(aggregate) => aggregate.parameter.iter().chain([&aggregate.inner]).collect(),
            Self::OfNatives { parameter, .. } => parameter.iter().map(|parameter| &**parameter).collect(),
            Self::Call { arguments, .. } => arguments.iter().collect(),
        }
    }

    fn parts_mut(&mut self) -> Vec<&mut Expr> {
        match self {
            Self::Number(_) | Self::Text(_) | Self::Selector(_) | Self::Window { .. } => Vec::new(),
            Self::Subquery { inner, .. } | Self::Negate(inner) | Self::Limited { inner, .. } => vec![inner],
            Self::Binary(binary) => vec![&mut binary.left, &mut binary.right],
            Self::Aggregate(aggregate) => aggregate
                .parameter
                .iter_mut()
                .chain([&mut aggregate.inner])
                .collect(),
            Self::OfNatives { parameter, .. } => {
                parameter.iter_mut().map(|parameter| &mut **parameter).collect()
            }
            Self::Call { arguments, .. } => arguments.iter_mut().collect(),
        }
    }

    /// Itself and every part of it, outer ones first.
    pub(crate) fn nodes(&self) -> Vec<&Expr> {
        let mut all = vec![self];
        for part in self.parts() {
            all.extend(part.nodes());
        }
        all
    }

    /// The node at a place of [`Self::nodes`].
    pub(crate) fn node_mut(&mut self, place: usize) -> Option<&mut Expr> {
        if place == 0 {
            return Some(self);
        }
        let mut before = 1;
        for part in self.parts_mut() {
            let count = part.nodes().len();
            if place < before + count {
                return part.node_mut(place - before);
            }
            before += count;
        }
        None
    }

    pub(crate) fn shift_mut(&mut self) -> Option<&mut Shift> {
        match self {
            Self::Selector(selector) | Self::Window { selector, .. } => Some(&mut selector.shift),
            Self::Subquery { shift, .. } => Some(shift),
            _ => None,
        }
    }
}
