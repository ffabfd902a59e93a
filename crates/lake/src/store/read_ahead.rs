//! Reading segments on one thread while another one judges what was read.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use model::{Labels, LogFlow, ReadError};

use super::Inner;
use super::read::{Columns, Reading};
use crate::limits::BATCHES_AHEAD;
use crate::segment::Segment;

impl Inner {
    /// Hands over what segments have, oldest first, reading some batches ahead.
    pub(super) fn read_ahead(
        &self,
        segments: &[Arc<Segment>],
        reading: &mut Reading<'_>,
    ) -> Result<(), ReadError> {
        let (batches, next) = sync_channel::<(Labels, Columns)>(BATCHES_AHEAD);
        let (used, empty) = sync_channel::<Columns>(BATCHES_AHEAD + 1);
        // Before which time lines are wanted still.
        let wanted_to = AtomicI64::new(reading.to_ns);
        let selection = reading.selection;
        thread::scope(|scope| {
            let wanted_to = &wanted_to;
            let reader = scope.spawn(move || {
                let mut send = |stream: &Labels, columns: &mut Columns| {
                    let full = std::mem::replace(columns, empty.try_recv().unwrap_or_default());
                    Ok(match batches.send((stream.clone(), full)) {
                        Ok(()) => LogFlow::MoreBefore(wanted_to.load(Ordering::Relaxed)),
                        // Nobody wants any more.
                        Err(_) => LogFlow::Stop,
                    })
                };
                self.read_segments(segments, &mut Reading::new(selection, &mut send))
            });
            for (stream, mut columns) in next {
                reading.hand_over(&stream, &mut columns)?;
                wanted_to.store(reading.to_ns, Ordering::Relaxed);
                if reading.is_over {
                    // The channel goes, and the reader ends at its next batch.
                    return Ok(());
                }
                // Where there are enough of them it may go.
                let _ = used.try_send(columns);
            }
            match reader.join() {
                Ok(read) => read,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}
