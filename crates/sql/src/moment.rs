//! Moments and durations as arguments of `promql()`: literals, or what becomes one.

use datafusion::catalog::Session;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use stdx::HumanDuration;

use crate::error::SqlError;
use crate::hints::nanoseconds;

/// The value of an argument that needs no row, such as `now() - interval '1 hour'`.
pub(crate) fn value(expr: &Expr, session: &dyn Session) -> Result<ScalarValue> {
    let context = SimplifyContext::builder()
        .with_schema(DFSchema::empty().into())
        .with_config_options(std::sync::Arc::new(session.config_options().clone()))
        .with_query_execution_start_time(session.execution_props().query_execution_start_time)
        .build();
    let simplifier = ExprSimplifier::new(context);
    let coerced = simplifier.coerce(expr.clone(), &DFSchema::empty())?;
    match simplifier.simplify(coerced)? {
        Expr::Literal(value, _) => Ok(value),
        other => Err(SqlError::Statement(format!("promql() takes fixed values, not {other}")).into()),
    }
}

/// A moment, in milliseconds since the Unix epoch.
pub(crate) fn moment_ms(value: &ScalarValue, now_ms: i64) -> Result<i64, SqlError> {
    if let Some(at_ns) = nanoseconds(value) {
        return Ok(at_ns.div_euclid(1_000_000));
    }
    if let Some(seconds) = seconds(value) {
        return Ok((seconds * 1000.0).round() as i64);
    }
    let text = value.try_as_str().flatten().unwrap_or_default();
    let wrong = || {
        SqlError::Statement(format!(
            "promql(): {value} is no moment; write '2026-01-31T12:00:00Z', 'now-1h', seconds since 1970, or now() - interval '1 hour'"
        ))
    };
    if let Some(behind) = text.strip_prefix("now") {
        return match behind.split_at_checked(1) {
            None => Ok(now_ms),
            Some(("-", ago)) => {
                let ago: HumanDuration = ago.parse().map_err(|_| wrong())?;
                Ok(now_ms.saturating_sub(ago.as_millis_i64()))
            }
            Some(_) => Err(wrong()),
        };
    }
    let at: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    Ok(at.as_millisecond())
}

/// A step, in milliseconds.
pub(crate) fn step_ms(value: &ScalarValue) -> Result<i64, SqlError> {
    let wrong = || {
        SqlError::Statement(format!(
            "promql(): {value} is no step; write '30s', seconds, or interval '30 seconds'"
        ))
    };
    let step_ms = match value {
        ScalarValue::IntervalMonthDayNano(Some(interval)) if interval.months == 0 => {
            i64::from(interval.days) * 86_400_000 + interval.nanoseconds / 1_000_000
        }
        ScalarValue::IntervalDayTime(Some(interval)) => {
            i64::from(interval.days) * 86_400_000 + i64::from(interval.milliseconds)
        }
        other => match (seconds(other), other.try_as_str().flatten()) {
            (Some(seconds), _) => (seconds * 1000.0).round() as i64,
            (None, Some(text)) => {
                let step: HumanDuration = text.parse().map_err(|_| wrong())?;
                step.as_millis_i64()
            }
            (None, None) => return Err(wrong()),
        },
    };
    if step_ms > 0 { Ok(step_ms) } else { Err(wrong()) }
}

fn seconds(value: &ScalarValue) -> Option<f64> {
    match value {
        ScalarValue::Int64(Some(seconds)) => Some(*seconds as f64),
        ScalarValue::UInt64(Some(seconds)) => Some(*seconds as f64),
        ScalarValue::Float64(Some(seconds)) => Some(*seconds),
        _ => None,
    }
}
