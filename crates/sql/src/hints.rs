//! What a statement's conditions say about the lines that can meet them, told to the store: times, labels, texts that lines hold.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{InList, Like, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use model::Matcher;

use crate::like;
use crate::limits::LIST_HINT_MAX;
use crate::line_columns::Column;

/// Which lines can meet the conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hints {
    /// The earliest time, in nanoseconds since the Unix epoch.
    pub(crate) from_ns: i64,
    /// Before which time.
    pub(crate) to_ns: i64,
    /// What labels must meet.
    pub(crate) matchers: Vec<Matcher>,
    /// What lines must hold: one text at least of every group.
    pub(crate) holds: Vec<Vec<String>>,
}

/// How much of a condition the hints say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Said {
    /// Nothing.
    Nothing,
    /// Some: what is left out cannot meet the condition, what is handed over must still be judged.
    Some,
    /// All: what is handed over meets the condition.
    All,
}

impl Default for Hints {
    fn default() -> Self {
        Self {
            from_ns: i64::MIN,
            to_ns: i64::MAX,
            matchers: Vec::new(),
            holds: Vec::new(),
        }
    }
}

impl Hints {
    /// Takes in a condition that must hold.
    pub(crate) fn add(&mut self, condition: &Expr, columns: &[Column]) -> Said {
        match condition {
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: Operator::And,
                right,
            }) => self.add(left, columns).min(self.add(right, columns)),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if *op != Operator::Or => {
                self.add_comparison(left, *op, right, columns)
            }
            Expr::Between(between) if !between.negated => {
                let low = self.add_comparison(&between.expr, Operator::GtEq, &between.low, columns);
                low.min(self.add_comparison(&between.expr, Operator::LtEq, &between.high, columns))
            }
            Expr::InList(list) => self.add_list(list, columns),
            other => self.add_texts(other, columns),
        }
    }

    fn add_comparison(&mut self, left: &Expr, op: Operator, right: &Expr, columns: &[Column]) -> Said {
        let (column, op, value) = match (column_of(left, columns), right, column_of(right, columns), left) {
            (Some(column), Expr::Literal(value, _), _, _) => (column, op, value),
            (_, _, Some(column), Expr::Literal(value, _)) => match op.swap() {
                Some(op) => (column, op, value),
                None => return Said::Nothing,
            },
            _ => return Said::Nothing,
        };
        match column {
            Column::Timestamp => nanoseconds(value).map_or(Said::Nothing, |at_ns| self.add_time(op, at_ns)),
            Column::Label(name) => match (op, text_of(value)) {
                // A line without the label has no value in SQL, and an empty one for a matcher.
                (Operator::Eq, Some(text)) if !text.is_empty() => {
                    self.matchers.push(Matcher::equal(name, text));
                    Said::All
                }
                (Operator::NotEq, Some(text)) if !text.is_empty() => {
                    self.matchers.push(Matcher::not_equal(name, text));
                    Said::Some
                }
                _ => Said::Nothing,
            },
            Column::Line => match (op, text_of(value)) {
                (Operator::Eq, Some(text)) if !text.is_empty() => {
                    self.holds.push(vec![text.to_owned()]);
                    Said::Some
                }
                _ => Said::Nothing,
            },
            Column::Labels | Column::Metadata | Column::Pair(_) => Said::Nothing,
        }
    }

    fn add_time(&mut self, op: Operator, at_ns: i64) -> Said {
        let behind = at_ns.saturating_add(1);
        match op {
            Operator::Gt => self.from_ns = self.from_ns.max(behind),
            Operator::GtEq => self.from_ns = self.from_ns.max(at_ns),
            Operator::Lt => self.to_ns = self.to_ns.min(at_ns),
            Operator::LtEq => self.to_ns = self.to_ns.min(behind),
            Operator::Eq => {
                self.from_ns = self.from_ns.max(at_ns);
                self.to_ns = self.to_ns.min(behind);
            }
            _ => return Said::Nothing,
        }
        // The last nanosecond of all time cannot be told from "no end".
        if at_ns == i64::MAX { Said::Some } else { Said::All }
    }

    fn add_list(&mut self, list: &InList, columns: &[Column]) -> Said {
        let Some(Column::Label(name)) = column_of(&list.expr, columns) else {
            return Said::Nothing;
        };
        if list.negated || list.list.len() > LIST_HINT_MAX {
            return Said::Nothing;
        }
        let values: Option<Vec<&str>> = list.list.iter().map(literal_text).collect();
        let Some(values) = values.filter(|values| values.iter().all(|value| !value.is_empty())) else {
            return Said::Nothing;
        };
        let pattern: Vec<String> = values.into_iter().map(regex_syntax::escape).collect();
        match Matcher::matching(name, &pattern.join("|")) {
            Ok(matcher) => {
                self.matchers.push(matcher);
                Said::All
            }
            Err(_) => Said::Nothing,
        }
    }

    fn add_texts(&mut self, condition: &Expr, columns: &[Column]) -> Said {
        let Some(groups) = texts_of(condition, columns) else {
            return Said::Nothing;
        };
        self.holds.extend(groups);
        Said::Some
    }
}

/// The groups of texts that a line surely holds, one of each, where it meets the condition.
fn texts_of(condition: &Expr, columns: &[Column]) -> Option<Vec<Vec<String>>> {
    let single = |texts: Vec<String>| -> Option<Vec<Vec<String>>> {
        let groups: Vec<Vec<String>> = texts.into_iter().map(|text| vec![text]).collect();
        (!groups.is_empty()).then_some(groups)
    };
    match condition {
        Expr::Like(Like {
            negated: false,
            expr,
            pattern,
            escape_char: None | Some('\\'),
            case_insensitive: false,
        }) if is_line(expr, columns) => single(like::texts(literal_text(pattern)?)),
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::LikeMatch,
            right,
        }) if is_line(left, columns) => single(like::texts(literal_text(right)?)),
        Expr::ScalarFunction(ScalarFunction { func, args }) => match (func.name(), args.as_slice()) {
            ("contains" | "starts_with" | "ends_with", [line, text]) if is_line(line, columns) => {
                let text = literal_text(text).filter(|text| !text.is_empty())?;
                single(vec![text.to_owned()])
            }
            _ => None,
        },
        // Of each side the longest text is enough.
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Or,
            right,
        }) => {
            let longest = |groups: Vec<Vec<String>>| {
                groups
                    .into_iter()
                    .max_by_key(|group| group.iter().map(String::len).min())
            };
            let mut group = longest(texts_of(left, columns)?)?;
            group.extend(longest(texts_of(right, columns)?)?);
            Some(vec![group])
        }
        _ => None,
    }
}

fn column_of<'a>(expr: &Expr, columns: &'a [Column]) -> Option<&'a Column> {
    let Expr::Column(column) = expr else {
        return None;
    };
    columns.iter().find(|known| known.name() == column.name)
}

fn is_line(expr: &Expr, columns: &[Column]) -> bool {
    matches!(column_of(expr, columns), Some(Column::Line))
}

fn literal_text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => text_of(value),
        _ => None,
    }
}

fn text_of(value: &ScalarValue) -> Option<&str> {
    value.try_as_str().flatten()
}

/// A moment, in nanoseconds since the Unix epoch.
pub(crate) fn nanoseconds(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampNanosecond(at, _) => *at,
        ScalarValue::TimestampMicrosecond(at, _) => at.and_then(|at| at.checked_mul(1_000)),
        ScalarValue::TimestampMillisecond(at, _) => at.and_then(|at| at.checked_mul(1_000_000)),
        ScalarValue::TimestampSecond(at, _) => at.and_then(|at| at.checked_mul(1_000_000_000)),
        _ => None,
    }
}
