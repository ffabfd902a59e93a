//! The loads that are sent: how many series over which time.

use std::fmt;

use anyhow::{Result, ensure};

use crate::shell;

/// One load: every series has a sample every ten seconds over the span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) series: u64,
    /// A number with `s`, `m`, `h` or `d`.
    pub(super) span: String,
}

/// What the figures of the house are told for: a day of a small fleet, and an hour of a large one.
const DEFAULTS: [(u64, &str); 2] = [(10_000, "24h"), (100_000, "1h")];

impl Load {
    /// The loads that pairs of `--series` and `--span` ask for; the usual ones where there are none.
    pub(super) fn all(series: &[u64], spans: &[String]) -> Result<Vec<Self>> {
        ensure!(
            series.len() == spans.len(),
            "--series and --span come in pairs, but there are {} and {}",
            series.len(),
            spans.len()
        );
        if series.is_empty() {
            return Ok(DEFAULTS.map(|(series, span)| Self::of(series, span)).to_vec());
        }
        let pairs = series.iter().zip(spans);
        let loads: Vec<Self> = pairs.map(|(series, span)| Self::of(*series, span)).collect();
        for (at, load) in loads.iter().enumerate() {
            ensure!(load.series > 0, "--series must be at least 1");
            ensure!(
                is_span(&load.span),
                "--span {:?} is no time such as 90m, 24h or 2d",
                load.span
            );
            ensure!(
                loads.iter().skip(at + 1).all(|other| other != load),
                "{load} is asked for twice; --runs repeats a load"
            );
        }
        Ok(loads)
    }

    /// A name for files.
    pub(super) fn file_stem(&self) -> String {
        format!("{}x{}", self.series, self.span)
    }

    fn of(series: u64, span: &str) -> Self {
        Self {
            series,
            span: span.to_owned(),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} series over {}", shell::grouped(self.series), self.span)
    }
}

fn is_span(text: &str) -> bool {
    let number = text.strip_suffix(['s', 'm', 'h', 'd']).unwrap_or_default();
    number.parse::<u32>().is_ok_and(|number| number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(u64, &str)]) -> Result<Vec<Load>> {
        let series: Vec<u64> = pairs.iter().map(|(series, _)| *series).collect();
        let spans: Vec<String> = pairs.iter().map(|(_, span)| (*span).to_owned()).collect();
        Load::all(&series, &spans)
    }

    #[test]
    fn series_and_spans_come_in_pairs() {
        let loads = asked(&[(1_000, "1h"), (5, "90m")]).unwrap();
        assert_eq!(
            loads.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["1,000 series over 1h", "5 series over 90m"]
        );
        assert_eq!(loads[0].file_stem(), "1000x1h");
        assert_eq!(asked(&[]).unwrap().len(), DEFAULTS.len());
        let error = Load::all(&[1], &[]).unwrap_err().to_string();
        assert_eq!(error, "--series and --span come in pairs, but there are 1 and 0");
    }

    #[test]
    fn a_load_that_cannot_be_sent_is_refused() {
        for (pairs, expected) in [
            ([(0, "1h"), (1, "1h")], "at least 1"),
            ([(1, "h"), (1, "1h")], "is no time"),
            ([(1, "1w"), (1, "1h")], "is no time"),
            ([(1, "../1h"), (1, "1h")], "is no time"),
            ([(1, "0h"), (1, "1h")], "is no time"),
            ([(1, "1h"), (1, "1h")], "asked for twice"),
        ] {
            let error = asked(&pairs).unwrap_err().to_string();
            assert!(error.contains(expected), "{pairs:?}: {error}");
        }
    }
}
