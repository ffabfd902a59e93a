//! Swap: how full it is and how much moves.

use std::time::Duration;

use crate::error::Error;
use crate::kernel_file::KernelFile;
use crate::metric::Metric;
use crate::slate::{Slate, SlotId};
use crate::sources::memory::MemoryInfo;
use crate::sources::{Facts, Moment, Opening, Seen, Source, SourceKind};
use crate::text;

const USAGE: Metric = Metric::gauge(
    "system_paging_usage_bytes",
    &["state"],
    "bytes",
    "Swap space by state: used, free",
);
const OPERATIONS: Metric = Metric::counter(
    "system_paging_operations_total",
    &["direction"],
    "",
    "Pages swapped in, out",
);

pub(super) const KIND: SourceKind = SourceKind {
    name: "paging",
    metrics: &[USAGE, OPERATIONS],
    open,
    every: Duration::ZERO,
    slows_down: false,
    parse: |text| {
        let _ = swapped(text);
    },
};

/// Pages swapped in and out since boot, of `/proc/vmstat`.
pub(super) fn swapped(text: &[u8]) -> [Option<u64>; 2] {
    let mut pages = [None; 2];
    for line in text::lines(text) {
        let place = match line {
            [b'p', b's', b'w', b'p', b'i', b'n', b' ', rest @ ..] => Some((0, rest)),
            [b'p', b's', b'w', b'p', b'o', b'u', b't', b' ', rest @ ..] => Some((1, rest)),
            _ => None,
        };
        if let Some((place, number)) = place
            && let Some(page) = pages.get_mut(place)
        {
            *page = text::only_number(number);
        }
    }
    pages
}

struct Paging {
    meminfo: KernelFile,
    vmstat: KernelFile,
    usage: [SlotId; 2],
    operations: [SlotId; 2],
}

fn open(opening: &Opening<'_>, slate: &mut Slate) -> Box<dyn Source> {
    Box::new(Paging {
        meminfo: KernelFile::new(opening.roots.proc.join("meminfo")),
        vmstat: KernelFile::new(opening.roots.proc.join("vmstat")),
        usage: slate.slots(&USAGE, ["used", "free"]),
        operations: slate.slots(&OPERATIONS, ["in", "out"]),
    })
}

impl Source for Paging {
    fn observe(&mut self, _: Moment, slate: &mut Slate, _: &mut Facts) -> Result<Seen, Error> {
        let Some(info) = MemoryInfo::parse(self.meminfo.read()?) else {
            return Err(Error::Malformed {
                path: self.meminfo.path().to_owned(),
                what: "the line MemTotal",
            });
        };
        let used = info.swap_total.saturating_sub(info.swap_free);
        for (slot, bytes) in self.usage.iter().zip([used, info.swap_free]) {
            slate.set(*slot, bytes as f64);
        }
        if let Some(vmstat) = self.vmstat.read_if_offered()? {
            for (slot, pages) in self.operations.iter().zip(swapped(vmstat)) {
                slate.set_if(*slot, pages.map(|pages| pages as f64));
            }
        }
        Ok(Seen::Fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_pages_are_found_among_the_rest() {
        let text = b"nr_free_pages 5\npgpgin 9\npswpin 12\npswpout 34\npswpin_x 1\n";
        assert_eq!(swapped(text), [Some(12), Some(34)]);
        assert_eq!(swapped(b"pswpin x\n"), [None, None]);
    }
}
