//! Open files of the whole system.

use std::time::Duration;

use crate::error::Error;
use crate::kernel_file::KernelFile;
use crate::metric::Metric;
use crate::slate::{Slate, SlotId};
use crate::sources::{Facts, Moment, Opening, Seen, Source, SourceKind};
use crate::text;

const OPEN: Metric = Metric::gauge("system_file_descriptors_open", &[], "", "Open files, system-wide");
const LIMIT: Metric = Metric::gauge(
    "system_file_descriptors_limit",
    &[],
    "",
    "The most files that may be open, system-wide",
);

pub(super) const KIND: SourceKind = SourceKind {
    name: "files",
    metrics: &[OPEN, LIMIT],
    open,
    every: Duration::ZERO,
    slows_down: false,
    parse: |text| {
        let _ = open_and_limit(text);
    },
};

/// Of `/proc/sys/fs/file-nr`: files in use, and the most there may be.
pub(super) fn open_and_limit(text: &[u8]) -> Option<(u64, u64)> {
    let mut fields = text::fields(text).map(text::number);
    let allocated = fields.next()??;
    let free = fields.next()??;
    let limit = fields.next()??;
    Some((allocated.saturating_sub(free), limit))
}

struct Files {
    file: KernelFile,
    open: SlotId,
    limit: SlotId,
}

fn open(opening: &Opening<'_>, slate: &mut Slate) -> Box<dyn Source> {
    Box::new(Files {
        file: KernelFile::new(opening.roots.proc.join("sys/fs/file-nr")),
        open: slate.slot(&OPEN, &[]),
        limit: slate.slot(&LIMIT, &[]),
    })
}

impl Source for Files {
    fn observe(&mut self, _: Moment, slate: &mut Slate, _: &mut Facts) -> Result<Seen, Error> {
        let Some((open, limit)) = open_and_limit(self.file.read()?) else {
            return Err(Error::Malformed {
                path: self.file.path().to_owned(),
                what: "three numbers",
            });
        };
        slate.set(self.open, open as f64);
        slate.set(self.limit, limit as f64);
        Ok(Seen::Fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocated_but_free_files_are_not_open() {
        assert_eq!(
            open_and_limit(b"1024\t24\t9223372036854775807\n"),
            Some((1000, i64::MAX as u64))
        );
        assert_eq!(open_and_limit(b"1024\t0\n"), None);
    }
}
