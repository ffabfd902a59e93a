//! Expressions as text, with no more parentheses than precedence asks for.

use std::fmt::{Display, Formatter, Result};

use super::tree::{Aggregate, At, Binary, Expr, Limit, Matching, Natives, Selector, Shift};

/// How tightly an operator binds, by the documentation's table.
fn binding(op: &str) -> u8 {
    match op {
        "or" => 1,
        "and" | "unless" => 2,
        "==" | "!=" | "<=" | "<" | ">=" | ">" => 3,
        "+" | "-" => 4,
        "*" | "/" | "%" | "atan2" => 5,
        _ => 7,
    }
}

/// Signs bind tighter than all but `^`.
const SIGN: u8 = 6;
const TIGHTEST: u8 = 8;

impl Expr {
    fn binding(&self) -> u8 {
        match self {
            Self::Number(value) if value.is_sign_negative() && !value.is_nan() => SIGN,
            Self::Negate(_) => SIGN,
            Self::Binary(binary) => binding(binary.op),
            Self::Limited {
                limit: Limit::Whole(_),
                ..
            } => binding("or"),
            Self::Limited {
                limit: Limit::Nothing(_),
                ..
            } => binding("and"),
            _ => TIGHTEST,
        }
    }
}

/// A part that has to bind at least so tightly.
struct Part<'a>(&'a Expr, u8);

impl Display for Part<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.0.binding() < self.1 {
            write!(f, "({})", self.0)
        } else {
            write!(f, "{}", self.0)
        }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Number(value) if value.is_infinite() => {
                f.write_str(if *value > 0.0 { "Inf" } else { "-Inf" })
            }
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Selector(selector) => write!(f, "{}{}", Bare(selector), selector.shift),
            Self::Window { selector, range_ms } => {
                let shift = selector.shift;
                write!(f, "{}[{}]{shift}", Bare(selector), Duration(*range_ms))
            }
            Self::Subquery {
                inner,
                range_ms,
                step_ms,
                shift,
            } => {
                write!(f, "{}[{}:", Part(inner, TIGHTEST), Duration(*range_ms))?;
                if let Some(step_ms) = step_ms {
                    write!(f, "{}", Duration(*step_ms))?;
                }
                write!(f, "]{shift}")
            }
            Self::Negate(inner) => write!(f, "-{}", Part(inner, SIGN + 1)),
            Self::Binary(binary) => write!(f, "{binary}"),
            Self::Aggregate(aggregate) => write!(f, "{aggregate}"),
            Self::Call { name, arguments } => write!(f, "{name}({})", Listed(arguments)),
            Self::Limited {
                limit: Limit::Count(count),
                inner,
            } => write!(f, "count(limitk({count}, {inner}))"),
            Self::Limited {
                limit: Limit::Whole(ratio),
                inner,
            } => {
                write!(
                    f,
                    "limit_ratio({ratio}, {inner}) or limit_ratio({}, {inner})",
                    ratio - 1.0
                )
            }
            Self::Limited {
                limit: Limit::Nothing(ratio),
                inner,
            } => {
                write!(
                    f,
                    "limit_ratio({ratio}, {inner}) and limit_ratio({}, {inner})",
                    ratio - 1.0
                )
            }
            Self::OfNatives {
                name,
                parameter: Some(parameter),
                natives,
            } => write!(f, "{name}({parameter}, {natives})"),
            Self::OfNatives { name, natives, .. } => write!(f, "{name}({natives})"),
        }
    }
}

impl Display for Natives {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Selector(selector) => write!(f, "{}{}", Bare(selector), selector.shift),
            Self::OverRange {
                name,
                selector,
                range_ms,
            } => {
                let shift = selector.shift;
                write!(f, "{name}({}[{}]{shift})", Bare(selector), Duration(*range_ms))
            }
            Self::Times { factor, inner } => write!(f, "{inner} * {factor}"),
            Self::Aggregate {
                op,
                is_without,
                labels,
                inner,
            } => {
                let word = if *is_without { "without" } else { "by" };
                write!(f, "{op} {word} ({}) ({inner})", labels.join(", "))
            }
        }
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let binding = binding(self.op);
        // Only `^` groups from the right.
        let (left, right) = if self.op == "^" {
            (binding + 1, binding)
        } else {
            (binding, binding + 1)
        };
        let is_bool = if self.is_bool { " bool" } else { "" };
        write!(
            f,
            "{} {}{is_bool}{} {}",
            Part(&self.left, left),
            self.op,
            self.matching,
            Part(&self.right, right)
        )
    }
}

impl Display for Matching {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.is_on {
            write!(f, " on ({})", self.labels.join(", "))?;
        } else if !self.labels.is_empty() || self.group.is_some() {
            write!(f, " ignoring ({})", self.labels.join(", "))?;
        }
        if let Some(group) = &self.group {
            let side = if group.is_right { "right" } else { "left" };
            write!(f, " group_{side} ({})", group.include.join(", "))?;
        }
        Ok(())
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(self.op)?;
        if self.is_without {
            write!(f, " without ({}) ", self.labels.join(", "))?;
        } else if !self.labels.is_empty() {
            write!(f, " by ({}) ", self.labels.join(", "))?;
        }
        match &self.parameter {
            Some(parameter) => write!(f, "({parameter}, {})", self.inner),
            None => write!(f, "({})", self.inner),
        }
    }
}

struct Listed<'a>(&'a [Expr]);

impl Display for Listed<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let texts: Vec<String> = self.0.iter().map(Expr::to_string).collect();
        f.write_str(&texts.join(", "))
    }
}

/// A selector without its modifiers.
struct Bare<'a>(&'a Selector);

impl Display for Bare<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(self.0.name)?;
        if self.0.matchers.is_empty() {
            return Ok(());
        }
        let matchers = self.0.matchers.iter();
        let texts: Vec<String> = matchers
            .map(|m| format!("{}{}{:?}", m.label, m.op, m.value))
            .collect();
        write!(f, "{{{}}}", texts.join(", "))
    }
}

impl Display for Shift {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.at {
            None => {}
            Some(At::Time(at_ms)) => write!(f, " @ {}", at_ms as f64 / 1000.0)?,
            Some(At::Start) => f.write_str(" @ start()")?,
            Some(At::End) => f.write_str(" @ end()")?,
        }
        match self.offset_ms {
            0 => Ok(()),
            back if back > 0 => write!(f, " offset {}", Duration(back)),
            ahead => write!(f, " offset -{}", Duration(-ahead)),
        }
    }
}

struct Duration(i64);

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (minutes, seconds, millis) = (self.0 / 60_000, self.0 / 1000 % 60, self.0 % 1000);
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        if seconds > 0 {
            write!(f, "{seconds}s")?;
        }
        if millis > 0 {
            write!(f, "{millis}ms")?;
        }
        Ok(())
    }
}
