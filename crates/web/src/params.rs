//! Parameters of a request: those of the address and those of a form, read into one list, and the forms of time in them.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use model::TenantId;
use stdx::HumanDuration;
use url::form_urlencoded;

use crate::limits::{BODY_BYTES_MAX, BODY_READ_TIMEOUT};
use crate::prometheus::answer::ApiError;
use crate::tenancy::tenant_of;

/// The earliest and latest moments that a parameter can name; what lies beyond is moved here.
pub(crate) const TIME_MS_MIN: i64 = -9_000_000_000_000_000;
/// See [`TIME_MS_MIN`].
pub(crate) const TIME_MS_MAX: i64 = 9_000_000_000_000_000;
/// Prometheus' own names for the ends of time (web/api/v1, `minTimeFormatted` and `maxTimeFormatted`).
const TIME_MIN_NAME: &str = "-292273086-05-16T16:47:06Z";
const TIME_MAX_NAME: &str = "292277025-08-18T07:12:54.999999999Z";

/// The parameters of a request in order: those of the form before those of the address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    tenant: TenantId,
}

impl Params {
    /// Reads the encoded forms.
    pub(crate) fn decode(form: &[u8], query: &str) -> Self {
        let pairs = form_urlencoded::parse(form)
            .chain(form_urlencoded::parse(query.as_bytes()))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        Self {
            pairs,
            tenant: TenantId::DEFAULT,
        }
    }

    /// The same, as a request of a tenant.
    pub(crate) fn of(self, tenant: TenantId) -> Self {
        Self { tenant, ..self }
    }

    /// Whose series are asked for.
    pub(crate) fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The first value of a parameter, or the empty text.
    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.pairs.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Every value of a parameter.
    pub(crate) fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        let named = self.pairs.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// A time that must be there.
    pub(crate) fn time(&self, name: &str) -> Result<i64, ApiError> {
        parse_time(self.get(name)).map_err(|reason| ApiError::bad_parameter(name, reason))
    }

    /// A time, or `default` where the parameter is absent or empty.
    pub(crate) fn time_or(&self, name: &str, default: i64) -> Result<i64, ApiError> {
        if self.get(name).is_empty() {
            Ok(default)
        } else {
            self.time(name)
        }
    }

    /// A duration that must be there, in milliseconds.
    pub(crate) fn duration_ms(&self, name: &str) -> Result<i64, ApiError> {
        parse_duration_ms(self.get(name)).map_err(|reason| ApiError::bad_parameter(name, reason))
    }

    /// A duration in milliseconds; none where the parameter is absent or empty.
    pub(crate) fn duration_ms_if_given(&self, name: &str) -> Result<Option<i64>, ApiError> {
        if self.get(name).is_empty() {
            Ok(None)
        } else {
            self.duration_ms(name).map(Some)
        }
    }

    /// The parameter `limit`; 0 and absent both mean that there is none.
    pub(crate) fn limit(&self) -> Result<Option<usize>, ApiError> {
        let text = self.get("limit");
        if text.is_empty() {
            return Ok(None);
        }
        let bad = |reason: String| ApiError::bad_parameter("limit", reason);
        let limit: i64 = text
            .parse()
            .map_err(|_| bad(format!("cannot parse {text:?} to a number")))?;
        if limit < 0 {
            return Err(bad("limit must be non-negative".to_owned()));
        }
        Ok((limit > 0).then_some(limit as usize))
    }
}

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let tenant = tenant_of(&request);
        let is_form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| {
                kind.trim_start()
                    .to_ascii_lowercase()
                    .starts_with("application/x-www-form-urlencoded")
            });
        if request.method() != Method::POST || !is_form {
            return Ok(Self::decode(b"", &query).of(tenant));
        }
        let form = read_body(request).await?;
        Ok(Self::decode(&form, &query).of(tenant))
    }
}

/// Reads a body within the limits of size and time.
pub(crate) async fn read_body(request: Request) -> Result<bytes::Bytes, ApiError> {
    let body = Limited::new(request.into_body(), BODY_BYTES_MAX);
    match tokio::time::timeout(BODY_READ_TIMEOUT, body.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(ApiError::with_status(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is larger than {BODY_BYTES_MAX} bytes; send fewer or shorter expressions"),
        )),
        Ok(Err(error)) => Err(ApiError::bad_data(format!("the body cannot be read: {error}"))),
        Err(_) => Err(ApiError::with_status(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not arrive within {} s", BODY_READ_TIMEOUT.as_secs()),
        )),
    }
}

/// Reads a time in milliseconds: seconds as a float, or RFC 3339.
pub(crate) fn parse_time(text: &str) -> Result<i64, String> {
    match text {
        TIME_MIN_NAME => return Ok(TIME_MS_MIN),
        TIME_MAX_NAME => return Ok(TIME_MS_MAX),
        _ => {}
    }
    if let Ok(seconds) = text.parse::<f64>() {
        if seconds.is_finite() {
            let at_ms = (seconds * 1000.0).round();
            return Ok(at_ms.clamp(TIME_MS_MIN as f64, TIME_MS_MAX as f64) as i64);
        }
    } else if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(moment.as_millisecond());
    }
    Err(format!("cannot parse {text:?} to a valid timestamp"))
}

/// Reads a duration in milliseconds: seconds as a float, or text such as `5m`. May be negative or zero.
pub(crate) fn parse_duration_ms(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        let millis = seconds * 1000.0;
        // Durations are nanoseconds in 64 bits upstream; what does not fit there is refused here too.
        if millis.is_nan() || millis.abs() >= i64::MAX as f64 / 1e6 {
            return Err(format!(
                "cannot parse {text:?} to a valid duration. It overflows int64"
            ));
        }
        return Ok(millis as i64);
    }
    HumanDuration::parse(text)
        .map(HumanDuration::as_millis_i64)
        .map_err(|_| format!("cannot parse {text:?} to a valid duration"))
}

/// A span as a duration, never negative.
pub(crate) fn duration_from_ms(millis: i64) -> Duration {
    Duration::from_millis(millis.max(0) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        let check = |text: &str, at_ms: i64| assert_eq!(parse_time(text), Ok(at_ms), "{text}");
        check("1700010600", 1_700_010_600_000);
        check("1700010600.123", 1_700_010_600_123);
        check("1.7e9", 1_700_000_000_000);
        check("-1", -1000);
        check("2023-11-15T01:10:00Z", 1_700_010_600_000);
        check("2023-11-15T03:10:00.000+02:00", 1_700_010_600_000);
        check(TIME_MIN_NAME, TIME_MS_MIN);
        check(TIME_MAX_NAME, TIME_MS_MAX);
        check("1e300", TIME_MS_MAX);
        for text in ["", "x", "NaN", "Inf", "2023-11-15", "2023-11-15T01:10:00"] {
            assert_eq!(
                parse_time(text),
                Err(format!("cannot parse {text:?} to a valid timestamp")),
                "{text}"
            );
        }
    }

    #[test]
    fn durations_are_seconds_or_text() {
        let check = |text: &str, millis: i64| assert_eq!(parse_duration_ms(text), Ok(millis), "{text}");
        check("15", 15_000);
        check("0.5", 500);
        check("-1", -1_000);
        check("5m", 300_000);
        check("1h30m", 5_400_000);
        for text in ["", "abc", "5x", "1m1h"] {
            assert_eq!(
                parse_duration_ms(text),
                Err(format!("cannot parse {text:?} to a valid duration"))
            );
        }
        assert!(
            parse_duration_ms("1e300")
                .unwrap_err()
                .ends_with("It overflows int64")
        );
        assert!(parse_duration_ms("NaN").is_err());
    }

    #[test]
    fn the_form_comes_before_the_address() {
        let params = Params::decode(b"query=1%2B1&match[]=a", "query=2&match%5B%5D=b&time=+5");
        assert_eq!(params.get("query"), "1+1");
        assert_eq!(params.all("match[]").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(params.get("time"), " 5");
        assert_eq!(params.get("absent"), "");
    }

    #[test]
    fn limits_are_whole_and_not_negative() {
        let limit = |text: &str| Params::decode(text.as_bytes(), "").limit();
        assert_eq!(limit("").unwrap(), None);
        assert_eq!(limit("limit=0").unwrap(), None);
        assert_eq!(limit("limit=7").unwrap(), Some(7));
        assert!(limit("limit=-1").is_err() && limit("limit=x").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = (parse_time(&text), parse_duration_ms(&text), Params::decode(text.as_bytes(), &text));
        }

        #[test]
        fn milliseconds_survive(at_ms in 0i64..4_000_000_000_000) {
            let text = format!("{}.{:03}", at_ms / 1000, at_ms % 1000);
            prop_assert_eq!(parse_time(&text), Ok(at_ms));
        }
    }
}
