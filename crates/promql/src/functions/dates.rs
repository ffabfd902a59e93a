//! Parts of a date, of samples that are seconds since the Unix epoch, in UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The date of a sample; `None` where it lies outside of the years -9999 to 9999.
fn date(value: f64) -> Option<DateTime> {
    if !value.is_finite() {
        return None;
    }
    let timestamp = Timestamp::from_second(value as i64).ok()?;
    Some(TimeZone::UTC.to_datetime(timestamp))
}

/// Declares a part of a date; a sample that is no date gives NaN.
macro_rules! of_date {
    ($($name:ident => $compute:expr;)*) => {
        $(pub(crate) fn $name(value: f64, _params: &[f64]) -> Option<f64> {
            let compute: fn(DateTime) -> f64 = $compute;
            Some(date(value).map_or(f64::NAN, compute))
        })*
    };
}

of_date! {
    minute => |date| f64::from(date.minute());
    hour => |date| f64::from(date.hour());
    day_of_week => |date| f64::from(date.weekday().to_sunday_zero_offset());
    day_of_month => |date| f64::from(date.day());
    day_of_year => |date| f64::from(date.day_of_year());
    days_in_month => |date| f64::from(date.days_in_month());
    month => |date| f64::from(date.month());
    year => |date| f64::from(date.year());
}
