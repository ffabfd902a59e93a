//! Streams found by the text that their senders name them with, so that a steady sender's labels are neither parsed nor sorted again.

use std::hash::BuildHasherDefault;
use std::sync::Arc;

use hashbrown::HashMap;
use model::Labels;

use crate::limits::LOG_STREAMS_KNOWN_BYTES;
use crate::push::known::AliasHasher;

/// A stream, and what its labels say of all its lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) labels: Labels,
    /// The level that a label holds.
    pub(crate) level: Option<Box<str>>,
}

/// The streams of all senders: two generations, so that what is not asked for any more is forgotten.
#[derive(Debug, Default)]
pub(crate) struct KnownStreams {
    young: Streams,
    young_bytes: usize,
    old: Streams,
}

type Streams = HashMap<u128, Arc<Stream>, BuildHasherDefault<AliasHasher>>;

impl KnownStreams {
    pub(crate) fn find(&self, alias: u128) -> Option<Arc<Stream>> {
        self.young.get(&alias).or_else(|| self.old.get(&alias)).cloned()
    }

    pub(crate) fn learn(&mut self, alias: u128, stream: Arc<Stream>) {
        // The entry of the map, and the two allocations behind it.
        let bytes = stream.labels.heap_bytes() + 128;
        if self.young_bytes + bytes > LOG_STREAMS_KNOWN_BYTES / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if self.young.insert(alias, stream).is_none() {
            self.young_bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_what_is_not_asked_for_is_forgotten() {
        let stream = |place: u128| {
            Arc::new(Stream {
                labels: Labels::from_pairs([("app", format!("{place:0>2000}"))]),
                level: None,
            })
        };
        let mut known = KnownStreams::default();
        let fitting = LOG_STREAMS_KNOWN_BYTES as u128 / 2000;
        for place in 0..2 * fitting {
            known.learn(place, stream(place));
            known.learn(place, stream(place));
        }
        assert!(known.find(0).is_none());
        assert_eq!(known.find(2 * fitting - 1), Some(stream(2 * fitting - 1)));
        let held = (known.young.len() + known.old.len()) * 2000;
        assert!(held <= LOG_STREAMS_KNOWN_BYTES, "{held}");
    }
}
