//! Lines that are still there and must not be seen: deleted ones, and those of streams whose time is over.

use std::sync::Arc;

use model::{Labels, LineJudge, ReadError, TenantId};

use super::deletions::Deletion;
use super::read::Columns;
use crate::config::Config;

/// What hides lines of a tenant.
pub(super) struct Hiding {
    deletions: Vec<Hider>,
    /// How long streams are kept, and now in nanoseconds, where some lines may be over.
    retention: Option<(Config, i64)>,
    /// The stream that was looked at last, and before which time its lines are over.
    stream: Option<(Labels, i64)>,
}

struct Hider {
    deletion: Arc<Deletion>,
    judge: Option<Box<dyn LineJudge>>,
    /// Whether it is about the stream that was looked at last.
    applies: bool,
}

impl Hiding {
    /// What of these hides lines of a tenant and time; `None` where nothing does.
    pub(super) fn of<'d>(
        deletions: impl Iterator<Item = &'d Arc<Deletion>>,
        config: &Config,
        (tenant, from_ns, to_ns): (TenantId, i64, i64),
        now_ms: i64,
    ) -> Option<Self> {
        let about = deletions.filter(|deletion| {
            deletion.tenant == tenant && deletion.to_ns >= from_ns && deletion.from_ns < to_ns
        });
        let hiders = about.map(|deletion| Hider {
            judge: deletion.filter.needs_lines().then(|| deletion.filter.judge()),
            deletion: Arc::clone(deletion),
            applies: false,
        });
        let deletions: Vec<Hider> = hiders.collect();
        let may_be_over = !config.stream_retention.is_empty() || from_ns < config.oldest_ns(now_ms);
        let retention = may_be_over.then(|| (config.clone(), now_ms.saturating_mul(1_000_000)));
        (!deletions.is_empty() || retention.is_some()).then_some(Self {
            deletions,
            retention,
            stream: None,
        })
    }

    /// Whether lines must be whole to be judged.
    pub(super) fn needs_lines(&self) -> bool {
        self.deletions.iter().any(|hider| hider.judge.is_some())
    }

    /// The lines that follow are of this stream.
    pub(super) fn start_stream(&mut self, stream: &Labels) {
        if self.stream.as_ref().is_some_and(|(before, _)| before == stream) {
            return;
        }
        for hider in &mut self.deletions {
            let matchers = hider.deletion.filter.matchers();
            hider.applies = matchers.iter().all(|matcher| matcher.matches_labels(stream));
            if let Some(judge) = hider.judge.as_mut().filter(|_| hider.applies) {
                judge.start_stream(stream);
            }
        }
        let oldest = |(config, now_ns): &(Config, i64)| {
            let keep_ns = i64::try_from(config.keep_for(stream).0.as_nanos()).unwrap_or(i64::MAX);
            now_ns.saturating_sub(keep_ns)
        };
        let oldest_ns = self.retention.as_ref().map_or(i64::MIN, oldest);
        self.stream = Some((stream.clone(), oldest_ns));
    }

    /// Whether a line of the stream is hidden.
    pub(super) fn hides(&mut self, at_ns: i64, line: &str, metadata: &[(&str, &str)]) -> bool {
        let oldest_ns = self.stream.as_ref().map_or(i64::MIN, |(_, oldest_ns)| *oldest_ns);
        at_ns < oldest_ns
            || self.deletions.iter_mut().any(|hider| {
                hider.applies
                    && (hider.deletion.from_ns..=hider.deletion.to_ns).contains(&at_ns)
                    && (hider.judge.as_mut()).is_none_or(|judge| judge.means(at_ns, line, metadata))
            })
    }

    /// Whether all lines of a stream between two times are hidden, as far as that is known without looking at them.
    pub(super) fn hides_all(&mut self, stream: &Labels, min_ns: i64, max_ns: i64) -> bool {
        self.start_stream(stream);
        let oldest_ns = self.stream.as_ref().map_or(i64::MIN, |(_, oldest_ns)| *oldest_ns);
        max_ns < oldest_ns
            || self.deletions.iter().any(|hider| {
                let covers = hider.deletion.from_ns <= min_ns && hider.deletion.to_ns >= max_ns;
                hider.applies && covers && hider.judge.is_none()
            })
    }

    /// Takes hidden lines out of the rows of a stream.
    pub(super) fn filter(&mut self, stream: &Labels, columns: &mut Columns) -> Result<(), ReadError> {
        self.start_stream(stream);
        let oldest_ns = self.stream.as_ref().map_or(i64::MIN, |(_, oldest_ns)| *oldest_ns);
        let may_hide = self.deletions.iter().any(|hider| hider.applies)
            || columns.times_ns.iter().any(|at_ns| *at_ns < oldest_ns);
        if !may_hide {
            return Ok(());
        }
        let mut kept = Columns::default();
        kept.clear();
        (kept.is_decided, kept.is_reduced) = (columns.is_decided, columns.is_reduced);
        columns.each_row(stream, |at_ns, line, metadata| {
            if !self.hides(at_ns, line, metadata) {
                kept.text.extend_from_slice(line.as_bytes());
                kept.pairs.extend(metadata.iter().copied());
                kept.end_row(at_ns);
            }
        })?;
        *columns = kept;
        Ok(())
    }
}
