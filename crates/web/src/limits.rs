//! What a client may use at most.

use std::time::Duration;

/// Connections open at the same time; further ones wait in the system's queue.
pub(crate) const CONNECTIONS_MAX: usize = 1024;
/// A client has this long to send the head of a request, idle connections included.
pub(crate) const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Header fields of one request.
pub(crate) const HEADERS_PER_REQUEST_MAX: usize = 64;
/// Bytes of a request's head; HTTP/1 buffers no more than this.
pub(crate) const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Requests at the same time on one HTTP/2 connection.
pub(crate) const STREAMS_PER_CONNECTION_MAX: u32 = 64;
/// Bytes of a form or JSON body.
pub(crate) const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of a body with a statement of SQL.
pub(crate) const SQL_BODY_BYTES_MAX: usize = BODY_BYTES_MAX;
/// Bytes of a pushed body as it is sent.
pub(crate) const PUSH_BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes of all pushed bodies that are under way.
pub(crate) const PUSH_BUDGET_BYTES: usize = 128 * 1024 * 1024;
/// A sender waits this long for room before it is told to come back.
pub(crate) const PUSH_WAIT_MAX: Duration = Duration::from_secs(10);
/// A client has this long to send a body.
pub(crate) const BODY_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Imports and exports that may run at the same time; each holds up to about 100 MB.
pub(crate) const TRANSFERS_MAX: usize = 2;
/// Remote reads that may run at the same time, as Prometheus' `remote-read-concurrent-limit`.
pub(crate) const REMOTE_READS_MAX: usize = 10;
/// Bytes of an answer to a remote read that is not streamed, before it is packed.
pub(crate) const REMOTE_READ_BYTES_MAX: usize = 64 << 20;
/// Pieces of a transfer that wait between the network and the store.
pub(crate) const TRANSFER_PIECES_WAITING: usize = 8;
/// A transfer whose client sends or takes nothing for so long is given up.
pub(crate) const TRANSFER_IDLE_MAX: Duration = Duration::from_mins(5);
/// Requests that are under way get this long when the server stops.
pub(crate) const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// Queries that may run at the same time. Half of the process' threads for work that blocks: the rest is left to storing and
/// judging, however much is asked.
pub(crate) const QUERY_CONCURRENCY_MAX: usize = 32;
/// Queries that may wait for a free worker.
pub(crate) const QUERIES_WAITING_MAX: usize = 64;
/// A query is tried for so long on the thread that took its request, before it is given to another.
pub(crate) const RUN_HERE_FOR: Duration = Duration::from_millis(5);
/// Memory for answers that are kept unless the configuration says otherwise: 64 MiB.
pub(crate) const QUERY_CACHE_BYTES: u64 = 64 << 20;
/// Bytes on disk that rows of SQL statements may take, where nothing else is said.
pub(crate) const QUERY_SPILL_BYTES: u64 = 8 << 30;
/// An answer is kept where at least so many samples were read for it: others are computed as fast as they are found.
pub(crate) const ANSWER_SAMPLES_READ_MIN: u64 = 5_000;
/// One answer takes at most this share of that memory, as a divisor.
pub(crate) const ANSWER_SHARE_MAX: u64 = 4;
/// A query may take at least so many bytes of memory.
pub(crate) const QUERY_MEMORY_MIN: u64 = 1 << 20;
/// Points that one series of a range query may have (Prometheus' limit).
pub(crate) const POINTS_PER_SERIES_MAX: i64 = 11_000;
/// Bytes of a response that are encoded at a time; small enough not to hold up the runtime.
pub(crate) const ENCODE_CHUNK_BYTES: usize = 64 * 1024;

/// Queries in one request of the page.
pub(crate) const PAGE_QUERIES_MAX: usize = 64;
/// Series in one answer to the page, so that one broad expression cannot fill a browser's memory.
pub(crate) const PAGE_SERIES_PER_QUERY_MAX: usize = 500;
/// All queries of one request of the page together run no longer; the page itself waits for 30 s.
pub(crate) const PAGE_QUERY_TIMEOUT: Duration = Duration::from_secs(20);
/// Points per series where the page does not say.
pub(crate) const PAGE_POINTS_DEFAULT: i64 = 600;
/// No step that the server chooses is finer.
pub(crate) const PAGE_STEP_MS_MIN: i64 = 1000;
/// `$__interval` spans at least so many collection intervals.
pub(crate) const COLLECTION_INTERVALS_PER_WINDOW: i64 = 4;
/// Metrics whose collection interval is remembered.
pub(crate) const INTERVALS_REMEMBERED_MAX: usize = 4096;
/// A remembered collection interval is learnt anew after this long.
pub(crate) const INTERVAL_MEMORY: Duration = Duration::from_mins(1);
/// Alerts in the overview.
pub(crate) const OVERVIEW_ALERTS_MAX: usize = 50;
/// Changes of alerts that are shown.
pub(crate) const ALERT_CHANGES_MAX: usize = 200;
/// Metric names in the catalogue.
pub(crate) const CATALOG_METRICS_MAX: usize = 20_000;

/// Clients of the event stream.
pub(crate) const STREAM_CLIENTS_MAX: usize = 256;
/// Events held for clients that come back, and for the slowest one that is there.
pub(crate) const STREAM_EVENTS_HELD: usize = 512;
/// A comment is sent on a silent stream this often, so that proxies keep it open.
pub(crate) const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Lines of an answer where Loki's API is not told, as Loki's `limit`.
pub(crate) const LOKI_LINES_DEFAULT: usize = 100;
/// Lines that may be asked for, as Loki's `max_entries_limit_per_query`.
pub(crate) const LOKI_LINES_MAX: usize = 5_000;
/// Lines that are read at a time for answers with an `interval`.
pub(crate) const LOKI_INTERVAL_PAGE_LINES: usize = 1_000;
/// Steps of an answer about volumes over time: each is a question to the store.
pub(crate) const LOKI_VOLUME_STEPS_MAX: i64 = 1_000;
/// Series of an answer about volumes, as Loki's `volume_max_series`.
pub(crate) const LOKI_VOLUME_SERIES_MAX: usize = 1_000;
/// Lines that fields are looked for in, where Loki's API is not told.
pub(crate) const LOKI_FIELD_LINES_DEFAULT: usize = 1_000;
/// Fields, and values of a field, in one answer, where Loki's API is not told.
pub(crate) const LOKI_FIELDS_DEFAULT: usize = 1_000;
/// Values of one field that are counted; more are as many.
pub(crate) const LOKI_FIELD_VALUES_MAX: usize = 10_000;

/// Live tails at the same time.
pub(crate) const TAILS_MAX: usize = 32;
/// A live tail ends after this long; its client opens another one.
pub(crate) const TAIL_DURATION_MAX: Duration = Duration::from_hours(1);
/// Seconds that a live tail may be held back, as with Loki.
pub(crate) const TAIL_DELAY_SECONDS_MAX: u64 = 5;
/// Frames that wait in a live tail that is held back; the lines of more are dropped, which is told.
pub(crate) const TAIL_FRAMES_WAITING: usize = 1024;
/// Bytes of lines in them.
pub(crate) const TAIL_BYTES_WAITING: usize = 16 << 20;
/// Bytes of a message that a live tail's client sends; there is nothing to say but that it leaves.
pub(crate) const TAIL_MESSAGE_BYTES_MAX: usize = 64 << 10;
/// A client of a live tail that takes nothing for so long is given up.
pub(crate) const TAIL_SEND_MAX: Duration = Duration::from_secs(30);
/// A silent live tail is asked this often whether anybody is there.
pub(crate) const TAIL_PING_EVERY: Duration = Duration::from_secs(15);

/// Patterns are those of so many of the newest lines.
pub(crate) const LOKI_PATTERN_LINES_MAX: usize = 500_000;
/// So many templates are kept apart while patterns are looked for.
pub(crate) const LOKI_PATTERN_TEMPLATES_MAX: usize = 10_000;
/// So many patterns are answered, those seen most often.
pub(crate) const LOKI_PATTERNS_MAX: usize = 300;

/// Lines of one page of the page's list of lines, where it does not say.
pub(crate) const PAGE_LINES_DEFAULT: usize = 1_000;
/// Lines that it may ask for at a time.
pub(crate) const PAGE_LINES_MAX: usize = 5_000;
/// Lines of one and the same nanosecond that are told; of more the answer says that it is not whole.
pub(crate) const PAGE_LINES_OF_ONE_TIME_MAX: usize = 20_000;
/// Spans of time that the page may have lines counted by.
pub(crate) const PAGE_BUCKETS_MAX: i64 = 1_000;
/// Spans of time that lines are counted by where the page does not say.
pub(crate) const PAGE_BUCKETS_DEFAULT: i64 = 120;
/// Fields are looked for in so many of the newest lines.
pub(crate) const PAGE_FIELD_LINES: usize = 2_000;
/// Fields that are told.
pub(crate) const PAGE_FIELDS_MAX: usize = 500;
/// Values of each field that are told, those seen most often.
pub(crate) const PAGE_FIELD_VALUES_SHOWN: usize = 10;
/// Values of one field that are told where it is asked for by name.
pub(crate) const PAGE_VALUES_MAX: usize = 500;
/// Values of one field that are told apart while they are counted.
pub(crate) const PAGE_VALUES_COUNTED_MAX: usize = 200_000;
/// Patterns of lines that went through stages are those of so many of the newest ones.
pub(crate) const PAGE_PATTERN_LINES_MAX: usize = 100_000;
/// A live tail of the page is told what is new this often, at most.
pub(crate) const PAGE_TAIL_EVERY: Duration = Duration::from_millis(250);
/// Lines that it is told at a time; of more only the newest, and how many were left out.
pub(crate) const PAGE_TAIL_LINES_MAX: usize = 500;
