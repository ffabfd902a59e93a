//! The life of one target: scrape, store, tell, again; and the markers at its end.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::{STALE_NAN, SeriesBatch, TenantId};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use xxhash_rust::xxh3::xxh3_64;

use super::ScraperDeps;
use super::entry::Entry;
use super::failure_log::Failure;
use super::fetch::{Body, fetch};
use super::status::{Health, TargetNews, host_name};
use super::timing::{Stamps, offset};
use crate::config::protocol::BodyFormat;
use crate::error::IngestError;
use crate::exposition::body_text;
use crate::intake::{self, Tally};
use crate::series_cache::{SeriesCache, SeriesRefused};

/// Runs until the target is stopped, and then ends its series, or until the process shuts down.
pub(super) async fn run(entry: Arc<Entry>, deps: Arc<ScraperDeps>, shutdown: CancellationToken) {
    let every = entry.spec.interval;
    let first = Instant::now() + offset(deps.clock.now_ms(), every, entry.hash ^ host_seed());
    let mut ticks = interval_at(first, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut stamps = Stamps::default();
    loop {
        let round = async {
            ticks.tick().await;
            let at_ms = stamps.next(deps.clock.now_ms(), every);
            scrape(&entry, &deps, at_ms).await;
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = entry.stop.cancelled() => break,
            () = round => {}
        }
    }
    // When the next scrape would have been: until then the last samples still stand for now.
    tokio::select! {
        biased;
        () = shutdown.cancelled() => return,
        _ = ticks.tick() => {}
    }
    let at_ms = deps.clock.now_ms();
    let result = tokio::task::spawn_blocking(move || end_series(&entry, &deps, at_ms)).await;
    if let Err(error) = result {
        warn!(%error, "could not end the series of a removed target");
    }
}

/// Spreads the scrapes of the same target by several machines over time.
fn host_seed() -> u64 {
    xxh3_64(host_name().as_bytes())
}

/// What came of one scrape.
struct Outcome {
    error: Option<IngestError>,
    duration: Duration,
    refused: Option<SeriesRefused>,
}

async fn scrape(entry: &Arc<Entry>, deps: &Arc<ScraperDeps>, at_ms: i64) {
    let started = deps.clock.monotonic();
    let fetched = match entry.pool.over_limit() {
        Some(got) => Err(IngestError::TooManyTargets {
            got,
            limit: entry.pool.job.target_limit,
        }),
        None => {
            let expected = entry.body_bytes_last.load(Ordering::Relaxed);
            let (pool, spec) = (&entry.pool, &entry.spec);
            fetch(&pool.client, &pool.job, &spec.url, spec.timeout, expected).await
        }
    };
    let (owned_entry, owned_deps) = (Arc::clone(entry), Arc::clone(deps));
    let storing = tokio::task::spawn_blocking(move || {
        let outcome = store(&owned_entry, &owned_deps, fetched, at_ms, started);
        note_failure(&owned_entry, outcome.as_ref(), at_ms);
        outcome
    })
    .await;
    let outcome = match storing {
        Ok(Some(outcome)) => outcome,
        Ok(None) => return,
        Err(_) => Outcome {
            error: Some(IngestError::TaskLost),
            duration: deps.clock.monotonic().saturating_sub(started),
            refused: None,
        },
    };
    tell(entry, deps, &outcome, at_ms);
}

/// Writes a failure to the file that the job names for them.
fn note_failure(entry: &Entry, outcome: Option<&Outcome>, at_ms: i64) {
    let job = &entry.pool.job;
    let Some((path, error)) = job
        .failure_log_file
        .as_ref()
        .zip(outcome.and_then(|outcome| outcome.error.as_ref()))
    else {
        return;
    };
    let message = stdx::http_client::chain(error);
    let failure = Failure::new(at_ms, &message, &job.config.job_name, &entry.spec.url);
    if let Err(error) = failure.append_to(Path::new(path)) {
        debug!(path, %error, "a failed scrape could not be written to its file");
    }
}

/// Notes how the scrape went and offers the news; the samples are stored by now.
fn tell(entry: &Entry, deps: &ScraperDeps, outcome: &Outcome, at_ms: i64) {
    let health = if outcome.error.is_none() {
        Health::Up
    } else {
        Health::Down
    };
    deps.telemetry.count_scrape(outcome.error.is_none());
    let changed = {
        let mut status = entry.status.lock();
        let changed = status.health != health;
        status.health = health;
        status.last_error = outcome
            .error
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        status.last_scrape_ms = Some(at_ms);
        status.last_duration = outcome.duration;
        status.series_refused.clone_from(&outcome.refused);
        changed
    };
    let (url, job) = (&entry.spec.url, &entry.pool.job.config.job_name);
    if let Some(refused) = &outcome.refused {
        let instance = entry.spec.labels.get("instance").unwrap_or_default();
        deps.telemetry.count_series_refused(job, instance, refused);
        let SeriesRefused { count, metric, limit } = refused;
        debug!(%url, job, count, metric, limit, "new series refused, the target has as many as it may");
    }
    if let Some(error) = &outcome.error {
        if changed {
            warn!(%url, job, %error, "scrape failed");
        } else {
            debug!(%url, job, %error, "scrape failed again");
        }
    }
    if changed {
        let label = |name| Arc::from(entry.spec.labels.get(name).unwrap_or_default());
        deps.news.offer(TargetNews {
            job: label("job"),
            instance: label("instance"),
            health,
            at_ms,
        });
    }
}

/// Stores a scrape: its samples, markers for what vanished, and the report; one batch, so all or nothing. `None` where
/// the target was stopped meanwhile.
fn store(
    entry: &Entry,
    deps: &ScraperDeps,
    fetched: Result<Body, IngestError>,
    at_ms: i64,
    started: Duration,
) -> Option<Outcome> {
    let mut cache = entry.memory.lock();
    if entry.stop.is_cancelled() {
        return None;
    }
    let body_bytes = match &fetched {
        Ok(body) => {
            entry.body_bytes_last.store(body.bytes.len(), Ordering::Relaxed);
            deps.telemetry.body_bytes.inc_by(body.bytes.len() as u64);
            body.bytes.len() as f64
        }
        Err(IngestError::BodyTooLarge { .. }) => -1.0,
        Err(_) => 0.0,
    };
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    cache.begin();
    let (tally, result) = match fetched {
        Ok(body) => take_in(&mut cache, entry, &body, at_ms, &mut batch),
        Err(error) => (Tally::default(), Err(error)),
    };
    if result.is_err() {
        // A scrape that fails counts as an empty one: everything the target had ends.
        batch = SeriesBatch::new(TenantId::DEFAULT);
        cache.begin();
    }
    let refused = result.as_ref().ok().and_then(|()| cache.budget.refused());
    count(deps, &tally);
    let markers = intake::push_stale(&cache, at_ms, &mut batch);
    let duration = deps.clock.monotonic().saturating_sub(started);
    push_report(
        entry,
        &tally,
        result.is_ok(),
        duration,
        body_bytes,
        at_ms,
        &mut batch,
    );
    let written = write(&mut cache, deps, &batch);
    if written.is_ok() {
        deps.telemetry.stale_markers.inc_by(markers);
        cache.commit(result.is_ok());
        if result.is_ok() {
            cache.good_until_ms = Some(at_ms);
        }
    }
    let error = result.and(written.map_err(IngestError::Store)).err();
    Some(Outcome {
        error,
        duration,
        refused,
    })
}

fn take_in(
    cache: &mut SeriesCache,
    entry: &Entry,
    body: &Body,
    at_ms: i64,
    batch: &mut SeriesBatch,
) -> (Tally, Result<(), IngestError>) {
    let format = match body.format {
        BodyFormat::Text(format) => format,
        BodyFormat::Protobuf => {
            return intake::read_protobuf(cache, &entry.rules, &body.bytes, at_ms, batch);
        }
    };
    match body_text(&body.bytes) {
        Ok(text) => intake::read_body(cache, &entry.rules, format, &text, at_ms, batch),
        Err(error) => (Tally::default(), Err(error.into())),
    }
}

fn count(deps: &ScraperDeps, tally: &Tally) {
    deps.telemetry.exemplars_dropped.inc_by(tally.exemplars_dropped);
    deps.telemetry.series_parsed.inc_by(tally.parsed);
    deps.telemetry.count_refused("duplicate", tally.duplicates);
}

fn write(cache: &mut SeriesCache, deps: &ScraperDeps, batch: &SeriesBatch) -> Result<(), model::WriteError> {
    let news = cache.families.news();
    intake::write(&*deps.writer, batch, &news, deps.clock.now_ms(), &deps.telemetry)?;
    if !news.is_empty() {
        cache.families.told();
    }
    Ok(())
}

/// Source: prometheus/scrape, `scrapeLoop.report`.
fn push_report(
    entry: &Entry,
    tally: &Tally,
    up: bool,
    duration: Duration,
    body_bytes: f64,
    at_ms: i64,
    batch: &mut SeriesBatch,
) {
    let report = &entry.report;
    let mut push = |series: &model::Series, value: f64| batch.push_one(series.clone(), at_ms, value);
    push(&report.up, if up { 1.0 } else { 0.0 });
    push(&report.duration_seconds, duration.as_secs_f64());
    push(&report.samples_scraped, tally.scraped as f64);
    push(&report.samples_kept, tally.kept as f64);
    push(&report.series_added, tally.series_added as f64);
    if entry.pool.job.extra_metrics {
        push(&report.timeout_seconds, entry.spec.timeout.as_secs_f64());
        push(&report.sample_limit, entry.pool.job.sample_limit as f64);
        push(&report.body_bytes, body_bytes);
    }
}

/// Ends everything that a removed target had, unless another entry goes on with it.
fn end_series(entry: &Entry, deps: &ScraperDeps, at_ms: i64) {
    let mut cache = entry.memory.lock();
    if entry.taken_over.load(Ordering::SeqCst) {
        return;
    }
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    cache.begin();
    let mut markers = intake::push_stale(&cache, at_ms, &mut batch);
    let was_scraped = entry.status.lock().last_scrape_ms.is_some();
    if !was_scraped && batch.is_empty() {
        return;
    }
    for series in entry.report.all(entry.pool.job.extra_metrics) {
        batch.push_one(series.clone(), at_ms, STALE_NAN);
        markers += 1;
    }
    match write(&mut cache, deps, &batch) {
        Ok(()) => {
            deps.telemetry.stale_markers.inc_by(markers);
            cache.commit(false);
        }
        Err(error) => {
            let url = &entry.spec.url;
            warn!(%url, %error, "could not end the series of a removed target");
        }
    }
}
