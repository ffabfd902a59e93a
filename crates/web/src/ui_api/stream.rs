//! The stream of events (server-sent events, WHATWG HTML section 9.2): ticks, counts, reloads; numbered, held for a
//! while, resumable; what a client loses it is told.
//!
//! In: news of the collector, the alerts, the targets and the configuration.  Out: numbered events, to every client.
//! Owns: the ring of recent events and the count of clients.
//! Invariants: a client that comes back gets what it missed or one gap (`stream::tests`); a slow client is told what it
//! lost (`stream::tests::a_slow_client_is_told_what_it_lost_and_it_is_counted`); clients are bounded
//! (`stream::tests::the_number_of_clients_is_bounded`).
//! Not here: what the events are about (`alerting`, `ingest`, `collect`); the series (`ui_api::series`).
//! Start at: [`stream`] and [`feed`].

mod hub;
mod rate;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use stdx::outlet::{Inlet, News};

use crate::app::App;
use crate::limits::{STREAM_CLIENTS_MAX, STREAM_KEEP_ALIVE};
use crate::ui_api::alerts::AlertCounts;
use crate::ui_api::answer::UiError;
use crate::ui_api::overview::{ConfigJson, TargetCounts};
pub(crate) use hub::Hub;
use hub::{Client, Delivery, Topic};

/// A browser that lost the stream comes back after this long.
const RETRY: Duration = Duration::from_secs(2);
/// The pace of ticks where no collector gives one.
const OWN_TICK: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
pub(crate) struct StreamQuery {
    topics: Option<String>,
}

/// `GET /api/ui/stream?topics=tick,alerts,targets,config`
pub(crate) async fn stream(
    State(app): State<Arc<App>>,
    Query(query): Query<StreamQuery>,
    headers: HeaderMap,
) -> Result<Response, UiError> {
    let topics = match query.topics.as_deref() {
        None | Some("") => Topic::ALL.to_vec(),
        Some(text) => text.split(',').map(parse_topic).collect::<Result<_, _>>()?,
    };
    let last_id = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.trim().parse().ok());
    let client = app.hub.join(topics, last_id).ok_or_else(|| {
        UiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{STREAM_CLIENTS_MAX} clients follow the stream already"),
            "Close other tabs of this page.",
        )
    })?;
    let events = Sse::new(events(client, app.stop.clone()));
    let mut response = events
        .keep_alive(KeepAlive::new().interval(STREAM_KEEP_ALIVE))
        .into_response();
    // Proxies must neither keep nor gather what is meant for now.
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn parse_topic(text: &str) -> Result<Topic, UiError> {
    Topic::parse(text.trim()).ok_or_else(|| {
        UiError::bad_request(
            format!("there is no topic {text:?}"),
            "Ask for tick, alerts, targets or config, separated by commas.",
        )
    })
}

fn events(
    mut client: Client,
    stop: tokio_util::sync::CancellationToken,
) -> impl Stream<Item = Result<Event, Infallible>> {
    async_stream::stream! {
        yield Ok(Event::default().retry(RETRY).comment("Watchkeeper"));
        loop {
            let delivery = tokio::select! {
                () = stop.cancelled() => break,
                delivery = client.next() => delivery,
            };
            match delivery {
                Some(Delivery::Event(event)) => {
                    yield Ok(Event::default().id(event.id.to_string()).event(event.topic.as_str()).data(&*event.data));
                }
                Some(Delivery::Gap { dropped, id }) => {
                    let data = format!("{{\"dropped\":{dropped}}}");
                    yield Ok(Event::default().id(id.to_string()).event("gap").data(data));
                }
                None => break,
            }
        }
    }
}

/// Turns the news of the other rooms into events until the server stops. The only writer of the stream.
pub(crate) async fn feed(app: Arc<App>) {
    let deps = &app.deps;
    let mut ticks = deps.ticks.inlet();
    let mut alerts = deps.alert_news.inlet();
    let mut targets = deps.target_news.inlet();
    let mut reloads = deps.config_news.inlet();
    let mut own_ticks = tokio::time::interval(OWN_TICK);
    own_ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let has_collector = deps.host.is_some();
    let mut told = Told::default();
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            tick = next_item(&mut ticks), if has_collector => tell_tick(&app, tick.map(|tick| tick.at_ms)),
            _ = own_ticks.tick(), if !has_collector => tell_tick(&app, None),
            news = next_item(&mut alerts) => {
                let counts = match news {
                    Some(news) => AlertCounts::of_news(&news),
                    None => AlertCounts::of_rows(&app.deps.alerting.alerts()),
                };
                told.alerts(&app, counts);
            }
            _ = next_item(&mut targets) => told.targets(&app),
            view = next_item(&mut reloads) => {
                let view = view.unwrap_or_else(|| app.deps.control.config_view());
                app.hub.publish(Topic::Config, &ConfigJson::new(&view));
                // A reload may have removed rules and targets without any news of their own.
                told.alerts(&app, AlertCounts::of_rows(&app.deps.alerting.alerts()));
                told.targets(&app);
            }
        }
    }
}

/// The next piece of news, or none where some were lost and the state must be read instead. An outlet that is gone
/// stays silent.
async fn next_item<T: Clone>(inlet: &mut Inlet<T>) -> Option<T> {
    match inlet.next().await {
        Some(News::Item(item)) => Some(item),
        Some(News::Gap(_)) => None,
        None => std::future::pending().await,
    }
}

/// What was told last, so that only changes are told.
#[derive(Debug, Default)]
struct Told {
    alerts: AlertCounts,
    targets: TargetCounts,
}

#[derive(Debug, serde::Serialize)]
struct TickJson {
    now_ms: i64,
}

fn tell_tick(app: &App, at_ms: Option<i64>) {
    let clock = &app.deps.clock;
    app.hub
        .count_samples(clock.monotonic(), app.deps.control.samples_stored());
    let now_ms = at_ms.unwrap_or_else(|| clock.now_ms());
    app.hub.publish(Topic::Tick, &TickJson { now_ms });
}

impl Told {
    fn alerts(&mut self, app: &App, counts: AlertCounts) {
        if std::mem::replace(&mut self.alerts, counts) != counts {
            app.hub.publish(Topic::Alerts, &counts);
        }
    }

    fn targets(&mut self, app: &App) {
        let counts = TargetCounts::of(&app.deps.scraper.targets().active);
        if std::mem::replace(&mut self.targets, counts) != counts {
            app.hub.publish(Topic::Targets, &counts);
        }
    }
}
