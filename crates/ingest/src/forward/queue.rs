//! What waits to be sent: one log that all endpoints read, each from its own place.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use disk::{Position, SharedStorage, Tail, TailStep, Wal, WalConfig};
use model::MetricMetadata;
use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::warn;
use xxhash_rust::xxh3::xxh3_64;

use super::Config;
use super::cursor::Cursor;
use super::message::record::{self, Kind};
use super::telemetry::ForwardTelemetry;
use crate::error::IngestError;
use crate::limits::REMOTE_WRITE_SEGMENT_BYTES;

/// The queue is kept in at least so many segments, so that little is dropped when it is full.
const SEGMENTS_MIN: u64 = 16;

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    wal: Arc<Wal>,
    storage: SharedStorage,
    dir: PathBuf,
    bytes_max: u64,
    cursors: Mutex<BTreeMap<String, Cursor>>,
    /// Samples of every segment that an endpoint may still have to read, those that were removed too.
    samples: Mutex<BTreeMap<u64, u64>>,
    /// Whether there is anybody to send to.
    active: AtomicBool,
    appended: watch::Sender<u64>,
    telemetry: ForwardTelemetry,
}

impl Queue {
    pub(super) fn open(
        config: &Config,
        storage: SharedStorage,
        telemetry: ForwardTelemetry,
    ) -> Result<Self, IngestError> {
        let mut samples: BTreeMap<u64, u64> = BTreeMap::new();
        let places = config.dir.join("places");
        storage
            .create_dir_all(&places)
            .map_err(disk::DiskError::io("create the folder", &places))?;
        let wal_config = WalConfig {
            segment_bytes: REMOTE_WRITE_SEGMENT_BYTES
                .min(config.queue_bytes_max / SEGMENTS_MIN)
                .max(1),
            segment_min: last_segment_of(&*storage, &places) + 1,
            ..WalConfig::in_dir(config.dir.join("log"), config.dir.join("quarantine"))
        };
        let (wal, report) = Wal::open(Arc::clone(&storage), wal_config, &mut |found| {
            let count = record::sample_count(found.payload).ok_or("the record is too short")?;
            *samples.entry(found.segment).or_default() += count;
            Ok(())
        })?;
        for damage in &report.damage {
            warn!(%damage, "damage in the queue of remote write");
        }
        let queue = Self {
            wal: Arc::new(wal),
            storage,
            dir: places,
            bytes_max: config.queue_bytes_max,
            cursors: Mutex::default(),
            samples: Mutex::new(samples),
            active: AtomicBool::new(false),
            appended: watch::Sender::new(0),
            telemetry,
        };
        queue.tell_size();
        Ok(queue)
    }

    /// Whether there is anybody to send to.
    pub(super) fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// Serves these endpoints and no others; one that is new begins at the end.
    pub(super) fn serve(&self, names: &[String]) -> Result<(), IngestError> {
        let mut cursors = self.cursors.lock();
        let mut next = BTreeMap::new();
        for name in names {
            let cursor = match cursors.remove(name) {
                Some(cursor) => cursor,
                None => Cursor::open(&*self.storage, &self.place_of(name), || self.end())?,
            };
            next.insert(name.clone(), cursor);
        }
        *cursors = next;
        let kept: Vec<PathBuf> = names.iter().map(|name| self.place_of(name)).collect();
        drop(cursors);
        for name in self
            .storage
            .list(&self.dir)
            .map_err(disk::DiskError::io("list", &self.dir))?
        {
            let path = self.dir.join(name);
            if !kept.contains(&path) {
                self.storage
                    .remove(&path)
                    .map_err(disk::DiskError::io("remove", &path))?;
            }
        }
        self.active.store(!names.is_empty(), Ordering::Release);
        self.release();
        Ok(())
    }

    fn place_of(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{:016x}.pos", xxh3_64(name.as_bytes())))
    }

    /// The place behind everything there is.
    fn end(&self) -> Position {
        Position {
            segment: self.wal.rotate(),
            offset: 0,
        }
    }

    /// Makes the body of a record durable. What cannot be written is counted: the store has it, and its writer must not be held up.
    pub(super) fn append(&self, samples: u64, body: &[u8]) {
        self.write(Kind::Series, samples, body);
    }

    /// Makes news about metrics durable.
    pub(super) fn describe(&self, metadata: &[MetricMetadata]) {
        self.write(Kind::Metadata, 0, &record::encode_metadata(metadata));
    }

    fn write(&self, kind: Kind, count: u64, body: &[u8]) {
        let mut written_to = 0;
        let result = self.wal.append(
            kind as u8,
            |segment, out| {
                written_to = segment;
                out.extend_from_slice(&count.to_le_bytes());
                out.extend_from_slice(body);
            },
            |result| result,
        );
        if let Err(error) = result {
            self.telemetry.queue_failures.inc_by(count);
            warn!(%error, samples = count, "samples are not sent to remote stores: their queue cannot be written");
            return;
        }
        *self.samples.lock().entry(written_to).or_default() += count;
        self.make_room();
        self.tell_size();
        self.appended.send_modify(|number| *number += 1);
    }

    /// Told whenever something was appended.
    pub(super) fn appended(&self) -> watch::Receiver<u64> {
        self.appended.subscribe()
    }

    /// A reader that begins where the endpoint is.
    pub(super) fn tail(&self, endpoint: &str) -> Tail {
        let cursors = self.cursors.lock();
        let position = cursors.get(endpoint).map(Cursor::position).unwrap_or_default();
        Tail::new(Arc::clone(&self.wal), position)
    }

    /// Samples of a segment before a place in it, as far as they can be read.
    pub(super) fn samples_before(&self, position: Position) -> Result<u64, IngestError> {
        let start = Position {
            offset: 0,
            ..position
        };
        let mut tail = Tail::new(Arc::clone(&self.wal), start);
        let mut count = 0;
        while tail.position() < position {
            match tail.next_step()? {
                TailStep::Record { payload, .. } if tail.position() <= position => {
                    count += record::sample_count(&payload).unwrap_or_default();
                }
                TailStep::Damaged { .. } => {}
                _ => break,
            }
        }
        Ok(count)
    }

    /// Samples between two segments that a reader has passed without reading them.
    pub(super) fn samples_between(&self, from: u64, to: u64) -> u64 {
        self.samples.lock().range(from..to).map(|(_, count)| count).sum()
    }

    /// Notes that an endpoint has everything before `position`, and lets go what nobody needs any more.
    pub(super) fn advance(&self, endpoint: &str, position: Position) -> Result<(), IngestError> {
        if let Some(cursor) = self.cursors.lock().get_mut(endpoint) {
            cursor
                .advance(position)
                .map_err(disk::DiskError::io("write", self.place_of(endpoint)))?;
        }
        self.release();
        Ok(())
    }

    /// Makes the places durable beyond the end of the machine.
    pub(super) fn sync(&self) -> std::io::Result<()> {
        self.cursors.lock().values().try_for_each(Cursor::sync)
    }

    /// Removes what every endpoint has.
    fn release(&self) {
        let first = self
            .cursors
            .lock()
            .values()
            .map(|cursor| cursor.position().segment)
            .min();
        let first = first.unwrap_or_else(|| self.wal.rotate());
        self.remove(|segment| segment < first);
        let mut samples = self.samples.lock();
        *samples = samples.split_off(&first);
        drop(samples);
        self.tell_size();
    }

    /// Removes the oldest where there is too much.
    fn make_room(&self) {
        if self.wal.disk_bytes() > self.bytes_max {
            self.remove(|_| self.wal.disk_bytes() > self.bytes_max);
        }
    }

    fn remove(&self, removable: impl FnMut(u64) -> bool) {
        if let Err(error) = self.wal.remove_oldest(removable) {
            warn!(%error, "the queue of remote write keeps more than it should");
        }
    }

    fn tell_size(&self) {
        let bytes = i64::try_from(self.wal.disk_bytes()).unwrap_or(i64::MAX);
        self.telemetry.queue_bytes.set(bytes);
    }
}

/// The largest segment that an endpoint has come to, so that the log never uses its number for other samples.
fn last_segment_of(storage: &dyn disk::Storage, places: &std::path::Path) -> u64 {
    let names = storage.list(places).unwrap_or_default();
    let segment = |name: &String| {
        let cursor = Cursor::open(storage, &places.join(name), Position::default).ok()?;
        Some(cursor.position().segment)
    };
    names.iter().filter_map(segment).max().unwrap_or_default()
}
