//! What this machine can tell: one file per source, one table of all.
//!
//! In: text of the kernel.  Out: values on a [`Slate`], [`Facts`] for people and for other sources.
//! Owns: the open files; the filesystem source also owns the threads that ask.
//! Invariants: each metric is named in one source only and described in docs/metrics.md
//! (`tests::the_table_in_the_docs_is_the_table_in_the_code`); no text panics a parser (`tests::no_text_panics_a_parser`).
//! Not here: schedules and stores; they are in `collector` and `host`.
//! Start at: [`metrics`].

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Choices, Config};
use crate::error::Error;
use crate::metric::Metric;
use crate::roots::Roots;
use crate::slate::Slate;
use crate::telemetry::Telemetry;
use crate::view::{HostSummary, ProcessTable};

mod cgroup;
mod cpu;
mod disk;
mod files;
mod filesystem;
mod load;
mod memory;
mod network;
mod paging;
mod pressure;
mod processes;
mod tcp;
mod temperature;
mod uptime;

/// A line in the table of sources.
pub(crate) struct SourceKind {
    pub(crate) name: &'static str,
    pub(crate) metrics: &'static [Metric],
    pub(crate) open: fn(&Opening<'_>, &mut Slate) -> Box<dyn Source>,
    /// The least time between two readings; zero reads on every tick.
    pub(crate) every: Duration,
    /// Whether a reading's cost grows with the load, so that it must be read less often where it is dear.
    pub(crate) slows_down: bool,
    /// The source's pure parsers, to be tried on any text.
    pub(crate) parse: fn(&[u8]),
}

/// Reads one subject.
pub(crate) trait Source: Send {
    /// Reads once: sets values and facts.
    fn observe(&mut self, moment: Moment, slate: &mut Slate, facts: &mut Facts) -> Result<Seen, Error>;

    /// Rows left out since the last call, because there are more than the source keeps.
    fn rows_refused(&mut self) -> u64 {
        0
    }
}

/// When a reading is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// The time its samples carry, in milliseconds since the Unix epoch.
    pub(crate) at_ms: i64,
    /// The same on the clock that never goes back, for rates.
    pub(crate) monotonic: Duration,
}

/// What came of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Values were set.
    Fresh,
    /// Nothing new since the last reading: its values stand.
    Unchanged,
    /// This machine does not have it.
    Absent,
}

/// What a source needs to open.
pub(crate) struct Opening<'a> {
    pub(crate) config: &'a Config,
    pub(crate) choices: &'a Choices,
    pub(crate) roots: &'a Roots,
    pub(crate) telemetry: &'a Telemetry,
    pub(crate) usage: AskUsage,
}

/// How the use of a mounted filesystem is asked; may block for ever.
pub(crate) type AskUsage = Arc<dyn Fn(&Path) -> io::Result<Usage> + Send + Sync>;

/// Space and inodes of a filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// All space, in bytes.
    pub(crate) total_bytes: u64,
    /// Space not in use, in bytes.
    pub(crate) free_bytes: u64,
    /// The part of the free space that ordinary users may use, in bytes.
    pub(crate) available_bytes: u64,
    /// All inodes; 0 where the filesystem does not count them.
    pub(crate) inodes: u64,
    /// Inodes not in use.
    pub(crate) inodes_free: u64,
}

/// What sources learn that is of use to other sources and to people.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) cgroup: CgroupFacts,
    pub(crate) cpu_count: Option<u32>,
    pub(crate) cpu_ratio: Option<f64>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) memory_ratio: Option<f64>,
    pub(crate) uptime_seconds: Option<f64>,
    pub(crate) fullest: Option<(f64, String)>,
    pub(crate) network_bytes_per_second: Option<(f64, f64)>,
    pub(crate) processes: Arc<ProcessTable>,
}

/// What the control groups of this process allow it, and what they use.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct CgroupFacts {
    /// CPUs that may be used, where there is a limit.
    pub(crate) cpu_limit_cores: Option<f64>,
    /// CPU time used by the group that has that limit, in seconds.
    pub(crate) cpu_used_seconds: Option<f64>,
    /// Memory that may be used, in bytes, where there is a limit.
    pub(crate) memory_limit_bytes: Option<u64>,
    /// Memory used by the group that has that limit, in bytes, without files that can be dropped at once.
    pub(crate) memory_used_bytes: Option<u64>,
}

/// All sources, in the order they are read: what one tells the next comes first.
pub(crate) fn all() -> &'static [SourceKind] {
    static ALL: [SourceKind; 14] = [
        cgroup::KIND,
        cpu::KIND,
        load::KIND,
        pressure::KIND,
        memory::KIND,
        paging::KIND,
        filesystem::KIND,
        disk::KIND,
        network::KIND,
        tcp::KIND,
        files::KIND,
        uptime::KIND,
        temperature::KIND,
        processes::KIND,
    ];
    &ALL
}

/// All metrics of this machine's vitals.
pub fn metrics() -> impl Iterator<Item = &'static Metric> {
    all().iter().flat_map(|kind| kind.metrics)
}

/// Tries every parser of this room on any text; the door for fuzzing.
pub fn parse_any(text: &[u8]) {
    for kind in all() {
        (kind.parse)(text);
    }
}

/// Asks the kernel itself, by `statvfs`.
pub(crate) fn ask_kernel_for_usage() -> AskUsage {
    Arc::new(|path| {
        let answer = rustix::fs::statvfs(path)?;
        let unit = answer.f_frsize;
        Ok(Usage {
            total_bytes: answer.f_blocks.saturating_mul(unit),
            free_bytes: answer.f_bfree.saturating_mul(unit),
            available_bytes: answer.f_bavail.saturating_mul(unit),
            inodes: answer.f_files,
            inodes_free: answer.f_ffree,
        })
    })
}

// === impl Facts ===

impl Facts {
    /// Puts what is known into the summary for people.
    pub(crate) fn show(&self, summary: &mut HostSummary) {
        summary.cpu_count = self.cpu_count;
        summary.memory_bytes = self.memory_bytes;
        summary.uptime_seconds = self.uptime_seconds;
        summary.cpu_ratio = self.cpu_ratio;
        summary.memory_ratio = self.memory_ratio;
        summary.disk_ratio_max = self.fullest.as_ref().map(|(ratio, _)| *ratio);
        summary.disk_mountpoint_max = self.fullest.as_ref().map(|(_, mountpoint)| mountpoint.clone());
        summary.network_receive_bytes_per_second = self.network_bytes_per_second.map(|(receive, _)| receive);
        summary.network_transmit_bytes_per_second =
            self.network_bytes_per_second.map(|(_, transmit)| transmit);
    }
}

#[cfg(test)]
mod tests;
