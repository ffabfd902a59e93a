//! What hearing may cost: sizes, counts and times that no target can exceed.

use std::time::Duration;

/// Bytes of a scraped body after decompression, where the configuration names no `body_size_limit`.
pub const BODY_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Series of one target where the configuration names no `series_limit`.
pub const TARGET_SERIES_MAX: u64 = 200_000;

/// How long a series that its target gave up counts towards the target's limit: about as long as the store keeps it at hand.
pub const DEPARTED_SERIES_MS: i64 = 3_600_000;

/// Texts of refused series that are remembered per target, 9 to 18 bytes each, so that they are refused without being read.
pub const REFUSED_TEXTS_MAX: usize = 1 << 20;

/// Metrics of refused series that are told apart in one scrape; those of further ones are counted together.
pub const REFUSED_METRICS_MAX: usize = 100;

/// Targets, with the metric that makes most of their refused series, that are counted by name.
pub const REFUSING_TARGETS_NAMED_MAX: usize = 1_000;

/// Labels that relabelling may make for one target or series, all rules together: as many as a series in the store may have.
pub const RELABEL_LABELS_MAX: usize = 4_096;

/// Bytes of text that the same rules may join and expand. All labels of a series in the store have 64 KiB; the annotations of a
/// Kubernetes object, which a `labelmap` may copy, have 256 KiB.
pub const RELABEL_BYTES_MAX: usize = 4 << 20;

/// Redirects that one scrape follows; Go's HTTP client, which Prometheus uses, stops at as many.
pub const REDIRECTS_MAX: usize = 10;

/// Characters of a series that an error message repeats.
pub const ERROR_SNIPPET_CHARS_MAX: usize = 80;

/// Idle connections that the pool of one job keeps per host.
pub const IDLE_CONNECTIONS_PER_HOST_MAX: usize = 4;

/// How far a scrape may lie after its planned moment and still carry the planned time stamp, so that steady
/// scrapes have evenly spaced time stamps (Prometheus' `ScrapeTimestampTolerance`).
pub const TIMESTAMP_TOLERANCE: Duration = Duration::from_millis(2);

/// The wait before a target's loop starts again after it panicked.
pub const RESTART_AFTER_PANIC: Duration = Duration::from_secs(5);

/// Dropped targets that are listed per job where the configuration names no `keep_dropped_targets`.
pub const DROPPED_TARGETS_LISTED_MAX: usize = 10_000;

/// Bytes of a `file_sd_configs` file.
pub const TARGETS_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Bytes of a file that holds a password, token or header value.
pub const SECRET_FILE_BYTES_MAX: u64 = 64 * 1024;

/// Series of pushing senders whose numbers in the store are remembered; about 40 bytes each.
pub const KNOWN_SERIES_MAX: usize = 1 << 22;
/// A pushed body has at most so many bytes once it is unpacked.
pub const PUSH_BYTES_MAX: usize = 128 << 20;
/// Bytes of the labels, and of samples that take more room than in the body, that one body may become. Texts that a body tells
/// once can be labels of thousands of its series, each of which is counted with its own.
pub const BATCH_BYTES_MAX: usize = 256 << 20;
/// Bytes of a series of a scraped body that do not count: the series of a target may be many, but few have more.
pub const SERIES_BYTES_USUAL: usize = 4 << 10;
/// Unpacking buffers kept for the next body, and the largest that is kept, in bytes.
pub const PUSH_BUFFERS_KEPT: usize = 4;
/// The largest buffer that is kept, in bytes.
pub const PUSH_BUFFER_BYTES_KEPT: usize = 8 << 20;
/// Faults of a pushed body that are told to its sender, one line each; all are counted.
pub const PUSH_FAULTS_TOLD: usize = 5;

/// Characters of all label names and values of an exemplar together (OpenMetrics 1.0, section "Exemplars").
pub const EXEMPLAR_LABEL_CHARS_MAX: usize = 128;

/// Faulty lines of a body of line protocol that are told to its sender; all are counted.
pub const INFLUX_FAULTS_NAMED_MAX: usize = 10;

/// Members of a statsd set that are counted exactly; more are estimated.
pub const STATSD_SET_EXACT_MAX: usize = 256;

/// Metrics that the `statsd` section may allow.
pub const STATSD_SERIES_MAX: usize = 5_000_000;

/// Buckets of all statsd quantiles together, about 40 bytes each; beyond, observations are refused and counted.
pub const STATSD_SKETCH_BUCKETS_MAX: usize = 4_000_000;

/// Bytes of a statsd line over TCP; a connection that sends more without a line end is closed.
pub const STATSD_LINE_BYTES_MAX: usize = 64 * 1024;

/// Statsd connections at a time; more are closed at once and counted.
pub const STATSD_CONNECTIONS_MAX: usize = 1024;

/// Bytes of statsd packets that the system is asked to hold while they wait to be read.
pub const STATSD_RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// A statsd connection that sends nothing for so long is closed.
pub const STATSD_IDLE_MAX: Duration = Duration::from_mins(10);

/// Attributes of a resource, scope, point or exemplar, and entries of a map among their values.
pub const OTLP_ATTRIBUTES_MAX: usize = 256;
/// Levels of lists and maps in an attribute's value.
pub const OTLP_ATTRIBUTE_DEPTH_MAX: usize = 32;
/// Bytes of the name that an entry of a map gets: the attribute's and the keys on the way, with underscores between them.
pub const OTLP_ATTRIBUTE_PATH_BYTES_MAX: usize = 4096;
/// Buckets on one side of a histogram.
pub const OTLP_BUCKETS_MAX: usize = 16_384;
/// Exemplars of one point.
pub const OTLP_EXEMPLARS_MAX: usize = 1024;
/// Quantiles of one summary.
pub const OTLP_QUANTILES_MAX: usize = 1024;
/// Objects in one OTLP/JSON body: read, each takes up to a few hundred bytes.
pub const OTLP_JSON_OBJECTS_MAX: usize = 1 << 19;
/// `target_info` samples between the first and the last point of one resource; a wider span has them at its end only.
pub const OTLP_TARGET_INFOS_MAX: u64 = 576;
/// Series of delta points whose totals are kept.
pub const OTLP_DELTA_SERIES_MAX: usize = 1 << 20;
/// Answers to bodies with deltas that are kept for senders that have not heard them; at most a few hundred bytes each.
pub const OTLP_ANSWERS_KEPT: usize = 4096;
/// Numbers, of 8 bytes each, that the totals of delta points hold together.
pub const OTLP_DELTA_CELLS_MAX: usize = 1 << 23;
/// The most that a question for a token may take.
pub const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an answer to a question for a token.
pub const TOKEN_ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// How long before its end a token is asked for anew (as Go's `oauth2` does).
pub const TOKEN_ENDS_EARLY: Duration = Duration::from_secs(10);

/// How long news of discovery gather before targets are made of them.
pub const DISCOVERY_SETTLE: Duration = Duration::from_millis(500);

/// Bytes of one answer of Docker's or Kubernetes' API.
pub const DISCOVERY_ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes of one event of a Kubernetes watch; objects are far smaller (etcd takes 1.5 MiB).
pub const WATCH_EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Objects of one kind that are kept of a cluster; more are a fault of that discovery.
pub const KUBERNETES_OBJECTS_MAX: usize = 500_000;

/// Bytes of what is kept of the pods of one cluster; more are unknown to the stage `kubernetes`, and counted.
pub const PODS_BYTES_MAX: usize = 256 << 20;

/// Bytes of one value of a pod's labels or annotations; longer ones are cut. Labels have 63 at most.
pub const POD_VALUE_BYTES_MAX: usize = 4096;

/// How long a pod stays known after it was deleted, as its last lines come late.
pub const POD_KEPT_AFTER_DELETION: Duration = Duration::from_mins(10);

/// The time between two looks for pods that were deleted long enough ago.
pub const PODS_PRUNE_EVERY: Duration = Duration::from_secs(30);

/// Bytes of a file of pods, as `kubectl get pods -o json` prints them.
pub const PODS_FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Objects of one answer of Kubernetes' API.
pub const KUBERNETES_PAGE_OBJECTS: usize = 500;

/// The first wait before a watch that broke off starts again.
pub const WATCH_RETRY_MIN: Duration = Duration::from_millis(500);

/// The longest such wait.
pub const WATCH_RETRY_MAX: Duration = Duration::from_secs(30);

/// How long a watch stays open before it is opened again where it left off.
pub const WATCH_OPEN_MAX: Duration = Duration::from_mins(5);

/// The most that an answer of Kubernetes' API may take.
pub const KUBERNETES_TIMEOUT: Duration = Duration::from_mins(1);

/// A segment of the queue of remote write is closed once it holds so many bytes.
pub const REMOTE_WRITE_SEGMENT_BYTES: u64 = 16 << 20;

/// The longest that a remote endpoint can ask to be left alone.
pub const REMOTE_WRITE_RETRY_AFTER_MAX: Duration = Duration::from_mins(5);

/// Bytes of a remote endpoint's answer that are read for the log.
pub const REMOTE_WRITE_ANSWER_BYTES_MAX: u64 = 4096;

/// Series whose relabelled form an endpoint remembers, and metrics whose kind it remembers.
pub const REMOTE_WRITE_SERIES_REMEMBERED: usize = 1 << 20;

/// Faults of an import that are told one by one; all are counted.
pub const IMPORT_FAULTS_TOLD: usize = 20;
/// Bytes of a Prometheus block's symbols, or of one of its series: far above what Prometheus writes.
pub const IMPORT_SECTION_BYTES_MAX: u64 = 2 << 30;
/// Bytes of one chunk of a Prometheus block.
pub const IMPORT_CHUNK_BYTES_MAX: usize = 1 << 20;
/// Samples of a Prometheus block that are taken in one walk over it, about; larger blocks are walked several times, days at a time.
pub const IMPORT_SAMPLES_PER_WALK: u64 = 3_000_000;
/// Bytes of an OpenMetrics file that are parsed at a time.
pub const IMPORT_PIECE_BYTES: usize = 4 << 20;
/// Bytes of one line of an OpenMetrics file.
pub const IMPORT_LINE_BYTES_MAX: usize = 1 << 20;
/// Metrics whose help texts an import remembers.
pub const IMPORT_FAMILIES_MAX: usize = 100_000;
/// Bytes of a frame of series, packed and unpacked.
pub const FRAME_BYTES_MAX: usize = 32 << 20;
/// A frame of series is sent once it holds so many bytes; one sample with the labels of its series may be larger.
pub const FRAME_PIECE_BYTES: usize = FRAME_BYTES_MAX / 8;
/// A frame of series is sent once it holds so many samples.
pub const FRAME_SAMPLES: usize = 100_000;

/// A cluster of replicas that was silent for so long gives way to a new one where there are too many (milliseconds).
pub const HA_CLUSTER_IDLE_MS: i64 = 30 * 60_000;
/// Replicas that are known by number; beyond, all are learned again.
pub const HA_REPLICAS_KNOWN_MAX: usize = 1 << 16;
/// Bytes of the file that elections of replicas are kept in.
pub const HA_FILE_BYTES_MAX: u64 = 16 << 20;
/// A zero at the moment in which a counter was created is written where it lies no longer ago than this (milliseconds).
pub const PUSH_CREATED_AGE_MAX_MS: i64 = 3_600_000;
/// Tenants that the configuration may name.
pub const TENANTS_MAX: usize = 10_000;
/// Bytes of a tenant's name.
pub const TENANT_NAME_BYTES_MAX: usize = 150;

/// Queries of one request of remote read.
pub const REMOTE_READ_QUERIES_MAX: usize = 1_000;
/// Matchers of one query of remote read.
pub const REMOTE_READ_MATCHERS_MAX: usize = 1_000;
/// Samples of one chunk that goes out; as many as Prometheus puts into one.
pub const REMOTE_READ_CHUNK_SAMPLES: usize = 120;
/// Bytes of series in one frame of a streamed answer, one series of more excepted (Prometheus' `remote-read-max-bytes-in-frame`).
pub const REMOTE_READ_FRAME_BYTES: usize = 1 << 20;

/// Bytes of a log line where the `logs` section does not say, as Loki's `max_line_size`.
pub const LOG_LINE_BYTES: u64 = 256 << 10;
/// Labels of a stream where the `logs` section does not say. Loki takes 15, but makes up to 17 of OTLP's resource attributes.
pub const LOG_LABELS_PER_STREAM: usize = 32;
/// Bytes of a label's name where the `logs` section does not say, as Loki's `max_label_name_length`.
pub const LOG_LABEL_NAME_BYTES: u64 = 1024;
/// Bytes of a label's value where the `logs` section does not say, as Loki's `max_label_value_length`.
pub const LOG_LABEL_VALUE_BYTES: u64 = 2048;
/// Pairs of metadata of a line where the `logs` section does not say, as Loki's `max_structured_metadata_entries_count`.
pub const LOG_METADATA_PAIRS: usize = 128;
/// Bytes of a line's metadata where the `logs` section does not say, as Loki's `max_structured_metadata_size`.
pub const LOG_METADATA_BYTES: u64 = 64 << 10;
/// Names in one list of the `logs` section.
pub const LOG_NAMES_LISTED_MAX: usize = 256;
/// Lines of one pushed body, those included that are refused.
pub const LOG_LINES_MAX: usize = 1 << 22;
/// Bytes of lines, metadata and times that one pushed body may become.
pub const LOG_BATCH_BYTES_MAX: usize = 256 << 20;
/// Bytes of labels of pushing senders' streams that are remembered.
pub const LOG_STREAMS_KNOWN_BYTES: usize = 32 << 20;
/// Bytes at the beginning of a line in which its level is looked for.
pub const LOG_LEVEL_BYTES_LOOKED_AT: usize = 1024;
/// Batches that the slowest live tail may fall behind by.
pub const LOG_TAIL_BATCHES: usize = 1024;
/// Bytes of batches that live tails may hold together; more are dropped and told as a gap.
pub const LOG_TAIL_BYTES_MAX: usize = 64 << 20;
/// Bytes of one document of Elasticsearch's bulk protocol.
pub const ELASTIC_DOCUMENT_BYTES_MAX: usize = 4 << 20;
/// Fields of one document; of one with more, the whole document becomes the line.
pub const ELASTIC_FIELDS_MAX: usize = 1024;
/// Bytes of the names on the way to an object within a document; of one with more, the whole document becomes the line.
pub const ELASTIC_PATH_BYTES_MAX: usize = 4096;

/// Bytes of one syslog message over a connection; one that has more ends it.
pub const SYSLOG_MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Bytes of the name of an element or parameter of structured data; RFC 5424 has 32.
pub const SYSLOG_DATA_NAME_BYTES_MAX: usize = 64;
/// Bytes of syslog messages that wait to be stored; connections wait for room, packets are dropped.
pub const SYSLOG_WAITING_BYTES_MAX: usize = 32 << 20;
/// Syslog connections at a time, on each port; more are closed at once and counted.
pub const SYSLOG_CONNECTIONS_MAX: usize = 1024;
/// Bytes of syslog packets that the system is asked to hold while they wait to be read.
pub const SYSLOG_RECEIVE_BUFFER_BYTES: usize = 8 * 1024 * 1024;
/// A syslog connection that sends nothing for so long is closed; senders open another one.
pub const SYSLOG_IDLE_MAX: Duration = Duration::from_hours(1);
/// A client has this long to agree on TLS.
pub const SYSLOG_HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// Pipelines that the configuration may name.
pub const PIPELINES_MAX: usize = 256;
/// Stages of one pipeline.
pub const PIPELINE_STAGES_MAX: usize = 64;
/// Fields that stages may take out of one line; further ones are left out.
pub const PIPELINE_FIELDS_MAX: usize = 256;
/// How deep objects of JSON lines are taken apart; what lies deeper is left out.
pub const PIPELINE_JSON_DEPTH_MAX: usize = 16;
/// Bytes of the names on the way to an object of a JSON line; what lies behind a longer way is left out.
pub const PIPELINE_JSON_PATH_BYTES_MAX: usize = 1024;
/// Bytes that one compiled regular expression of a pipeline may take.
pub const PIPELINE_REGEX_BYTES: usize = 4 << 20;
/// Values that a label made of a field may have where `values_max` does not say.
pub const PIPELINE_LABEL_VALUES: usize = 200;
/// Values that a label made of a field may ever have.
pub const PIPELINE_LABEL_VALUES_MAX: usize = 100_000;
/// Values that have a rate of their own in one `limit`; further ones share one.
pub const PIPELINE_LIMITED_VALUES_MAX: usize = 65_536;
/// Bytes of a line that a stage puts together.
pub const PIPELINE_LINE_BYTES_MAX: usize = 1 << 20;
/// How deep patterns of `grok` may lie within each other.
pub const PIPELINE_GROK_DEPTH_MAX: usize = 32;
/// Bytes of the expression that a pattern of `grok` becomes.
pub const PIPELINE_GROK_BYTES_MAX: usize = 256 << 10;
/// Bytes of a database of places.
pub const PIPELINE_GEO_BYTES_MAX: u64 = 1 << 30;
/// Names in one list of the stage `kubernetes`.
pub const PIPELINE_POD_NAMES_MAX: usize = 64;
/// Own patterns of one `redact`.
pub const REDACT_PATTERNS_MAX: usize = 64;
