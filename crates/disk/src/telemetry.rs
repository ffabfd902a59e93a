//! What the log counts about itself.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// Counters of one log. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    /// Records acknowledged.
    pub records: Counter,
    /// Bytes written, frames included.
    pub bytes: Counter,
    /// Syncs that succeeded; records per sync is the gain of group commit.
    pub syncs: Counter,
    /// Writes or syncs that failed.
    pub failures: Counter,
    /// Appends turned away because too much was waiting.
    pub busy: Counter,
}

impl Telemetry {
    /// Makes the counters visible as `watchkeeper_disk_log_…`.
    pub fn register(&self, registry: &mut Registry) {
        self.register_in(registry.sub_registry_with_prefix("watchkeeper_disk_log"));
    }

    /// Makes the counters visible, each under its bare name.
    pub fn register_in(&self, registry: &mut Registry) {
        let counters = [
            ("records", "Records acknowledged by the log", &self.records),
            ("bytes", "Bytes written to the log", &self.bytes),
            ("syncs", "Syncs of the log that succeeded", &self.syncs),
            (
                "failures",
                "Writes and syncs of the log that failed",
                &self.failures,
            ),
            (
                "busy",
                "Appends turned away because too much was waiting",
                &self.busy,
            ),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
    }
}
