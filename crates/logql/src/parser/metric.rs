//! Whole expressions: operators by how strongly they bind, aggregations, functions.

use model::AnchoredRegex;

use super::cursor::Cursor;
use super::infix::Infix;
use super::lexer::TokenKind;
use super::{Fault, infix, number, pipeline, range};
use crate::ast::{
    Aggregation, Binary, BinaryOp, Cardinality, CompareOp, Expr, Grouping, LabelReplace, Matching, Metric,
    RangeAggregation, RangeOp, Variants, VectorOp,
};

/// A whole expression.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Expr, Fault> {
    infix::read::<Expr>(cursor)
}

fn operator(token: &TokenKind) -> Option<BinaryOp> {
    let (TokenKind::Sign(word) | TokenKind::Keyword(word)) = token else {
        return None;
    };
    Some(match *word {
        "or" => BinaryOp::Or,
        "and" => BinaryOp::And,
        "unless" => BinaryOp::Unless,
        "==" => BinaryOp::Compare(CompareOp::Equal),
        "!=" => BinaryOp::Compare(CompareOp::NotEqual),
        ">" => BinaryOp::Compare(CompareOp::Greater),
        ">=" => BinaryOp::Compare(CompareOp::GreaterOrEqual),
        "<" => BinaryOp::Compare(CompareOp::Less),
        "<=" => BinaryOp::Compare(CompareOp::LessOrEqual),
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Sub,
        "*" => BinaryOp::Mul,
        "/" => BinaryOp::Div,
        "%" => BinaryOp::Mod,
        "^" => BinaryOp::Pow,
        _ => return None,
    })
}

/// An operator with all that stands behind it.
pub(super) struct Operator {
    op: BinaryOp,
    at: usize,
    returns_bool: bool,
    matching: Option<Matching>,
}

impl Infix for Expr {
    type Operand = Self;
    type Operator = Operator;

    fn operand(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        read_operand(cursor)
    }

    fn operator(cursor: &mut Cursor<'_>, weakest: u8) -> Result<Option<Operator>, Fault> {
        let Some(op) = operator(cursor.peek()).filter(|op| op.strength() >= weakest) else {
            return Ok(None);
        };
        let at = cursor.at();
        cursor.count_operator()?;
        cursor.take();
        Ok(Some(Operator {
            op,
            at,
            returns_bool: cursor.take_keyword("bool"),
            matching: matching(cursor)?,
        }))
    }

    fn weakest_of_right(operator: &Operator) -> u8 {
        operator.op.strength_of_right()
    }

    fn joined(operator: Operator, left: Self, right: Self) -> Result<Self, Fault> {
        let left = side(left, operator.op, "left", operator.at)?;
        let right = side(right, operator.op, "right", operator.at)?;
        Ok(Self::Metric(joined(operator, left, right)))
    }
}

fn side(expr: Expr, op: BinaryOp, which: &str, at: usize) -> Result<Metric, Fault> {
    let refused = |message: String| Err(Fault::new(at, message));
    match expr {
        Expr::Metric(Metric::Number(value)) if op.is_set() => refused(format!(
            "unexpected literal for {which} leg of logical/set binary operation ({}): {value:.6}",
            op.as_str()
        )),
        Expr::Metric(metric) => Ok(metric),
        Expr::Log(_) | Expr::Variants(_) => refused(format!(
            "unexpected type for {which} leg of binary operation ({}): it has lines, not numbers",
            op.as_str()
        )),
    }
}

/// The operation; of two numbers the number that it gives.
fn joined(operator: Operator, left: Metric, right: Metric) -> Metric {
    if let (Metric::Number(a), Metric::Number(b)) = (&left, &right) {
        let value = operator.op.apply(*a, *b);
        // What is no number cannot be written.
        if value.is_finite() {
            return Metric::Number(value);
        }
    }
    Metric::Binary(Box::new(Binary {
        op: operator.op,
        left,
        right,
        returns_bool: operator.returns_bool,
        matching: operator.matching,
    }))
}

/// `on (a) group_left (b)`
fn matching(cursor: &mut Cursor<'_>) -> Result<Option<Matching>, Fault> {
    let on = cursor.take_keyword("on");
    if !on && !cursor.take_keyword("ignoring") {
        return Ok(None);
    }
    let labels = label_names(cursor)?;
    let cardinality = if cursor.take_keyword("group_left") {
        Cardinality::ManyToOne
    } else if cursor.take_keyword("group_right") {
        Cardinality::OneToMany
    } else {
        Cardinality::OneToOne
    };
    let may_include = cardinality != Cardinality::OneToOne && cursor.is_sign("(");
    // A parenthesis may also open the right side.
    let includes = may_include
        && (matches!(cursor.peek_at(1), TokenKind::Sign(")"))
            || (matches!(cursor.peek_at(1), TokenKind::Identifier(_))
                && matches!(cursor.peek_at(2), TokenKind::Sign(")" | ","))));
    let include = if includes {
        label_names(cursor)?
    } else {
        Vec::new()
    };
    Ok(Some(Matching {
        on,
        labels,
        cardinality,
        include,
    }))
}

/// `(a, b)`, `()`
fn label_names(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Fault> {
    cursor.expect_sign("(")?;
    let mut names = Vec::new();
    if cursor.take_sign(")") {
        return Ok(names);
    }
    loop {
        names.push(cursor.expect_identifier()?);
        if !cursor.take_sign(",") {
            break;
        }
    }
    cursor.expect_sign(")")?;
    Ok(names)
}

fn read_operand(cursor: &mut Cursor<'_>) -> Result<Expr, Fault> {
    match cursor.peek() {
        TokenKind::Sign("{") => Ok(Expr::Log(pipeline::read(cursor)?)),
        TokenKind::Number(_) | TokenKind::Sign("+" | "-") => {
            Ok(Expr::Metric(Metric::Number(number::read(cursor)?)))
        }
        TokenKind::Function(name) => read_function(cursor, name).map(Expr::Metric),
        TokenKind::Keyword("variants") => read_variants(cursor),
        _ => Err(cursor.unexpected("")),
    }
}

fn read_function(cursor: &mut Cursor<'_>, name: &str) -> Result<Metric, Fault> {
    let refused = cursor.unexpected("");
    if let Some(op) = RangeOp::ALL.into_iter().find(|op| op.as_str() == name) {
        return read_range_aggregation(cursor, op);
    }
    if let Some(op) = VectorOp::ALL.into_iter().find(|op| op.as_str() == name) {
        return read_aggregation(cursor, op);
    }
    cursor.take();
    match name {
        "vector" => {
            cursor.expect_sign("(")?;
            let value = number::read_named(cursor, "vectorExpr")?;
            cursor.expect_sign(")")?;
            Ok(Metric::Vector(value))
        }
        "label_replace" => read_label_replace(cursor),
        _ => Err(refused),
    }
}

/// `by (a)`, `without (a)`, if it comes next.
fn grouping(cursor: &mut Cursor<'_>) -> Result<Option<Grouping>, Fault> {
    let without = cursor.take_keyword("without");
    if !without && !cursor.take_keyword("by") {
        return Ok(None);
    }
    let labels = label_names(cursor)?;
    Ok(Some(Grouping { without, labels }))
}

fn read_range_aggregation(cursor: &mut Cursor<'_>, op: RangeOp) -> Result<Metric, Fault> {
    let at = cursor.at();
    cursor.take();
    cursor.expect_sign("(")?;
    let mut parameter = None;
    if matches!(cursor.peek(), TokenKind::Number(_)) {
        let value = number::read_unsigned(cursor)?;
        cursor.expect_sign(",")?;
        if op != RangeOp::Quantile {
            let message = format!("parameter {value} not supported for operation {}", op.as_str());
            return Err(Fault::new(at, message));
        }
        parameter = Some(value);
    }
    let range = range::read(cursor)?;
    cursor.expect_sign(")")?;
    let grouping = grouping(cursor)?;
    if op == RangeOp::Quantile && parameter.is_none() {
        let message = format!("parameter required for operation {}", op.as_str());
        return Err(Fault::new(at, message));
    }
    Ok(Metric::Range(Box::new(RangeAggregation {
        op,
        parameter,
        range,
        grouping,
    })))
}

fn read_aggregation(cursor: &mut Cursor<'_>, op: VectorOp) -> Result<Metric, Fault> {
    let at = cursor.at();
    cursor.take();
    let mut by = grouping(cursor)?;
    cursor.expect_sign("(")?;
    let is_parameter =
        matches!(cursor.peek(), TokenKind::Number(_)) && matches!(cursor.peek_at(1), TokenKind::Sign(","));
    let mut written = None;
    if is_parameter && let TokenKind::Number(text) = cursor.take() {
        written = Some(text.as_str());
        cursor.take();
    }
    let inner_at = cursor.at();
    let inner = match cursor.deeper(read)? {
        Expr::Metric(metric) => metric,
        Expr::Log(_) | Expr::Variants(_) => {
            let message = format!(
                "syntax error: unexpected log expression in {}, expecting a metric",
                op.as_str()
            );
            return Err(Fault::new(inner_at, message));
        }
    };
    cursor.expect_sign(")")?;
    if by.is_none() {
        by = grouping(cursor)?;
    }
    let parameter = parameter(op, written).map_err(|message| Fault::new(at, message))?;
    // All in one group is what is meant where nothing is said.
    by = by.filter(|grouping| grouping.without || !grouping.labels.is_empty());
    Ok(Metric::Aggregate(Box::new(Aggregation {
        op,
        parameter,
        inner,
        grouping: by,
    })))
}

/// How many series are kept, of the operators that keep some.
fn parameter(op: VectorOp, written: Option<&str>) -> Result<Option<usize>, String> {
    let name = op.as_str();
    match (op.selects(), written) {
        (false, None) => Ok(None),
        (false, Some(text)) => Err(format!("unsupported parameter for operation {name}({text},")),
        (true, None) => Err(format!("parameter required for operation {name}")),
        (true, Some(text)) => match text.parse::<usize>() {
            Err(_) => Err(format!("invalid parameter {name}({text},")),
            Ok(0) => Err(format!(
                "invalid parameter (must be greater than 0) {name}({text}"
            )),
            Ok(count) => Ok(Some(count)),
        },
    }
}

fn read_label_replace(cursor: &mut Cursor<'_>) -> Result<Metric, Fault> {
    cursor.expect_sign("(")?;
    let at = cursor.at();
    let Expr::Metric(inner) = cursor.deeper(read)? else {
        let message = "syntax error: unexpected log expression in label_replace, expecting a metric";
        return Err(Fault::new(at, message));
    };
    let mut texts = [const { String::new() }; 4];
    for text in &mut texts {
        cursor.expect_sign(",")?;
        *text = cursor.expect_text()?;
    }
    cursor.expect_sign(")")?;
    let [target, replacement, source, pattern] = texts;
    let regex = AnchoredRegex::new(&pattern).map_err(|error| {
        Fault::new(
            at,
            format!(
                "invalid regex in label_replace: error parsing regexp: {}",
                error.reason
            ),
        )
    })?;
    cursor.count_pattern(regex.program_bytes(), at)?;
    Ok(Metric::LabelReplace(Box::new(LabelReplace {
        inner,
        target,
        replacement,
        source,
        regex,
    })))
}

/// `variants(…, …) of ({…}[5m])`
fn read_variants(cursor: &mut Cursor<'_>) -> Result<Expr, Fault> {
    cursor.take();
    cursor.expect_sign("(")?;
    let mut metrics = Vec::new();
    loop {
        let refused = cursor.unexpected("");
        match cursor.deeper(read)? {
            Expr::Metric(metric) => metrics.push(metric),
            Expr::Log(_) | Expr::Variants(_) => return Err(refused),
        }
        if !cursor.take_sign(",") {
            break;
        }
    }
    cursor.expect_sign(")")?;
    if !cursor.take_keyword("of") {
        return Err(cursor.unexpected("of"));
    }
    cursor.expect_sign("(")?;
    let range = range::read(cursor)?;
    cursor.expect_sign(")")?;
    Ok(Expr::Variants(Variants { metrics, range }))
}
