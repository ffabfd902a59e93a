//! The notation of native histograms in test scripts: `{{schema:0 sum:5 count:4 buckets:[1 2 1]}}`, several as `{{…}}x3` or
//! `{{…}}+{{…}}x3` (promqltest, "Native histograms").

use model::number::parse_float;
use model::{Buckets, Histogram, ResetHint, Span};

/// A histogram as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenHistogram {
    /// The histogram.
    pub histogram: Histogram,
    /// Whether something is said about its resets.
    pub says_resets: bool,
}

/// The histograms of one word. `step` computes the next one: from the last one, what is written behind the sign, and whether
/// that is added rather than subtracted.
///
/// # Errors
/// What does not read as histograms, or cannot be computed.
pub fn expand_histograms(
    word: &str,
    step: impl Fn(&Histogram, &Histogram, bool) -> Option<Histogram>,
) -> Result<Vec<WrittenHistogram>, String> {
    let bad = || format!("bad histograms {word:?}");
    let (start, rest) = word.split_once("}}").ok_or_else(bad)?;
    let first = parse(start).ok_or_else(bad)?;
    if rest.is_empty() {
        return Ok(vec![first]);
    }
    let (sign, rest) = match rest.strip_prefix(['+', '-']) {
        Some(behind) => {
            let (written, behind) = behind.split_once("}}").ok_or_else(bad)?;
            let by = parse(written).ok_or_else(bad)?.histogram;
            (Some((rest.starts_with('+'), by)), behind)
        }
        None => (None, rest),
    };
    let count = rest.strip_prefix('x').and_then(|count| count.parse().ok());
    let count: usize = count.ok_or_else(bad)?;
    let mut all = vec![first];
    for _ in 0..count {
        let Some(last) = all.last() else { break };
        let mut next = last.clone();
        if let Some((is_added, by)) = &sign {
            next.histogram = step(&last.histogram, by, *is_added).ok_or_else(bad)?;
        }
        all.push(next);
    }
    Ok(all)
}

/// What stands between `{{` and `}}`.
fn parse(text: &str) -> Option<WrittenHistogram> {
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
    Some(WrittenHistogram {
        histogram,
        says_resets,
    })
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

    #[test]
    fn fields_are_read_in_any_order() {
        let text = "{{n_offset:1 n_buckets:[3] schema:1 sum:-Inf count:5 buckets:[1 0 1] offset:-2 counter_reset_hint:gauge}}";
        let all = expand_histograms(text, |_, _, _| None).unwrap();
        let [found] = all.as_slice() else {
            panic!("{all:?}")
        };
        assert!(found.says_resets);
        let histogram = &found.histogram;
        assert_eq!((histogram.schema, histogram.sum), (1, f64::NEG_INFINITY));
        let positive: Vec<_> = histogram.positive.iter().collect();
        assert_eq!(positive, [(-2, 1.0), (-1, 0.0), (0, 1.0)]);
        assert_eq!(histogram.negative.iter().collect::<Vec<_>>(), [(1, 3.0)]);
        assert_eq!(histogram.reset_hint, ResetHint::Gauge);
    }

    #[test]
    fn several_are_computed_one_from_the_other() {
        let step = |now: &Histogram, by: &Histogram, is_added: bool| {
            let sign = if is_added { 1.0 } else { -1.0 };
            Some(Histogram {
                count: now.count + sign * by.count,
                ..now.clone()
            })
        };
        let counts = |text: &str| -> Vec<f64> {
            let all = expand_histograms(text, step).unwrap();
            all.iter().map(|found| found.histogram.count).collect()
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
            assert!(expand_histograms(bad, step).is_err(), "{bad}");
        }
    }
}
