//! Stores what this process says about itself, by the same path that targets' bodies take, without HTTP.

use std::sync::Arc;

use model::{Labels, SeriesBatch, SeriesWrite, TenantId};
use stdx::clock::SharedClock;

use crate::error::IngestError;
use crate::exposition::Format;
use crate::intake::{self, SampleRules, Tally};
use crate::series_cache::SeriesCache;
use crate::telemetry::Telemetry;

/// The process as its own target.
#[derive(Debug)]
pub struct SelfScrape {
    writer: Arc<dyn SeriesWrite>,
    clock: SharedClock,
    rules: SampleRules,
    cache: SeriesCache,
    telemetry: Telemetry,
}

impl SelfScrape {
    /// A target whose series carry these labels, `job` and `instance` as a rule.
    pub fn new(writer: Arc<dyn SeriesWrite>, clock: SharedClock, labels: Labels) -> Self {
        Self {
            writer,
            clock,
            rules: SampleRules {
                target_labels: labels,
                ..SampleRules::default()
            },
            cache: SeriesCache::new(),
            telemetry: Telemetry::default(),
        }
    }

    /// Stores one OpenMetrics body with the time stamp `at_ms`; series that the last body had and this one lacks end
    /// stale. Nothing of a body that fails is stored. Blocks on the store: call it from a blocking task.
    pub fn take(&mut self, body: &str, at_ms: i64) -> Result<Tally, IngestError> {
        self.cache.begin();
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        let format = if body.ends_with("# EOF\n") {
            Format::OpenMetrics
        } else {
            Format::Text
        };
        let (tally, result) =
            intake::read_body(&mut self.cache, &self.rules, format, body, at_ms, &mut batch);
        result?;
        intake::push_stale(&self.cache, at_ms, &mut batch);
        let news = self.cache.families.news();
        intake::write(&*self.writer, &batch, &news, self.clock.now_ms(), &self.telemetry)?;
        self.cache.families.told();
        self.cache.commit(true);
        Ok(tally)
    }
}
