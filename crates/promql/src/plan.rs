//! What is to be computed: the expression with its durations and times bound to one query.

use std::cell::Cell;

use model::Matcher;

use crate::ast::{
    Aggregate, AggregateOp, AtModifier, BinaryOp, Call, DurationKind, DurationNode, Expr, Extended, Kind,
    Matching, Node, Subquery, TimeShift, UnaryOp, ValueType,
};
use crate::error::EvalError;
use crate::eval::Grid;
use crate::functions::{Body, Function};
use crate::histogram::Hints;
use crate::options::Options;
use crate::sharing;

/// A part of a query.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) op: Op,
    /// Its value is the same at every step.
    pub(crate) is_constant: bool,
    /// Byte offset in the source.
    pub(crate) at: usize,
    /// Its place among all parts, from 0.
    pub(crate) number: usize,
    /// What it prints as, after a sign of what it tells of resets; only where parts are compared or explained.
    pub(crate) key: Option<Box<str>>,
    /// Whether other parts have the same value.
    pub(crate) shared: Option<Shared>,
}

/// Parts that have the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shared {
    pub(crate) number: usize,
    /// How many parts they are.
    pub(crate) uses: usize,
}

#[derive(Debug)]
pub(crate) enum Op {
    Number(f64),
    Text {
        value: String,
        not_utf8: Option<String>,
    },
    Selector(SelectorPlan),
    Window(Box<WindowPlan>),
    /// Changes nothing, but is no selector any more: `timestamp` of it is the time of the step.
    Plus(Box<Plan>),
    Negate(Box<Plan>),
    Binary(Box<BinaryPlan>),
    Aggregate(Box<AggregatePlan>),
    Call(CallPlan),
}

#[derive(Debug)]
pub(crate) struct SelectorPlan {
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) shift: Shift,
    pub(crate) extended: Option<Extended>,
    /// What is told of the resets of histograms.
    pub(crate) hints: Hints,
}

/// Which time a step looks at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shift {
    /// A fixed time instead of the step's, in milliseconds since the Unix epoch.
    pub(crate) at_ms: Option<i64>,
    pub(crate) offset_ms: i64,
}

/// Samples over a time, of series in the store or of an expression.
#[derive(Debug)]
pub(crate) struct WindowPlan {
    pub(crate) source: Source,
    pub(crate) shift: Shift,
    pub(crate) range_ms: i64,
}

#[derive(Debug)]
pub(crate) enum Source {
    Series(SelectorPlan),
    Subquery { inner: Plan, step_ms: i64 },
}

#[derive(Debug)]
pub(crate) struct BinaryPlan {
    pub(crate) op: BinaryOp,
    pub(crate) left: Plan,
    pub(crate) right: Plan,
    pub(crate) return_bool: bool,
    pub(crate) matching: Matching,
}

#[derive(Debug)]
pub(crate) struct AggregatePlan {
    pub(crate) op: AggregateOp,
    pub(crate) inner: Plan,
    pub(crate) parameter: Option<Plan>,
    pub(crate) without: bool,
    pub(crate) labels: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct CallPlan {
    pub(crate) function: &'static Function,
    pub(crate) args: Vec<Plan>,
    pub(crate) at: usize,
}

/// An expression bound to the steps of a query.
pub(crate) struct Bound {
    pub(crate) plan: Plan,
    /// How many parts there are.
    pub(crate) parts: usize,
    /// Whether a part looks at where the query begins or ends.
    pub(crate) depends_on_ends: bool,
}

/// Binds an expression to the steps of a query.
pub(crate) fn bind(expr: &Expr, query: Grid, options: &Options) -> Result<Bound, EvalError> {
    let binder = Binder {
        query,
        options,
        told: Cell::default(),
        depends_on_ends: Cell::default(),
        parts: Cell::default(),
        with_keys: options.explain || sharing::is_likely(expr),
    };
    let mut plan = binder.bind(&expr.root)?;
    sharing::mark(&mut plan);
    Ok(Bound {
        plan,
        parts: binder.parts.get(),
        depends_on_ends: binder.depends_on_ends.get(),
    })
}

/// Functions whose value depends on the step even where their arguments do not.
const DEPEND_ON_STEP: [&str; 11] = [
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "time",
    "timestamp",
    "year",
];

/// Functions that look at counts and sums of histograms only: what they are computed from is told all about resets.
const OF_COUNT_AND_SUM: [&str; 3] = ["histogram_avg", "histogram_count", "histogram_sum"];
/// Functions that need the buckets, whatever stands around them.
const OF_BUCKETS: [&str; 3] = ["histogram_fraction", "histogram_quantile", "histogram_quantiles"];

struct Binder<'a> {
    query: Grid,
    options: &'a Options,
    told: Cell<Told>,
    depends_on_ends: Cell<bool>,
    parts: Cell<usize>,
    with_keys: bool,
}

/// What the selectors of the part under way are to tell of resets (prometheus/promql `detectHistogramStatsDecoding`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Told {
    #[default]
    NoReset,
    All,
    /// Something around needs the buckets: no part within changes that.
    NoResetWhatever,
}

impl Binder<'_> {
    fn bind(&self, node: &Node) -> Result<Plan, EvalError> {
        let (op, is_constant) = match &node.kind {
            Kind::Number(literal) => (Op::Number(literal.value), true),
            Kind::Text(literal) => {
                let op = Op::Text {
                    value: literal.value.clone(),
                    not_utf8: literal.not_utf8.clone(),
                };
                (op, true)
            }
            Kind::Selector(selector) => {
                let plan = self.selector(selector)?;
                let fixed = plan.shift.at_ms.is_some();
                (Op::Selector(plan), fixed)
            }
            Kind::Matrix(matrix) => {
                let selector = self.selector(&matrix.selector)?;
                let shift = selector.shift;
                let range_ms = self.range(&matrix.range)?;
                window(Source::Series(selector), shift, range_ms)
            }
            Kind::Subquery(subquery) => self.subquery(subquery)?,
            Kind::Paren(inner) => return self.bind(inner),
            Kind::Unary(UnaryOp::Plus, inner) => {
                let inner = self.bind(inner)?;
                let is_constant = inner.is_constant;
                (Op::Plus(Box::new(inner)), is_constant)
            }
            Kind::Unary(UnaryOp::Minus, inner) => {
                let inner = self.bind(inner)?;
                let is_constant = inner.is_constant;
                (Op::Negate(Box::new(inner)), is_constant)
            }
            Kind::Binary(binary) => {
                let told = if matches!(binary.op, BinaryOp::TrimLower | BinaryOp::TrimUpper) {
                    Told::NoResetWhatever
                } else {
                    self.told.get()
                };
                let plan = BinaryPlan {
                    op: binary.op,
                    left: self.bind_with(told, &binary.left)?,
                    right: self.bind_with(told, &binary.right)?,
                    return_bool: binary.return_bool,
                    matching: binary.matching.clone(),
                };
                let is_constant = plan.left.is_constant && plan.right.is_constant;
                (Op::Binary(Box::new(plan)), is_constant)
            }
            Kind::Aggregate(aggregate) => self.aggregate(aggregate)?,
            Kind::Call(call) => self.call(call, node.at)?,
        };
        let number = self.parts.get();
        self.parts.set(number + 1);
        let sign = match self.told.get() {
            Told::NoReset => '-',
            Told::All => '+',
            Told::NoResetWhatever => '=',
        };
        Ok(Plan {
            op,
            is_constant,
            at: node.at,
            number,
            key: self.with_keys.then(|| format!("{sign}{node}").into()),
            shared: None,
        })
    }

    /// Binds a part whose selectors are to tell so much of resets.
    fn bind_with(&self, told: Told, node: &Node) -> Result<Plan, EvalError> {
        let outer = self.told.replace(told);
        let bound = self.bind(node);
        self.told.set(outer);
        bound
    }

    fn subquery(&self, subquery: &Subquery) -> Result<(Op, bool), EvalError> {
        let inner = self.bind_with(Told::NoResetWhatever, &subquery.inner)?;
        let shift = self.shift(&subquery.time)?;
        let range_ms = self.range(&subquery.range)?;
        let step_ms = match &subquery.step {
            Some(step) => self.range(step)?,
            None => self.options.subquery_step_ms.max(1),
        };
        Ok(window(Source::Subquery { inner, step_ms }, shift, range_ms))
    }

    fn call(&self, call: &Call, at: usize) -> Result<(Op, bool), EvalError> {
        let told = match (self.told.get(), call.function.name) {
            (Told::NoResetWhatever, _) => Told::NoResetWhatever,
            (_, name) if OF_BUCKETS.contains(&name) => Told::NoResetWhatever,
            (_, name) if OF_COUNT_AND_SUM.contains(&name) => Told::All,
            (told, _) => told,
        };
        let args = call.args.iter().map(|arg| self.bind_with(told, arg));
        let plan = CallPlan {
            function: call.function,
            args: args.collect::<Result<_, _>>()?,
            at,
        };
        if matches!(call.function.name, "start" | "end" | "range") {
            self.depends_on_ends.set(true);
        }
        let depends = DEPEND_ON_STEP.contains(&call.function.name);
        let is_constant = !depends && plan.args.iter().all(|arg| arg.is_constant);
        // Refused here so that it is refused even where no series is found.
        if let (Some(extended), Body::Window(_)) = (plan.extended(), call.function.body) {
            crate::functions::extended::body(call.function, extended).map_err(EvalError::Execution)?;
        }
        Ok((Op::Call(plan), is_constant))
    }

    fn aggregate(&self, aggregate: &Aggregate) -> Result<(Op, bool), EvalError> {
        let parameter = aggregate.parameter.as_ref().map(|node| self.bind(node));
        let plan = AggregatePlan {
            op: aggregate.op,
            inner: self.bind(&aggregate.inner)?,
            parameter: parameter.transpose()?,
            without: aggregate.without,
            labels: aggregate.labels.clone(),
        };
        let is_constant = plan.inner.is_constant
            && plan
                .parameter
                .as_ref()
                .is_none_or(|parameter| parameter.is_constant);
        Ok((Op::Aggregate(Box::new(plan)), is_constant))
    }

    fn selector(&self, selector: &crate::ast::Selector) -> Result<SelectorPlan, EvalError> {
        Ok(SelectorPlan {
            matchers: selector.matchers.clone(),
            shift: self.shift(&selector.time)?,
            extended: selector.extended,
            hints: match self.told.get() {
                Told::All => Hints::All,
                Told::NoReset | Told::NoResetWhatever => Hints::NoReset,
            },
        })
    }

    fn shift(&self, time: &TimeShift) -> Result<Shift, EvalError> {
        let at_ms = time.at.map(|at| match at {
            AtModifier::Time(at_ms) => at_ms,
            AtModifier::Start => {
                self.depends_on_ends.set(true);
                self.query.start_ms
            }
            AtModifier::End => {
                self.depends_on_ends.set(true);
                self.query.end_ms()
            }
        });
        let offset_ms = match &time.offset {
            Some(node) => self.millis(node)?,
            None => 0,
        };
        Ok(Shift { at_ms, offset_ms })
    }

    /// A duration that must be positive, in milliseconds.
    fn range(&self, node: &DurationNode) -> Result<i64, EvalError> {
        let millis = self.millis(node)?;
        if millis > 0 {
            Ok(millis)
        } else {
            Err(EvalError::execution(format!(
                "duration must be greater than 0, but {node} is {} s",
                millis as f64 / 1000.0
            )))
        }
    }

    fn millis(&self, node: &DurationNode) -> Result<i64, EvalError> {
        self.depends_on_ends
            .set(self.depends_on_ends.get() || node.mentions_range());
        let step = self.query.asked_step_ms() as f64 / 1000.0;
        let seconds = node.seconds(step, self.query.length_ms() as f64 / 1000.0);
        if seconds.abs() <= crate::limits::DURATION_SECONDS_MAX {
            Ok((seconds * 1000.0).round() as i64)
        } else {
            Err(EvalError::execution(format!("duration {node} is out of range")))
        }
    }
}

impl DurationNode {
    /// Whether it depends on how long the query is.
    fn mentions_range(&self) -> bool {
        match &self.kind {
            DurationKind::Literal(_) | DurationKind::Step => false,
            DurationKind::Range => true,
            DurationKind::Negative(inner) | DurationKind::Paren(inner) => inner.mentions_range(),
            DurationKind::MinOf(first, second)
            | DurationKind::MaxOf(first, second)
            | DurationKind::Binary(_, first, second) => first.mentions_range() || second.mentions_range(),
        }
    }

    /// The duration in seconds, where `step()` and `range()` are so many.
    pub(crate) fn seconds(&self, step: f64, range: f64) -> f64 {
        match &self.kind {
            DurationKind::Literal(literal) => literal.value,
            DurationKind::Step => step,
            DurationKind::Range => range,
            DurationKind::MinOf(first, second) => first.seconds(step, range).min(second.seconds(step, range)),
            DurationKind::MaxOf(first, second) => first.seconds(step, range).max(second.seconds(step, range)),
            DurationKind::Negative(inner) => -inner.seconds(step, range),
            DurationKind::Paren(inner) => inner.seconds(step, range),
            DurationKind::Binary(op, left, right) => {
                let (left, right) = (left.seconds(step, range), right.seconds(step, range));
                match op {
                    BinaryOp::Add => left + right,
                    BinaryOp::Sub => left - right,
                    BinaryOp::Mul => left * right,
                    BinaryOp::Div => left / right,
                    BinaryOp::Mod => left % right,
                    BinaryOp::Pow => left.powf(right),
                    // The reader lets no other operator in.
                    _ => f64::NAN,
                }
            }
        }
    }
}

fn window(source: Source, shift: Shift, range_ms: i64) -> (Op, bool) {
    let plan = WindowPlan {
        source,
        shift,
        range_ms,
    };
    (Op::Window(Box::new(plan)), shift.at_ms.is_some())
}

impl CallPlan {
    /// The window among the arguments.
    pub(crate) fn window(&self) -> Option<(&WindowPlan, usize)> {
        self.args.iter().find_map(|arg| match &arg.op {
            Op::Window(window) => Some((window.as_ref(), arg.at)),
            _ => None,
        })
    }

    fn extended(&self) -> Option<Extended> {
        match &self.window()?.0.source {
            Source::Series(selector) => selector.extended,
            Source::Subquery { .. } => None,
        }
    }

    /// The arguments that are numbers, in order.
    pub(crate) fn scalars(&self) -> impl Iterator<Item = &Plan> {
        let types = (0..).map(|place| self.function.arg_type(place));
        self.args
            .iter()
            .zip(types)
            .filter(|(_, found)| *found == Some(ValueType::Scalar))
            .map(|(arg, _)| arg)
    }
}

impl Plan {
    /// What it prints as, where that is known.
    pub(crate) fn text(&self) -> &str {
        self.key
            .as_deref()
            .and_then(|key| key.get(1..))
            .unwrap_or_default()
    }

    /// The text of a text argument.
    pub(crate) fn as_text(&self) -> &str {
        match &self.op {
            Op::Text { value, .. } => value,
            _ => "",
        }
    }
}
