//! Reading segments on one thread while another one judges what was read.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use model::{Labels, LogFlow, ReadError};

use super::Inner;
use super::read::{Columns, Reading};
use crate::limits::{BATCH_BYTES, BATCH_ROWS, PARCELS_AHEAD};
use crate::segment::Known;

/// Rows of some streams that are passed on together: passing on costs more than a few rows do.
#[derive(Debug, Default)]
struct Parcel {
    streams: Vec<(Labels, Columns)>,
    rows: usize,
    /// Bytes of their lines and pairs.
    bytes: usize,
}

/// Where a reader puts what it read.
struct Sender<'w> {
    parcels: SyncSender<Parcel>,
    /// Columns that can be used again.
    empty: Receiver<Vec<Columns>>,
    spare: Vec<Columns>,
    parcel: Parcel,
    /// Before which time lines are wanted still.
    wanted_to: &'w AtomicI64,
}

impl Sender<'_> {
    fn take(&mut self, stream: &Labels, columns: &mut Columns) -> LogFlow {
        if self.spare.is_empty() {
            self.spare = self.empty.try_recv().unwrap_or_default();
        }
        self.parcel.rows += columns.times_ns.len();
        self.parcel.bytes += columns.bytes();
        let full = std::mem::replace(columns, self.spare.pop().unwrap_or_default());
        self.parcel.streams.push((stream.clone(), full));
        if self.parcel.rows < BATCH_ROWS && self.parcel.bytes < BATCH_BYTES {
            return LogFlow::More;
        }
        self.send()
    }

    fn send(&mut self) -> LogFlow {
        match self.parcels.send(std::mem::take(&mut self.parcel)) {
            Ok(()) => LogFlow::MoreBefore(self.wanted_to.load(Ordering::Relaxed)),
            // Nobody wants any more.
            Err(_) => LogFlow::Stop,
        }
    }
}

impl Inner {
    /// Hands over what segments have, oldest first, reading some rows ahead.
    pub(super) fn read_ahead(
        &self,
        segments: &[Arc<Known>],
        reading: &mut Reading<'_>,
    ) -> Result<(), ReadError> {
        let (parcels, next) = sync_channel(PARCELS_AHEAD);
        let (used, empty) = sync_channel(PARCELS_AHEAD + 1);
        let wanted_to = AtomicI64::new(reading.to_ns);
        let selection = reading.selection;
        thread::scope(|scope| {
            let mut sender = Sender {
                parcels,
                empty,
                spare: Vec::new(),
                parcel: Parcel::default(),
                wanted_to: &wanted_to,
            };
            let reader = scope.spawn(move || {
                let mut take = |stream: &Labels, columns: &mut Columns| Ok(sender.take(stream, columns));
                let mut ahead = Reading::new(selection, &mut take);
                let read = self.read_segments(segments, &mut ahead);
                let searched = ahead.searched;
                sender.send();
                (read, searched)
            });
            for parcel in next {
                let mut spare_bytes = 0;
                let mut emptied = Vec::with_capacity(parcel.streams.len());
                for (stream, mut columns) in parcel.streams {
                    reading.hand_over(&stream, &mut columns)?;
                    if reading.is_over {
                        break;
                    }
                    // What once held long lines is not kept for every short one.
                    spare_bytes += columns.heap_bytes();
                    if spare_bytes <= BATCH_BYTES {
                        emptied.push(columns);
                    }
                }
                if reading.is_over {
                    // The channel goes, and the reader ends when it sends next.
                    break;
                }
                wanted_to.store(reading.to_ns, Ordering::Relaxed);
                // Where there are enough of them they may go.
                let _ = used.try_send(emptied);
            }
            match reader.join() {
                // Where nobody wants more, nobody wants to know why there was none.
                Ok((read, searched)) => {
                    reading.searched += searched;
                    if reading.is_over { Ok(()) } else { read }
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}
