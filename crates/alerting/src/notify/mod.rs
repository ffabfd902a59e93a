//! Who is told what and when: routing, grouping, inhibition and repetition, decided without clock or network.
//!
//! In: alerts as they change, the configuration, and the time as an argument.  Out: messages to be sent.
//! Owns: nothing; [`plan::Book`] goes in and comes out.
//! Invariants: a group that did not change is not told again before its repeat interval
//! and equal input gives equal output (`plan::tests`).
//! Not here: sending (`channels`), durability (`engine`).
//! Start at: [`plan::step`].

pub mod inhibit;
pub mod matchers;
pub mod message;
pub mod plan;
pub mod routes;

use std::sync::Arc;

use model::Labels;

/// An alert as receivers see it. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// [`model::fingerprint`] of the alert's own labels: by it the alert is known here.
    pub fingerprint: u64,
    /// All labels, external ones included.
    pub labels: Labels,
    /// Annotations, templates expanded.
    pub annotations: Labels,
    /// Since when the condition holds.
    pub starts_at_ms: i64,
    /// When it was over; `None` while it fires.
    pub ends_at_ms: Option<i64>,
    /// A link to the expression.
    pub generator_url: Arc<str>,
}

impl Notice {
    /// The notice with labels that say where it comes from; the alert's own labels win over them (Prometheus'
    /// `notifier.Manager.Send`).
    pub fn carrying(mut self, external_labels: &Labels) -> Self {
        if !external_labels.is_empty() {
            let mut labels = self.labels.to_builder();
            for (name, value) in external_labels {
                if self.labels.get(name).is_none() {
                    labels.set(name, value);
                }
            }
            self.labels = labels.build();
        }
        self
    }

    /// Whether it is over.
    pub fn is_resolved(&self) -> bool {
        self.ends_at_ms.is_some()
    }
}
