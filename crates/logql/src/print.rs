//! Prints expressions in canonical form, as Loki does; what is printed reads back to the same tree.

use std::fmt::{self, Display, Formatter};

use gotemplate::go_float;
use model::{Matcher, MatcherOp};

use crate::ast::{
    Aggregation, Binary, Conversion, Expr, Extraction, FormatSource, Grouping, LabelFilter, LineFilter,
    LogExpr, LogRange, Matching, Metric, NamedLabel, Needle, RangeAggregation, Stage, Unwrap, Variants,
};
use crate::ast::{Cardinality, LabelFormat, LabelReplace};
use crate::units::{Bytes, Nanoseconds, quote};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(log) => log.fmt(f),
            Self::Metric(metric) => metric.fmt(f),
            Self::Variants(variants) => variants.fmt(f),
        }
    }
}

impl Display for Variants {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "variants({}) of ({})", Joined(&self.metrics, ", "), self.range)
    }
}

impl Display for LogExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Selector(&self.matchers).fmt(f)?;
        for stage in &self.stages {
            write!(f, " {stage}")?;
        }
        Ok(())
    }
}

/// `{app="a", zone=~"b.*"}`
#[derive(Debug)]
pub(crate) struct Selector<'a>(pub(crate) &'a [Matcher]);

impl Display for Selector<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (place, matcher) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}{}", WrittenMatcher(matcher))?;
        }
        f.write_str("}")
    }
}

#[derive(Debug)]
struct WrittenMatcher<'a>(&'a Matcher);

impl Display for WrittenMatcher<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let op = match self.0.op() {
            MatcherOp::Equal => "=",
            MatcherOp::NotEqual => "!=",
            MatcherOp::Matches(_) => "=~",
            MatcherOp::NotMatches(_) => "!~",
        };
        write!(f, "{}{op}{}", self.0.name(), quote(self.0.value()))
    }
}

/// Things with a separator between them.
struct Joined<'a, T>(&'a [T], &'static str);

impl<T: Display> Display for Joined<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, part) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { self.1 };
            write!(f, "{separator}{part}")?;
        }
        Ok(())
    }
}

// === stages ===

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineFilter(filter) => filter.fmt(f),
            Self::Json(fields) => write_fields(f, "| json", fields),
            Self::Logfmt {
                strict,
                keep_empty,
                fields,
            } => {
                f.write_str("| logfmt")?;
                f.write_str(if *strict { " --strict" } else { "" })?;
                f.write_str(if *keep_empty { " --keep-empty" } else { "" })?;
                write_fields(f, "", fields)
            }
            Self::Regexp(pattern) => write!(f, "| regexp {}", quote(pattern)),
            Self::Pattern(pattern) => write!(f, "| pattern {}", quote(pattern)),
            Self::Unpack => f.write_str("| unpack"),
            Self::Decolorize => f.write_str("| decolorize"),
            Self::LineFormat(template) => write!(f, "| line_format {}", quote(template)),
            Self::LabelFormat(formats) => write!(f, "| label_format {}", Joined(formats, ",")),
            Self::LabelFilter(filter) => write!(f, "| {filter}"),
            Self::Drop(labels) => write!(f, "| drop {}", Joined(labels, ",")),
            Self::Keep(labels) => write!(f, "| keep {}", Joined(labels, ",")),
        }
    }
}

fn write_fields(f: &mut Formatter<'_>, name: &str, fields: &[Extraction]) -> fmt::Result {
    f.write_str(name)?;
    if fields.is_empty() {
        return Ok(());
    }
    write!(f, " {}", Joined(fields, ","))
}

impl Display for Extraction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.label, quote(&self.path))
    }
}

impl Display for LineFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.op.as_str(), self.needle)?;
        self.or.iter().try_for_each(|needle| write!(f, " or {needle}"))
    }
}

impl Display for Needle {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.is_ip {
            write!(f, "ip({})", quote(&self.text))
        } else {
            f.write_str(&quote(&self.text))
        }
    }
}

impl Display for LabelFormat {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.source {
            FormatSource::Rename(source) => write!(f, "{}={source}", self.label),
            FormatSource::Template(template) => write!(f, "{}={}", self.label, quote(template)),
        }
    }
}

impl Display for NamedLabel {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Matching(matcher) => WrittenMatcher(matcher).fmt(f),
        }
    }
}

impl Display for LabelFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(matcher) => WrittenMatcher(matcher).fmt(f),
            Self::Ip {
                label,
                negated,
                pattern,
            } => {
                let op = if *negated { "!=" } else { "=" };
                write!(f, "{label}{op}ip({})", quote(pattern))
            }
            Self::Number { label, op, value } => {
                let value = model::number::format_plain(*value);
                write!(f, "{label}{}{value}", op.as_str())
            }
            Self::Duration { label, op, value_ns } => {
                write!(f, "{label}{}{}", op.as_str(), Nanoseconds(*value_ns))
            }
            Self::Bytes { label, op, value } => write!(f, "{label}{}{}", op.as_str(), Bytes(*value)),
            Self::And(left, right) => write!(f, "( {left} , {right} )"),
            Self::Or(left, right) => write!(f, "( {left} or {right} )"),
        }
    }
}

// === metrics ===

impl Display for Metric {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(range) => range.fmt(f),
            Self::Aggregate(aggregation) => aggregation.fmt(f),
            Self::Binary(binary) => binary.fmt(f),
            Self::LabelReplace(replace) => replace.fmt(f),
            Self::Number(value) => f.write_str(&go_float(*value)),
            Self::Vector(value) => {
                let fixed = format!("{value:.6}");
                let is_exact = fixed.parse::<f64>().is_ok_and(|read| read == *value);
                let plain = || model::number::format_plain(*value);
                write!(f, "vector({})", if is_exact { fixed } else { plain() })
            }
        }
    }
}

impl Display for RangeAggregation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.op.as_str())?;
        if let Some(parameter) = self.parameter {
            write!(f, "{},", model::number::format_plain(parameter))?;
        }
        write!(f, "{})", self.range)?;
        self.grouping
            .iter()
            .try_for_each(|grouping| write!(f, " {}", Grouped(grouping, ",")))
    }
}

impl Display for LogRange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.log.fmt(f)?;
        if let Some(unwrap) = &self.unwrap {
            write!(f, " {unwrap}")?;
        }
        write!(f, "[{}]", Nanoseconds(self.interval_ns))?;
        if self.offset_ns != 0 {
            write!(f, " offset {}", Nanoseconds(self.offset_ns))?;
        }
        Ok(())
    }
}

impl Display for Unwrap {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.conversion {
            Conversion::Number => write!(f, "| unwrap {}", self.label)?,
            conversion => write!(f, "| unwrap {}({})", conversion.as_str(), self.label)?,
        }
        self.filters
            .iter()
            .try_for_each(|filter| write!(f, " | {filter}"))
    }
}

/// A grouping, with what stands between its labels.
#[derive(Debug)]
pub(crate) struct Grouped<'a>(pub(crate) &'a Grouping, pub(crate) &'static str);

impl Display for Grouped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let word = if self.0.without { "without" } else { "by" };
        write!(f, "{word} ({})", Joined(&self.0.labels, self.1))
    }
}

impl Display for Aggregation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.as_str())?;
        if let Some(grouping) = &self.grouping {
            write!(f, " {}", Grouped(grouping, ","))?;
        }
        f.write_str("(")?;
        if let Some(parameter) = self.parameter {
            write!(f, "{parameter},")?;
        }
        write!(f, "{})", self.inner)
    }
}

impl Display for LabelReplace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "label_replace({},{},{},{},{})",
            self.inner,
            quote(&self.target),
            quote(&self.replacement),
            quote(&self.source),
            quote(self.regex.as_str())
        )
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "({} {} {})", self.left, Operator(self, ","), self.right)
    }
}

/// The operator of a binary operation and what stands behind it, with what stands between labels.
#[derive(Debug)]
pub(crate) struct Operator<'a>(pub(crate) &'a Binary, pub(crate) &'static str);

impl Display for Operator<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.op.as_str())?;
        if self.0.returns_bool {
            f.write_str(" bool")?;
        }
        let Some(matching) = &self.0.matching else {
            return Ok(());
        };
        write_matching(f, matching, self.1)
    }
}

fn write_matching(f: &mut Formatter<'_>, matching: &Matching, separator: &'static str) -> fmt::Result {
    let word = if matching.on { "on" } else { "ignoring" };
    write!(f, " {word} ({})", Joined(&matching.labels, separator))?;
    match matching.cardinality {
        Cardinality::OneToOne => return Ok(()),
        Cardinality::ManyToOne => f.write_str(" group_left")?,
        Cardinality::OneToMany => f.write_str(" group_right")?,
    }
    if matching.include.is_empty() {
        // Else a right side in parentheses would be read as labels.
        return f.write_str(" ()");
    }
    write!(f, " ({})", Joined(&matching.include, separator))
}
