//! Which series there are: series, label names, label values.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::names::is_legacy_label_name;
use model::{Labels, Matcher, ReadError, Selector, SeriesRead, TenantId, TimeRange};

use crate::app::App;
use crate::json::{write_labels, write_member};
use crate::limits::RUN_HERE_FOR;
use crate::params::{Params, TIME_MS_MAX, TIME_MS_MIN};
use crate::prometheus::answer::{ApiError, Success, json_bytes};
use crate::prometheus::selectors::selectors;

/// The prefix of a label name that was escaped to fit the legacy character set (prometheus/common `model.EscapeName`).
const ESCAPED_PREFIX: &str = "U__";

/// `/api/v1/series`
pub(crate) async fn series(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let range = range(&params)?;
    let any_of = selectors(&params, "match[]")?;
    if any_of.is_empty() {
        return Err(ApiError::bad_data("no match[] parameter provided".to_owned()));
    }
    read(&app, params.tenant(), move |reader| {
        let found = Success::truncated(select_any(reader, range, &any_of)?, limit);
        Ok(json_bytes(StatusCode::OK, label_sets(&found).into()))
    })
    .await
}

/// `/api/v1/labels`
pub(crate) async fn label_names(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let range = range(&params)?;
    let any_of = selectors(&params, "match[]")?;
    read(&app, params.tenant(), move |reader| {
        let names = reader.label_names(TenantId::DEFAULT, range, &any_of)?;
        Ok(Success::truncated(names, limit).into_response())
    })
    .await
}

/// `/api/v1/label/{name}/values`
pub(crate) async fn label_values(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let name = label_name(&name)?;
    let limit = params.limit()?;
    let range = range(&params)?;
    let any_of = selectors(&params, "match[]")?;
    read(&app, params.tenant(), move |reader| {
        let values = reader.label_values(TenantId::DEFAULT, &name, range, &any_of)?;
        Ok(Success::truncated(values, limit).into_response())
    })
    .await
}

/// Runs a question to the store on a worker, answer written included. It cannot be broken off: where the last one took long, it is not
/// tried on the thread that asks.
pub(super) async fn read(
    app: &App,
    tenant: TenantId,
    ask: impl Fn(&dyn SeriesRead) -> Result<Response, ReadError> + Send + 'static,
) -> Result<Response, ApiError> {
    let reader = app.reader_of(tenant);
    let (timeout, took_us) = (app.config.query_timeout.0, Arc::clone(&app.label_question_us));
    let is_quick = u128::from(took_us.load(Ordering::Relaxed)) < RUN_HERE_FOR.as_micros();
    let ask = move || {
        let since = Instant::now();
        let answer = ask(&*reader);
        took_us.store(since.elapsed().as_micros() as u64, Ordering::Relaxed);
        answer
    };
    let answer = if is_quick {
        app.workers.run_here_first(timeout, move |_| Some(ask())).await?
    } else {
        app.workers.run(timeout, move |_| ask()).await?
    };
    answer.map_err(ApiError::from)
}

/// The series of any selector, each once, in order.
fn select_any(
    reader: &dyn SeriesRead,
    range: TimeRange,
    any_of: &[Vec<Matcher>],
) -> Result<Vec<Labels>, ReadError> {
    let mut found = Vec::new();
    for matchers in any_of {
        let selector = Selector {
            tenant: TenantId::DEFAULT,
            matchers: matchers.clone(),
            range,
        };
        found.extend(
            reader
                .select(&selector)?
                .iter()
                .map(|series| series.labels().clone()),
        );
    }
    // What one selector finds is in order already.
    if any_of.len() > 1 {
        found.sort();
        found.dedup();
    }
    Ok(found)
}

/// `start` and `end`, all of time where they are absent. Ends in the wrong order are taken as the span between them:
/// Prometheus looks at whole chunks there and answers too.
pub(super) fn range(params: &Params) -> Result<TimeRange, ApiError> {
    let from_ms = params.time_or("start", TIME_MS_MIN)?;
    let to_ms = params.time_or("end", TIME_MS_MAX)?;
    TimeRange::new(from_ms.min(to_ms), from_ms.max(to_ms))
        .map_err(|error| ApiError::bad_data(error.to_string()))
}

/// A label name of a path: in the legacy character set, or escaped into it.
fn label_name(text: &str) -> Result<String, ApiError> {
    let invalid = || ApiError::bad_data(format!("invalid label name: {text:?}"));
    if !is_legacy_label_name(text) {
        return Err(invalid());
    }
    match text.strip_prefix(ESCAPED_PREFIX) {
        Some(escaped) => Ok(unescape(escaped).unwrap_or_else(|| text.to_owned())),
        None => Ok(text.to_owned()),
    }
}

/// Undoes the value escaping: `__` stands for `_`, `_hex_` for a code point. None where the text is not of that form;
/// it is a plain name then.
fn unescape(escaped: &str) -> Option<String> {
    let mut name = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((plain, after)) = rest.split_once('_') {
        name.push_str(plain);
        if let Some(next) = after.strip_prefix('_') {
            name.push('_');
            rest = next;
            continue;
        }
        let (digits, next) = after.split_once('_')?;
        if digits.is_empty() || digits.len() > 6 {
            return None;
        }
        name.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
        rest = next;
    }
    name.push_str(rest);
    (!name.is_empty()).then_some(name)
}

/// The answer as JSON.
fn label_sets(found: &Success<Vec<Labels>>) -> Vec<u8> {
    let mut out = b"{\"status\":\"success\",\"data\":[".to_vec();
    for (index, labels) in found.data.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_labels(&mut out, labels);
    }
    out.push(b']');
    if !found.warnings.is_empty() {
        write_member(&mut out, "warnings", &found.warnings);
    }
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn label_names_are_legacy_or_escaped() {
        let check = |text: &str, name: &str| assert_eq!(label_name(text).unwrap(), name);
        check("job", "job");
        check("__name__", "__name__");
        check("U__a_2e_b", "a.b");
        check("U__service__name_2f_x", "service_name/x");
        check("U___1f600_", "😀");
        check("U__a_zz_", "U__a_zz_");
        check("U__a_2e", "U__a_2e");
        for text in ["a-b", "", "1a", "a.b", "ü"] {
            assert_eq!(
                label_name(text).unwrap_err().message(),
                format!("invalid label name: {text:?}")
            );
        }
    }

    proptest! {
        #[test]
        fn escaped_names_come_back(name in "\\PC{1,12}") {
            let mut escaped = ESCAPED_PREFIX.to_owned();
            for letter in name.chars() {
                match letter {
                    '_' => escaped.push_str("__"),
                    c if c.is_ascii_alphanumeric() => escaped.push(c),
                    c => escaped.extend(["_", &format!("{:x}", u32::from(c)), "_"]),
                }
            }
            prop_assert_eq!(label_name(&escaped).unwrap(), name);
        }
    }
}
