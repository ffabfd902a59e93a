//! The work of one endpoint: reads what waits, in rounds; sends each round, shard beside shard; notes how far it has come.
//!
//! A round ends when all of it has arrived, and only then does the endpoint's place move on. So samples of a series, which are
//! in one shard, arrive in order, and a crash repeats one round at most.

use std::sync::Arc;

use disk::{Position, Tail, TailStep};
use futures::future::join_all;
use model::{Labels, MetricMetadata, SeriesId};
use rustc_hash::FxHashMap;
use stdx::clock::SharedClock;
use tokio::time::Instant;
use tracing::{error, warn};

use super::endpoint::Endpoint;
use super::message::record::{self, Kind};
use super::message::{Row, Rows, v1, v2};
use super::queue::Queue;
use super::send::{Body, send};
use super::telemetry::ForwardTelemetry;
use crate::error::IngestError;
use crate::limits::REMOTE_WRITE_SERIES_REMEMBERED;
use crate::relabel::TooMuchMade;

/// The wait after the queue could not be read.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// Reads the queue for one endpoint.
struct Reader {
    endpoint: Arc<Endpoint>,
    tail: Tail,
    /// Samples that were read of the segment the tail is in, by earlier runs too; none before that is known.
    taken_of_segment: Option<u64>,
    relabelled: FxHashMap<SeriesId, Result<Option<Labels>, TooMuchMade>>,
    metadata: FxHashMap<Arc<str>, MetricMetadata>,
}

/// What is sent together.
#[derive(Default)]
struct Round {
    rows: Rows,
    samples: usize,
    news: Vec<MetricMetadata>,
    /// How far it reaches, when it holds anything, even if nothing of it is to be sent.
    end: Option<Position>,
    newest_ms: Option<i64>,
}

/// Sends for ever; ends only by being dropped.
pub(super) async fn run(
    endpoint: &Arc<Endpoint>,
    queue: &Arc<Queue>,
    clock: &SharedClock,
    telemetry: &ForwardTelemetry,
) {
    let mut reader = Reader {
        endpoint: Arc::clone(endpoint),
        tail: queue.tail(endpoint.name()),
        taken_of_segment: None,
        relabelled: FxHashMap::default(),
        metadata: FxHashMap::default(),
    };
    loop {
        let (back, round) = gather(reader, queue, clock, telemetry).await;
        reader = back;
        deliver(endpoint, &reader, &round, clock, telemetry).await;
        if let Some(end) = round.end {
            let (queue, name) = (Arc::clone(queue), endpoint.name().to_owned());
            let noted = tokio::task::spawn_blocking(move || queue.advance(&name, end)).await;
            if let Ok(Err(error)) = noted {
                warn!(%error, endpoint = endpoint.name(), "a restart would send samples again");
            }
        }
    }
}

/// Reads until there is enough for a round, or what there is has waited long enough.
async fn gather(
    mut reader: Reader,
    queue: &Arc<Queue>,
    clock: &SharedClock,
    telemetry: &ForwardTelemetry,
) -> (Reader, Round) {
    let config = &reader.endpoint.section.queue_config;
    let one_request = usize::try_from(config.max_samples_per_send).unwrap_or(usize::MAX);
    let most = one_request.saturating_mul(usize::try_from(config.max_shards).unwrap_or(1));
    let patience = config.batch_send_deadline.0;
    let mut appended = queue.appended();
    let mut round = Round::default();
    let mut deadline = None;
    loop {
        appended.mark_unchanged();
        let (own_queue, own_telemetry, now_ms) = (Arc::clone(queue), telemetry.clone(), clock.now_ms());
        let mut own_round = std::mem::take(&mut round);
        let read = tokio::task::spawn_blocking(move || {
            let result = reader.read(&mut own_round, most, &own_queue, now_ms, &own_telemetry);
            (reader, own_round, result)
        });
        let result;
        (reader, round, result) = match read.await {
            Ok(read) => read,
            // The supervisor begins again at the endpoint's place.
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        if let Err(error) = result {
            error!(%error, "the queue of remote write cannot be read");
            tokio::time::sleep(PAUSE).await;
        }
        if round.samples >= one_request {
            return (reader, round);
        }
        if round.end.is_some() && deadline.is_none() {
            deadline = Some(Instant::now() + patience);
        }
        let waited = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = waited => return (reader, round),
            changed = appended.changed() => {
                // The queue lives as long as its endpoints.
                if changed.is_err() {
                    return (reader, round);
                }
            }
        }
    }
}

/// Sends a round: metadata, then the shards beside each other.
async fn deliver(
    endpoint: &Arc<Endpoint>,
    reader: &Reader,
    round: &Round,
    clock: &SharedClock,
    telemetry: &ForwardTelemetry,
) {
    if !round.news.is_empty() && !endpoint.is_v2() && endpoint.section.metadata_config.send {
        send(endpoint, &body(&v1::metadata(&round.news), 0, 0), telemetry).await;
    }
    let shards = shards(endpoint, round);
    let sending = shards.iter().enumerate().map(|(number, shard)| async move {
        for request in requests(endpoint, shard) {
            let bytes = encode(endpoint, reader, &request);
            let samples: usize = request.iter().map(|row| row.sample_count()).sum();
            send(endpoint, &body(&bytes, samples as u64, number as u64), telemetry).await;
        }
    });
    join_all(sending).await;
    if let Some(newest_ms) = round.newest_ms {
        telemetry.set_lag(endpoint.name(), clock.now_ms().saturating_sub(newest_ms).max(0));
    }
}

/// As many shards as the round has full requests, within the bounds of the section; a series is always in one.
fn shards<'r>(endpoint: &Endpoint, round: &'r Round) -> Vec<Vec<&'r Row>> {
    let config = &endpoint.section.queue_config;
    let wanted = (round.samples as u64).div_ceil(config.max_samples_per_send.max(1));
    let count = wanted.clamp(config.min_shards.max(1), config.max_shards.max(1));
    let mut shards: Vec<Vec<&Row>> = Vec::new();
    shards.resize_with(usize::try_from(count).unwrap_or(1), Vec::new);
    for (id, row) in round.rows.list() {
        let place = usize::try_from(id.0 as u64 % count).unwrap_or_default();
        if let Some(shard) = shards.get_mut(place) {
            shard.push(row);
        }
    }
    shards
}

/// Cuts a shard into requests of the size that the section names. Rows stay whole unless one alone is too large.
fn requests(endpoint: &Endpoint, shard: &[&Row]) -> Vec<Vec<Row>> {
    let most = usize::try_from(endpoint.section.queue_config.max_samples_per_send).unwrap_or(usize::MAX);
    let mut requests: Vec<Vec<Row>> = Vec::new();
    let mut room = 0;
    for row in shard {
        for piece in pieces(row, most) {
            let size = piece.sample_count().max(1);
            if size > room {
                requests.push(Vec::new());
                room = most.max(1);
            }
            room = room.saturating_sub(size);
            if let Some(request) = requests.last_mut() {
                request.push(piece);
            }
        }
    }
    requests
}

/// A row in pieces of at most `most` samples, histograms behind floats.
fn pieces(row: &Row, most: usize) -> Vec<Row> {
    if row.sample_count() <= most {
        return vec![row.clone()];
    }
    let bare = || Row {
        labels: row.labels.clone(),
        ..Row::default()
    };
    let mut pieces: Vec<Row> = row
        .samples
        .chunks(most.max(1))
        .map(|samples| Row {
            samples: samples.to_vec(),
            ..bare()
        })
        .collect();
    pieces.extend(row.histograms.chunks(most.max(1)).map(|histograms| Row {
        histograms: histograms.to_vec(),
        ..bare()
    }));
    if let Some(last) = pieces.last_mut() {
        last.exemplars.clone_from(&row.exemplars);
    }
    pieces
}

fn encode(endpoint: &Endpoint, reader: &Reader, rows: &[Row]) -> Vec<u8> {
    if !endpoint.is_v2() {
        return v1::request(rows.iter());
    }
    let sends_metadata = endpoint.section.metadata_config.send;
    let mut request = v2::Request::new();
    for row in rows {
        let metadata = reader
            .metadata_of(row.labels.metric_name())
            .filter(|_| sends_metadata);
        request.series(
            &row.labels,
            &row.samples,
            &row.histograms,
            &row.exemplars,
            metadata,
        );
    }
    request.finish()
}

fn body(bytes: &[u8], samples: u64, seed: u64) -> Body {
    Body {
        bytes: snap::raw::Encoder::new()
            .compress_vec(bytes)
            .unwrap_or_default()
            .into(),
        samples,
        seed,
    }
}

// === impl Reader ===

impl Reader {
    /// Reads into a round what there is, until it holds `most` samples.
    fn read(
        &mut self,
        round: &mut Round,
        most: usize,
        queue: &Queue,
        now_ms: i64,
        telemetry: &ForwardTelemetry,
    ) -> Result<(), IngestError> {
        if self.taken_of_segment.is_none() {
            self.taken_of_segment = Some(queue.samples_before(self.tail.position())?);
        }
        while round.samples < most {
            let before = self.tail.position();
            let step = self.tail.next_step()?;
            let after = self.tail.position();
            self.count_passed_over(before, after, queue, telemetry);
            match step {
                TailStep::End => return Ok(()),
                TailStep::Damaged { bytes } => {
                    warn!(bytes, "damage in the queue of remote write is passed over");
                }
                TailStep::Record { kind, payload } => {
                    if let Some(taken) = &mut self.taken_of_segment {
                        *taken += record::sample_count(&payload).unwrap_or_default();
                    }
                    match record::decode(&payload) {
                        Ok((rows, news)) if kind == Kind::Series as u8 || kind == Kind::Metadata as u8 => {
                            self.learn(news, round);
                            for row in rows {
                                self.add(row, round, now_ms, telemetry);
                            }
                        }
                        _ => warn!("a record of the queue of remote write makes no sense and is passed over"),
                    }
                }
            }
            round.end = Some(after);
        }
        Ok(())
    }

    /// Counts what was removed before it was read.
    fn count_passed_over(
        &mut self,
        before: Position,
        after: Position,
        queue: &Queue,
        telemetry: &ForwardTelemetry,
    ) {
        if after.segment == before.segment {
            return;
        }
        let there = queue.samples_between(before.segment, after.segment);
        let lost = there.saturating_sub(self.taken_of_segment.unwrap_or_default());
        telemetry.count_dropped(self.endpoint.name(), "queue_full", lost);
        self.taken_of_segment = Some(0);
    }

    fn learn(&mut self, news: Vec<MetricMetadata>, round: &mut Round) {
        for metric in news {
            if self.metadata.len() < REMOTE_WRITE_SERIES_REMEMBERED
                || self.metadata.contains_key(&metric.name)
            {
                self.metadata.insert(Arc::clone(&metric.name), metric.clone());
            }
            round.news.push(metric);
        }
    }

    /// What is known of the metric that a series belongs to, whose name may have an ending of its own.
    fn metadata_of(&self, name: &str) -> Option<&MetricMetadata> {
        let endings = ["", "_total", "_bucket", "_count", "_sum"];
        let mut stems = endings.iter().filter_map(|ending| name.strip_suffix(ending));
        stems.find_map(|stem| self.metadata.get(stem))
    }

    fn add(&mut self, mut row: Row, round: &mut Round, now_ms: i64, telemetry: &ForwardTelemetry) {
        let section = &self.endpoint.section;
        if !section.send_exemplars {
            row.exemplars.clear();
        }
        if !section.send_native_histograms {
            let count = row.histograms.len() as u64;
            telemetry.count_dropped(self.endpoint.name(), "native_histogram", count);
            row.histograms.clear();
        }
        let age_max_ms = section.queue_config.sample_age_limit.as_millis_i64();
        if age_max_ms > 0 {
            let oldest_ms = now_ms.saturating_sub(age_max_ms);
            let before = row.sample_count();
            row.samples.retain(|sample| sample.at_ms >= oldest_ms);
            row.histograms.retain(|sample| sample.at_ms >= oldest_ms);
            let dropped = (before - row.sample_count()) as u64;
            telemetry.count_dropped(self.endpoint.name(), "too_old", dropped);
        }
        if row.is_empty() {
            return;
        }
        let labels = match self.relabelled(&row.labels) {
            Ok(Some(labels)) => labels,
            Ok(None) => return,
            Err(TooMuchMade) => {
                let count = row.sample_count() as u64;
                telemetry.count_dropped(self.endpoint.name(), "relabelling", count);
                return;
            }
        };
        row.labels = labels;
        let times = row.samples.iter().map(|sample| sample.at_ms);
        let newest = times
            .chain(row.histograms.iter().map(|sample| sample.at_ms))
            .max();
        round.newest_ms = round.newest_ms.max(newest);
        round.samples += row.sample_count().max(1);
        round.rows.add(row);
    }

    fn relabelled(&mut self, labels: &Labels) -> Result<Option<Labels>, TooMuchMade> {
        let id = labels.id();
        if let Some(known) = self.relabelled.get(&id) {
            return known.clone();
        }
        if self.relabelled.len() >= REMOTE_WRITE_SERIES_REMEMBERED {
            self.relabelled.clear();
        }
        let new = self.endpoint.labels(labels);
        self.relabelled.insert(id, new.clone());
        new
    }
}
