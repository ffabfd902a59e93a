//! Control groups: what this process, and with it the machine as it sees it, may use at most.
//!
//! In: the files of control groups, version 1 or 2, below the kernel's root.  Out: throttled time; limits and usage as
//! facts, to the sources of CPU and memory.
//! Owns: the open files of the groups with the smallest limits.
//! Invariants: limits that change are followed
//! (`collector::tests::limits_of_control_groups_are_followed_when_they_change`); no limit is
//! none, not zero (`parse::tests::limits_are_read_and_no_limit_is_none`).
//! Not here: the share of the limit that is used (`cpu`, `memory`).
//! Start at: `open`.

use std::time::Duration;

use crate::error::Error;
use crate::kernel_file::KernelFile;
use crate::limits;
use crate::metric::Metric;
use crate::roots::Roots;
use crate::slate::{Slate, SlotId};
use crate::sources::{CgroupFacts, Facts, Moment, Opening, Seen, Source, SourceKind};

mod parse;
mod tree;

use tree::Group;

const THROTTLED: Metric = Metric::counter(
    "system_cpu_throttled_seconds_total",
    &[],
    "seconds",
    "Time for which the CPU limit of the control group held its threads back; only where there is a limit",
);

pub(super) const KIND: SourceKind = SourceKind {
    name: "cgroup",
    metrics: &[THROTTLED],
    open,
    every: Duration::ZERO,
    slows_down: false,
    parse: parse::any,
};

struct Cgroup {
    roots: Roots,
    throttled: SlotId,
    found_at: Option<Duration>,
    cpu: Option<CpuGroup>,
    memory: Option<MemoryGroup>,
}

/// The group with the smallest CPU limit along the path.
struct CpuGroup {
    group: Group,
    limit_cores: f64,
    usage: KernelFile,
    stat: KernelFile,
}

/// The group with the smallest memory limit along the path.
struct MemoryGroup {
    group: Group,
    limit_bytes: u64,
    usage: KernelFile,
    stat: KernelFile,
}

fn open(opening: &Opening<'_>, slate: &mut Slate) -> Box<dyn Source> {
    Box::new(Cgroup {
        roots: opening.roots.clone(),
        throttled: slate.slot(&THROTTLED, &[]),
        found_at: None,
        cpu: None,
        memory: None,
    })
}

impl Source for Cgroup {
    fn observe(&mut self, moment: Moment, slate: &mut Slate, facts: &mut Facts) -> Result<Seen, Error> {
        let is_old = |found: Duration| moment.monotonic.saturating_sub(found) >= limits::DISCOVERY_EVERY;
        if self.found_at.is_none_or(is_old) {
            self.find()?;
            self.found_at = Some(moment.monotonic);
        }
        facts.cgroup = CgroupFacts::default();
        if let Some(cpu) = &mut self.cpu {
            let (used, throttled) = cpu.read()?;
            facts.cgroup.cpu_limit_cores = Some(cpu.limit_cores);
            facts.cgroup.cpu_used_seconds = used;
            slate.set_if(self.throttled, throttled);
        }
        if let Some(memory) = &mut self.memory {
            facts.cgroup.memory_limit_bytes = Some(memory.limit_bytes);
            facts.cgroup.memory_used_bytes = memory.read()?;
        }
        Ok(if self.cpu.is_some() {
            Seen::Fresh
        } else {
            Seen::Absent
        })
    }
}

// === impl Cgroup ===

impl Cgroup {
    /// Looks for the groups anew: limits change, and processes are moved.
    fn find(&mut self) -> Result<(), Error> {
        let groups = tree::groups_of_self(&self.roots)?;
        let cpu = smallest(&groups.cpu, tree::cpu_limit_cores);
        let memory = smallest(&groups.memory, tree::memory_limit_bytes);
        // Files stay open where the group is the one it was.
        match (&mut self.cpu, cpu) {
            (Some(known), Some((group, limit))) if known.group == *group => known.limit_cores = limit,
            (known, found) => {
                *known = found.map(|(group, limit)| CpuGroup {
                    usage: KernelFile::new(group.file("cpu.stat", "cpuacct.usage")),
                    stat: KernelFile::new(group.file("cpu.stat", "cpu.stat")),
                    group: group.clone(),
                    limit_cores: limit,
                });
            }
        }
        match (&mut self.memory, memory) {
            (Some(known), Some((group, limit))) if known.group == *group => known.limit_bytes = limit,
            (known, found) => {
                *known = found.map(|(group, limit)| MemoryGroup {
                    usage: KernelFile::new(group.file("memory.current", "memory.usage_in_bytes")),
                    stat: KernelFile::new(group.file("memory.stat", "memory.stat")),
                    group: group.clone(),
                    limit_bytes: limit,
                });
            }
        }
        Ok(())
    }
}

/// The group with the smallest limit; the outermost of several with the same.
fn smallest<L: PartialOrd + Copy>(groups: &[Group], limit: fn(&Group) -> Option<L>) -> Option<(&Group, L)> {
    let mut found: Option<(&Group, L)> = None;
    for group in groups {
        if let Some(limit) = limit(group)
            && found.is_none_or(|(_, known)| limit < known)
        {
            found = Some((group, limit));
        }
    }
    found
}

impl CpuGroup {
    /// CPU time used, and time held back, in seconds.
    fn read(&mut self) -> Result<(Option<f64>, Option<f64>), Error> {
        let v2 = self.group.is_v2;
        let throttled = self
            .stat
            .read_if_offered()?
            .and_then(|stat| parse::throttled_seconds(stat, v2));
        let used = match self.usage.read_if_offered()? {
            Some(stat) if v2 => parse::usage_seconds(stat),
            Some(usage) => crate::text::only_number(usage).map(|ns| ns as f64 / 1e9),
            None => None,
        };
        Ok((used, throttled))
    }
}

impl MemoryGroup {
    /// Memory used without inactive file pages, which the kernel drops before it refuses memory.
    fn read(&mut self) -> Result<Option<u64>, Error> {
        let key: &[u8] = if self.group.is_v2 {
            b"inactive_file"
        } else {
            b"total_inactive_file"
        };
        let inactive = match self.stat.read_if_offered()? {
            Some(stat) => parse::keyed(stat, key).unwrap_or(0),
            None => 0,
        };
        let usage = self.usage.read_if_offered()?;
        Ok(usage
            .and_then(crate::text::only_number)
            .map(|usage| usage.saturating_sub(inactive)))
    }
}
