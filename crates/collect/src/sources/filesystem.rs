//! Space and inodes of mounted filesystems, one row a device.
//!
//! In: the mount table, and `statvfs` of each mount point.  Out: usage by device and mount point, the fullest to people.
//! Owns: the thread that asks, and its workers.
//! Invariants: a filesystem that hangs is left to a thread of its own and named in a counter, and nobody waits for it
//! (`tests::a_hung_filesystem_holds_up_nobody`); a device mounted many times has one row (`mounts::tests`).
//! Not here: bytes and operations of disks; they are in `disk`.
//! Start at: [`KIND`].

use std::time::Duration;

use crate::config::Choices;
use crate::error::Error;
use crate::kernel_file::KernelFile;
use crate::limits;
use crate::metric::Metric;
use crate::roots::Roots;
use crate::rows::Rows;
use crate::slate::{Slate, SlotId};
use crate::sources::{AskUsage, Facts, Moment, Opening, Seen, Source, SourceKind, Usage};
use crate::telemetry::Telemetry;

mod mounts;
mod prober;

use mounts::Mount;
use prober::Prober;

const USAGE: Metric = Metric::gauge(
    "system_filesystem_usage_bytes",
    &["device", "mountpoint", "type", "state"],
    "bytes",
    "Space by state: used, free (for everybody), reserved (for root)",
);
const UTILIZATION: Metric = Metric::gauge(
    "system_filesystem_utilization_ratio",
    &["device", "mountpoint", "type"],
    "ratio",
    "used / (used + free for ordinary users)",
);
const INODES: Metric = Metric::gauge(
    "system_filesystem_inodes",
    &["device", "mountpoint", "type", "state"],
    "",
    "Inodes by state: used, free; only where the filesystem counts them",
);

pub(super) const KIND: SourceKind = SourceKind {
    name: "filesystem",
    metrics: &[USAGE, UTILIZATION, INODES],
    open,
    // Answers are picked up on the tick after they came; how often filesystems are asked is decided here.
    every: Duration::ZERO,
    slows_down: false,
    parse: |text| {
        let _ = mounts::mounts(text);
    },
};

struct Filesystem {
    mountinfo: KernelFile,
    choices: Choices,
    roots: Roots,
    usage: AskUsage,
    telemetry: Telemetry,
    /// Started with the first question.
    prober: Option<Prober>,
    asked_at: Option<Duration>,
    rows: Rows<FilesystemRow>,
    refused: u64,
}

struct FilesystemRow {
    usage: [SlotId; 3],
    utilization: SlotId,
    inodes: [SlotId; 2],
}

fn open(opening: &Opening<'_>, _: &mut Slate) -> Box<dyn Source> {
    Box::new(Filesystem {
        mountinfo: KernelFile::new(opening.roots.proc.join("self/mountinfo")),
        choices: opening.choices.clone(),
        roots: opening.roots.clone(),
        usage: AskUsage::clone(&opening.usage),
        telemetry: opening.telemetry.clone(),
        prober: None,
        asked_at: None,
        rows: Rows::new(limits::FILESYSTEMS_MAX),
        refused: 0,
    })
}

impl Source for Filesystem {
    fn observe(&mut self, moment: Moment, slate: &mut Slate, facts: &mut Facts) -> Result<Seen, Error> {
        let is_due = |asked: Duration| moment.monotonic.saturating_sub(asked) >= limits::FILESYSTEMS_EVERY;
        let is_first = self.asked_at.is_none();
        if self.asked_at.is_none_or(is_due) {
            self.asked_at = Some(moment.monotonic);
            self.ask()?;
        }
        let patience = if is_first {
            limits::FILESYSTEM_FIRST_WAIT
        } else {
            Duration::ZERO
        };
        let Some(answers) = self.prober.as_ref().and_then(|prober| prober.answers(patience)) else {
            return Ok(Seen::Unchanged);
        };
        facts.fullest = None;
        for (mount, usage) in answers {
            let key = mount.key();
            let Some(row) = self.rows.at(&key, || FilesystemRow::new(slate, &mount)) else {
                self.refused += 1;
                continue;
            };
            let ratio = row.set(slate, &usage);
            let known = facts.fullest.as_ref().map_or(-1.0, |(ratio, _)| *ratio);
            if ratio.is_some_and(|ratio| ratio > known) {
                facts.fullest = ratio.map(|ratio| (ratio, mount.mount_point_words()));
            }
        }
        self.rows.sweep(|row| row.release(slate));
        Ok(Seen::Fresh)
    }

    fn rows_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }
}

// === impl Filesystem ===

impl Filesystem {
    /// Reads what is mounted and has it asked. That table comes from the kernel alone and never hangs.
    fn ask(&mut self) -> Result<(), Error> {
        let mut mounts = mounts::chosen(mounts::mounts(self.mountinfo.read()?), &self.choices);
        self.refused += mounts.len().saturating_sub(limits::FILESYSTEMS_MAX) as u64;
        mounts.truncate(limits::FILESYSTEMS_MAX);
        let questions = mounts
            .into_iter()
            .map(|mount| (mount.path_below(&self.roots.root), mount))
            .collect();
        let prober = match &mut self.prober {
            Some(prober) => prober,
            unstarted => unstarted.insert(Prober::start(&self.usage, &self.telemetry)?),
        };
        prober.ask(questions);
        Ok(())
    }
}

// === impl FilesystemRow ===

impl FilesystemRow {
    fn new(slate: &mut Slate, mount: &Mount) -> Self {
        let [device, mount_point, kind] = mount.words();
        let mut with_state =
            |metric: &Metric, state: &str| slate.slot(metric, &[&device, &mount_point, &kind, state]);
        Self {
            usage: ["used", "free", "reserved"].map(|state| with_state(&USAGE, state)),
            inodes: ["used", "free"].map(|state| with_state(&INODES, state)),
            utilization: slate.slot(&UTILIZATION, &[&device, &mount_point, &kind]),
        }
    }

    /// Sets the values and returns the used share, where there is space at all.
    fn set(&self, slate: &mut Slate, usage: &Usage) -> Option<f64> {
        let used = usage.total_bytes.saturating_sub(usage.free_bytes);
        let reserved = usage.free_bytes.saturating_sub(usage.available_bytes);
        for (slot, bytes) in self.usage.iter().zip([used, usage.available_bytes, reserved]) {
            slate.set(*slot, bytes as f64);
        }
        if usage.inodes > 0 {
            let used = usage.inodes.saturating_sub(usage.inodes_free);
            for (slot, count) in self.inodes.iter().zip([used, usage.inodes_free]) {
                slate.set(*slot, count as f64);
            }
        }
        let ordinary = used.saturating_add(usage.available_bytes);
        let ratio = (ordinary > 0).then(|| used as f64 / ordinary as f64);
        slate.set_if(self.utilization, ratio);
        ratio
    }

    fn release(&self, slate: &mut Slate) {
        let all = self.usage.iter().chain(&self.inodes);
        all.for_each(|slot| slate.release(*slot));
        slate.release(self.utilization);
    }
}

#[cfg(test)]
mod tests;
