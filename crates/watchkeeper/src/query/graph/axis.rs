//! Where the ticks of an axis stand, and how their numbers read.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Steps of a time axis, in seconds; beyond the last, whole multiples of it.
const TIME_STEPS_S: [i64; 25] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
    172_800, 604_800, 1_209_600, 2_419_200, 7_257_600, 14_515_200, 31_536_000,
];

const DAY_S: i64 = 86_400;

/// Prefixes of the International System of Units, largest first.
const PREFIXES: [(f64, &str); 10] = [
    (1e18, "E"),
    (1e15, "P"),
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
];

/// A scale for values from `low` to `high`: ends at round numbers, with about `count` steps between them.
pub(super) fn value_ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let (low, high) = if low < high {
        (low, high)
    } else {
        // A line that does not move stands in the middle.
        let room = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
        (low - room, high + room)
    };
    let raw = (high - low) / count.max(1) as f64;
    let magnitude = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * magnitude)
        .find(|step| *step >= raw * 0.999)
        .unwrap_or(raw);
    let (first, last) = ((low / step).floor(), (high / step).ceil());
    if !(step.is_normal() && first.is_finite() && last.is_finite()) || last - first > 1e3 {
        return vec![low, high];
    }
    (0..=(last - first) as usize)
        .map(|index| (first + index as f64) * step)
        .collect()
}

/// A number for people: `1.5k`, `250µ`, `0`; enough digits to tell neighbours `step` apart.
pub(super) fn human(value: f64, step: f64) -> String {
    if !value.is_finite() {
        return model::number::format_float(value);
    }
    let size = value.abs().max(step.abs());
    if value == 0.0 || value.abs() < step.abs() * 1e-6 {
        return "0".to_owned();
    }
    let prefix = PREFIXES.iter().find(|(unit, _)| size >= *unit * 0.999_999);
    let Some((unit, prefix)) = prefix.filter(|_| size < 1e21) else {
        return format!("{value:.3e}");
    };
    let digits = (-(step.abs() / unit).log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{:.digits$}", value / unit);
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}{prefix}")
}

/// A number for people by itself, to four digits.
pub(super) fn human_alone(value: f64) -> String {
    let magnitude = 10_f64.powf(value.abs().log10().floor());
    human(
        value,
        if magnitude.is_normal() {
            magnitude / 1000.0
        } else {
            1.0
        },
    )
}

/// Moments at round times from `from_ms` to `to_ms`, at most about `count` of them, with their labels; UTC.
pub(super) fn time_ticks(from_ms: i64, to_ms: i64, count: usize) -> Vec<(i64, String)> {
    let span_s = to_ms.saturating_sub(from_ms).max(1_000) / 1_000;
    let raw_s = span_s.unsigned_abs().div_ceil(count.max(1) as u64) as i64;
    let largest = TIME_STEPS_S.last().copied().unwrap_or(DAY_S);
    let step_s = TIME_STEPS_S
        .into_iter()
        .find(|step_s| *step_s >= raw_s)
        .unwrap_or_else(|| (raw_s / largest + 1).saturating_mul(largest));
    let step_ms = step_s.saturating_mul(1_000);
    let form = match step_s {
        _ if step_s >= DAY_S * 365 => "%Y",
        _ if step_s >= DAY_S => "%Y-%m-%d",
        _ if span_s > DAY_S => "%d %H:%M",
        _ if step_s >= 60 => "%H:%M",
        _ => "%H:%M:%S",
    };
    let mut ticks = Vec::new();
    let mut at_ms = from_ms.div_euclid(step_ms).saturating_mul(step_ms);
    while at_ms <= to_ms && ticks.len() <= count.saturating_mul(2) {
        if at_ms >= from_ms {
            let label = Timestamp::from_millisecond(at_ms)
                .map(|time| time.to_zoned(TimeZone::UTC).strftime(form).to_string())
                .unwrap_or_default();
            ticks.push((at_ms, label));
        }
        at_ms = at_ms.saturating_add(step_ms);
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        assert_eq!(value_ticks(0.2, 9.1, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(value_ticks(-3.0, 3.0, 4), [-4.0, -2.0, 0.0, 2.0, 4.0]);
        assert_eq!(value_ticks(7.0, 7.0, 1), [6.0, 8.0]);
        assert_eq!(value_ticks(0.0, 0.0, 2), [-1.0, 0.0, 1.0]);
        let huge = value_ticks(-f64::MAX, f64::MAX, 4);
        assert!(huge.len() >= 2 && huge.len() < 1000, "{huge:?}");
    }

    #[test]
    fn numbers_are_for_people() {
        for (value, step, text) in [
            (0.0, 2.0, "0"),
            (1_500.0, 500.0, "1.5k"),
            (2_000_000.0, 1e6, "2M"),
            (0.000_25, 0.000_05, "250µ"),
            (-12.5, 0.5, "-12.5"),
            (1e30, 1e29, "1.000e30"),
            (f64::INFINITY, 1.0, "+Inf"),
        ] {
            assert_eq!(human(value, step), text);
        }
        assert_eq!(human_alone(123_456.0), "123.5k");
        assert_eq!(human_alone(0.012_345), "12.35m");
        assert_eq!(human_alone(0.0), "0");
    }

    #[test]
    fn times_are_round() {
        let labels = |from_ms: i64, to_ms: i64, count: usize| -> Vec<String> {
            let ticks = time_ticks(from_ms, to_ms, count);
            ticks.into_iter().map(|(_, label)| label).collect()
        };
        let start = 1_700_010_600_000;
        assert_eq!(
            labels(start, start + 3_600_000, 4),
            ["01:15", "01:30", "01:45", "02:00"]
        );
        assert_eq!(
            labels(start, start + 10_000, 2),
            ["01:10:00", "01:10:05", "01:10:10"]
        );
        assert_eq!(
            labels(start, start + 3 * 86_400_000, 3),
            ["2023-11-16", "2023-11-17", "2023-11-18"]
        );
        assert_eq!(labels(0, 0, 3), ["00:00:00"]);
        assert!(labels(i64::MIN, i64::MAX, 5).len() < 12);
    }
}
