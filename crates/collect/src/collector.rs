//! One reading of this machine: every source in turn into one batch.

use std::sync::Arc;
use std::time::Duration;

use model::{SeriesBatch, TenantId};
use stdx::clock::SharedClock;
use tracing::{info, warn};

use crate::error::Error;
use crate::limits;
use crate::slate::Slate;
use crate::sources::{self, Facts, Moment, Opening, Seen, Source, SourceKind};
use crate::telemetry::{SourceLabel, Telemetry};

/// All sources with their series.
pub(crate) struct Collector {
    sources: Vec<Running>,
    clock: SharedClock,
    telemetry: Telemetry,
    /// What sources tell each other and people.
    pub(crate) facts: Facts,
}

struct Running {
    kind: &'static SourceKind,
    source: Box<dyn Source>,
    slate: Slate,
    runs: u64,
    due: Duration,
    failing: bool,
}

impl Collector {
    /// Opens every source.
    pub(crate) fn new(opening: &Opening<'_>, instance: &Arc<str>, clock: SharedClock) -> Self {
        let open = |kind: &'static SourceKind| {
            let mut slate = Slate::new(Arc::clone(instance));
            Running {
                kind,
                source: (kind.open)(opening, &mut slate),
                slate,
                runs: 0,
                due: Duration::ZERO,
                failing: false,
            }
        };
        Self {
            sources: sources::all().iter().map(open).collect(),
            clock,
            telemetry: opening.telemetry.clone(),
            facts: Facts::default(),
        }
    }

    /// Reads every source that is due. The samples carry `at_ms`; rates are taken over the monotonic clock.
    pub(crate) fn read(&mut self, at_ms: i64) -> SeriesBatch {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        let started = self.clock.monotonic();
        for running in &mut self.sources {
            let now = self.clock.monotonic();
            if now < running.due {
                continue;
            }
            let moment = Moment {
                at_ms,
                monotonic: now,
            };
            let outcome = running
                .source
                .observe(moment, &mut running.slate, &mut self.facts);
            running.note(&outcome, &self.telemetry);
            match outcome {
                Ok(Seen::Fresh) => running.slate.close(at_ms, &mut batch),
                Ok(Seen::Unchanged) => {}
                Ok(Seen::Absent) | Err(_) => {
                    running.slate.wipe();
                    running.slate.close(at_ms, &mut batch);
                }
            }
            running.plan_next(now, self.clock.monotonic());
        }
        let spent = self.clock.monotonic().saturating_sub(started);
        self.telemetry.ticks.inc();
        self.telemetry.tick_seconds.inc_by(spent.as_secs_f64());
        let series: usize = self
            .sources
            .iter()
            .map(|running| running.slate.live_count())
            .sum();
        self.telemetry.series.set(series as i64);
        batch
    }
}

// === impl Running ===

impl Running {
    /// Counts a failure, and says so once when it begins and once when it ends.
    fn note(&mut self, outcome: &Result<Seen, Error>, telemetry: &Telemetry) {
        let source = self.kind.name;
        let refused = self.source.rows_refused();
        if refused > 0 {
            let label = SourceLabel { source };
            telemetry.rows_refused.get_or_create(&label).inc_by(refused);
        }
        match outcome {
            Err(error) => {
                telemetry.count_source_error(source);
                if !self.failing {
                    let reason = std::error::Error::source(error).map(ToString::to_string);
                    warn!(source, %error, reason, "source cannot be read");
                }
            }
            Ok(_) if self.failing => info!(source, "source can be read again"),
            Ok(_) => {}
        }
        self.failing = outcome.is_err();
    }

    /// The first two readings come tick by tick, so that rates are there early. After that a source keeps its own pace,
    /// and one of variable cost slows down until it costs no more than its share.
    fn plan_next(&mut self, began: Duration, ended: Duration) {
        self.runs += 1;
        let mut every = if self.runs < 2 {
            Duration::ZERO
        } else {
            self.kind.every
        };
        if self.kind.slows_down {
            let cost = ended.saturating_sub(began);
            let bearable = cost.div_f64(limits::SOURCE_COST_RATIO_MAX);
            every = every.max(bearable.min(limits::SOURCE_EVERY_MAX));
        }
        // Due a little early: ticks jitter, and a source due just after a tick would lose a whole interval.
        self.due = began + every.mul_f64(0.95);
    }
}

#[cfg(test)]
mod tests;
