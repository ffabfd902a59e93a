//! The `storage:` section in Prometheus' own form, as settings of the stores.

use std::path::Path;

use model::Matcher;
use serde::{Deserialize, Serialize};
use stdx::{HumanBytes, HumanDuration};

use super::retention::Retention;

/// `storage:`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Storage {
    /// The series store.
    pub(crate) tsdb: Tsdb,
    /// The store of log lines.
    pub(crate) logs: Logs,
    /// How many exemplars are kept.
    pub(crate) exemplars: Exemplars,
    /// How large the queue of remote write may become.
    pub(crate) remote_write_queue_size: Option<HumanBytes>,
    /// How much of the disk is kept free; 0 keeps nothing.
    pub(crate) free_space_min: Option<HumanBytes>,
}

/// The queue of remote write where the file names no size.
const REMOTE_WRITE_QUEUE_BYTES: u64 = 1 << 30;

/// `storage.tsdb:`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tsdb {
    /// How much older than the newest sample of its series a sample may be.
    pub(crate) out_of_order_time_window: Option<HumanDuration>,
    /// What is removed, and when.
    pub(crate) retention: Retention,
    /// How Prometheus encodes chunks; read so that its files load, without effect.
    pub(crate) chunk_encoding: ChunkEncoding,
    /// The share of stale series at which Prometheus compacts early; read so that its files load, without effect.
    pub(crate) stale_series_compaction_threshold: Option<f64>,
    /// How many series may take samples at a time.
    pub(crate) active_series_max: Option<u64>,
    /// How many series of one metric may take samples at a time.
    pub(crate) series_per_metric_max: Option<u64>,
    /// How much memory what was read of blocks may take.
    pub(crate) read_cache_size: Option<HumanBytes>,
}

/// `storage.logs:`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Logs {
    /// What is removed, and when.
    pub(crate) retention: LogRetention,
    /// How far in the future a line may lie.
    pub(crate) future_limit: Option<HumanDuration>,
    /// How many streams of a tenant may take lines at a time.
    pub(crate) streams_max: Option<usize>,
    /// How much memory contents of segments may take.
    pub(crate) read_cache_size: Option<HumanBytes>,
    /// How long a request to delete lines may be taken back.
    pub(crate) delete_cancel_period: Option<HumanDuration>,
    /// Where segments lie, where that is not this machine.
    pub(crate) object_store: Option<Box<lake::ObjectStoreConfig>>,
}

/// `storage.logs.retention:`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogRetention {
    /// How long lines are kept.
    pub(crate) time: Option<HumanDuration>,
    /// How many bytes of disk the store may use; 0 is no limit.
    pub(crate) size: Option<HumanBytes>,
    /// Streams that are kept for a time of their own.
    pub(crate) rules: Vec<StreamRule>,
}

/// How long some streams are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamRule {
    /// Which ones.
    #[serde(rename = "match")]
    pub(crate) selector: Streams,
    /// How long.
    pub(crate) keep: HumanDuration,
    /// Of several that are about a stream the one with the highest priority holds, of equal ones the first.
    #[serde(default)]
    pub(crate) priority: i32,
}

/// A selector of streams such as `{app="shop"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Streams {
    text: String,
    pub(crate) matchers: Vec<Matcher>,
}

impl TryFrom<String> for Streams {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let matchers = logql::parse_selector(&text)
            .map_err(|error| format!("{text:?} is no selector of streams: {error}"))?;
        Ok(Self { text, matchers })
    }
}

impl From<Streams> for String {
    fn from(streams: Streams) -> Self {
        streams.text
    }
}

/// `storage.tsdb.chunk_encoding:`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ChunkEncoding {
    /// The encoding of floats.
    pub(crate) floats: Option<FloatEncoding>,
}

/// Prometheus' encodings of floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FloatEncoding {
    /// The one of Facebook's Gorilla.
    Xor,
    /// Its successor.
    Xor2,
}

/// `storage.exemplars:`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Exemplars {
    /// How many are kept; none where it is 0 or below, as in Prometheus.
    pub(crate) max_exemplars: Option<i64>,
}

impl Exemplars {
    fn max(&self, default: usize) -> usize {
        self.max_exemplars
            .map_or(default, |max| usize::try_from(max).unwrap_or_default())
    }
}

/// A number from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Percentage(pub(crate) f64);

impl TryFrom<f64> for Percentage {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        if (0.0..=100.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(format!(
                "{number} is not between 0 and 100; correct the percentage"
            ))
        }
    }
}

impl Storage {
    /// Makes relative paths relative to `base`, the folder of the file that names them.
    pub(crate) fn resolve_paths(&mut self, base: &Path) {
        if let Some(objects) = &mut self.logs.object_store {
            objects.resolve_paths(base);
        }
    }

    /// The series store's settings, in `dir`.
    pub(crate) fn series(&self, dir: std::path::PathBuf) -> tsdb::Config {
        let retention_bytes = self.tsdb.retention.bytes(&dir);
        let mut default = tsdb::Config::in_dir(dir);
        self.tsdb.retention.apply(&mut default);
        tsdb::Config {
            retention_bytes,
            out_of_order_window: self
                .tsdb
                .out_of_order_time_window
                .unwrap_or(default.out_of_order_window),
            active_series_max: self.tsdb.active_series_max.unwrap_or(default.active_series_max),
            series_per_metric_max: self
                .tsdb
                .series_per_metric_max
                .unwrap_or(default.series_per_metric_max),
            exemplars_max: self.exemplars.max(default.exemplars_max),
            read_cache_bytes: self
                .tsdb
                .read_cache_size
                .map_or(default.read_cache_bytes, |size| size.0),
            ..default
        }
    }

    /// The settings of the store of log lines, in `dir`.
    pub(crate) fn logs(&self, dir: std::path::PathBuf) -> lake::Config {
        let default = lake::Config::default();
        let size = self.logs.retention.size.map(|size| size.0);
        let stream = |rule: &StreamRule| lake::StreamRetention {
            matchers: rule.selector.matchers.clone(),
            keep: rule.keep,
            priority: rule.priority,
        };
        lake::Config {
            dir,
            retention: self.logs.retention.time.unwrap_or(default.retention),
            retention_bytes: size.filter(|bytes| *bytes > 0),
            stream_retention: self.logs.retention.rules.iter().map(stream).collect(),
            delete_cancel_period: self
                .logs
                .delete_cancel_period
                .unwrap_or(default.delete_cancel_period),
            future_limit: self.logs.future_limit.unwrap_or(default.future_limit),
            streams_max: self.logs.streams_max.unwrap_or(default.streams_max),
            contents_cache_bytes: self
                .logs
                .read_cache_size
                .map_or(default.contents_cache_bytes, |size| size.0),
            ..default
        }
    }

    /// The object store for segments of log lines, where one is named.
    pub(crate) fn objects(&self) -> Result<Option<lake::Objects>, lake::LakeError> {
        let named = self.logs.object_store.as_ref();
        named.map(|objects| objects.connect()).transpose()
    }

    /// The queue of remote write, in `dir`.
    pub(crate) fn remote_write_queue(&self, dir: std::path::PathBuf) -> ingest::forward::Config {
        let size = self.remote_write_queue_size.map(|size| size.0);
        ingest::forward::Config {
            dir,
            queue_bytes_max: size.unwrap_or(REMOTE_WRITE_QUEUE_BYTES),
        }
    }

    /// How long samples are kept as they were measured, for people.
    pub(crate) fn retention_text(&self) -> String {
        // The folder decides only how many bytes a percentage is, which is shown as it is written.
        let kept = self.series(std::path::PathBuf::new());
        if let Some(Percentage(share)) = self.tsdb.retention.percentage.filter(|share| share.0 > 0.0) {
            return format!("{} or {share} % of the disk", kept.retention);
        }
        match kept.retention_bytes {
            Some(bytes) => format!("{} or {}", kept.retention, HumanBytes(bytes)),
            None => kept.retention.to_string(),
        }
    }
}

impl Retention {
    /// The most bytes of the store in `dir`; as in Prometheus, 0 is no limit.
    fn bytes(&self, dir: &Path) -> Option<u64> {
        let size = self.size.map(|size| size.0);
        let share = self
            .percentage
            .filter(|percentage| percentage.0 > 0.0)
            .and_then(|percentage| Some(filesystem_bytes(dir)? as f64 * percentage.0 / 100.0));
        share
            .map(|bytes| bytes as u64)
            .or(size)
            .filter(|bytes| *bytes > 0)
    }
}

/// The size of the filesystem that holds `dir`, or will hold it: the nearest folder above that exists tells.
fn filesystem_bytes(dir: &Path) -> Option<u64> {
    let dir = std::path::absolute(dir).ok()?;
    let there = dir.ancestors().find(|folder| folder.exists())?;
    let facts = rustix::fs::statvfs(there).ok()?;
    facts.f_blocks.checked_mul(facts.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_filesystem_takes_the_place_of_a_size() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("not/yet/there");
        let all = filesystem_bytes(&dir).unwrap();
        let retention: Retention = stdx::yaml::read("{size: 1GB, percentage: 50}").unwrap();
        assert_eq!(retention.bytes(&dir), Some(all / 2));
        let retention: Retention = stdx::yaml::read("{size: 1GB, percentage: 0}").unwrap();
        assert_eq!(retention.bytes(&dir), Some(1 << 30));
        assert!(stdx::yaml::read::<Retention>("{percentage: 101}").is_err());
    }

    #[test]
    fn streams_and_the_object_store_are_read() {
        let text = "{logs: {retention: {time: 5d, rules: [{match: '{app=\"debug\"}', keep: 2d, priority: 3}]}, \
                    object_store: {url: 's3://bucket/a', secret_access_key_file: key, cache_size: 1GiB}}}";
        let mut storage: Storage = stdx::yaml::read(text).unwrap();
        storage.resolve_paths(Path::new("/etc/watch"));
        let logs = storage.logs("logs".into());
        let stream = |app: &str| model::Labels::from_pairs([("app", app)]);
        assert_eq!(
            logs.keep_for(&stream("debug")),
            HumanDuration::from_secs(2 * 86_400)
        );
        assert_eq!(
            logs.keep_for(&stream("shop")),
            HumanDuration::from_secs(5 * 86_400)
        );
        let objects = storage.logs.object_store.as_ref().unwrap();
        assert_eq!(
            objects.secret_access_key_file.as_deref(),
            Some(Path::new("/etc/watch/key"))
        );
        assert_eq!(objects.cache_size.0, 1 << 30);
        let error = storage.objects().unwrap_err().to_string();
        assert!(error.contains("/etc/watch/key"), "{error}");
        let fault = |text: &str| stdx::yaml::read::<Storage>(text).unwrap_err()[0].message.clone();
        assert!(
            fault("{logs: {retention: {rules: [{match: '{app=', keep: 2d}]}}}")
                .contains("no selector of streams")
        );
    }
}
