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
