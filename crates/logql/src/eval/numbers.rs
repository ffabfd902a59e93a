//! What is made of all values of a window.

/// The quantile of some values, between two of them by their distance.
pub(super) fn quantile(quantile: f64, samples: &[(i64, f64)]) -> f64 {
    if samples.is_empty() || quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    let mut values: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
    // What is no number comes first, as in Loki.
    values.sort_by(|left, right| {
        let by_value = left.partial_cmp(right);
        by_value.unwrap_or_else(|| right.is_nan().cmp(&left.is_nan()))
    });
    let last = values.len() - 1;
    let rank = quantile * last as f64;
    let lower = rank.floor().max(0.0) as usize;
    let at = |place: usize| values.get(place.min(last)).copied().unwrap_or(f64::NAN);
    let weight = rank - rank.floor();
    let below = at(lower) * (1.0 - weight);
    if weight == 0.0 {
        at(lower)
    } else {
        below + at(lower + 1) * weight
    }
}

/// How fast a counter grew in a window, in units a second; as Prometheus extrapolates to the ends of the window. `to_ends` are
/// the seconds from the start of the window to the first value and from the last one to its end.
pub(super) fn rate_of_counter(samples: &[(i64, f64)], to_ends: (f64, f64), window_seconds: f64) -> f64 {
    let (Some((first_ns, first)), Some((last_ns, last))) = (samples.first(), samples.last()) else {
        return 0.0;
    };
    if samples.len() < 2 {
        return 0.0;
    }
    let pairs = samples.iter().zip(samples.iter().skip(1));
    // Where the counter fell it started again from zero.
    let resets: f64 = pairs
        .map(|((_, before), (_, after))| if after < before { *before } else { 0.0 })
        .sum();
    let increase = last - first + resets;
    let sampled = super::windows::seconds(last_ns.saturating_sub(*first_ns));
    let between = sampled / (samples.len() - 1) as f64;
    let (mut to_start, to_end) = to_ends;
    if increase > 0.0 && *first >= 0.0 {
        // Further back it would have been negative.
        to_start = to_start.min(sampled * (first / increase));
    }
    let reach = |distance: f64| {
        if distance < between * 1.1 {
            distance
        } else {
            between / 2.0
        }
    };
    let extrapolated = sampled + reach(to_start) + reach(to_end);
    increase * (extrapolated / sampled) / window_seconds
}
