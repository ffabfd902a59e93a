//! Asks the product and the reference the same, and says where they differ.

use std::sync::Arc;

use model::{Buckets, Histogram, HistogramSample, SeriesBatch, SeriesWrite, TenantId};
use promql::{MatrixSeries, Options, Point, Value as Got};
use testkit::MemorySeries;

use super::case::{Case, Times};
use super::data::Labels;
use super::evaluate::{Context, Value, answer, vector};
use super::native::{Native, SCHEMA, ZERO_THRESHOLD};
use super::number::{Number, Outcome, Stop};
use super::tree::Expr;

/// How far values may differ besides the slack that the reference gives them.
const RELATIVE: f64 = 1e-9;

/// What a case showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Both agree on an answer with values.
    Values,
    /// Both agree that there is nothing.
    Nothing,
    /// Both agree on an error.
    Error,
    /// At a time or more the documentation, or rounding, leaves it open.
    Undecided,
}

/// What the reference wants at one time: series with their values, in its order.
type Wanted = Vec<(Labels, Number)>;
/// What the product says at one time.
type Found = Vec<(Labels, f64)>;

/// Where the two differ, in words.
pub(crate) fn check(case: &Case) -> Result<Seen, String> {
    let text = case.expr.to_string();
    let expr = promql::parse(&text).map_err(|error| format!("refused by the parser: {error}"))?;
    let store = store(case);
    let options = Options {
        lookback_ms: case.settings.lookback_ms,
        subquery_step_ms: case.settings.subquery_step_ms,
        ..Options::default()
    };
    match case.times {
        Times::Instant { at_ms } => {
            let wanted = wanted(case, (at_ms, at_ms), at_ms);
            let got = promql::instant(&expr, store.as_ref(), at_ms, &options);
            let got = got
                .map(|answer| found(answer.value))
                .map_err(|error| error.to_string());
            one(&case.expr, at_ms, &wanted, &got)
        }
        Times::Range {
            start_ms,
            end_ms,
            step_ms,
        } => {
            let got = promql::range(&expr, store.as_ref(), start_ms, end_ms, step_ms, &options);
            let got = got.map(|answer| answer.value).map_err(|error| error.to_string());
            every_step(case, (start_ms, end_ms), step_ms, got)
        }
    }
}

fn store(case: &Case) -> Arc<MemorySeries> {
    let store = MemorySeries::new();
    for one in &case.series {
        let labels: Vec<(&str, &str)> = one.labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        store.add(&labels, &one.samples);
    }
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    for one in &case.natives {
        let labels = model::Labels::from_pairs(one.labels.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let sample = |(at_ms, native): &(i64, Option<Native>)| HistogramSample {
            at_ms: *at_ms,
            start_ms: model::NO_START,
            value: Arc::new(histogram(native.as_ref())),
        };
        batch.push_histograms(
            model::Series::new(labels),
            one.samples.iter().map(sample).collect(),
        );
    }
    store.append(&batch, 0).unwrap();
    store
}

fn histogram(native: Option<&Native>) -> Histogram {
    let Some(native) = native else {
        return Histogram {
            sum: model::STALE_NAN,
            ..Histogram::default()
        };
    };
    Histogram {
        schema: SCHEMA,
        zero_threshold: ZERO_THRESHOLD,
        zero_count: native.zero,
        count: native.count,
        sum: native.sum,
        positive: Buckets::from_sorted(native.buckets.iter().map(|(index, count)| (*index, *count))),
        ..Histogram::default()
    }
}

fn context(case: &Case, (start_ms, end_ms): (i64, i64), now_ms: i64) -> Context<'_> {
    Context {
        series: &case.series,
        natives: &case.natives,
        start_ms,
        end_ms,
        now_ms,
        settings: case.settings,
    }
}

fn wanted(case: &Case, range: (i64, i64), now_ms: i64) -> Outcome<Wanted> {
    Ok(match answer(&case.expr, context(case, range, now_ms))? {
        Value::Scalar(number) => vec![(Labels::new(), number)],
        Value::Vector(entries) => entries
            .into_iter()
            .map(|entry| (entry.labels, entry.number))
            .collect(),
        Value::Text => panic!("no query is a text"),
    })
}

fn labels(labels: &model::Labels) -> Labels {
    labels
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn found(value: Got) -> Found {
    match value {
        Got::Scalar { value, .. } => vec![(Labels::new(), value)],
        Got::Vector(samples) => {
            let of = |sample: promql::VectorSample| match sample.value {
                Point::Float(value) => (labels(&sample.labels), value),
                Point::Histogram(histogram) => panic!("a histogram of nothing: {histogram:?}"),
            };
            samples.into_iter().map(of).collect()
        }
        other => panic!("no answer to an instant query: {other:?}"),
    }
}

fn every_step(
    case: &Case,
    range: (i64, i64),
    step_ms: i64,
    got: Result<Got, String>,
) -> Result<Seen, String> {
    let mut times = Vec::new();
    let mut at_ms = range.0;
    while at_ms <= range.1 {
        times.push((at_ms, wanted(case, range, at_ms)));
        at_ms += step_ms;
    }
    let fails = times
        .iter()
        .any(|(_, wanted)| matches!(wanted, Err(Stop::Error(_))));
    let is_open = times
        .iter()
        .any(|(_, wanted)| matches!(wanted, Err(Stop::Undecided(_))));
    let matrix = match got {
        Err(_) if fails || is_open => {
            return Ok(if fails { Seen::Error } else { Seen::Undecided });
        }
        // Between the steps of a query its subqueries go on, and may fail where nothing of them is wanted.
        Err(_) if fails_between(&case.expr, range, context(case, range, range.0)) => return Ok(Seen::Error),
        Err(error) => return Err(format!("got an error, wanted none at any step: {error}")),
        Ok(Got::Matrix(matrix)) => matrix,
        Ok(other) => panic!("no answer to a range query: {other:?}"),
    };
    if let Some((at_ms, wanted)) = times
        .iter()
        .find(|(_, wanted)| matches!(wanted, Err(Stop::Error(_))))
    {
        return Err(format!("wanted {wanted:?} at {at_ms}, got an answer"));
    }
    let mut seen = Seen::Nothing;
    for (at_ms, wanted) in &times {
        let got = Ok(at_step(&matrix, *at_ms));
        match one_at(&case.expr, *at_ms, wanted, &got, false)? {
            Seen::Values if seen == Seen::Nothing => seen = Seen::Values,
            Seen::Undecided => seen = Seen::Undecided,
            _ => {}
        }
    }
    Ok(seen)
}

/// Whether a subquery fails at one of its steps while the query goes from the first of `range` to the last.
fn fails_between(expr: &Expr, range: (i64, i64), context: Context<'_>) -> bool {
    let Expr::Subquery {
        inner,
        range_ms,
        step_ms,
        shift,
    } = expr
    else {
        return expr
            .parts()
            .iter()
            .any(|part| fails_between(part, range, context));
    };
    let shifted = |now_ms| Context { now_ms, ..context }.shifted(*shift);
    let inner_range = (shifted(range.0) - range_ms, shifted(range.1));
    let step_ms = step_ms.unwrap_or(context.settings.subquery_step_ms);
    let mut now_ms = (inner_range.0 / step_ms + 1) * step_ms;
    while now_ms <= inner_range.1 {
        if matches!(vector(inner, Context { now_ms, ..context }), Err(Stop::Error(_))) {
            return true;
        }
        now_ms += step_ms;
    }
    fails_between(inner, inner_range, context)
}

fn at_step(matrix: &[MatrixSeries], at_ms: i64) -> Found {
    let of = |series: &MatrixSeries| {
        let sample = series.samples.iter().find(|sample| sample.at_ms == at_ms)?;
        Some((labels(&series.labels), sample.value))
    };
    matrix.iter().filter_map(of).collect()
}

fn one(
    expr: &Expr,
    at_ms: i64,
    wanted: &Outcome<Wanted>,
    got: &Result<Found, String>,
) -> Result<Seen, String> {
    one_at(expr, at_ms, wanted, got, true)
}

fn one_at(
    expr: &Expr,
    at_ms: i64,
    wanted: &Outcome<Wanted>,
    got: &Result<Found, String>,
    is_instant: bool,
) -> Result<Seen, String> {
    let differ = || {
        Err(format!(
            "at {at_ms}\n  wanted {}\n  got    {}",
            shown(wanted),
            shown_found(got)
        ))
    };
    match (wanted, got) {
        (Err(Stop::Undecided(_)), _) => Ok(Seen::Undecided),
        (Err(Stop::Error(_)), Err(_)) => Ok(Seen::Error),
        (Ok(wanted), Ok(got)) if is_same(wanted, got) && (!is_instant || is_in_order(expr, wanted, got)) => {
            Ok(if wanted.is_empty() {
                Seen::Nothing
            } else {
                Seen::Values
            })
        }
        _ => differ(),
    }
}

/// Whether the series are the same, in any order, and so are their values.
fn is_same(wanted: &Wanted, got: &Found) -> bool {
    let mut wanted: Vec<_> = wanted.iter().collect();
    let mut got: Vec<_> = got.iter().collect();
    wanted.sort_by(|left, right| left.0.cmp(&right.0));
    got.sort_by(|left, right| left.0.cmp(&right.0));
    wanted.len() == got.len()
        && wanted
            .iter()
            .zip(got)
            .all(|(wanted, got)| wanted.0 == got.0 && is_close(wanted.1, got.1))
}

/// Whether a sorted answer is in the order that was asked for; equal values have none.
fn is_in_order(expr: &Expr, wanted: &Wanted, got: &Found) -> bool {
    let Expr::Call { name, .. } = expr else {
        return true;
    };
    let mut both = wanted.iter().zip(got);
    match *name {
        "sort" | "sort_desc" => both.all(|(wanted, got)| is_close(wanted.1, got.1)),
        "sort_by_label" | "sort_by_label_desc" => both.all(|(wanted, got)| wanted.0 == got.0),
        _ => true,
    }
}

fn is_close(wanted: Number, got: f64) -> bool {
    if wanted.value == got || (wanted.value.is_nan() && got.is_nan()) {
        return true;
    }
    if !wanted.value.is_finite() || !got.is_finite() {
        return false;
    }
    let tolerance = wanted.slack.max(RELATIVE * wanted.value.abs().max(got.abs()));
    (wanted.value - got).abs() <= tolerance
}

fn shown(wanted: &Outcome<Wanted>) -> String {
    match wanted {
        Ok(series) => listed(
            series
                .iter()
                .map(|(labels, n)| format!("{labels:?} {:?} ± {:e}", n.value, n.slack)),
        ),
        Err(stop) => format!("{stop:?}"),
    }
}

fn shown_found(got: &Result<Found, String>) -> String {
    match got {
        Ok(series) => listed(
            series
                .iter()
                .map(|(labels, value)| format!("{labels:?} {value:?}")),
        ),
        Err(error) => format!("error: {error}"),
    }
}

fn listed(lines: impl Iterator<Item = String>) -> String {
    lines.fold(String::new(), |text, line| text + "\n    " + &line)
}
