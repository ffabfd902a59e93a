//! Segments that maintenance could not read: set aside where they are damaged, and passed over for a while, so that one of them
//! does not keep all others from being merged and rewritten.

use std::collections::HashMap;
use std::sync::Arc;

use model::ReadError;
use parking_lot::Mutex;
use ulid::Ulid;

use super::Inner;
use super::merge::merged;
use crate::error::LakeError;
use crate::limits::PASSED_OVER_MS;
use crate::segment::Known;

/// When each of them was passed over, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct PassedOver(Mutex<HashMap<Ulid, i64>>);

impl PassedOver {
    /// Those that are to be left alone still.
    pub(super) fn now(&self, now_ms: i64) -> HashMap<Ulid, i64> {
        let mut since_ms = self.0.lock();
        since_ms.retain(|_, since_ms| (0..PASSED_OVER_MS).contains(&now_ms.saturating_sub(*since_ms)));
        since_ms.clone()
    }
}

impl Inner {
    /// Some segments could not be read, or what was written of them could not: those that are to blame are left alone for a while.
    pub(super) fn pass_over(
        &self,
        segments: &[Arc<Known>],
        error: &ReadError,
        now_ms: i64,
    ) -> Result<(), LakeError> {
        self.telemetry.maintenance_failures.inc();
        let mut passed_over = Vec::new();
        // Where the disk or the network fails, asking again would fail as well, and take its time.
        if !matches!(error, ReadError::Io { .. }) {
            for known in segments {
                let read = self.segments.open_once(known);
                let Err(error) = read.and_then(|segment| merged(&[segment], None, |_, _| {})) else {
                    continue;
                };
                passed_over.push(known.id);
                if matches!(error, ReadError::Damaged { .. }) {
                    self.set_aside(Arc::clone(known), &error)?;
                }
            }
        }
        if passed_over.is_empty() {
            passed_over.extend(segments.iter().map(|known| known.id));
        }
        tracing::warn!(
            %error,
            segments = passed_over.len(),
            again_s = PASSED_OVER_MS / 1000,
            "segments that cannot be read are passed over by maintenance"
        );
        let since = passed_over.into_iter().map(|id| (id, now_ms));
        self.passed_over.0.lock().extend(since);
        Ok(())
    }
}
