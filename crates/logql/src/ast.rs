//! The parts of a parsed expression.

mod words;

use model::Matcher;

/// A LogQL expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Asks for lines.
    Log(LogExpr),
    /// Asks for numbers.
    Metric(Metric),
    /// Asks for several numbers of the same lines.
    Variants(Variants),
}

/// Streams and what is done with their lines: `{app="a"} |= "x" | json`.
#[derive(Debug, Clone, PartialEq)]
pub struct LogExpr {
    /// Which streams; at least one matcher does not accept an absent label.
    pub matchers: Vec<Matcher>,
    /// What each line goes through, in order.
    pub stages: Vec<Stage>,
}

/// What a line goes through.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// `|= "a" or "b"`
    LineFilter(LineFilter),
    /// `| json` or, with expressions, only those fields.
    Json(Vec<Extraction>),
    /// `| logfmt` or, with expressions, only those fields.
    Logfmt {
        /// Whether a fault in the line is an error.
        strict: bool,
        /// Whether keys without value become labels.
        keep_empty: bool,
        /// The fields; all where there is none.
        fields: Vec<Extraction>,
    },
    /// `` | regexp `…` ``
    Regexp(String),
    /// `` | pattern `…` ``
    Pattern(String),
    /// `| unpack`
    Unpack,
    /// `| decolorize`
    Decolorize,
    /// `| line_format "…"`
    LineFormat(String),
    /// `| label_format a=b, c="…"`
    LabelFormat(Vec<LabelFormat>),
    /// `| level="error" or status >= 500`
    LabelFilter(LabelFilter),
    /// `| drop a, b="c"`
    Drop(Vec<NamedLabel>),
    /// `| keep a, b="c"`
    Keep(Vec<NamedLabel>),
}

/// A condition on the line: that it holds, or does not hold, any of some needles.
#[derive(Debug, Clone, PartialEq)]
pub struct LineFilter {
    /// How the needles are looked for.
    pub op: LineOp,
    /// The needle.
    pub needle: Needle,
    /// Further needles, any of which will do; none where `op` negates.
    pub or: Vec<Needle>,
}

/// How a line filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineOp {
    /// `|=`
    Contains,
    /// `!=`
    ContainsNot,
    /// `|~`
    Matches,
    /// `!~`
    MatchesNot,
    /// `|>`
    Fits,
    /// `!>`
    FitsNot,
}

/// What a line filter looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle {
    /// A text, a regular expression or a pattern, as the operator says; an address where `is_ip`.
    pub text: String,
    /// `ip("…")`
    pub is_ip: bool,
}

/// A label to be made of a field: `label="path"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extraction {
    /// The label.
    pub label: String,
    /// Where its value is.
    pub path: String,
}

/// One change of `label_format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelFormat {
    /// The label to be set.
    pub label: String,
    /// What it is set to.
    pub source: FormatSource,
}

/// What `label_format` sets a label to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormatSource {
    /// The value of another label, which goes away.
    Rename(String),
    /// What a template makes.
    Template(String),
}

/// A label of `drop` and `keep`.
#[derive(Debug, Clone, PartialEq)]
pub enum NamedLabel {
    /// Whatever its value.
    Name(String),
    /// Only with such a value.
    Matching(Matcher),
}

/// A condition on labels.
#[derive(Debug, Clone, PartialEq)]
pub enum LabelFilter {
    /// `name="value"` and its kin; an absent label is empty.
    Text(Matcher),
    /// `name = ip("…")`
    Ip {
        /// The label.
        label: String,
        /// Whether the address must not be there.
        negated: bool,
        /// The address, range or prefix.
        pattern: String,
    },
    /// `name > 5`
    Number {
        /// The label.
        label: String,
        /// How it is compared.
        op: CompareOp,
        /// With what.
        value: f64,
    },
    /// `name > 5s`
    Duration {
        /// The label.
        label: String,
        /// How it is compared.
        op: CompareOp,
        /// With what, in nanoseconds.
        value_ns: i64,
    },
    /// `name > 5KB`
    Bytes {
        /// The label.
        label: String,
        /// How it is compared.
        op: CompareOp,
        /// With what, in bytes.
        value: u64,
    },
    /// Both.
    And(Box<LabelFilter>, Box<LabelFilter>),
    /// One of the two; the second is not looked at where the first holds.
    Or(Box<LabelFilter>, Box<LabelFilter>),
}

/// How numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareOp {
    /// `==`, and `=` in label filters.
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

/// An expression that gives numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Metric {
    /// `rate({…}[5m])`
    Range(Box<RangeAggregation>),
    /// `sum by (app) (…)`
    Aggregate(Box<Aggregation>),
    /// `… / …`
    Binary(Box<Binary>),
    /// `label_replace(…)`
    LabelReplace(Box<LabelReplace>),
    /// `5`
    Number(f64),
    /// `vector(5)`
    Vector(f64),
}

/// Numbers made of the lines of a window of time.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeAggregation {
    /// What is made of them.
    pub op: RangeOp,
    /// The quantile of `quantile_over_time`.
    pub parameter: Option<f64>,
    /// Which lines.
    pub range: LogRange,
    /// By which labels, where that is said.
    pub grouping: Option<Grouping>,
}

/// Lines of a window of time.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRange {
    /// The lines.
    pub log: LogExpr,
    /// What is taken as the value of a line, where it is not the line.
    pub unwrap: Option<Unwrap>,
    /// How long the window is, in nanoseconds.
    pub interval_ns: i64,
    /// How far back it lies, in nanoseconds.
    pub offset_ns: i64,
}

/// `| unwrap duration(took) | __error__=""`
#[derive(Debug, Clone, PartialEq)]
pub struct Unwrap {
    /// The label that holds the value.
    pub label: String,
    /// How the value is read.
    pub conversion: Conversion,
    /// Conditions that are looked at after the value is read.
    pub filters: Vec<LabelFilter>,
}

/// How a label's value becomes a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// As it is.
    Number,
    /// `bytes(…)`: `5KB`.
    Bytes,
    /// `duration(…)`: `5ms`, in seconds.
    Duration,
    /// `duration_seconds(…)`, which is the same.
    DurationSeconds,
}

/// What is made of the lines of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeOp {
    /// `count_over_time`
    Count,
    /// `rate`
    Rate,
    /// `rate_counter`
    RateCounter,
    /// `bytes_over_time`
    Bytes,
    /// `bytes_rate`
    BytesRate,
    /// `avg_over_time`
    Avg,
    /// `sum_over_time`
    Sum,
    /// `min_over_time`
    Min,
    /// `max_over_time`
    Max,
    /// `stdvar_over_time`
    Stdvar,
    /// `stddev_over_time`
    Stddev,
    /// `quantile_over_time`
    Quantile,
    /// `first_over_time`
    First,
    /// `last_over_time`
    Last,
    /// `absent_over_time`
    Absent,
}

/// `by (a, b)`, `without (a)`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// Whether the labels are those that are left out.
    pub without: bool,
    /// The labels.
    pub labels: Vec<String>,
}

/// One number of many series.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregation {
    /// What is made of them.
    pub op: VectorOp,
    /// How many series are kept, of `topk` and its kin.
    pub parameter: Option<usize>,
    /// The series.
    pub inner: Metric,
    /// By which labels; all together where it is not said.
    pub grouping: Option<Grouping>,
}

/// What is made of many series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VectorOp {
    /// `sum`
    Sum,
    /// `avg`
    Avg,
    /// `count`
    Count,
    /// `max`
    Max,
    /// `min`
    Min,
    /// `stddev`
    Stddev,
    /// `stdvar`
    Stdvar,
    /// `bottomk`
    Bottomk,
    /// `topk`
    Topk,
    /// `approx_topk`
    ApproxTopk,
    /// `sort`
    Sort,
    /// `sort_desc`
    SortDesc,
}

/// Two sides and what is made of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// What is made of them.
    pub op: BinaryOp,
    /// The left side.
    pub left: Metric,
    /// The right side.
    pub right: Metric,
    /// Whether a comparison gives 0 or 1 instead of leaving out.
    pub returns_bool: bool,
    /// Which series belong together, where that is said.
    pub matching: Option<Matching>,
}

/// What is made of two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `or`
    Or,
    /// `and`
    And,
    /// `unless`
    Unless,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
    /// A comparison.
    Compare(CompareOp),
}

/// Which series of two sides belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// Whether the labels are those that must be equal, not those that need not.
    pub on: bool,
    /// The labels.
    pub labels: Vec<String>,
    /// How many of one side belong to one of the other.
    pub cardinality: Cardinality,
    /// Labels that the one side gives to the many.
    pub include: Vec<String>,
}

/// How many series of one side belong to one of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    /// One to one.
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
}

/// `label_replace(inner, "target", "replacement", "source", "regex")`
#[derive(Debug, Clone, PartialEq)]
pub struct LabelReplace {
    /// The series.
    pub inner: Metric,
    /// The label to be set.
    pub target: String,
    /// What it is set to, with `$1` for what was captured.
    pub replacement: String,
    /// The label that is looked at.
    pub source: String,
    /// What its whole value must fit.
    pub regex: model::AnchoredRegex,
}

/// `variants(…, …) of ({…}[5m])`
#[derive(Debug, Clone, PartialEq)]
pub struct Variants {
    /// What is made of the lines.
    pub metrics: Vec<Metric>,
    /// The lines.
    pub range: LogRange,
}
