//! Parts of dates in UTC, counted day by day from 1970 (querying/functions).

use super::number::{Number, Outcome, Stop};

const DAY_SECONDS: i64 = 86_400;
/// Samples further from 1970 than this many seconds are no dates worth counting to.
const FAR: f64 = 2e10;

/// The part of the date that a number of seconds since 1970 is.
pub(crate) fn part(name: &str, number: Number) -> Outcome<Number> {
    if !number.value.is_finite() || number.value.abs() > FAR {
        return Err(Stop::Undecided("no date"));
    }
    number.map(|seconds| of_seconds(name, seconds as i64) as f64)
}

fn of_seconds(name: &str, seconds: i64) -> i64 {
    let day = seconds.div_euclid(DAY_SECONDS);
    let second = seconds.rem_euclid(DAY_SECONDS);
    let date = date(day);
    match name {
        "hour" => second / 3600,
        "minute" => second / 60 % 60,
        // The first day of 1970 was a Thursday.
        "day_of_week" => (day + 4).rem_euclid(7),
        "year" => date.year,
        "month" => date.month,
        "day_of_month" => date.day,
        "days_in_month" => days_in_month(date.year, date.month),
        "day_of_year" => {
            (1..date.month)
                .map(|month| days_in_month(date.year, month))
                .sum::<i64>()
                + date.day
        }
        other => panic!("no part of a date: {other}"),
    }
}

struct Date {
    year: i64,
    month: i64,
    day: i64,
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn date(mut day: i64) -> Date {
    let days_in = |year| if is_leap(year) { 366 } else { 365 };
    let mut year = 1970;
    while day < 0 {
        year -= 1;
        day += days_in(year);
    }
    while day >= days_in(year) {
        day -= days_in(year);
        year += 1;
    }
    let mut month = 1;
    while day >= days_in_month(year, month) {
        day -= days_in_month(year, month);
        month += 1;
    }
    Date {
        year,
        month,
        day: day + 1,
    }
}
