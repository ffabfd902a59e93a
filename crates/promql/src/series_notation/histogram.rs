//! The notation of native histograms: `{{schema:0 sum:5 count:4 buckets:[1 2 1]}}`, several as `{{…}}x3` or `{{…}}+{{…}}x3`
//! (promqltest, "Native histograms").

use std::fmt::Write as _;
use std::sync::Arc;

use model::number::parse_float;
use model::{Buckets, Histogram, ResetHint, Span};

use super::{WrittenValue, check_room};
use crate::histogram::{FloatHistogram, text};

/// Reads one word of histograms behind the values that are there.
pub(super) fn expand(word: &str, values: &mut Vec<Option<WrittenValue>>) -> Result<(), String> {
    let bad = || format!("bad histograms {word:?}");
    let (start, rest) = word.split_once("}}").ok_or_else(bad)?;
    let (first, says_resets) = parse(start).ok_or_else(bad)?;
    let (step, rest) = match rest.strip_prefix(['+', '-']) {
        Some(behind) => {
            let (written, behind) = behind.split_once("}}").ok_or_else(bad)?;
            let (step, _) = parse(written).ok_or_else(bad)?;
            (Some((rest.starts_with('+'), step)), behind)
        }
        None => (None, rest),
    };
    let count = match (rest, &step) {
        ("", None) => 0,
        _ => {
            let count = rest.strip_prefix('x').and_then(|count| count.parse().ok());
            count.ok_or_else(bad)?
        }
    };
    check_room(values, usize::saturating_add(count, 1))?;
    let mut histogram = Arc::new(first);
    for index in 0..=count {
        if let (Some((is_added, by)), true) = (&step, index > 0) {
            let mut tally = FloatHistogram::from(&*histogram);
            let done = if *is_added {
                tally.add(by)
            } else {
                tally.subtract(by)
            };
            done.map_err(|_| bad())?;
            histogram = Arc::new(tally.into());
        }
        values.push(Some(WrittenValue::Histogram {
            histogram: Arc::clone(&histogram),
            says_resets,
        }));
    }
    Ok(())
}

/// Writes a histogram in the notation it is read in, as Prometheus' `TestExpression`: what is zero is left out, and buckets that
/// are empty at either end.
pub fn write(histogram: &Histogram) -> String {
    let mut tally = FloatHistogram::from(histogram);
    tally.compact();
    let histogram: Histogram = tally.into();
    let mut fields = Vec::new();
    if histogram.schema != 0 {
        fields.push(format!("schema:{}", histogram.schema));
    }
    for (name, value) in [
        ("count", histogram.count),
        ("sum", histogram.sum),
        ("z_bucket", histogram.zero_count),
        ("z_bucket_w", histogram.zero_threshold),
    ] {
        if value != 0.0 {
            fields.push(format!("{name}:{}", text::number(value)));
        }
    }
    if !histogram.custom_bounds.is_empty() {
        fields.push(format!(
            "custom_values:{}",
            list(histogram.custom_bounds.iter().copied())
        ));
    }
    match histogram.reset_hint {
        ResetHint::Unknown => {}
        ResetHint::Yes => fields.push("counter_reset_hint:reset".to_owned()),
        ResetHint::No => fields.push("counter_reset_hint:not_reset".to_owned()),
        ResetHint::Gauge => fields.push("counter_reset_hint:gauge".to_owned()),
    }
    write_side(&histogram.positive, "", &mut fields);
    write_side(&histogram.negative, "n_", &mut fields);
    format!("{{{{{}}}}}", fields.join(" "))
}

fn write_side(side: &Buckets, prefix: &str, fields: &mut Vec<String>) {
    let mut counts: Vec<f64> = Vec::new();
    let mut first = None;
    for (index, count) in side.iter() {
        let first = *first.get_or_insert(index);
        // The notation has one run of buckets; what lies between two spans is empty.
        let place = usize::try_from(i64::from(index) - i64::from(first)).unwrap_or_default();
        counts.resize(place, 0.0);
        counts.push(count);
    }
    let Some(first) = first else { return };
    if first != 0 {
        fields.push(format!("{prefix}offset:{first}"));
    }
    fields.push(format!("{prefix}buckets:{}", list(counts.into_iter())));
}

fn list(numbers: impl Iterator<Item = f64>) -> String {
    let mut written = String::from("[");
    for (index, value) in numbers.enumerate() {
        let blank = if index == 0 { "" } else { " " };
        // Writing to a text cannot fail.
        let _ = write!(written, "{blank}{}", text::number(value));
    }
    written.push(']');
    written
}

/// What stands between `{{` and `}}`, and whether it says something about resets.
fn parse(text: &str) -> Option<(Histogram, bool)> {
    let mut histogram = Histogram::default();
    let mut says_resets = false;
    let (mut offset, mut negative_offset) = (0, 0);
    let mut rest = text.strip_prefix("{{")?.trim();
    while !rest.is_empty() {
        let (name, behind) = rest.split_once(':')?;
        let end = if behind.starts_with('[') {
            behind.find(']')? + 1
        } else {
            behind.find(char::is_whitespace).unwrap_or(behind.len())
        };
        let (value, behind) = behind.split_at(end);
        rest = behind.trim_start();
        let number = |text: &str| parse_float(&text.to_ascii_lowercase());
        let numbers = || -> Option<Vec<f64>> {
            let words = value.trim_matches(['[', ']']).split_whitespace();
            words.map(number).collect()
        };
        match name.trim() {
            "schema" => histogram.schema = value.parse().ok()?,
            "sum" => histogram.sum = number(value)?,
            "count" => histogram.count = number(value)?,
            "z_bucket" => histogram.zero_count = number(value)?,
            "z_bucket_w" => histogram.zero_threshold = number(value)?,
            "custom_values" => histogram.custom_bounds = numbers()?.into(),
            "buckets" => histogram.positive.counts = numbers()?,
            "n_buckets" => histogram.negative.counts = numbers()?,
            "offset" => offset = value.parse().ok()?,
            "n_offset" => negative_offset = value.parse().ok()?,
            "counter_reset_hint" => {
                says_resets = true;
                histogram.reset_hint = match value {
                    "unknown" => ResetHint::Unknown,
                    "reset" => ResetHint::Yes,
                    "not_reset" => ResetHint::No,
                    "gauge" => ResetHint::Gauge,
                    _ => return None,
                };
            }
            _ => return None,
        }
    }
    span(&mut histogram.positive, offset);
    span(&mut histogram.negative, negative_offset);
    Some((histogram, says_resets))
}

fn span(side: &mut Buckets, offset: i32) {
    if !side.counts.is_empty() {
        side.spans = vec![Span {
            offset,
            length: side.counts.len() as u32,
        }];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<(Arc<Histogram>, bool)>, String> {
        let mut values = Vec::new();
        expand(text, &mut values)?;
        let found = values.into_iter().flatten().map(|value| match value {
            WrittenValue::Histogram {
                histogram,
                says_resets,
            } => (histogram, says_resets),
            WrittenValue::Float(value) => panic!("{value} is no histogram"),
        });
        Ok(found.collect())
    }

    #[test]
    fn fields_are_read_in_any_order() {
        let text = "{{n_offset:1 n_buckets:[3] schema:1 sum:-Inf count:5 buckets:[1 0 1] offset:-2 counter_reset_hint:gauge}}";
        let all = all(text).unwrap();
        let [(histogram, says_resets)] = all.as_slice() else {
            panic!("{all:?}")
        };
        assert!(says_resets);
        assert_eq!((histogram.schema, histogram.sum), (1, f64::NEG_INFINITY));
        let positive: Vec<_> = histogram.positive.iter().collect();
        assert_eq!(positive, [(-2, 1.0), (-1, 0.0), (0, 1.0)]);
        assert_eq!(histogram.negative.iter().collect::<Vec<_>>(), [(1, 3.0)]);
        assert_eq!(histogram.reset_hint, ResetHint::Gauge);
    }

    #[test]
    fn several_are_computed_one_from_the_other() {
        let counts = |text: &str| -> Vec<f64> {
            let all = all(text).unwrap();
            all.iter().map(|(histogram, _)| histogram.count).collect()
        };
        assert_eq!(counts("{{count:4}}"), [4.0]);
        assert_eq!(counts("{{count:4}}x1"), [4.0, 4.0]);
        assert_eq!(counts("{{count:4}}+{{count:2}}x2"), [4.0, 6.0, 8.0]);
        assert_eq!(counts("{{count:4}}-{{count:2}}x1"), [4.0, 2.0]);
        for bad in [
            "{{count:4",
            "{{count}}",
            "{{colour:4}}",
            "{{}}y3",
            "{{}}+{{}}",
            "{{buckets:[1 2}}",
        ] {
            assert!(all(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in [
            "{{}}",
            "{{count:2 sum:3 counter_reset_hint:not_reset buckets:[2]}}",
            "{{schema:1 count:32.1 sum:-0.3 z_bucket:7.1 z_bucket_w:0.05 offset:-3 buckets:[5.1 10 7] n_offset:-5 n_buckets:[4.1 5]}}",
            "{{schema:-53 count:3 sum:1e+06 custom_values:[0.5 1] buckets:[1 0 2]}}",
        ] {
            let all = all(text).unwrap();
            assert_eq!(write(&all[0].0), text);
        }
    }
}
