//! Where Prometheus 3 means to answer otherwise than 2.42, and where a fault of Prometheus is not repeated: the only
//! differences that are no fault of Watchkeeper.

use super::answer::{Difference, Point};
use super::grammar::{Query, Times};

/// Below this, what is left of numbers that cancel each other out is nothing but their rounding.
const REMAINDER_MAX: f64 = 1e-9;

/// A kind of difference, by name, with its reason.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) because: &'static str,
    explains: fn(&Query, &Difference) -> bool,
}

/// Every rule; the first that explains a difference counts.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "rounding",
        because: "terms are added in another order and with compensation; what cancels out leaves other last bits",
        explains: |_, difference| {
            every_point(difference, |point| match (point.ours, point.theirs) {
                (Some(ours), Some(theirs)) => (ours - theirs).abs() <= REMAINDER_MAX,
                _ => false,
            })
        },
    },
    Rule {
        name: "fractions of classic histograms",
        because: "histogram_fraction reads buckets with `le` since 3, and only native histograms before",
        explains: |query, difference| {
            uses(query, &["histogram_fraction("])
                && every_point(difference, |point| point.ours.is_some() && point.theirs.is_none())
        },
    },
    Rule {
        name: "predictions from a fixed time",
        because: "a range under `predict_linear` with `@` moved on with the steps of a range query or subquery, out of what had been read",
        explains: |query, difference| {
            uses(query, &["predict_linear("])
                && uses(query, &[" @ "])
                && (matches!(query.times, Times::Range { .. }) || uses(query, &[")["]))
                && matches!(difference, Difference::Points(_))
        },
    },
    Rule {
        name: "spread of one that is not finite",
        because: "stddev and stdvar of a single NaN or infinity are NaN since 3, and were 0",
        explains: |query, difference| {
            uses(query, &["stddev ", "stddev(", "stdvar ", "stdvar("])
                && every_point(difference, |point| {
                    point.ours.map_or(point.theirs == Some(0.0), f64::is_nan)
                })
        },
    },
    Rule {
        name: "fixed time with an offset",
        because: "a fault of both versions: `timestamp` of a selector with `@` leaves its offset out of account",
        explains: |query, difference| {
            uses(query, &["timestamp("])
                && uses(query, &[" @ "])
                && uses(query, &[" offset "])
                && matches!(difference, Difference::Points(_))
        },
    },
    Rule {
        name: "parameter from a fixed time",
        because: "a fault of both versions: the fixed time of a parameter moves on with the steps of a range query",
        explains: |query, difference| {
            uses(query, &["topk", "bottomk"])
                && uses(query, &[" @ "])
                && matches!(difference, Difference::TheirsRefused(why) if why.contains("NaN overflows int64"))
        },
    },
    Rule {
        name: "parameter of a fixed vector",
        because: "a fault of both versions: an aggregation over a vector of a fixed time has the parameter of the first step at all steps",
        explains: |query, difference| {
            uses(query, &["topk", "bottomk", "quantile"])
                && uses(query, &[" @ "])
                && match difference {
                    Difference::Points(_) => true,
                    // There is one at the first step, and none at a later one.
                    Difference::OursRefused(why) => why.contains("Parameter value is NaN"),
                    Difference::TheirsRefused(_) | Difference::Kind => false,
                }
        },
    },
    Rule {
        name: "hyperbolic functions near overflow",
        because: "sinh and cosh of almost 710.5 are half of an exponential that overflows there, and are finite here",
        explains: |query, difference| {
            uses(query, &["sinh(", "cosh("])
                && every_point(difference, |point| {
                    point
                        .ours
                        .is_some_and(|ours| ours.is_finite() && ours.abs() > f64::MAX / 2.0)
                        && point.theirs.is_some_and(f64::is_infinite)
                })
        },
    },
];

/// The name of the function that 3 has in place of this one.
pub(super) fn in_words_of_three(text: &str) -> String {
    text.replace("holt_winters(", "double_exponential_smoothing(")
}

/// The rule that explains a difference.
pub(super) fn explanation(query: &Query, difference: &Difference) -> Option<&'static Rule> {
    RULES.iter().find(|rule| (rule.explains)(query, difference))
}

fn uses(query: &Query, words: &[&str]) -> bool {
    words.iter().any(|word| query.text.contains(word))
}

fn every_point(difference: &Difference, holds: impl Fn(&Point) -> bool) -> bool {
    matches!(difference, Difference::Points(points) if points.iter().all(holds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(text: &str, ours: Option<f64>, theirs: Option<f64>) -> Option<&'static str> {
        let query = Query {
            text: text.to_owned(),
            times: Times::Instant { at_ms: 0 },
        };
        let point = Point {
            labels: "{}".to_owned(),
            at_ms: 0,
            ours,
            theirs,
        };
        explanation(&query, &Difference::Points(vec![point])).map(|rule| rule.name)
    }

    #[test]
    fn only_remainders_are_rounding() {
        assert_eq!(explained("a - b", Some(1e-15), Some(0.0)), Some("rounding"));
        assert_eq!(explained("a - b", Some(1e-3), Some(0.0)), None);
        assert_eq!(explained("a - b", Some(0.0), None), None);
        assert_eq!(explained("a - b", Some(f64::NAN), Some(0.0)), None);
    }

    #[test]
    fn rules_hold_for_their_functions_only() {
        let rule = "spread of one that is not finite";
        assert_eq!(
            explained("stddev by (a) (b)", Some(f64::NAN), Some(0.0)),
            Some(rule)
        );
        assert_eq!(explained("stddev(b)", Some(0.0), Some(f64::NAN)), None);
        assert_eq!(explained("sinh(b)", Some(1.0), Some(f64::INFINITY)), None);
        assert_eq!(
            explained("predict_linear(b[5m] @ 1, 1)", Some(1.0), Some(2.0)),
            None
        );
        assert_eq!(explained("timestamp(b @ 1)", Some(1.0), Some(2.0)), None);
        assert_eq!(
            explained("stddev_over_time(b[5m])", Some(f64::NAN), Some(0.0)),
            None
        );
    }
}
