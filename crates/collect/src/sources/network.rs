//! Network interfaces: bytes, packets, errors and drops, by device and direction.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
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

const METRICS: [Metric; 4] = [
    Metric::counter(
        "system_network_io_bytes_total",
        &["device", "direction"],
        "bytes",
        "Bytes (direction receive, transmit)",
    ),
    Metric::counter(
        "system_network_packets_total",
        &["device", "direction"],
        "",
        "Packets (direction receive, transmit)",
    ),
    Metric::counter(
        "system_network_errors_total",
        &["device", "direction"],
        "",
        "Packets with errors (direction receive, transmit)",
    ),
    Metric::counter(
        "system_network_dropped_total",
        &["device", "direction"],
        "",
        "Packets dropped (direction receive, transmit)",
    ),
];

pub(super) const KIND: SourceKind = SourceKind {
    name: "network",
    metrics: &METRICS,
    open,
    every: Duration::ZERO,
    slows_down: false,
    parse: |text| interfaces(text).for_each(drop),
};

const DIRECTIONS: [&str; 2] = ["receive", "transmit"];

/// A line of `/proc/net/dev`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InterfaceLine<'a> {
    pub(super) name: &'a [u8],
    /// By metric (bytes, packets, errors, drops) and direction (receive, transmit).
    pub(super) counts: [[u64; 2]; 4],
}

/// The lines of `/proc/net/dev` below its two lines of headings.
pub(super) fn interfaces(text: &[u8]) -> impl Iterator<Item = InterfaceLine<'_>> {
    text::lines(text).filter_map(|line| {
        // Nothing but numbers follows the name; a name itself may hold colons.
        let colon = line.iter().rposition(|byte| *byte == b':')?;
        let (name, numbers) = line.split_at(colon);
        let mut fields = text::fields(numbers.get(1..)?);
        let mut next_four = || {
            let mut four = [0; 4];
            for count in &mut four {
                *count = fields.next().and_then(text::number)?;
            }
            Some(four)
        };
        let receive = next_four()?;
        next_four()?;
        let transmit = next_four()?;
        let mut counts = [[0; 2]; 4];
        for ((both, receive), transmit) in counts.iter_mut().zip(receive).zip(transmit) {
            *both = [receive, transmit];
        }
        Some(InterfaceLine {
            name: name.trim_ascii(),
            counts,
        })
    })
}

struct Network {
    file: KernelFile,
    devices: PathBuf,
    choice: Choice,
    rows: Rows<Option<InterfaceRow>>,
    refused: u64,
    last: Option<Duration>,
}

struct InterfaceRow {
    slots: [[SlotId; 2]; 4],
    is_loopback: bool,
    /// A piece of hardware, or what a virtual machine takes for one: its bytes cross the machine's border.
    is_physical: bool,
    bytes: Option<[u64; 2]>,
}

/// Bytes since the last reading: through hardware, and through all but the loopback.
#[derive(Debug, Default)]
struct Moved {
    physical_count: u32,
    physical: [u64; 2],
    other: [u64; 2],
}

fn open(opening: &Opening<'_>, _: &mut Slate) -> Box<dyn Source> {
    Box::new(Network {
        file: KernelFile::new(opening.roots.proc.join("net/dev")),
        devices: opening.roots.sys.join("class/net"),
        choice: opening.choices.networks.clone(),
        rows: Rows::new(limits::ROWS_PER_SOURCE_MAX),
        refused: 0,
        last: None,
    })
}

impl Source for Network {
    fn observe(&mut self, moment: Moment, slate: &mut Slate, facts: &mut Facts) -> Result<Seen, Error> {
        let Some(text) = self.file.read_if_offered()? else {
            facts.network_bytes_per_second = None;
            return Ok(Seen::Absent);
        };
        let mut moved = Moved::default();
        for line in interfaces(text) {
            let (choice, devices) = (&self.choice, &self.devices);
            let row = self.rows.at(line.name, || {
                let name = text::words(line.name);
                let folder = devices.join(OsStr::from_bytes(line.name));
                choice
                    .takes(&name)
                    .then(|| InterfaceRow::new(slate, &name, folder.join("device").exists()))
            });
            match row {
                Some(Some(row)) => row.take(slate, &line, &mut moved),
                Some(None) => {}
                None => self.refused += 1,
            }
        }
        self.rows
            .sweep(|row| row.into_iter().for_each(|row| row.release(slate)));
        let elapsed = self
            .last
            .map(|last| moment.monotonic.saturating_sub(last).as_secs_f64());
        self.last = Some(moment.monotonic);
        facts.network_bytes_per_second = elapsed.filter(|seconds| *seconds > 0.0).map(|seconds| {
            let [receive, transmit] = moved.across_the_border();
            (receive as f64 / seconds, transmit as f64 / seconds)
        });
        Ok(Seen::Fresh)
    }

    fn rows_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }
}

// === impl InterfaceRow ===

impl InterfaceRow {
    fn new(slate: &mut Slate, device: &str, is_physical: bool) -> Self {
        Self {
            slots: METRICS
                .each_ref()
                .map(|metric| DIRECTIONS.map(|direction| slate.slot(metric, &[device, direction]))),
            is_loopback: device == "lo",
            is_physical,
            bytes: None,
        }
    }

    fn take(&mut self, slate: &mut Slate, line: &InterfaceLine<'_>, moved: &mut Moved) {
        for (slots, counts) in self.slots.iter().zip(line.counts) {
            for (slot, count) in slots.iter().zip(counts) {
                slate.set(*slot, count as f64);
            }
        }
        let [bytes, ..] = line.counts;
        let before = self.bytes.replace(bytes).unwrap_or(bytes);
        moved.physical_count += u32::from(self.is_physical);
        let sums = match (self.is_physical, self.is_loopback) {
            (true, _) => &mut moved.physical,
            (false, false) => &mut moved.other,
            (false, true) => return,
        };
        for ((sum, now), before) in sums.iter_mut().zip(bytes).zip(before) {
            *sum = sum.saturating_add(now.saturating_sub(before));
        }
    }

    fn release(&self, slate: &mut Slate) {
        self.slots.iter().flatten().for_each(|slot| slate.release(*slot));
    }
}

// === impl Moved ===

impl Moved {
    /// Bridges and tunnels carry what hardware carries too; only where there is none (in a container) they count.
    fn across_the_border(&self) -> [u64; 2] {
        if self.physical_count > 0 {
            self.physical
        } else {
            self.other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_below_the_headings_are_read() {
        let text = b"Inter-|   Receive |  Transmit\n face |bytes packets|bytes packets\n    lo:    3193      29    1    2    0     0          0         0     4193      39    3    4    0     0       0          0\n\
            a:b:5 6 7 8 0 0 0 0 9 10 11 12 0 0 0 0\nshort: 1 2\n";
        let lines: Vec<InterfaceLine<'_>> = interfaces(text).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].name, b"lo");
        assert_eq!(lines[0].counts, [[3193, 4193], [29, 39], [1, 3], [2, 4]]);
        assert_eq!((lines[1].name, lines[1].counts[0]), (&b"a:b"[..], [5, 9]));
    }

    #[test]
    fn what_crosses_the_border_is_counted_once() {
        let mut moved = Moved {
            physical_count: 1,
            physical: [10, 20],
            other: [10, 20],
        };
        assert_eq!(moved.across_the_border(), [10, 20]);
        moved.physical_count = 0;
        moved.other = [1, 2];
        assert_eq!(moved.across_the_border(), [1, 2]);
    }
}
