//! What a judgement says and what becomes of an alert: the nouns that deciders, stores and pages share.

use std::fmt;
use std::sync::Arc;

use crate::labels::Labels;

/// A judgement about one subject at one moment: the input of an alert's life cycle.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Whether the condition holds.
    pub holds: bool,
    /// The value that was judged; NaN where there is none.
    pub value: f64,
    /// Milliseconds since the Unix epoch of the data that was judged.
    pub observed_at_ms: i64,
}

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlertPhase {
    /// The condition does not hold.
    Inactive,
    /// The condition holds, not yet for long enough.
    Pending,
    /// The condition has held for long enough: people are told.
    Firing,
    /// It fired and is over.
    Resolved,
}

/// One step of an alert from one phase to another, with what it was decided on.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertEvent {
    /// When it was decided, milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The rule group and rule that decided, for people.
    pub group: Arc<str>,
    /// The alert's name.
    pub name: Arc<str>,
    /// All labels of the alert, its name included.
    pub labels: Labels,
    /// [`fingerprint`] of the labels.
    pub fingerprint: u64,
    /// The phase before.
    pub from: AlertPhase,
    /// The phase after.
    pub to: AlertPhase,
    /// The value that was judged; NaN where there was none.
    pub value: f64,
}

// === impl AlertPhase ===

impl AlertPhase {
    /// The phase as pages and stores write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }

    /// Reads what [`AlertPhase::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Inactive, Self::Pending, Self::Firing, Self::Resolved]
            .into_iter()
            .find(|phase| phase.as_str() == text)
    }
}

impl fmt::Display for AlertPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The 64-bit name of a label set as Prometheus and Alertmanager compute it: FNV-1a over every name and value in
/// order of name, each followed by the byte 255 (prometheus/common `model.LabelSet.Fingerprint`). Printed as 16
/// hexadecimal digits by [`format_fingerprint`].
pub fn fingerprint(labels: &Labels) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let add = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    let mut hash = OFFSET;
    for (name, value) in labels {
        hash = add(name.bytes().fold(hash, add), 255);
        hash = add(value.bytes().fold(hash, add), 255);
    }
    hash
}

/// A fingerprint as 16 hexadecimal digits.
pub fn format_fingerprint(fingerprint: u64) -> String {
    format!("{fingerprint:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_prometheus() {
        // From prometheus/common model/labelset_test.go and model/signature_test.go.
        let empty = Labels::empty();
        assert_eq!(fingerprint(&empty), 14_695_981_039_346_656_037);
        let labels = Labels::from_pairs([("name", "garland, briggs"), ("fear", "love is not enough")]);
        assert_eq!(fingerprint(&labels), 5_799_056_148_416_392_346);
        assert_eq!(format_fingerprint(0x2a), "000000000000002a");
    }

    #[test]
    fn phases_print_and_read_back() {
        for phase in [
            AlertPhase::Inactive,
            AlertPhase::Pending,
            AlertPhase::Firing,
            AlertPhase::Resolved,
        ] {
            assert_eq!(AlertPhase::parse(phase.as_str()), Some(phase));
        }
        assert_eq!(AlertPhase::parse("sleeping"), None);
    }
}
