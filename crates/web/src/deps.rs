//! What the roof hands in: the rooms behind the answers, and the handle on the process as a whole.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use model::{Labels, LogDelete, LogRead, Matcher, SeriesRead, TenantId, TimeRange};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use stdx::clock::SharedClock;
use stdx::outlet::Outlet;

use crate::telemetry::Telemetry;

/// The rooms behind the answers.
#[derive(Debug)]
pub struct Deps {
    /// What the process is.
    pub about: About,
    /// Where series are read.
    pub reader: Arc<dyn SeriesRead>,
    /// What time it is.
    pub clock: SharedClock,
    /// Where pushed samples go.
    pub push: Arc<ingest::Push>,
    /// The store of log lines and the way into it; none where no lines are kept.
    pub logs: Option<LogStores>,
    /// Who answers SQL; none where nobody does.
    pub sql: Option<Arc<dyn Sql>>,
    /// Who scrapes, and how its targets do.
    pub scraper: Arc<ingest::Scraper>,
    /// Who watches this machine; none where `collect.host` is off.
    pub host: Option<Arc<collect::Host>>,
    /// Who judges.
    pub alerting: Arc<alerting::Alerting>,
    /// The process' own metrics, all rooms' together.
    pub registry: Arc<Mutex<Registry>>,
    /// This room's own metrics; registered by the roof.
    pub telemetry: Telemetry,
    /// A vital was stored.
    pub ticks: Outlet<collect::Tick>,
    /// An alert changed its state.
    pub alert_news: Outlet<alerting::AlertNews>,
    /// A target's health changed.
    pub target_news: Outlet<ingest::TargetNews>,
    /// A reload succeeded or was refused.
    pub config_news: Outlet<ConfigView>,
    /// The process as a whole.
    pub control: Arc<dyn Control>,
}

/// Where log lines are kept.
#[derive(Debug, Clone)]
pub struct LogStores {
    /// Where lines are read.
    pub reader: Arc<dyn LogRead>,
    /// Where pushed lines go.
    pub intake: Arc<ingest::Logs>,
    /// Where lines are deleted; none where they cannot be.
    pub deletions: Option<Arc<dyn LogDelete>>,
}

/// Who answers statements in SQL.
pub trait Sql: Send + Sync + Debug {
    /// Carries a statement out; returns with the first rows, or when there is none. Dropping the answer ends the statement.
    fn answer(&self, question: SqlQuestion) -> BoxFuture<'_, Result<SqlAnswer, SqlFailure>>;
}

/// A statement, and what it may cost.
#[derive(Debug, Clone)]
pub struct SqlQuestion {
    /// Whose tables.
    pub tenant: TenantId,
    /// The statement.
    pub statement: String,
    /// In which form its rows are wanted.
    pub form: SqlForm,
    /// When to give up.
    pub timeout: Duration,
    /// Most bytes of segments that may be read; `None`: no limit.
    pub read_bytes_max: Option<u64>,
    /// Most bytes of memory.
    pub memory_max: usize,
}

/// A form of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SqlForm {
    /// One object of JSON.
    #[default]
    Json,
    /// Text, a line for each row.
    Csv,
    /// Arrow's stream format.
    Arrow,
}

impl SqlForm {
    /// The form of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "arrow" => Some(Self::Arrow),
            _ => None,
        }
    }
}

/// Rows, as they become known.
pub struct SqlAnswer {
    /// The media type.
    pub content_type: &'static str,
    /// The rows.
    pub chunks: BoxStream<'static, Result<Bytes, SqlFailure>>,
}

impl Debug for SqlAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlAnswer").finish_non_exhaustive()
    }
}

/// Why a statement has no answer, or no more of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlFailure {
    /// A word for metrics and for the status code: `bad_data`, `limit`, `timeout`, `canceled`, `execution`, `internal`.
    pub kind: &'static str,
    /// For people.
    pub message: String,
}

/// What the process is; fixed from start to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The version, without a leading `v`.
    pub version: String,
    /// The commit it was built from, or the empty string.
    pub revision: String,
    /// This machine's name.
    pub host_name: String,
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// When the process started.
    pub started_at_ms: i64,
    /// How long samples are kept, for people: `15d`, `15d or 100GiB`.
    pub retention: String,
}

/// What the web room may ask of the process as a whole.
pub trait Control: Send + Sync + Debug {
    /// Whether everything is loaded and answers are complete.
    fn is_ready(&self) -> bool;

    /// Reads the configuration again. When it is refused, nothing has changed and the error says why, in the words
    /// that the page shows.
    fn reload(&self) -> BoxFuture<'_, Result<(), String>>;

    /// Brings everything that was acknowledged into its final form on disk and returns when that is done.
    fn flush(&self) -> BoxFuture<'_, Result<(), String>>;

    /// Deletes what series that any of the selectors finds have in `range`, as far as it was stored before.
    fn delete_series(&self, any_of: Vec<Vec<Matcher>>, range: TimeRange)
    -> BoxFuture<'_, Result<(), String>>;

    /// Has what is deleted leave the disk.
    fn clean_tombstones(&self) -> BoxFuture<'_, Result<(), String>>;

    /// Copies all series as they are now; the copy's name.
    fn snapshot(&self) -> BoxFuture<'_, Result<String, String>>;

    /// The configuration that runs, and what became of the last reload.
    fn config_view(&self) -> ConfigView;

    /// The command line's flags with their values, secrets masked.
    fn flags(&self) -> Vec<(String, String)>;

    /// Labels that whoever receives series from here gets where a series has none of that name.
    fn external_labels(&self) -> Labels;

    /// Samples stored since the process started, all writers together.
    fn samples_stored(&self) -> u64;

    /// How the store of series does.
    fn store_view(&self) -> StoreView;

    /// How far the log is read back after a start.
    fn replay(&self) -> ReplayProgress;
}

/// The configuration that runs, and what became of the last reload.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigView {
    /// The file, or none where the defaults run.
    pub path: Option<String>,
    /// When the running configuration was loaded.
    pub loaded_at_ms: i64,
    /// Whether the last reload was taken over.
    pub ok: bool,
    /// Why the last reload was refused: file, line and mend.
    pub error: Option<String>,
    /// What works but deserves a look.
    pub warnings: Vec<String>,
    /// The running configuration as YAML, secrets masked.
    pub yaml: String,
}

/// What is wrong with the store of series; nothing where it is well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreView {
    /// Why samples are not taken now: what the disk said, and the mend.
    pub fault: Option<String>,
    /// Files that were found damaged since the start, one text each: which, what was done, what the operator can do.
    pub damage: Vec<String>,
}

/// How far the log is read back after a start, in segments of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplayProgress {
    /// The first segment.
    pub first: u64,
    /// The last segment.
    pub last: u64,
    /// The segment that is read now; the last one when all is read.
    pub current: u64,
    /// Records that were damaged and set aside.
    pub damaged: u64,
}
