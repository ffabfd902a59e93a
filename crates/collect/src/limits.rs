//! The limits of this room, each with its unit.

use std::time::Duration;

/// The shortest time between two readings.
pub const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// The longest time between two readings.
pub const INTERVAL_MAX: Duration = Duration::from_hours(1);
/// The largest kernel file that is read whole, in bytes. `/proc/stat` of a machine with 1024 CPUs has about 150 KiB.
pub const FILE_BYTES_MAX: usize = 4 << 20;
/// Bytes read at a time from files that are walked line by line.
pub const CHUNK_BYTES: usize = 32 << 10;
/// The longest line of a file that is walked line by line, in bytes; longer lines are cut there.
pub const LINE_BYTES_MAX: usize = 4 << 10;
/// The most rows (CPUs, disks, interfaces, sensors) that one source keeps.
pub const ROWS_PER_SOURCE_MAX: usize = 4096;
/// The most executables that can be asked for as series.
pub const PROCESSES_TOP_MAX: usize = 100;
/// Processes shown to people: so many by CPU and so many by memory.
pub const PROCESS_ROWS_EACH: usize = 20;
/// The most processes that are told apart; the rest is counted and left out.
pub const PROCESSES_MAX: usize = 65_536;
/// The most executables whose CPU time is summed.
pub const EXECUTABLES_MAX: usize = 16_384;
/// The longest command shown, in bytes.
pub const COMMAND_BYTES_MAX: usize = 1024;
/// The time between two looks at all processes.
pub const PROCESSES_EVERY: Duration = Duration::from_secs(5);
/// How long an executable keeps its series after it was last among the top, so that series do not flap.
pub const EXECUTABLE_LINGER: Duration = Duration::from_mins(1);
/// The time between two looks at mounted filesystems.
pub const FILESYSTEMS_EVERY: Duration = Duration::from_secs(10);
/// How long one filesystem may take to answer before it counts as hung.
pub const FILESYSTEM_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the first reading waits for the filesystems, so that disks are there with everything else.
pub const FILESYSTEM_FIRST_WAIT: Duration = Duration::from_millis(500);
/// The most filesystems that may hang, each holding a thread, before others are no longer asked.
pub const FILESYSTEMS_HUNG_MAX: usize = 32;
/// The most filesystems that are asked.
pub const FILESYSTEMS_MAX: usize = 1024;
/// The time between two looks for cgroups, their limits and temperature sensors.
pub const DISCOVERY_EVERY: Duration = Duration::from_secs(10);
/// Levels of nested cgroups that are looked at.
pub const CGROUP_LEVELS_MAX: usize = 32;
/// The share of one core that a source of variable cost may use before it is read less often.
pub const SOURCE_COST_RATIO_MAX: f64 = 0.002;
/// The longest time between two readings of a source of variable cost.
pub const SOURCE_EVERY_MAX: Duration = Duration::from_mins(1);
/// A reading that starts at most so late carries the time it was due, so that times are evenly spaced.
pub const LATENESS_FORGIVEN: Duration = Duration::from_millis(50);
/// Bytes of one line of a log that is gathered, joined of all its pieces; what is longer is cut.
pub const LOG_LINE_BYTES_MAX: usize = 256 << 10;
/// Bytes of files that are read between two notes of how far they are read.
pub const LOG_ROUND_BYTES: usize = 8 << 20;
/// Bytes of one file that are looked at together, however many files have something new. Twice the longest line and more.
pub const LOG_WINDOW_BYTES_MIN: usize = 640 << 10;
/// Lines that are handed over together.
pub const LOG_ROUND_LINES_MAX: usize = 1 << 17;
/// Bytes of lines and metadata that are handed over together.
pub const LOG_ROUND_TEXT_BYTES_MAX: usize = 32 << 20;
/// The shortest time between two rounds of which the first was not full, so that many small writes become few batches.
pub const LOG_ROUND_EVERY: Duration = Duration::from_millis(100);
/// How often files that were left are let go, and gauges brought up to date, while there is more to read than rounds take.
pub const LOG_SETTLE_EVERY: Duration = Duration::from_secs(1);
/// How often all patterns are looked up again, where the kernel tells of changes ...
pub const LOG_SCAN_EVERY: Duration = Duration::from_secs(10);
/// ... and where it does not.
pub const LOG_POLL_EVERY: Duration = Duration::from_secs(1);
/// Files that are followed at most; more are counted and left.
pub const LOG_FILES_MAX: usize = 65_536;
/// Files that are held open at most; the others are opened when they have something new.
pub const LOG_FILES_OPEN_MAX: usize = 4096;
/// Folders that the kernel is asked to tell of at most; the others are looked at with every scan.
pub const LOG_FOLDERS_WATCHED_MAX: usize = 8192;
/// Bytes of a file's beginning, and of what lies before the place up to which it is read, by which it is known again.
pub const LOG_MARK_BYTES: u64 = 1024;
/// How long a file that is gone from its name is still read after it last grew.
pub const LOG_LEAVE_WAIT: Duration = Duration::from_mins(1);
/// How long such a file is looked at after that while it has a name in its folder, in case it is still written to.
pub const LOG_REST_WAIT: Duration = Duration::from_hours(24);
/// From so many files on ...
pub const LOG_FILES_MANY: usize = 1000;
/// ... this is the shortest time between two rounds: with each it is written down how far all files are read.
pub const LOG_ROUND_EVERY_OF_MANY: Duration = Duration::from_secs(1);
/// How long the last line of such a file may lack its end before it is taken as it is.
pub const LOG_FLUSH_WAIT: Duration = Duration::from_secs(5);
/// How long the rest of a container's line that is begun is waited for, while lines of its other stream are held, before it is taken as it is.
pub const LOG_BEGUN_WAIT: Duration = Duration::from_secs(5);
/// How long a file is not read while it is not known whose its lines are.
pub const LOG_KNOWN_WAIT: Duration = Duration::from_secs(5);
/// Bytes of the file that says how far all files are read.
pub const LOG_POSITIONS_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a container's `config.v2.json`.
pub const CONTAINER_CONFIG_BYTES_MAX: u64 = 4 << 20;
/// Entries of the journal that are handed over together.
pub const JOURNAL_BATCH_ENTRIES_MAX: usize = 4096;
/// Bytes of entries of the journal, as they are read, that are handed over together.
pub const JOURNAL_BATCH_BYTES_MAX: usize = 8 << 20;
/// Bytes of one entry of the journal as JSON; a longer one is left out and counted.
pub const JOURNAL_ENTRY_BYTES_MAX: usize = 4 << 20;
/// Bytes of one field of an entry of the journal that becomes metadata; a longer one is cut.
pub const JOURNAL_FIELD_BYTES_MAX: usize = 4 << 10;
/// Bytes of all fields of an entry of the journal that become metadata; further ones are left out and counted.
pub const JOURNAL_METADATA_BYTES_MAX: usize = 48 << 10;
/// How long entries of the journal are waited for after the first one of a batch.
pub const JOURNAL_GATHER_WAIT: Duration = Duration::from_millis(100);
