//! Runs scripts in the language of logqltest: `load`, `clear`, `eval instant`, `eval range`, `expect …`.

use std::sync::Arc;

use logql::{EvalError, LabelSet, Options, Value};
use model::{Labels, MemoryLogs};

/// One `eval` and what came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) line: usize,
    pub(crate) query: String,
    pub(crate) result: Result<(), String>,
}

#[derive(Debug, Clone, Copy)]
enum When {
    Instant(i64),
    Range(i64, i64, i64),
}

/// Runs a whole script; one outcome for every `eval`.
pub(crate) fn run(text: &str) -> Vec<Outcome> {
    let lines: Vec<&str> = text.lines().map(without_comment).collect();
    let mut store = MemoryLogs::new();
    let mut outcomes = Vec::new();
    let mut at = 0;
    while let Some(head) = lines.get(at) {
        let start = at;
        at += 1;
        if head.trim().is_empty() {
            continue;
        }
        let mut body = Vec::new();
        while let Some(line) = lines
            .get(at)
            .filter(|line| line.is_empty() || line.starts_with(' '))
        {
            // A comment on a line of its own ends nothing, a blank line does.
            if line.trim().is_empty() && text.lines().nth(at).is_some_and(|line| line.trim().is_empty()) {
                break;
            }
            if !line.trim().is_empty() {
                body.push(line.trim().to_owned());
            }
            at += 1;
        }
        let mut tell = |query: &str, result| {
            outcomes.push(Outcome {
                line: start + 1,
                query: query.to_owned(),
                result,
            });
        };
        if *head == "clear" {
            store = MemoryLogs::new();
        } else if *head == "load" {
            for line in &body {
                if let Err(reason) = load(&store, line) {
                    tell(line, Err(reason));
                }
            }
        } else if let Some((when, query)) = when(head) {
            tell(query, eval(&store, when, query, &body));
        } else {
            tell(head, Err("unknown command".to_owned()));
        }
    }
    outcomes
}

/// A line up to the `#` that stands in no quotes.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut is_escaped = false;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            _ if is_escaped => is_escaped = false,
            (Some('"'), '\\') => is_escaped = true,
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '`') => quote = Some(c),
            (None, '#') => return line[..at].trim_end(),
            _ => {}
        }
    }
    line.trim_end()
}

fn nanoseconds(text: &str) -> Result<i64, String> {
    let duration = stdx::HumanDuration::parse(text.trim()).map_err(|error| error.to_string())?;
    Ok(duration.as_millis_i64() * 1_000_000)
}

fn when(head: &str) -> Option<(When, &str)> {
    let mut words = head.splitn(5, ' ');
    let (eval, kind) = (words.next()?, words.next()?);
    match (eval, kind, words.next()?) {
        ("eval", "instant", "at") => {
            let rest = head.splitn(5, ' ').skip(3).collect::<Vec<_>>();
            let [at, query] = rest.as_slice() else { return None };
            Some((When::Instant(nanoseconds(at).ok()?), query))
        }
        ("eval", "range", "from") => {
            let rest: Vec<&str> = head.splitn(9, ' ').skip(3).collect();
            let [from, "to", to, "step", step, query] = rest.as_slice() else {
                return None;
            };
            let times = [from, to, step].map(|text| nanoseconds(text).ok());
            let [Some(from), Some(to), Some(step)] = times else {
                return None;
            };
            Some((When::Range(from, to, step), query))
        }
        _ => None,
    }
}

/// Where the quoted text that `rest` starts with ends, and what it says.
fn quoted(rest: &str) -> Option<(String, usize)> {
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '`'))?;
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Some((text, at + 1)),
            '\\' if quote == '"' => match chars.next()?.1 {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                c => text.push(c),
            },
            _ => text.push(c),
        }
    }
    None
}

/// `name="value"` pairs with blanks or commas between them, up to a closing bracket; and how many bytes they take.
fn pairs(text: &str, closing: char) -> Option<(Vec<(String, String)>, usize)> {
    let mut pairs = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(behind) = rest.strip_prefix(closing) {
            return Some((pairs, text.len() - behind.len()));
        }
        let (name, behind) = rest.split_once('=')?;
        let (value, used) = quoted(behind)?;
        pairs.push((name.to_owned(), value));
        rest = &behind[used..];
    }
}

fn load(store: &Arc<MemoryLogs>, line: &str) -> Result<(), String> {
    let fault = || format!("cannot load {line}");
    let (labels, used) = pairs(line.strip_prefix('{').ok_or_else(fault)?, '}').ok_or_else(fault)?;
    let rest = line[used + 1..].trim_start();
    let (text, used) = quoted(rest).ok_or_else(fault)?;
    let rest = rest[used..]
        .trim()
        .strip_prefix('@')
        .ok_or_else(fault)?
        .trim_start();
    let (offset, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let at_ns = nanoseconds(offset)?;
    let (every_ns, times) = match rest.split_once("[repeat every ") {
        Some((_, repeat)) => {
            let (repeat, _) = repeat.split_once(']').ok_or_else(fault)?;
            let (every, times) = repeat.split_once(" for ").ok_or_else(fault)?;
            (nanoseconds(every)?, times.trim().parse().map_err(|_| fault())?)
        }
        None => (0, 1),
    };
    let metadata = match rest.split_once("[metadata ") {
        Some((_, metadata)) => pairs(metadata, ']').ok_or_else(fault)?.0,
        None => Vec::new(),
    };
    let metadata: Vec<(&str, &str)> = metadata.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let stream = Labels::from_pairs(labels);
    for place in 0..times {
        let text = text.replace("{{.i}}", &place.to_string());
        store.add(&stream, at_ns + every_ns * place, &text, &metadata);
    }
    Ok(())
}

fn answer(store: &Arc<MemoryLogs>, when: When, query: &str) -> Result<Value, String> {
    let expr = logql::parse(query).map_err(|error| error.to_string())?;
    let options = Options::default();
    let answered = match when {
        When::Instant(at_ns) => logql::instant(&expr, store.as_ref(), at_ns, &options),
        When::Range(from_ns, to_ns, step_ns) => {
            logql::range(&expr, store.as_ref(), (from_ns, to_ns), step_ns, &options)
        }
    };
    answered
        .map(|answer| answer.value)
        .map_err(|error: EvalError| error.to_string())
}

fn eval(store: &Arc<MemoryLogs>, when: When, query: &str, body: &[String]) -> Result<(), String> {
    let answered = answer(store, when, query);
    let expectation = |kind: &str| {
        body.iter()
            .find_map(|line| line.strip_prefix("expect ")?.strip_prefix(kind))
    };
    if let Some(wanted) = expectation("fail") {
        let Err(error) = answered else {
            return Err(format!("expected to fail, got {answered:?}"));
        };
        return fits(wanted.trim(), &error);
    }
    let value = answered?;
    let wanted: Vec<&String> = body
        .iter()
        .filter(|line| !line.starts_with("expect ") && !line.starts_with("skip "))
        .collect();
    if wanted.is_empty() && expectation("empty").is_none() {
        return Err(format!("nothing is expected, got {value:?}"));
    }
    compare(&value, when, &wanted, expectation("ordered").is_some())
}

fn fits(wanted: &str, error: &str) -> Result<(), String> {
    let fits = if let Some(text) = wanted.strip_prefix("msg:") {
        error.contains(text.trim())
    } else if let Some(pattern) = wanted.strip_prefix("regex:") {
        regex::Regex::new(pattern.trim())
            .map_err(|error| error.to_string())?
            .is_match(error)
    } else {
        true
    };
    if fits {
        Ok(())
    } else {
        Err(format!("expected {wanted}, got {error}"))
    }
}

type Points = Vec<(i64, f64)>;

fn series_of(value: &Value) -> Vec<(LabelSet, Points)> {
    match value {
        Value::Scalar { at_ns, value } => vec![(LabelSet::empty(), vec![(*at_ns, *value)])],
        Value::Vector(samples) => samples
            .iter()
            .map(|sample| (sample.labels.clone(), vec![(sample.at_ns, sample.value)]))
            .collect(),
        Value::Matrix(series) => series
            .iter()
            .map(|series| (series.labels.clone(), series.samples.clone()))
            .collect(),
        Value::Streams(_) => Vec::new(),
    }
}

fn wanted_series(line: &str, when: When) -> Option<(LabelSet, Points)> {
    let (start, step) = match when {
        When::Instant(at) => (at, 0),
        When::Range(from, _, step) => (from, step),
    };
    let (labels, rest) = match line.strip_prefix('{') {
        Some(inner) => {
            let (labels, used) = pairs(inner, '}')?;
            (labels, &inner[used..])
        }
        None => (Vec::new(), line),
    };
    let mut points = Points::new();
    for (place, text) in rest.split_whitespace().enumerate() {
        if text != "_" {
            points.push((start + step * place as i64, text.parse().ok()?));
        }
    }
    Some((LabelSet::from_pairs(labels), points))
}

fn compare(value: &Value, when: When, lines: &[&String], is_ordered: bool) -> Result<(), String> {
    let got = series_of(value);
    let wanted: Option<Vec<_>> = lines.iter().map(|line| wanted_series(line, when)).collect();
    let mut wanted = wanted.ok_or_else(|| format!("cannot read {lines:?}"))?;
    wanted.retain(|(_, points)| !points.is_empty());
    if got.len() != wanted.len() {
        return Err(format!("expected {wanted:?}, got {got:?}"));
    }
    for (place, (labels, points)) in wanted.iter().enumerate() {
        let found = if is_ordered {
            got.get(place).filter(|(found, _)| found == labels)
        } else {
            got.iter().find(|(found, _)| found == labels)
        };
        let Some((_, found)) = found else {
            return Err(format!("expected {labels} at place {place}, got {got:?}"));
        };
        let is_equal = found.len() == points.len()
            && found
                .iter()
                .zip(points)
                .all(|(found, point)| found.0 == point.0 && is_close(found.1, point.1));
        if !is_equal {
            return Err(format!("{labels}: expected {points:?}, got {found:?}"));
        }
    }
    Ok(())
}

/// Equal to 1e-6 relative, NaN to NaN.
pub(crate) fn is_close(left: f64, right: f64) -> bool {
    if left == right || (left.is_nan() && right.is_nan()) {
        return true;
    }
    left.is_finite() && right.is_finite() && (left - right).abs() <= 1e-6 * left.abs().max(right.abs())
}
