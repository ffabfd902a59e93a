//! The limits of rules, templates and notifications, each named with its unit.

/// Bytes of one rule file.
pub const RULE_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Nodes of one YAML file, aliases expanded.
pub const YAML_NODES_MAX: usize = 1_000_000;

/// Bytes of all texts of one YAML file, aliases expanded: as many as a file may have without any.
pub const YAML_BYTES_MAX: usize = RULE_FILE_BYTES_MAX as usize;

/// How deep YAML may be nested, aliases expanded.
pub const YAML_DEPTH_MAX: usize = 64;

/// Faults of one rule file that are told; the file is not read further.
pub const RULE_FAULTS_TOLD_MAX: usize = 1_000;

/// Bytes of a group's name: it is part of the key of each of its rules.
pub const GROUP_NAME_BYTES_MAX: usize = 1_024;

/// Labels that the groups of one rule file hand to their rules, counted for every rule.
pub const HANDED_LABELS_MAX: usize = 200_000;
/// Bytes of the names and values of those labels.
pub const HANDED_LABEL_BYTES_MAX: usize = RULE_FILE_BYTES_MAX as usize;

/// Files that one pattern of `rule_files` may match.
pub const RULE_FILES_MAX: usize = 10_000;

/// Bytes that one expansion of a template may produce; `gotemplate::limits` has the other limits of templates.
pub const TEMPLATE_OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// How deep values that `args` puts together may lie within each other; labels are one level.
pub const TEMPLATE_ARGS_DEPTH_MAX: usize = 16;

/// Values that one `args` may put together, with those within them.
pub const TEMPLATE_ARGS_MAX: usize = 10_000;

/// Queries that one expansion may make.
pub const TEMPLATE_QUERIES_MAX: usize = 20;

/// How long one rule's query may take, in milliseconds.
pub const QUERY_MS_MAX: u64 = 10_000;

/// Alerts or series that one rule may produce where its group sets no limit of its own.
pub const RULE_OUTPUT_MAX: usize = 50_000;

/// How often a group is evaluated where nothing says so, in milliseconds.
pub const EVALUATION_INTERVAL_MS: i64 = 5_000;

/// The least time between two evaluations of one group outside its schedule, in milliseconds.
pub const NUDGE_SPACING_MS: i64 = 1_000;

/// How long resolved alerts are remembered, in milliseconds (Prometheus' `resolvedRetention`).
pub const RESOLVED_RETENTION_MS: i64 = 15 * 60_000;

/// The least time after a start before a restored alert may be resolved by an absent result, in milliseconds.
pub const RESTORE_GRACE_MS_MIN: i64 = 30_000;

/// How far before a start series are looked for that a restored alert may come from, in milliseconds.
pub const RESTORE_PAST_MS: i64 = 60 * 60_000;

/// Default waits of a route, in milliseconds. Alertmanager waits 30 s before it tells of a new group; here a page
/// goes out at once unless the route says otherwise.
pub const GROUP_WAIT_MS: i64 = 0;
/// Between two messages about a group: long enough to gather what fails together, short enough that a second page and
/// the all-clear are not held back. Alertmanager waits 5 min.
pub const GROUP_INTERVAL_MS: i64 = 3_000;
/// The least time before a group is told again whose message was refused or given up.
pub const TELL_AGAIN_MS: i64 = 60_000;
/// Until an unchanged group is told again.
pub const REPEAT_INTERVAL_MS: i64 = 4 * 3_600_000;

/// Groups of alerts that are held at the same time.
pub const ALERT_GROUPS_MAX: usize = 100_000;

/// Messages that one channel of a receiver sends at the same time.
pub const SENDS_AT_ONCE_MAX: usize = 4;

/// How long one try to send may take where the receiver sets no timeout, in milliseconds.
pub const SEND_TIMEOUT_MS: u64 = 10_000;

/// The first wait before a retry, in milliseconds.
pub const RETRY_FIRST_MS: u64 = 500;

/// The longest wait before a retry, in milliseconds.
pub const RETRY_MS_MAX: u64 = 60_000;

/// A failing message older than this yields to a newer one about the same group, in milliseconds.
pub const SUPERSEDE_AFTER_MS: i64 = 15 * 60_000;

/// A failing message is given up at this age, in milliseconds.
pub const MESSAGE_AGE_MS_MAX: i64 = 24 * 3_600_000;

/// How long a shutdown waits for messages to go out, in milliseconds.
pub const DRAIN_MS_MAX: u64 = 3_000;

/// Bytes of an answer that are read and kept as receipt.
pub const RECEIPT_BYTES_MAX: usize = 1_024;

/// How often history is pruned, in milliseconds.
pub const PRUNE_EVERY_MS: u64 = 3_600_000;
