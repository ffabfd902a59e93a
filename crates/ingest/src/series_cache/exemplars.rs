//! Which exemplars of a target are stored already: targets show the same one until there is a newer.

use model::{Exemplar, SeriesId};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

/// The newest exemplar of each series that has one.
#[derive(Debug, Default)]
pub struct ExemplarMemory {
    stored: FxHashMap<SeriesId, Newest>,
    this_round: FxHashMap<SeriesId, Newest>,
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    /// The time it had of its own.
    own_ms: Option<i64>,
    hash: u64,
}

impl ExemplarMemory {
    pub(super) fn begin(&mut self) {
        self.this_round.clear();
    }

    /// Whether an exemplar is to be stored: it is another than the last, and not older. `timed` says that its time is its
    /// own and not that of the scrape. Source: prometheus/tsdb/exemplar.go, `validateExemplar`.
    pub fn is_new(&mut self, series: SeriesId, exemplar: &Exemplar, timed: bool) -> bool {
        let own_ms = timed.then_some(exemplar.at_ms);
        let hash = hash_of(exemplar);
        let both_timed = |known: &Newest| own_ms.zip(known.own_ms);
        let repeated = match (self.this_round.get(&series), self.stored.get(&series)) {
            (Some(known), _) => {
                let older = both_timed(known).is_some_and(|(own, known)| own < known);
                older || (known.hash == hash && known.own_ms == own_ms)
            }
            (None, Some(known)) => match both_timed(known) {
                Some((own, known)) => own <= known,
                None => known.hash == hash && known.own_ms == own_ms,
            },
            (None, None) => false,
        };
        if repeated {
            return false;
        }
        self.this_round.insert(series, Newest { own_ms, hash });
        true
    }

    pub(super) fn commit(&mut self) {
        self.stored.extend(self.this_round.drain());
    }

    pub(super) fn retain(&mut self, known: impl Fn(SeriesId) -> bool) {
        self.stored.retain(|id, _| known(*id));
    }
}

fn hash_of(exemplar: &Exemplar) -> u64 {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&exemplar.labels.id().0.to_le_bytes());
    bytes[16..].copy_from_slice(&exemplar.value.to_bits().to_le_bytes());
    xxh3_64(&bytes)
}
