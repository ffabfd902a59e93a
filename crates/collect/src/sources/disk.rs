//! Disks: bytes, operations and time, by device.

use std::time::Duration;

use crate::config::Choice;
use crate::error::Error;
use crate::kernel_file::KernelFile;
use crate::limits;
use crate::metric::Metric;
use crate::rows::Rows;
use crate::slate::{Slate, SlotId};
use crate::sources::{Facts, Moment, Opening, Seen, Source, SourceKind};
use crate::text;

const BYTES: Metric = Metric::counter(
    "system_disk_io_bytes_total",
    &["device", "direction"],
    "bytes",
    "Bytes read, written (direction read, write)",
);
const OPERATIONS: Metric = Metric::counter(
    "system_disk_operations_total",
    &["device", "direction"],
    "",
    "Operations completed (direction read, write)",
);
const IO_TIME: Metric = Metric::counter(
    "system_disk_io_time_seconds_total",
    &["device"],
    "seconds",
    "Time with I/O in flight",
);
const OPERATION_TIME: Metric = Metric::counter(
    "system_disk_operation_time_seconds_total",
    &["device", "direction"],
    "seconds",
    "Time spent by all operations, waiting included (direction read, write)",
);

pub(super) const KIND: SourceKind = SourceKind {
    name: "disk",
    metrics: &[BYTES, OPERATIONS, IO_TIME, OPERATION_TIME],
    open,
    every: Duration::ZERO,
    slows_down: false,
    parse: |text| disks(text).for_each(drop),
};

/// The unit of `/proc/diskstats`, whatever the device's own sector size.
const SECTOR_BYTES: f64 = 512.0;

/// A line of `/proc/diskstats` (Documentation/admin-guide/iostats.rst).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DiskLine<'a> {
    pub(super) name: &'a [u8],
    pub(super) operations: [u64; 2],
    pub(super) sectors: [u64; 2],
    pub(super) operation_ms: [u64; 2],
    pub(super) io_ms: u64,
}

/// The lines of `/proc/diskstats` that have all their fields; partitions of old kernels have fewer.
pub(super) fn disks(text: &[u8]) -> impl Iterator<Item = DiskLine<'_>> {
    text::lines(text).filter_map(|line| {
        let mut fields = text::fields(line).skip(2);
        let name = fields.next()?;
        let mut numbers = [0; 10];
        for number in &mut numbers {
            *number = fields.next().and_then(text::number)?;
        }
        let [
            reads,
            _,
            read_sectors,
            read_ms,
            writes,
            _,
            written_sectors,
            write_ms,
            _,
            io_ms,
        ] = numbers;
        Some(DiskLine {
            name,
            operations: [reads, writes],
            sectors: [read_sectors, written_sectors],
            operation_ms: [read_ms, write_ms],
            io_ms,
        })
    })
}

struct Disk {
    file: KernelFile,
    choice: Choice,
    /// Nothing inside for devices that are left out, so that the choice is made once a device.
    rows: Rows<Option<DiskRow>>,
    refused: u64,
}

struct DiskRow {
    bytes: [SlotId; 2],
    operations: [SlotId; 2],
    operation_time: [SlotId; 2],
    io_time: SlotId,
}

fn open(opening: &Opening<'_>, _: &mut Slate) -> Box<dyn Source> {
    Box::new(Disk {
        file: KernelFile::new(opening.roots.proc.join("diskstats")),
        choice: opening.choices.disks.clone(),
        rows: Rows::new(limits::ROWS_PER_SOURCE_MAX),
        refused: 0,
    })
}

impl Source for Disk {
    fn observe(&mut self, _: Moment, slate: &mut Slate, _: &mut Facts) -> Result<Seen, Error> {
        // A container may have no block devices to see.
        let Some(text) = self.file.read_if_offered()? else {
            return Ok(Seen::Absent);
        };
        for line in disks(text) {
            let choice = &self.choice;
            let row = self.rows.at(line.name, || {
                let name = text::words(line.name);
                choice.takes(&name).then(|| DiskRow::new(slate, &name))
            });
            match row {
                Some(Some(row)) => row.set(slate, &line),
                Some(None) => {}
                None => self.refused += 1,
            }
        }
        self.rows
            .sweep(|row| row.into_iter().for_each(|row| row.release(slate)));
        Ok(Seen::Fresh)
    }

    fn rows_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }
}

// === impl DiskRow ===

impl DiskRow {
    fn new(slate: &mut Slate, device: &str) -> Self {
        let mut both =
            |metric: &Metric| ["read", "write"].map(|direction| slate.slot(metric, &[device, direction]));
        Self {
            bytes: both(&BYTES),
            operations: both(&OPERATIONS),
            operation_time: both(&OPERATION_TIME),
            io_time: slate.slot(&IO_TIME, &[device]),
        }
    }

    fn set(&self, slate: &mut Slate, line: &DiskLine<'_>) {
        let mut pair = |slots: &[SlotId; 2], values: [u64; 2], factor: f64| {
            for (slot, value) in slots.iter().zip(values) {
                slate.set(*slot, value as f64 * factor);
            }
        };
        pair(&self.bytes, line.sectors, SECTOR_BYTES);
        pair(&self.operations, line.operations, 1.0);
        for (slot, ms) in self.operation_time.iter().zip(line.operation_ms) {
            slate.set(*slot, ms as f64 / 1000.0);
        }
        slate.set(self.io_time, line.io_ms as f64 / 1000.0);
    }

    fn release(&self, slate: &mut Slate) {
        let all = self
            .bytes
            .iter()
            .chain(&self.operations)
            .chain(&self.operation_time);
        all.for_each(|slot| slate.release(*slot));
        slate.release(self.io_time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_all_its_fields_or_is_left_out() {
        let text =
            b" 254 0 vda 49211 11655 5358490 101100 28861 50888 6062304 35023 0 26508 138377 1 2 3 4 5 6\n\
            8 1 sda1 1 2 3 4\n 7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n";
        let lines: Vec<DiskLine<'_>> = disks(text).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            lines[0],
            DiskLine {
                name: b"vda",
                operations: [49211, 28861],
                sectors: [5_358_490, 6_062_304],
                operation_ms: [101_100, 35_023],
                io_ms: 26_508,
            }
        );
    }
}
