//! CPU time by core and mode, and the busy share of what may be used.

use std::time::Duration;

use crate::error::Error;
use crate::kernel_file::KernelFile;
use crate::limits;
use crate::metric::Metric;
use crate::rows::Rows;
use crate::slate::{Slate, SlotId};
use crate::sources::{Facts, Moment, Opening, Seen, Source, SourceKind};
use crate::text;

const TIME: Metric = Metric::counter(
    "system_cpu_time_seconds_total",
    &["cpu", "mode"],
    "seconds",
    "Time each logical CPU spent in a mode: user, nice, system, idle, iowait, interrupt, softirq, steal",
);
const UTILIZATION: Metric = Metric::gauge(
    "system_cpu_utilization_ratio",
    &[],
    "ratio",
    "Busy share of the CPUs that may be used (cgroup limit respected), over the last interval",
);
const COUNT: Metric = Metric::gauge(
    "system_cpu_logical_count",
    &[],
    "",
    "Logical CPUs that are online",
);
const LIMIT: Metric = Metric::gauge(
    "system_cpu_limit_cores",
    &[],
    "cores",
    "CPUs that may be used: the smaller of the cgroup limit and the count",
);

pub(super) const KIND: SourceKind = SourceKind {
    name: "cpu",
    metrics: &[TIME, UTILIZATION, COUNT, LIMIT],
    open,
    every: Duration::ZERO,
    slows_down: false,
    parse: |text| cpus(text).for_each(drop),
};

const MODES: [&str; 8] = [
    "user",
    "nice",
    "system",
    "idle",
    "iowait",
    "interrupt",
    "softirq",
    "steal",
];
const IDLE: usize = 3;
const IOWAIT: usize = 4;

/// Idle and iowait times are known to step back a little on running CPUs (proc_stat(5)); a larger step is a CPU that was
/// taken offline and counts anew. node_exporter draws the line here too.
const STEP_BACK_SECONDS_MAX: u64 = 3;

/// A line of `/proc/stat`: a CPU's number, or nothing for all together, and its ticks by mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CpuLine<'a> {
    pub(super) number: &'a [u8],
    pub(super) ticks: [u64; MODES.len()],
}

/// The CPU lines of `/proc/stat`. They come first; what follows may be long and is not looked at.
pub(super) fn cpus(text: &[u8]) -> impl Iterator<Item = CpuLine<'_>> {
    text::lines(text).map_while(|line| {
        let mut fields = text::fields(line);
        let number = fields.next()?.strip_prefix(b"cpu")?;
        // Kernels before 2.6.11 end the line earlier.
        let ticks = [(); MODES.len()].map(|()| fields.next().and_then(text::number).unwrap_or(0));
        Some(CpuLine { number, ticks })
    })
}

struct Cpu {
    stat: KernelFile,
    ticks_per_second: u64,
    rows: Rows<CpuRow>,
    refused: u64,
    utilization: SlotId,
    count: SlotId,
    limit: SlotId,
    last: Option<Reading>,
}

struct CpuRow {
    slots: [SlotId; MODES.len()],
    ticks: [u64; MODES.len()],
}

/// What the busy share is taken from.
#[derive(Debug, Clone, Copy)]
struct Reading {
    monotonic: Duration,
    busy_ticks: u64,
    all_ticks: u64,
    cgroup_seconds: Option<f64>,
}

fn open(opening: &Opening<'_>, slate: &mut Slate) -> Box<dyn Source> {
    Box::new(Cpu {
        stat: KernelFile::new(opening.roots.proc.join("stat")),
        ticks_per_second: rustix::param::clock_ticks_per_second(),
        rows: Rows::new(limits::ROWS_PER_SOURCE_MAX),
        refused: 0,
        utilization: slate.slot(&UTILIZATION, &[]),
        count: slate.slot(&COUNT, &[]),
        limit: slate.slot(&LIMIT, &[]),
        last: None,
    })
}

impl Source for Cpu {
    fn observe(&mut self, moment: Moment, slate: &mut Slate, facts: &mut Facts) -> Result<Seen, Error> {
        let mut count = 0u32;
        let mut total = None;
        let step_back_max = STEP_BACK_SECONDS_MAX.saturating_mul(self.ticks_per_second);
        for line in cpus(self.stat.read()?) {
            if line.number.is_empty() {
                total = Some(line.ticks);
                continue;
            }
            count = count.saturating_add(1);
            let Some(row) = self.rows.at(line.number, || CpuRow::new(slate, line.number)) else {
                self.refused += 1;
                continue;
            };
            row.update(&line.ticks, step_back_max);
            for (slot, ticks) in row.slots.iter().zip(row.ticks) {
                slate.set(*slot, ticks as f64 / self.ticks_per_second as f64);
            }
        }
        self.rows
            .sweep(|row| row.slots.iter().for_each(|slot| slate.release(*slot)));
        let Some(total) = total.filter(|_| count > 0) else {
            return Err(Error::Malformed {
                path: self.stat.path().to_owned(),
                what: "lines of CPU times",
            });
        };
        let limit = facts
            .cgroup
            .cpu_limit_cores
            .filter(|limit| *limit < f64::from(count));
        let now = Reading::new(moment.monotonic, &total, facts.cgroup.cpu_used_seconds);
        let ratio = self.last.and_then(|last| now.busy_ratio_since(&last, limit));
        self.last = Some(now);
        facts.cpu_count = Some(count);
        facts.cpu_ratio = ratio;
        slate.set_if(self.utilization, ratio);
        slate.set(self.count, f64::from(count));
        slate.set(self.limit, limit.unwrap_or(f64::from(count)));
        Ok(Seen::Fresh)
    }

    fn rows_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }
}

// === impl CpuRow ===

impl CpuRow {
    fn new(slate: &mut Slate, number: &[u8]) -> Self {
        let number = text::words(number);
        Self {
            slots: MODES.map(|mode| slate.slot(&TIME, &[&number, mode])),
            ticks: [0; MODES.len()],
        }
    }

    /// Takes over new times, but keeps a time that would step back a little: that would look like a counter's restart.
    fn update(&mut self, ticks: &[u64; MODES.len()], step_back_max: u64) {
        for (known, new) in self.ticks.iter_mut().zip(ticks) {
            let stepped_back = *new < *known && *known - *new <= step_back_max;
            if !stepped_back {
                *known = *new;
            }
        }
    }
}

// === impl Reading ===

impl Reading {
    fn new(monotonic: Duration, total: &[u64; MODES.len()], cgroup_seconds: Option<f64>) -> Self {
        let all_ticks = total.iter().fold(0u64, |sum, ticks| sum.saturating_add(*ticks));
        let idle = total[IDLE].saturating_add(total[IOWAIT]);
        Self {
            monotonic,
            busy_ticks: all_ticks.saturating_sub(idle),
            all_ticks,
            cgroup_seconds,
        }
    }

    /// Under a limit the share is of the limit, and what counts is the group's own time: the machine's other work does
    /// not use this group's allowance up.
    fn busy_ratio_since(&self, last: &Self, limit_cores: Option<f64>) -> Option<f64> {
        let ratio = if let Some(limit) = limit_cores {
            let elapsed = self.monotonic.saturating_sub(last.monotonic).as_secs_f64();
            let used = self.cgroup_seconds? - last.cgroup_seconds?;
            used / (elapsed * limit)
        } else {
            let all = self.all_ticks.checked_sub(last.all_ticks)?;
            // Idle time that steps back would make the CPUs more than busy.
            let busy = self.busy_ticks.saturating_sub(last.busy_ticks);
            busy as f64 / all as f64
        };
        ratio.is_finite().then(|| ratio.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_the_last_cpu() {
        let text = b"cpu  10 1 5 80 4 0 1 2 0 0\ncpu0 5 1 3 40 2 0 1 1 0 0\ncpu7 5\nintr 1 2 3\ncpu9 1\n";
        let lines: Vec<CpuLine<'_>> = cpus(text).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].ticks, [10, 1, 5, 80, 4, 0, 1, 2]);
        assert_eq!((lines[2].number, lines[2].ticks[0]), (&b"7"[..], 5));
    }

    #[test]
    fn the_busy_share_is_of_what_may_be_used() {
        let at = |seconds, total, used| Reading::new(Duration::from_secs(seconds), &total, used);
        let before = at(0, [0; 8], Some(0.0));
        let after = at(2, [30, 10, 10, 100, 40, 4, 4, 2], Some(0.5));
        assert_eq!(after.busy_ratio_since(&before, None), Some(0.3));
        assert_eq!(after.busy_ratio_since(&before, Some(0.5)), Some(0.5));
        assert_eq!(before.busy_ratio_since(&before, None), None);
        assert_eq!(before.busy_ratio_since(&after, None), None);
    }

    #[test]
    fn a_small_step_back_is_held_and_a_large_one_is_a_restart() {
        let mut slate = Slate::new("box".into());
        let mut row = CpuRow::new(&mut slate, b"0");
        row.update(&[0, 0, 0, 1000, 0, 0, 0, 0], 300);
        row.update(&[0, 0, 0, 900, 0, 0, 0, 0], 300);
        assert_eq!(row.ticks[IDLE], 1000);
        row.update(&[0, 0, 0, 10, 0, 0, 0, 0], 300);
        assert_eq!(row.ticks[IDLE], 10);
    }
}
