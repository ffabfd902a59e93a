//! Memory: what is used, by what, and what may be used.

use std::time::Duration;

use crate::error::Error;
use crate::kernel_file::KernelFile;
use crate::metric::Metric;
use crate::slate::{Slate, SlotId};
use crate::sources::{Facts, Moment, Opening, Seen, Source, SourceKind};
use crate::text;

const USAGE: Metric = Metric::gauge(
    "system_memory_usage_bytes",
    &["state"],
    "bytes",
    "Memory of the machine by state: used, free, cached (page cache and reclaimable slab), buffers; together all there is",
);
const LIMIT: Metric = Metric::gauge(
    "system_memory_limit_bytes",
    &[],
    "bytes",
    "Memory that may be used: the smaller of the cgroup limit and the machine's memory",
);
const AVAILABLE: Metric = Metric::gauge(
    "system_memory_available_bytes",
    &[],
    "bytes",
    "The kernel's estimate of what can be had without swapping, at most what the cgroup limit leaves",
);
const UTILIZATION: Metric = Metric::gauge(
    "system_memory_utilization_ratio",
    &[],
    "ratio",
    "Share of the limit that is used and cannot be dropped at once",
);

pub(super) const KIND: SourceKind = SourceKind {
    name: "memory",
    metrics: &[USAGE, LIMIT, AVAILABLE, UTILIZATION],
    open,
    every: Duration::ZERO,
    slows_down: false,
    parse: |text| {
        let _ = MemoryInfo::parse(text);
    },
};

const STATES: [&str; 4] = ["used", "free", "cached", "buffers"];

/// What is read of `/proc/meminfo`, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct MemoryInfo {
    pub(super) total: u64,
    pub(super) free: u64,
    pub(super) available: Option<u64>,
    pub(super) buffers: u64,
    pub(super) cached: u64,
    pub(super) reclaimable: u64,
    pub(super) swap_total: u64,
    pub(super) swap_free: u64,
}

impl MemoryInfo {
    /// Reads `/proc/meminfo`; `None` where it does not tell the total.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut info = Self::default();
        for line in text::lines(text) {
            let mut fields = text::fields(line);
            let (Some(key), Some(kibibytes)) = (fields.next(), fields.next().and_then(text::number)) else {
                continue;
            };
            let bytes = kibibytes.saturating_mul(1024);
            match key {
                b"MemTotal:" => info.total = bytes,
                b"MemFree:" => info.free = bytes,
                b"MemAvailable:" => info.available = Some(bytes),
                b"Buffers:" => info.buffers = bytes,
                b"Cached:" => info.cached = bytes,
                b"SReclaimable:" => info.reclaimable = bytes,
                b"SwapTotal:" => info.swap_total = bytes,
                b"SwapFree:" => info.swap_free = bytes,
                _ => {}
            }
        }
        (info.total > 0).then_some(info)
    }

    /// By state: used, free, cached, buffers.
    fn by_state(&self) -> [u64; 4] {
        let cached = self.cached.saturating_add(self.reclaimable);
        let rest = self.free.saturating_add(cached).saturating_add(self.buffers);
        [self.total.saturating_sub(rest), self.free, cached, self.buffers]
    }

    /// What can be had without swapping; kernels before 3.14 give no estimate.
    fn available(&self) -> u64 {
        let guess = self.free.saturating_add(self.buffers).saturating_add(self.cached);
        self.available.unwrap_or(guess).min(self.total)
    }
}

struct Memory {
    file: KernelFile,
    usage: [SlotId; STATES.len()],
    limit: SlotId,
    available: SlotId,
    utilization: SlotId,
}

fn open(opening: &Opening<'_>, slate: &mut Slate) -> Box<dyn Source> {
    Box::new(Memory {
        file: KernelFile::new(opening.roots.proc.join("meminfo")),
        usage: slate.slots(&USAGE, STATES),
        limit: slate.slot(&LIMIT, &[]),
        available: slate.slot(&AVAILABLE, &[]),
        utilization: slate.slot(&UTILIZATION, &[]),
    })
}

impl Source for Memory {
    fn observe(&mut self, _: Moment, slate: &mut Slate, facts: &mut Facts) -> Result<Seen, Error> {
        let Some(info) = MemoryInfo::parse(self.file.read()?) else {
            return Err(Error::Malformed {
                path: self.file.path().to_owned(),
                what: "the line MemTotal",
            });
        };
        for (slot, bytes) in self.usage.iter().zip(info.by_state()) {
            slate.set(*slot, bytes as f64);
        }
        let group = facts.cgroup;
        let limited = group
            .memory_limit_bytes
            .filter(|limit| *limit > 0 && *limit < info.total)
            .zip(group.memory_used_bytes);
        let (limit, used, available) = match limited {
            Some((limit, used)) => (limit, used, info.available().min(limit.saturating_sub(used))),
            None => (
                info.total,
                info.total.saturating_sub(info.available()),
                info.available(),
            ),
        };
        let ratio = used as f64 / limit as f64;
        slate.set(self.limit, limit as f64);
        slate.set(self.available, available as f64);
        slate.set(self.utilization, ratio);
        facts.memory_bytes = Some(limit);
        facts.memory_ratio = Some(ratio);
        Ok(Seen::Fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_add_up_to_the_total() {
        let text =
            b"MemTotal: 1000 kB\nMemFree: 200 kB\nMemAvailable: 600 kB\nBuffers: 50 kB\nCached: 300 kB\n\
            SwapCached: 7 kB\nSReclaimable: 50 kB\nHugePages_Total: 0\n";
        let info = MemoryInfo::parse(text).unwrap();
        assert_eq!(info.by_state().map(|bytes| bytes / 1024), [400, 200, 350, 50]);
        assert_eq!(info.by_state().iter().sum::<u64>(), info.total);
        assert_eq!(info.available(), 600 * 1024);
    }

    #[test]
    fn without_an_estimate_free_and_cache_count_as_available() {
        let info = MemoryInfo::parse(b"MemTotal: 1000 kB\nMemFree: 200 kB\nCached: 300 kB\n").unwrap();
        assert_eq!(info.available(), 500 * 1024);
        assert_eq!(MemoryInfo::parse(b"MemFree: 1 kB\n"), None);
    }
}
