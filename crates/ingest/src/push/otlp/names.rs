//! Names of metrics and labels out of OpenTelemetry's, as Prometheus' `otlptranslator` makes them.
//!
//! Source: opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics, "OTLP Metric points to Prometheus".

use std::borrow::Cow;

use crate::config::otlp::{OtlpConfig, TranslationStrategy};
use crate::exposition::snippet;

/// What a name depends on beside itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suffix {
    /// A gauge: `_ratio` where its unit is `1`.
    Gauge,
    /// A sum that only grows: `_total`.
    Counter,
    /// All others: the unit alone.
    Unit,
}

/// How names are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Namer {
    /// Whether foreign characters stay.
    utf8: bool,
    /// Whether unit and `_total` are added.
    suffixes: bool,
    /// Whether label names that begin with one underscore are given `key` in front.
    key_before_underscore: bool,
    /// Whether several underscores in a row stay in label names.
    underscores_stay: bool,
}

/// OpenTelemetry's units (UCUM) and what Prometheus calls them.
const UNITS: [(&str, &str); 24] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    // So spelt by Prometheus 3 as well: series must be found under the names that dashboards have.
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
];

/// Units after a slash.
const PER_UNITS: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

impl Namer {
    /// The way of naming that a configuration asks for.
    pub(super) fn new(config: &OtlpConfig) -> Self {
        let strategy: TranslationStrategy = config.translation_strategy;
        Self {
            utf8: strategy.makes_utf8_names(),
            suffixes: strategy.adds_suffixes(),
            key_before_underscore: config.label_name_underscore_sanitization,
            underscores_stay: config.label_name_preserve_multiple_underscores,
        }
    }

    /// A metric's name. `Err` where nothing is left of it.
    pub(super) fn metric(&self, name: &str, unit: &str, suffix: Suffix) -> Result<String, String> {
        let built = match (self.utf8, self.suffixes) {
            (true, true) => utf8_with_suffixes(name, unit, suffix),
            (true, false) => name.to_owned(),
            (false, true) => escaped_with_suffixes(name, unit, suffix),
            (false, false) => escaped(name),
        };
        let unusable = built.is_empty() || (!self.utf8 && built != name && is_underscores(&built));
        if unusable {
            return Err(format!(
                "the metric name {:?} leaves no name behind",
                snippet(name)
            ));
        }
        Ok(built)
    }

    /// A label's name. `Err` where nothing is left of it.
    pub(super) fn label<'n>(&self, name: &'n str) -> Result<Cow<'n, str>, String> {
        let built = if self.utf8 {
            Cow::Borrowed(name)
        } else {
            self.escaped_label(name)
        };
        if is_underscores(&built) {
            return Err(format!(
                "the attribute name {:?} leaves no label name behind",
                snippet(name)
            ));
        }
        Ok(built)
    }

    fn escaped_label<'n>(&self, name: &'n str) -> Cow<'n, str> {
        let reserved =
            !self.underscores_stay && name.len() >= 4 && name.starts_with("__") && name.ends_with("__");
        let inner = if reserved {
            name.get(2..name.len() - 2).unwrap_or_default()
        } else {
            name
        };
        let mut built = String::with_capacity(name.len());
        let mut after_underscore = false;
        for character in inner.chars() {
            let keep = character.is_ascii_alphanumeric();
            if keep || self.underscores_stay || !after_underscore {
                built.push(if keep { character } else { '_' });
            }
            after_underscore = !keep;
        }
        if reserved {
            built = format!("__{built}__");
        }
        if built.starts_with(|first: char| first.is_ascii_digit()) {
            built.insert_str(0, "key_");
        } else if self.key_before_underscore && built.starts_with('_') && !built.starts_with("__") {
            built.insert_str(0, "key");
        }
        if built == name {
            return Cow::Borrowed(name);
        }
        Cow::Owned(built)
    }
}

/// The unit in Prometheus' words, for metadata: `By/s` is `bytes_per_second`.
pub(super) fn unit_words(unit: &str) -> String {
    let (main, per) = unit_suffixes(unit);
    let (main, per) = (clean_unit(&main), clean_unit(&per));
    let joined = if main.is_empty() || per.is_empty() {
        main + &per
    } else {
        format!("{main}_{per}")
    };
    let trimmed = joined.strip_prefix('_').unwrap_or(&joined);
    trimmed.strip_suffix('_').unwrap_or(trimmed).to_owned()
}

/// Source: otlptranslator, `normalizeName`.
fn escaped_with_suffixes(name: &str, unit: &str, suffix: Suffix) -> String {
    let is_foreign = |c: char| !(c.is_ascii_alphanumeric() || c == ':');
    let mut tokens: Vec<&str> = name.split(is_foreign).filter(|token| !token.is_empty()).collect();
    let (main, per) = unit_suffixes(unit);
    let (mut main, per) = (clean_unit(&main), clean_unit(&per));
    if tokens.contains(&main.as_str()) {
        main.clear();
    }
    let mut per = match per.as_str() {
        "per_" => "",
        per => per.strip_suffix('_').unwrap_or(per),
    };
    if tokens.contains(&per) {
        per = "";
    }
    let mut main = main.as_str();
    if !per.is_empty() {
        main = main.strip_suffix('_').unwrap_or(main);
    }
    tokens.extend([main, per].into_iter().filter(|token| !token.is_empty()));
    let last = match suffix {
        Suffix::Counter => Some("total"),
        Suffix::Gauge if unit == "1" => Some("ratio"),
        Suffix::Gauge | Suffix::Unit => None,
    };
    if let Some(last) = last {
        tokens.retain(|token| *token != last);
        tokens.push(last);
    }
    not_digit_first(tokens.join("_"))
}

/// Source: otlptranslator, `buildCompliantMetricName` without suffixes.
fn escaped(name: &str) -> String {
    let is_foreign = |c: char| !(c.is_ascii_alphanumeric() || c == ':' || c == '_');
    let tokens: Vec<&str> = name.split(is_foreign).filter(|token| !token.is_empty()).collect();
    not_digit_first(tokens.join("_"))
}

/// Source: otlptranslator, `buildMetricName`: what would be added is first taken off, outermost first.
fn utf8_with_suffixes(name: &str, unit: &str, suffix: Suffix) -> String {
    let (main, per) = unit_suffixes(unit);
    let last = match suffix {
        Suffix::Counter => "total",
        Suffix::Gauge if unit == "1" => "ratio",
        Suffix::Gauge | Suffix::Unit => "",
    };
    let name = without_suffix(without_suffix(name, last), &per);
    let mut built = name.to_owned();
    if !main.is_empty() && !name.ends_with(main.as_ref()) {
        built = format!("{built}_{main}");
    }
    for added in [per.as_ref(), last] {
        if !added.is_empty() {
            built = format!("{built}_{added}");
        }
    }
    built
}

/// The name without a suffix and the one character before it, whatever that is.
fn without_suffix<'n>(name: &'n str, suffix: &str) -> &'n str {
    let Some(rest) = name.strip_suffix(suffix).filter(|_| !suffix.is_empty()) else {
        return name;
    };
    let mut characters = rest.chars();
    characters.next_back();
    let rest = characters.as_str();
    if rest.is_empty() { name } else { rest }
}

/// The suffix for the unit before a slash, and the one for the unit after it. Units in braces are annotations.
fn unit_suffixes(unit: &str) -> (Cow<'_, str>, Cow<'_, str>) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let (main, per) = (main.trim(), per.trim());
    let is_annotation = |unit: &str| unit.contains(['{', '}']);
    let main = match main {
        "1" => "",
        "%" => "percent",
        main if is_annotation(main) => "",
        main => look_up(&UNITS, main),
    };
    if per.is_empty() || is_annotation(per) {
        return (Cow::Borrowed(main), Cow::Borrowed(""));
    }
    let per = format!("per_{}", look_up(&PER_UNITS, per));
    (Cow::Borrowed(main), Cow::Owned(per))
}

fn look_up<'u>(units: &[(&str, &'static str)], unit: &'u str) -> &'u str {
    let found = units.iter().find(|(known, _)| *known == unit);
    found.map_or(unit, |(_, word)| word)
}

/// Foreign characters become underscores, several of them one, and none leads.
fn clean_unit(unit: &str) -> String {
    let mut clean = String::with_capacity(unit.len());
    for character in unit.chars() {
        if character.is_ascii_alphanumeric() || character == ':' {
            clean.push(character);
        } else if !clean.is_empty() && !clean.ends_with('_') {
            clean.push('_');
        }
    }
    clean
}

fn not_digit_first(name: String) -> String {
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        return format!("_{name}");
    }
    name
}

fn is_underscores(name: &str) -> bool {
    name.bytes().all(|byte| byte == b'_')
}

#[cfg(test)]
mod tests;
