//! What people see of this machine beside its series.

use serde::Serialize;

/// News: the samples of one reading are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tick {
    /// The time that the samples carry, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// This machine at a glance. What is not known yet is `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct HostSummary {
    /// The host name; also the `instance` of its series.
    pub name: String,
    /// The name of the distribution, such as `Debian GNU/Linux 12 (bookworm)`; `Linux` where nothing says more.
    pub os: String,
    /// The kernel's release.
    pub kernel: String,
    /// Logical CPUs.
    pub cpu_count: Option<u32>,
    /// Memory that may be used, in bytes.
    pub memory_bytes: Option<u64>,
    /// Seconds since boot.
    pub uptime_seconds: Option<f64>,
    /// Busy share of the CPUs that may be used, over the last interval.
    pub cpu_ratio: Option<f64>,
    /// Used share of the memory that may be used.
    pub memory_ratio: Option<f64>,
    /// Used share of the fullest filesystem.
    pub disk_ratio_max: Option<f64>,
    /// Where the fullest filesystem is mounted.
    pub disk_mountpoint_max: Option<String>,
    /// Bytes received per second over the last interval, by physical interfaces where there are any.
    pub network_receive_bytes_per_second: Option<f64>,
    /// Bytes sent per second, likewise.
    pub network_transmit_bytes_per_second: Option<f64>,
}

/// The processes that use most.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ProcessTable {
    /// When they were looked at, in milliseconds since the Unix epoch; 0 before the first look.
    pub observed_at_ms: i64,
    /// The top by CPU and the top by memory merged, most CPU first.
    pub rows: Vec<ProcessRow>,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProcessRow {
    /// The process id.
    pub pid: u32,
    /// The kernel's short name of it, at most 15 bytes.
    pub name: String,
    /// The executable's path and the number of arguments; the arguments themselves only where the configuration says so.
    pub command: String,
    /// The user's name, or its number where it has none.
    pub user: String,
    /// Cores used since the look before; `None` at the first look.
    pub cpu_ratio: Option<f64>,
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// Threads.
    pub threads: u32,
    /// When it started, in milliseconds since the Unix epoch.
    pub started_at_ms: i64,
}
