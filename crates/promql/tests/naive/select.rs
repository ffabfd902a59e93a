//! Selectors: which series, which sample of an instant, which samples of a window, and subqueries
//! (prometheus.io/docs/prometheus/latest/querying/basics).

use model::is_stale;
use regex::Regex;

use super::data::Labels;
use super::evaluate::{Context, Entry, vector};
use super::number::{Number, Outcome};
use super::tree::{Expr, Matcher, Selector};

/// The samples of one series in a window, which is never empty.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) labels: Labels,
    pub(crate) drops_name: bool,
    pub(crate) samples: Vec<(i64, Number)>,
    /// The window is open at its start and closed at its end.
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
}

/// Whether a series has the name and meets all matchers; a label that it has not is empty.
pub(crate) fn meets(selector: &Selector, labels: &Labels) -> bool {
    let holds = |matcher: &Matcher| {
        let value = labels.get(matcher.label).map_or("", String::as_str);
        let found = || {
            Regex::new(&format!("^(?:{})$", matcher.value))
                .unwrap()
                .is_match(value)
        };
        match matcher.op {
            "=" => value == matcher.value,
            "!=" => value != matcher.value,
            "=~" => found(),
            "!~" => !found(),
            other => panic!("no matcher: {other}"),
        }
    };
    labels["__name__"] == selector.name && selector.matchers.iter().all(holds)
}

/// The newest sample of every series, unless it is too old or says that the series has ended; with its time.
fn newest(selector: &Selector, context: Context<'_>) -> Vec<(i64, Entry)> {
    let at_ms = context.shifted(selector.shift);
    let mut found = Vec::new();
    for series in context
        .series
        .iter()
        .filter(|series| meets(selector, &series.labels))
    {
        let mut newest = None;
        for (sampled_ms, value) in &series.samples {
            if *sampled_ms > at_ms - context.settings.lookback_ms && *sampled_ms <= at_ms {
                newest = Some((*sampled_ms, *value));
            }
        }
        if let Some((sampled_ms, value)) = newest
            && !is_stale(value)
        {
            let number = Number::exact(value);
            let labels = series.labels.clone();
            found.push((
                sampled_ms,
                Entry {
                    labels,
                    drops_name: false,
                    number,
                },
            ));
        }
    }
    found
}

pub(crate) fn instant(selector: &Selector, context: Context<'_>) -> Vec<Entry> {
    newest(selector, context)
        .into_iter()
        .map(|(_, entry)| entry)
        .collect()
}

/// When the samples of an instant selector were taken, in seconds.
pub(crate) fn timestamps(selector: &Selector, context: Context<'_>) -> Vec<Entry> {
    let of = |(at_ms, entry): (i64, Entry)| Entry {
        number: Number::exact(at_ms as f64 / 1000.0),
        drops_name: true,
        ..entry
    };
    newest(selector, context).into_iter().map(of).collect()
}

/// The windows of all series that have samples there.
pub(crate) fn windows(expr: &Expr, context: Context<'_>) -> Outcome<Vec<Window>> {
    match expr {
        Expr::Window { selector, range_ms } => {
            let end_ms = context.shifted(selector.shift);
            let start_ms = end_ms - range_ms;
            let mut found = Vec::new();
            for series in context
                .series
                .iter()
                .filter(|series| meets(selector, &series.labels))
            {
                let mut samples = Vec::new();
                for (at_ms, value) in &series.samples {
                    if *at_ms > start_ms && *at_ms <= end_ms && !is_stale(*value) {
                        samples.push((*at_ms, Number::exact(*value)));
                    }
                }
                if !samples.is_empty() {
                    let labels = series.labels.clone();
                    found.push(Window {
                        labels,
                        drops_name: false,
                        samples,
                        start_ms,
                        end_ms,
                    });
                }
            }
            Ok(found)
        }
        Expr::Subquery {
            inner,
            range_ms,
            step_ms,
            shift,
        } => {
            let end_ms = context.shifted(*shift);
            let step_ms = step_ms.unwrap_or(context.settings.subquery_step_ms);
            subquery(inner, (end_ms - range_ms, end_ms), step_ms, context)
        }
        other => panic!("{other} is no range vector"),
    }
}

/// The inner expression at all multiples of the step in the window.
fn subquery(inner: &Expr, window: (i64, i64), step_ms: i64, context: Context<'_>) -> Outcome<Vec<Window>> {
    let (start_ms, end_ms) = window;
    let mut found: Vec<Window> = Vec::new();
    let mut now_ms = (start_ms / step_ms + 1) * step_ms;
    while now_ms <= end_ms {
        for entry in vector(inner, Context { now_ms, ..context })? {
            let sample = (now_ms, entry.number);
            match found
                .iter_mut()
                .find(|window| window.labels == entry.labels && window.drops_name == entry.drops_name)
            {
                Some(window) => window.samples.push(sample),
                None => found.push(Window {
                    labels: entry.labels,
                    drops_name: entry.drops_name,
                    samples: vec![sample],
                    start_ms,
                    end_ms,
                }),
            }
        }
        now_ms += step_ms;
    }
    Ok(found)
}
