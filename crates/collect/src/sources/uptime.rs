//! Time since boot.

use std::time::Duration;

use crate::error::Error;
use crate::kernel_file::KernelFile;
use crate::metric::Metric;
use crate::slate::{Slate, SlotId};
use crate::sources::{Facts, Moment, Opening, Seen, Source, SourceKind};
use crate::text;

const UPTIME: Metric = Metric::gauge("system_uptime_seconds", &[], "seconds", "Time since boot");

pub(super) const KIND: SourceKind = SourceKind {
    name: "uptime",
    metrics: &[UPTIME],
    open,
    every: Duration::ZERO,
    slows_down: false,
    parse: |text| {
        let _ = seconds(text);
    },
};

/// The seconds that `/proc/uptime` begins with.
pub(super) fn seconds(text: &[u8]) -> Option<f64> {
    text::fields(text).next().and_then(text::fraction)
}

struct Uptime {
    file: KernelFile,
    slot: SlotId,
}

fn open(opening: &Opening<'_>, slate: &mut Slate) -> Box<dyn Source> {
    Box::new(Uptime {
        file: KernelFile::new(opening.roots.proc.join("uptime")),
        slot: slate.slot(&UPTIME, &[]),
    })
}

impl Source for Uptime {
    fn observe(&mut self, _: Moment, slate: &mut Slate, facts: &mut Facts) -> Result<Seen, Error> {
        let Some(seconds) = seconds(self.file.read()?) else {
            return Err(Error::Malformed {
                path: self.file.path().to_owned(),
                what: "seconds since boot",
            });
        };
        slate.set(self.slot, seconds);
        facts.uptime_seconds = Some(seconds);
        Ok(Seen::Fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_is_the_uptime() {
        assert_eq!(seconds(b"3600.25 7000.10\n"), Some(3600.25));
        assert_eq!(seconds(b"\n"), None);
    }
}
