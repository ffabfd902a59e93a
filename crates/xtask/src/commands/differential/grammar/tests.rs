//! What the grammar writes, counted over many queries.

use super::*;

const END_MS: i64 = 1_700_000_100_000;

/// Every function of Prometheus 2.42.
const FUNCTIONS: &str = "abs absent absent_over_time acos acosh asin asinh atan atanh avg_over_time ceil changes clamp \
    clamp_max clamp_min cos cosh count_over_time day_of_month day_of_week day_of_year days_in_month deg delta deriv exp \
    floor histogram_count histogram_fraction histogram_quantile histogram_sum holt_winters hour idelta increase irate \
    label_join label_replace last_over_time ln log10 log2 max_over_time min_over_time minute month pi predict_linear \
    present_over_time quantile_over_time rad rate resets round scalar sgn sin sinh sort sort_desc sqrt stddev_over_time \
    stdvar_over_time sum_over_time tan tanh time timestamp vector year";
const AGGREGATIONS: &str = "avg bottomk count count_values group max min quantile stddev stdvar sum topk";
const OTHERS: [&str; 24] = [
    " == ",
    " != ",
    " < ",
    " <= ",
    " > ",
    " >= ",
    " bool ",
    " + ",
    " - ",
    " * ",
    " / ",
    " % ",
    " ^ ",
    " atan2 ",
    " and ",
    " or ",
    " unless ",
    "group_left",
    "group_right",
    " ignoring(",
    " on(",
    " offset -",
    " @ start()",
    ":30s]",
];

fn queries(count: u64) -> Vec<Query> {
    (0..count)
        .map(|number| Query::random(&mut Random::new(1, number), END_MS))
        .collect()
}

#[test]
fn every_function_comes_up() {
    let all = queries(20_000);
    let has = |word: &str| all.iter().any(|query| query.text.contains(word));
    for name in FUNCTIONS.split_whitespace() {
        assert!(has(&format!("{name}(")), "{name}");
    }
    for name in AGGREGATIONS.split_whitespace() {
        assert!(
            has(&format!("{name} by (")) && has(&format!("{name} without (")),
            "{name}"
        );
    }
    for word in OTHERS {
        assert!(has(word), "{word}");
    }
}

#[test]
fn times_never_fall_on_a_whole_second() {
    for query in queries(2_000) {
        let times = match query.times {
            Times::Instant { at_ms } => [at_ms, at_ms],
            Times::Range { start_ms, end_ms, .. } => [start_ms, end_ms],
        };
        for at_ms in times {
            assert_eq!(at_ms % 1000, EVALUATION_SHIFT_MS);
        }
        for (at, _) in query.text.match_indices(" @ 1") {
            assert_eq!(&query.text[at + 13..at + 17], ".701", "{}", query.text);
        }
    }
}

#[test]
fn a_query_follows_from_seed_and_number() {
    assert_eq!(queries(50), queries(50));
    let texts: std::collections::BTreeSet<String> =
        queries(1_000).into_iter().map(|query| query.text).collect();
    assert!(texts.len() > 800, "{}", texts.len());
}
