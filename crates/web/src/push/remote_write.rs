//! `POST /api/v1/write`: Prometheus remote write 1.0 and 2.0.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use ingest::push::remote_write::Version;
use ingest::push::{Encoding, Outcome};

use super::{PushRefusal, on_worker, receive};
use crate::app::App;

const SAMPLES_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-samples-written");
const HISTOGRAMS_WRITTEN: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-histograms-written");
const EXEMPLARS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-exemplars-written");

/// Takes in a request. 204: all of it; 202: all of it is what another replica of the sender's cluster sends; 400: what was refused is told, and must not be sent again; 5xx: nothing was taken, try
/// again (remote write specification 2.0, sections "Retries & Backoff" and "Required Written Response Headers").
pub(crate) async fn write(State(app): State<Arc<App>>, request: Request) -> Response {
    match take(&app, request).await {
        Ok(outcome) => answer(&outcome),
        Err(refusal) => {
            let mut response = refusal.into_response();
            written(&mut response, &Outcome::default());
            response
        }
    }
}

async fn take(app: &Arc<App>, request: Request) -> Result<Outcome, PushRefusal> {
    let received = receive(app, request).await?;
    let unsupported = |message: String| PushRefusal {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        message,
    };
    let content_type = received.headers.get(header::CONTENT_TYPE);
    let version = match content_type {
        None => Version::V1,
        Some(value) => value
            .to_str()
            .ok()
            .and_then(Version::of_content_type)
            .ok_or_else(|| {
                unsupported(format!(
                    "the Content-Type {value:?} is not taken; send application/x-protobuf, with \
                 proto=io.prometheus.write.v2.Request for version 2.0"
                ))
            })?,
    };
    // Version 1.0 is always packed; old senders leave the header out.
    let encoding = match received.encoding {
        Encoding::Identity => Encoding::Snappy,
        named => named,
    };
    on_worker(app, received.tenant, move |push, origin| {
        push.remote_write(&received.body, encoding, version, origin)
    })
    .await
}

fn answer(outcome: &Outcome) -> Response {
    let mut response = match outcome.complaint() {
        None if outcome.is_all_duplicate() => StatusCode::ACCEPTED.into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
        Some(complaint) => (StatusCode::BAD_REQUEST, format!("{complaint}\n")).into_response(),
    };
    written(&mut response, outcome);
    response
}

/// What was stored, told in the headers that version 2.0 asks for. What another replica sends is stored from there: a sender that
/// was told otherwise would count and log it as lost.
fn written(response: &mut Response, outcome: &Outcome) {
    let (accepted, duplicates) = (&outcome.accepted, outcome.duplicates);
    let samples = accepted.stored - accepted.histograms_stored.min(accepted.stored);
    let counts = [
        (SAMPLES_WRITTEN, samples + duplicates.samples),
        (
            HISTOGRAMS_WRITTEN,
            accepted.histograms_stored + duplicates.histograms,
        ),
        (
            EXEMPLARS_WRITTEN,
            accepted.exemplars_stored + duplicates.exemplars,
        ),
    ];
    for (name, count) in counts {
        response.headers_mut().insert(name, HeaderValue::from(count));
    }
}
