//! Reads one line of statsd: `name:value|type|@rate|#tag:value`, with what DogStatsD and several values in a line add.
//!
//! Sources: github.com/statsd/statsd, docs/metric_types.md; docs.datadoghq.com, "Datagram Format and Shell Usage".

use crate::exposition::snippet;

/// One value of one metric. A line can hold several.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event<'a> {
    /// The metric's name as written.
    pub name: &'a str,
    /// What was measured.
    pub value: Value<'a>,
    /// What share of all events was sent, above 0 and up to 1.
    pub rate: f64,
    /// Tags as written, separated by commas; empty where there are none.
    pub tags: &'a str,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Add to a counter.
    Count(f64),
    /// Set a gauge.
    Set(f64),
    /// Move a gauge.
    Move(f64),
    /// A time in milliseconds.
    Time(f64),
    /// An observation without a unit.
    Observe(f64),
    /// A member of a set.
    Member(&'a str),
}

/// Why a line, or a part of it, is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// A short word for counters.
    pub reason: &'static str,
    /// What is wrong, with a piece of the line.
    pub text: String,
}

impl Refused {
    fn new(reason: &'static str, line: &str) -> Self {
        Self {
            reason,
            text: format!("{reason} in {:?}", snippet(line)),
        }
    }
}

/// Reads a line and hands on what it holds, value by value; gives back why the rest of it is not taken.
pub fn read<'a>(line: &'a str, mut take: impl FnMut(Event<'a>)) -> Result<(), Refused> {
    let refuse = |reason| Err(Refused::new(reason, line));
    if line.starts_with("_e{") {
        return refuse("event");
    }
    if line.starts_with("_sc|") {
        return refuse("service_check");
    }
    let Some((name, rest)) = line.split_once(':').filter(|(name, _)| !name.is_empty()) else {
        return refuse("malformed");
    };
    let Some((values, sections)) = rest.split_once('|') else {
        return refuse("malformed");
    };
    let kind_end = sections.find('|').unwrap_or(sections.len());
    let (kind, _) = sections.split_at(kind_end);
    if kind.contains(':') || (!sections.contains("|#") && sections.contains(':') && !has_extension(sections))
    {
        // The old way of several values in a line: each with its own type.
        let mut first_fault = Ok(());
        for part in rest.split(':') {
            let Some((value, sections)) = part.split_once('|') else {
                return refuse("malformed");
            };
            let read = Sections::read(sections).and_then(|own| own.sample(name, value, &mut take));
            first_fault = first_fault.and(read);
        }
        return first_fault.or_else(refuse);
    }
    // What stands behind the values is read once for all of them.
    let read = Sections::read(sections).and_then(|sections| {
        // A member of a set may hold colons.
        if sections.kind == "s" {
            return sections.sample(name, values, &mut take);
        }
        let samples = values
            .split(':')
            .map(|value| sections.sample(name, value, &mut take));
        // Every value is taken, whatever becomes of those before.
        samples.fold(Ok(()), Result::and)
    });
    read.or_else(refuse)
}

/// Whether a section is DogStatsD's own (container, time, external data, cardinality), which may hold colons.
fn has_extension(sections: &str) -> bool {
    let mut all = sections.split('|').skip(1);
    all.any(|section| {
        ["c:", "e:", "card:", "T"]
            .iter()
            .any(|start| section.starts_with(start))
    })
}

/// What was sampled less often than one in a billion cannot be added up.
const SAMPLE_RATE_MIN: f64 = 1e-9;

/// What stands behind a value. Faults are told by their word alone: the line is the caller's.
#[derive(Debug, Clone, Copy)]
struct Sections<'a> {
    kind: &'a str,
    rate: f64,
    tags: &'a str,
}

impl<'a> Sections<'a> {
    fn read(sections: &'a str) -> Result<Self, &'static str> {
        let mut sections = sections.split('|');
        let kind = sections.next().unwrap_or_default().trim();
        let (mut rate, mut tags) = (1.0, "");
        for section in sections {
            match section.as_bytes().first() {
                Some(b'@') => match section.get(1..).and_then(number) {
                    Some(given) if (SAMPLE_RATE_MIN..=1.0).contains(&given) => rate = given,
                    _ => return Err("bad_sample_rate"),
                },
                Some(b'#') => tags = section.get(1..).unwrap_or_default(),
                // A value that was counted elsewhere for a time of its own cannot be added up here.
                Some(b'T') => return Err("timestamped"),
                _ if has_known_extension(section) => {}
                _ => return Err("malformed"),
            }
        }
        Ok(Self { kind, rate, tags })
    }

    fn sample(
        self,
        name: &'a str,
        value: &'a str,
        take: &mut impl FnMut(Event<'a>),
    ) -> Result<(), &'static str> {
        let Self { kind, rate, tags } = self;
        let relative = value.starts_with(['+', '-']);
        let parsed = number(value);
        let value = match (kind, parsed) {
            ("s", _) if !value.is_empty() => Value::Member(value),
            ("c" | "m", Some(count)) if !(count / rate).is_finite() => return Err("bad_value"),
            ("c" | "m", Some(count)) if count >= 0.0 => Value::Count(count / rate),
            ("c" | "m", Some(_)) => return Err("negative_counter"),
            ("g", Some(by)) if relative => Value::Move(by),
            ("g", Some(to)) => Value::Set(to),
            ("ms", Some(time)) => Value::Time(time),
            ("h" | "d", Some(observed)) => Value::Observe(observed),
            ("c" | "m" | "g" | "ms" | "h" | "d", None) => return Err("bad_value"),
            ("s", _) => return Err("bad_value"),
            _ => return Err("unknown_type"),
        };
        take(Event {
            name,
            value,
            rate,
            tags,
        });
        Ok(())
    }
}

fn has_known_extension(section: &str) -> bool {
    section.is_empty()
        || ["c:", "e:", "card:"]
            .iter()
            .any(|start| section.starts_with(start))
}

/// A finite decimal.
fn number(text: &str) -> Option<f64> {
    let decimal = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse()
        .ok()
        .filter(|value: &f64| decimal && value.is_finite())
}

/// The tags of an event as names and values of labels. A tag without a value says only that it is there, as `true`.
pub fn labels(tags: &str) -> impl Iterator<Item = (String, String)> + '_ {
    tags.split(',').filter(|tag| !tag.is_empty()).map(|tag| {
        let (name, value) = tag.split_once(':').unwrap_or((tag, "true"));
        (label_name(name.trim()), value.trim().to_owned())
    })
}

/// A name as a metric's: what is no letter, digit, underscore or colon becomes an underscore (statsd_exporter,
/// `EscapeMetricName`).
pub fn metric_name(written: &str) -> String {
    escaped(written, |char| {
        char.is_ascii_alphanumeric() || char == '_' || char == ':'
    })
}

fn label_name(written: &str) -> String {
    escaped(written, |char| char.is_ascii_alphanumeric() || char == '_')
}

fn escaped(written: &str, stays: impl Fn(char) -> bool) -> String {
    let mut name = String::with_capacity(written.len() + 1);
    if written.starts_with(|first: char| first.is_ascii_digit()) {
        name.push('_');
    }
    name.extend(written.chars().map(|char| if stays(char) { char } else { '_' }));
    name
}
