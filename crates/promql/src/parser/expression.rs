//! Expressions by precedence climbing: operators, calls, aggregations and the modifiers behind a selector.

use super::cursor::Cursor;
use super::lexer::{Token, TokenKind};
use super::{Fault, duration, selector};
use crate::ast::{
    Aggregate, AggregateOp, AtModifier, Binary, BinaryOp, Call, Cardinality, DurationNode, Extended, Kind,
    Matching, Matrix, Node, NumberLiteral, Subquery, TimeShift, UnaryOp, belongs_to_operator,
};
use crate::functions;

/// The one expression of which `tokens` consist.
pub(super) fn read(source: &str, tokens: &[Token]) -> Result<Node, Fault> {
    let mut cursor = Cursor::new(source, tokens);
    if cursor.peek().kind == TokenKind::End {
        return Err(Fault::new(0, "no expression found in input"));
    }
    let node = read_expression(&mut cursor, 0)?;
    if cursor.peek().kind == TokenKind::End {
        Ok(node)
    } else {
        Err(cursor.unexpected("", ""))
    }
}

/// How strongly unary signs bind: as multiplication, weaker than `^`.
const UNARY: u8 = 5;

/// The operator that comes next and how strongly it binds.
fn operator(cursor: &Cursor<'_>) -> Option<(BinaryOp, u8)> {
    let token = cursor.peek();
    Some(match &token.kind {
        TokenKind::Sign(sign) => match *sign {
            "==" => (BinaryOp::Equal, 3),
            "!=" => (BinaryOp::NotEqual, 3),
            "<" => (BinaryOp::Less, 3),
            "<=" => (BinaryOp::LessEqual, 3),
            ">" => (BinaryOp::Greater, 3),
            ">=" => (BinaryOp::GreaterEqual, 3),
            "</" => (BinaryOp::TrimUpper, 3),
            ">/" => (BinaryOp::TrimLower, 3),
            "+" => (BinaryOp::Add, 4),
            "-" => (BinaryOp::Sub, 4),
            "*" => (BinaryOp::Mul, UNARY),
            "/" => (BinaryOp::Div, UNARY),
            "%" => (BinaryOp::Mod, UNARY),
            "^" => (BinaryOp::Pow, 6),
            _ => return None,
        },
        TokenKind::Word => match token.text(cursor.source).to_ascii_lowercase().as_str() {
            "or" => (BinaryOp::Or, 1),
            "and" => (BinaryOp::And, 2),
            "unless" => (BinaryOp::Unless, 2),
            "atan2" => (BinaryOp::Atan2, UNARY),
            _ => return None,
        },
        _ => return None,
    })
}

fn read_expression(cursor: &mut Cursor<'_>, weakest: u8) -> Result<Node, Fault> {
    let mut left = cursor.deeper(read_operand)?;
    while let Some((op, strength)) = operator(cursor).filter(|(_, strength)| *strength >= weakest) {
        cursor.count_operator()?;
        cursor.take();
        let (return_bool, matching) = read_matching(cursor)?;
        let next = if op == BinaryOp::Pow {
            strength
        } else {
            strength + 1
        };
        let right = cursor.deeper(|cursor| read_expression(cursor, next))?;
        let at = left.at;
        let binary = Binary {
            op,
            left,
            right,
            return_bool,
            matching,
        };
        left = Node {
            kind: Kind::Binary(Box::new(binary)),
            at,
        };
    }
    Ok(left)
}

/// `bool`, `on` or `ignoring`, `group_left` or `group_right`, and fills, behind an operator.
fn read_matching(cursor: &mut Cursor<'_>) -> Result<(bool, Matching), Fault> {
    let return_bool = cursor.take_word("bool");
    let mut matching = Matching::default();
    let word = cursor.word().unwrap_or_default();
    if matches!(word.as_str(), "on" | "ignoring") {
        cursor.take();
        matching.on = word == "on";
        matching.labels = selector::read_label_names(cursor)?;
        let word = cursor.word().unwrap_or_default();
        if matches!(word.as_str(), "group_left" | "group_right") {
            cursor.take();
            matching.cardinality = if word == "group_left" {
                Cardinality::ManyToOne
            } else {
                Cardinality::OneToMany
            };
            if cursor.is_sign("(") {
                matching.include = selector::read_label_names(cursor)?;
            }
        }
    }
    // A metric may be named like these modifiers; only the modifier is followed by a parenthesis.
    while cursor.opens_at(1) {
        let word = cursor.word().unwrap_or_default();
        let (left, right) = match word.as_str() {
            "fill" => (true, true),
            "fill_left" => (true, false),
            "fill_right" => (false, true),
            _ => break,
        };
        let is_repeated = (left && matching.fill_left.is_some()) || (right && matching.fill_right.is_some());
        if is_repeated {
            return Err(cursor.unexpected("fill modifiers", "each side at most once"));
        }
        cursor.take();
        cursor.expect_sign("(", "fill modifier")?;
        let value = read_signed_number(cursor, "fill modifier")?;
        cursor.expect_sign(")", "fill modifier")?;
        if left {
            matching.fill_left = Some(value);
        }
        if right {
            matching.fill_right = Some(value);
        }
    }
    Ok((return_bool, matching))
}

fn read_operand(cursor: &mut Cursor<'_>) -> Result<Node, Fault> {
    let at = cursor.at();
    let op = if cursor.take_sign("-") {
        UnaryOp::Minus
    } else if cursor.take_sign("+") {
        UnaryOp::Plus
    } else {
        return read_postfixed(cursor);
    };
    // The sign of a number is its own and no level: numbers are printed with signs that they were not written with.
    let inner = if is_number(cursor) {
        read_postfixed(cursor)?
    } else {
        cursor.deeper(|cursor| read_expression(cursor, UNARY + 1))?
    };
    let kind = match (op, inner.kind) {
        (UnaryOp::Plus, Kind::Number(literal)) => Kind::Number(literal),
        (UnaryOp::Minus, Kind::Number(literal)) => Kind::Number(NumberLiteral {
            value: -literal.value,
            ..literal
        }),
        (op, kind) => Kind::Unary(op, Box::new(Node { kind, at: inner.at })),
    };
    Ok(Node { kind, at })
}

/// Whether a number comes next that is no base of a power, which would be read before its sign.
fn is_number(cursor: &Cursor<'_>) -> bool {
    let is_named = || matches!(cursor.word().as_deref(), Some("inf" | "nan"));
    let is_number = matches!(cursor.peek().kind, TokenKind::Number(_)) || is_named();
    is_number && cursor.peek_at(1).kind != TokenKind::Sign("^")
}

fn read_postfixed(cursor: &mut Cursor<'_>) -> Result<Node, Fault> {
    let mut node = read_primary(cursor)?;
    loop {
        let at = cursor.at();
        if cursor.take_sign("[") {
            cursor.count_operator()?;
            node = read_range(cursor, node)?;
        } else if cursor.take_sign("@") {
            let time = read_at(cursor)?;
            let shift = time_shift(&mut node)
                .ok_or_else(|| Fault::new(at, "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery"))?;
            if shift.at.replace(time).is_some() {
                return Err(Fault::new(at, "@ <timestamp> may not be set multiple times"));
            }
        } else if cursor.take_word("offset") {
            let offset = duration::read_offset(cursor)?;
            let shift = time_shift(&mut node)
                .ok_or_else(|| Fault::new(at, "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery"))?;
            if shift.offset.replace(offset).is_some() {
                return Err(Fault::new(at, "offset may not be set multiple times"));
            }
        } else if cursor.take_word("anchored") {
            extend(&mut node, Extended::Anchored, at)?;
        } else if cursor.take_word("smoothed") {
            extend(&mut node, Extended::Smoothed, at)?;
        } else {
            return Ok(node);
        }
    }
}

/// What stands behind an opening bracket: a range or a subquery.
fn read_range(cursor: &mut Cursor<'_>, node: Node) -> Result<Node, Fault> {
    const PLACE: &str = "subquery or range selector";
    let range = duration::read_range(cursor)?;
    let at = node.at;
    if cursor.take_sign(":") {
        let step = if cursor.is_sign("]") {
            None
        } else {
            Some(duration::read_range(cursor)?)
        };
        cursor.expect_sign("]", PLACE)?;
        let subquery = Subquery {
            inner: node,
            range,
            step,
            time: TimeShift::default(),
        };
        return Ok(Node {
            kind: Kind::Subquery(Box::new(subquery)),
            at,
        });
    }
    cursor.expect_sign("]", PLACE)?;
    matrix(node, range)
}

fn matrix(node: Node, range: DurationNode) -> Result<Node, Fault> {
    let at = node.at;
    let Kind::Selector(selector) = node.kind else {
        return Err(Fault::new(at, "ranges only allowed for vector selectors"));
    };
    if selector.time.offset.is_some() {
        return Err(Fault::new(at, "no offset modifiers allowed before range"));
    }
    if selector.time.at.is_some() {
        return Err(Fault::new(at, "no @ modifiers allowed before range"));
    }
    if selector.extended.is_some() {
        return Err(Fault::new(
            at,
            "no anchored or smoothed modifiers allowed before range",
        ));
    }
    Ok(Node {
        kind: Kind::Matrix(Box::new(Matrix { selector, range })),
        at,
    })
}

fn read_at(cursor: &mut Cursor<'_>) -> Result<AtModifier, Fault> {
    const PLACE: &str = "@ modifier";
    let word = cursor.word().unwrap_or_default();
    if matches!(word.as_str(), "start" | "end") {
        cursor.take();
        cursor.expect_sign("(", PLACE)?;
        cursor.expect_sign(")", PLACE)?;
        return Ok(if word == "start" {
            AtModifier::Start
        } else {
            AtModifier::End
        });
    }
    let at = cursor.at();
    let seconds = read_signed_number(cursor, PLACE)?;
    let millis = (seconds * 1000.0).round();
    // Half of the range of 64 bits, so that offsets and windows cannot leave it.
    if millis.is_finite() && millis.abs() < i64::MAX as f64 / 2.0 {
        Ok(AtModifier::Time(millis as i64))
    } else {
        Err(Fault::new(
            at,
            format!("timestamp out of bounds for @ modifier: {seconds}"),
        ))
    }
}

fn read_signed_number(cursor: &mut Cursor<'_>, place: &str) -> Result<f64, Fault> {
    let negative = cursor.take_sign("-");
    if !negative {
        cursor.take_sign("+");
    }
    let value = match (&cursor.peek().kind, cursor.word().as_deref()) {
        (TokenKind::Number(literal), _) => literal.value,
        (_, Some("inf")) => f64::INFINITY,
        (_, Some("nan")) => f64::NAN,
        _ => return Err(cursor.unexpected(place, "number")),
    };
    cursor.take();
    // A sign of what is no number is not printed.
    Ok(if negative && !value.is_nan() {
        -value
    } else {
        value
    })
}

fn time_shift(node: &mut Node) -> Option<&mut TimeShift> {
    match &mut node.kind {
        Kind::Selector(selector) => Some(&mut selector.time),
        Kind::Matrix(matrix) => Some(&mut matrix.selector.time),
        Kind::Subquery(subquery) => Some(&mut subquery.time),
        _ => None,
    }
}

fn extend(node: &mut Node, extended: Extended, at: usize) -> Result<(), Fault> {
    let place = match &mut node.kind {
        Kind::Matrix(matrix) => &mut matrix.selector.extended,
        Kind::Selector(selector) if extended == Extended::Smoothed => &mut selector.extended,
        _ => {
            let message = match extended {
                Extended::Anchored => "anchored modifier must be preceded by a range vector selector",
                Extended::Smoothed => {
                    "smoothed modifier must be preceded by an instant or range vector selector"
                }
            };
            return Err(Fault::new(at, message));
        }
    };
    if place.replace(extended).is_some() {
        return Err(Fault::new(at, "anchored and smoothed may be set only once"));
    }
    Ok(())
}

fn read_primary(cursor: &mut Cursor<'_>) -> Result<Node, Fault> {
    let token = cursor.peek();
    let at = token.at;
    let node = |kind| Ok(Node { kind, at });
    match &token.kind {
        TokenKind::Number(literal) => {
            cursor.take();
            node(Kind::Number(literal.clone()))
        }
        TokenKind::Text(literal) => {
            cursor.take();
            node(Kind::Text(literal.clone()))
        }
        TokenKind::Sign("(") => {
            cursor.take();
            let inner = cursor.deeper(|cursor| read_expression(cursor, 0))?;
            cursor.expect_sign(")", "paren expression")?;
            node(Kind::Paren(Box::new(inner)))
        }
        TokenKind::Sign("{") => selector::read(cursor),
        TokenKind::Word => read_word(cursor),
        _ => Err(cursor.unexpected("", "")),
    }
}

/// An operand that starts with a word: an aggregation, a call, a number's name or a metric's name.
fn read_word(cursor: &mut Cursor<'_>) -> Result<Node, Fault> {
    let at = cursor.at();
    let word = cursor.word().unwrap_or_default();
    let follows = cursor.word_at(1);
    let groups = follows.is_some_and(|word| word == "by" || word == "without");
    let aggregate = AggregateOp::ALL.iter().find(|(name, _)| *name == word);
    if let Some((_, op)) = aggregate
        && (cursor.opens_at(1) || groups)
    {
        return read_aggregate(cursor, *op);
    }
    let number = |value| Node {
        kind: Kind::Number(NumberLiteral {
            value,
            is_duration: false,
        }),
        at,
    };
    match word.as_str() {
        "inf" => {
            cursor.take();
            return Ok(number(f64::INFINITY));
        }
        "nan" => {
            cursor.take();
            return Ok(number(f64::NAN));
        }
        word if belongs_to_operator(word) => return Err(cursor.unexpected("", "")),
        _ => {}
    }
    if cursor.opens_at(1) {
        return read_call(cursor);
    }
    selector::read(cursor)
}

fn read_call(cursor: &mut Cursor<'_>) -> Result<Node, Fault> {
    let at = cursor.at();
    let name = cursor.take().text(cursor.source);
    // The words of the query's own time are keywords, hence in any case.
    let lower = name.to_ascii_lowercase();
    let known = if matches!(lower.as_str(), "start" | "end" | "step" | "range") {
        functions::find(&lower)
    } else {
        functions::find(name)
    };
    let function = known.ok_or_else(|| {
        let hint = functions::nearest(name).map_or(String::new(), |near| format!(", did you mean {near:?}?"));
        Fault::new(at, format!("unknown function with name {name:?}{hint}"))
    })?;
    let args = read_args(cursor)?;
    Ok(Node {
        kind: Kind::Call(Call { function, args }),
        at,
    })
}

fn read_args(cursor: &mut Cursor<'_>) -> Result<Vec<Node>, Fault> {
    const PLACE: &str = "function call";
    cursor.expect_sign("(", PLACE)?;
    let mut args = Vec::new();
    if cursor.take_sign(")") {
        return Ok(args);
    }
    loop {
        args.push(cursor.deeper(|cursor| read_expression(cursor, 0))?);
        if cursor.take_sign(")") {
            return Ok(args);
        }
        cursor.expect_sign(",", PLACE)?;
    }
}

fn read_aggregate(cursor: &mut Cursor<'_>, op: AggregateOp) -> Result<Node, Fault> {
    let at = cursor.at();
    cursor.take();
    let mut grouping = read_grouping(cursor)?;
    let args = read_args(cursor)?;
    if grouping.is_none() {
        grouping = read_grouping(cursor)?;
    }
    let (without, labels) = grouping.unwrap_or_default();
    let wanted = if op.parameter_type().is_some() { 2 } else { 1 };
    let got = args.len();
    let mut args = args.into_iter();
    let (parameter, inner) = match (wanted, args.next(), args.next(), args.next()) {
        (1, Some(inner), None, None) => (None, inner),
        (2, Some(parameter), Some(inner), None) => (Some(parameter), inner),
        _ if got == 0 => return Err(Fault::new(at, "no arguments for aggregate expression provided")),
        _ => {
            return Err(Fault::new(
                at,
                format!(
                    "wrong number of arguments for aggregate expression provided, expected {wanted}, got {got}"
                ),
            ));
        }
    };
    let aggregate = Aggregate {
        op,
        inner,
        parameter,
        without,
        labels,
    };
    Ok(Node {
        kind: Kind::Aggregate(Box::new(aggregate)),
        at,
    })
}

/// `by (…)` or `without (…)`, if it comes next.
fn read_grouping(cursor: &mut Cursor<'_>) -> Result<Option<(bool, Vec<String>)>, Fault> {
    let without = cursor.take_word("without");
    if !without && !cursor.take_word("by") {
        return Ok(None);
    }
    Ok(Some((without, selector::read_label_names(cursor)?)))
}
