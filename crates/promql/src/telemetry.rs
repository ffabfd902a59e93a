//! What this room tells about itself.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::answer::Answer;
use crate::error::EvalError;

/// Counters of evaluated queries; whoever evaluates reports each outcome once by [`Telemetry::observe`].
#[derive(Debug, Clone)]
pub struct Telemetry {
    queries: Family<Outcome, Counter>,
    seconds: Histogram,
    samples_read: Counter,
    series_selected: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl Telemetry {
    /// Registers every metric of this room.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "watchkeeper_promql_queries",
            "Queries that were evaluated, by outcome",
            self.queries.clone(),
        );
        registry.register(
            "watchkeeper_promql_query_duration_seconds",
            "Time that evaluations took",
            self.seconds.clone(),
        );
        registry.register(
            "watchkeeper_promql_samples_read",
            "Samples that selectors read from the store",
            self.samples_read.clone(),
        );
        registry.register(
            "watchkeeper_promql_series_selected",
            "Series that selectors found",
            self.series_selected.clone(),
        );
    }

    /// Counts one evaluation.
    pub fn observe(&self, result: &Result<Answer, EvalError>, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
        let outcome = match result {
            Ok(answer) => {
                self.samples_read.inc_by(answer.statistics.samples_read);
                self.series_selected.inc_by(answer.statistics.series_selected);
                "success"
            }
            Err(error) => error.as_str(),
        };
        self.queries.get_or_create(&Outcome { outcome }).inc();
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            queries: Family::default(),
            // From a tenth of a millisecond to about 26 s.
            seconds: Histogram::new(exponential_buckets(0.0001, 4.0, 10)),
            samples_read: Counter::default(),
            series_selected: Counter::default(),
        }
    }
}
