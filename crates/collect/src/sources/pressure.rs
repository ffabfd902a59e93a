//! Pressure stall information: the share of time in which work waited for CPU, memory or I/O.

use std::time::Duration;

use crate::error::Error;
use crate::kernel_file::KernelFile;
use crate::metric::Metric;
use crate::slate::{Slate, SlotId};
use crate::sources::{Facts, Moment, Opening, Seen, Source, SourceKind};
use crate::text;

const STALLED: Metric = Metric::counter(
    "system_pressure_stalled_seconds_total",
    &["resource", "kind"],
    "seconds",
    "Time in which some or all (full) tasks waited for a resource: cpu, memory, io",
);
const RATIO: Metric = Metric::gauge(
    "system_pressure_ratio",
    &["resource", "kind", "window"],
    "ratio",
    "Share of a window (10s, 60s, 300s) in which some or all (full) tasks waited for a resource: cpu, memory, io",
);

pub(super) const KIND: SourceKind = SourceKind {
    name: "pressure",
    metrics: &[STALLED, RATIO],
    open,
    every: Duration::ZERO,
    slows_down: false,
    parse: |text| {
        let _ = (stalls(text, b"some"), stalls(text, b"full"));
    },
};

const RESOURCES: [&str; 3] = ["cpu", "memory", "io"];
const KINDS: [&str; 2] = ["some", "full"];
const WINDOWS: [&str; 3] = ["10s", "60s", "300s"];

/// One line of `/proc/pressure/*` (Documentation/accounting/psi.rst).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stalls {
    /// Percent of each window.
    pub(super) percent: [f64; 3],
    /// Microseconds since boot.
    pub(super) total_us: u64,
}

/// The line that starts with `kind`, where there is one.
pub(super) fn stalls(text: &[u8], kind: &[u8]) -> Option<Stalls> {
    let line = text::lines(text).find(|line| text::fields(line).next() == Some(kind))?;
    let value = |key: &[u8]| text::fields(line).find_map(|field| field.strip_prefix(key));
    let percent = |key: &[u8]| value(key).and_then(text::fraction);
    Some(Stalls {
        percent: [percent(b"avg10=")?, percent(b"avg60=")?, percent(b"avg300=")?],
        total_us: value(b"total=").and_then(text::number)?,
    })
}

struct Pressure {
    resources: [Resource; RESOURCES.len()],
}

struct Resource {
    file: KernelFile,
    kinds: [KindSlots; KINDS.len()],
}

struct KindSlots {
    kind: &'static str,
    stalled: SlotId,
    ratios: [SlotId; WINDOWS.len()],
}

fn open(opening: &Opening<'_>, slate: &mut Slate) -> Box<dyn Source> {
    let resources = RESOURCES.map(|resource| Resource {
        file: KernelFile::new(opening.roots.proc.join("pressure").join(resource)),
        kinds: KINDS.map(|kind| KindSlots {
            kind,
            stalled: slate.slot(&STALLED, &[resource, kind]),
            ratios: WINDOWS.map(|window| slate.slot(&RATIO, &[resource, kind, window])),
        }),
    });
    Box::new(Pressure { resources })
}

impl Source for Pressure {
    fn observe(&mut self, _: Moment, slate: &mut Slate, _: &mut Facts) -> Result<Seen, Error> {
        let mut seen = Seen::Absent;
        for resource in &mut self.resources {
            let Some(text) = resource.file.read_if_offered()? else {
                continue;
            };
            seen = Seen::Fresh;
            for slots in &resource.kinds {
                // Older kernels have no `full` line for the CPU.
                let Some(stalls) = stalls(text, slots.kind.as_bytes()) else {
                    continue;
                };
                slate.set(slots.stalled, stalls.total_us as f64 / 1e6);
                for (slot, percent) in slots.ratios.iter().zip(stalls.percent) {
                    slate.set(*slot, percent / 100.0);
                }
            }
        }
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whole_or_not_at_all() {
        let text = b"some avg10=1.50 avg60=0.25 avg300=0.00 total=123456\nfull avg10=0.00 avg60=x avg300=0 total=1\n";
        let some = Stalls {
            percent: [1.5, 0.25, 0.0],
            total_us: 123_456,
        };
        assert_eq!(stalls(text, b"some"), Some(some));
        assert_eq!(stalls(text, b"full"), None);
        assert_eq!(stalls(b"", b"some"), None);
    }
}
