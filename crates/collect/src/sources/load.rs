//! Load averages: how many tasks run or wait to.

use std::time::Duration;

use crate::error::Error;
use crate::kernel_file::KernelFile;
use crate::metric::Metric;
use crate::slate::{Slate, SlotId};
use crate::sources::{Facts, Moment, Opening, Seen, Source, SourceKind};
use crate::text;

const LOAD: [Metric; 3] = [
    Metric::gauge(
        "system_cpu_load_average_1m",
        &[],
        "",
        "Load average over 1 minute",
    ),
    Metric::gauge(
        "system_cpu_load_average_5m",
        &[],
        "",
        "Load average over 5 minutes",
    ),
    Metric::gauge(
        "system_cpu_load_average_15m",
        &[],
        "",
        "Load average over 15 minutes",
    ),
];

pub(super) const KIND: SourceKind = SourceKind {
    name: "load",
    metrics: &LOAD,
    open,
    every: Duration::ZERO,
    slows_down: false,
    parse: |text| {
        let _ = averages(text);
    },
};

/// The averages over 1, 5 and 15 minutes that `/proc/loadavg` begins with.
pub(super) fn averages(text: &[u8]) -> Option<[f64; 3]> {
    let mut fields = text::fields(text);
    let mut next = || fields.next().and_then(text::fraction);
    Some([next()?, next()?, next()?])
}

struct Load {
    file: KernelFile,
    slots: [SlotId; 3],
}

fn open(opening: &Opening<'_>, slate: &mut Slate) -> Box<dyn Source> {
    Box::new(Load {
        file: KernelFile::new(opening.roots.proc.join("loadavg")),
        slots: LOAD.each_ref().map(|metric| slate.slot(metric, &[])),
    })
}

impl Source for Load {
    fn observe(&mut self, _: Moment, slate: &mut Slate, _: &mut Facts) -> Result<Seen, Error> {
        let Some(averages) = averages(self.file.read()?) else {
            return Err(Error::Malformed {
                path: self.file.path().to_owned(),
                what: "three load averages",
            });
        };
        for (slot, average) in self.slots.iter().zip(averages) {
            slate.set(*slot, average);
        }
        Ok(Seen::Fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_averages_or_none() {
        assert_eq!(averages(b"0.52 1.25 2.00 3/412 9876\n"), Some([0.52, 1.25, 2.0]));
        assert_eq!(averages(b"0.52 1.25"), None);
        assert_eq!(averages(b"a b c"), None);
    }
}
