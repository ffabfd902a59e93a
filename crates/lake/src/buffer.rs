//! Lines in memory, as they came: what the log holds and no segment does yet.
//!
//! Lines are kept by the piece of the log that they lie in, so that a piece can go as soon as its lines are sealed.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use model::{Labels, LogRows, TenantId};

/// Lines of all tenants.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// By segment of the log and tenant.
    parts: BTreeMap<(u64, TenantId), Arc<Buffer>>,
    bytes: u64,
}

/// Lines of a tenant in one segment of the log.
#[derive(Debug, Default, Clone)]
pub(crate) struct Buffer {
    pub(crate) streams: HashMap<Labels, Vec<Piece>>,
    /// Keys of batches, and when each came.
    pub(crate) keys: Vec<(u128, i64)>,
    pub(crate) bytes: u64,
    pub(crate) since_ms: i64,
}

/// Lines of a stream that came together.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) rows: Arc<LogRows>,
    pub(crate) places: Range<usize>,
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
    /// Whether they are in order of time.
    pub(crate) is_sorted: bool,
}

impl Piece {
    fn of(rows: &Arc<LogRows>, places: Range<usize>) -> Self {
        let (mut min_ns, mut max_ns, mut is_sorted) = (i64::MAX, i64::MIN, true);
        for place in places.clone() {
            let at_ns = rows.row(place).at_ns();
            is_sorted &= at_ns >= max_ns;
            min_ns = min_ns.min(at_ns);
            max_ns = max_ns.max(at_ns);
        }
        Self {
            rows: Arc::clone(rows),
            places,
            min_ns,
            max_ns,
            is_sorted,
        }
    }
}

impl Buffers {
    /// Takes in a batch that lies in a segment of the log and came at `now_ms`.
    pub(crate) fn add(&mut self, log_segment: u64, rows: &Arc<LogRows>, now_ms: i64) {
        let part = self.parts.entry((log_segment, rows.tenant)).or_default();
        // Only who seals or reads it holds it beside us, and for both the lines of that moment are enough.
        let part = Arc::make_mut(part);
        if part.bytes == 0 {
            part.since_ms = now_ms;
        }
        part.bytes += rows.bytes() as u64;
        self.bytes += rows.bytes() as u64;
        part.keys.extend(rows.key.map(|key| (key, now_ms)));
        for (labels, places) in rows.stream_places() {
            let piece = Piece::of(rows, places);
            match part.streams.get_mut(labels) {
                Some(pieces) => pieces.push(piece),
                None => {
                    part.streams.insert(labels.clone(), vec![piece]);
                }
            }
        }
    }

    /// Bytes of all lines.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When the first line of all came.
    pub(crate) fn since_ms(&self) -> Option<i64> {
        self.parts.values().map(|part| part.since_ms).min()
    }

    /// Streams of a tenant, at most; streams are counted again in every segment of the log.
    pub(crate) fn has_stream(&self, tenant: TenantId, labels: &Labels) -> bool {
        self.of(tenant).any(|part| part.streams.contains_key(labels))
    }

    /// The most streams that a tenant has in a segment of the log.
    pub(crate) fn stream_count(&self, tenant: TenantId) -> usize {
        self.of(tenant)
            .map(|part| part.streams.len())
            .max()
            .unwrap_or_default()
    }

    /// What there is of a tenant, oldest first.
    pub(crate) fn of(&self, tenant: TenantId) -> impl Iterator<Item = &Arc<Buffer>> {
        let parts = self.parts.iter();
        parts
            .filter(move |((_, owner), _)| *owner == tenant)
            .map(|(_, part)| part)
    }

    /// What lies in segments of the log before one, by tenant.
    pub(crate) fn before(&self, log_segment: u64) -> BTreeMap<TenantId, Vec<Arc<Buffer>>> {
        let mut tenants: BTreeMap<TenantId, Vec<Arc<Buffer>>> = BTreeMap::new();
        for ((_, tenant), part) in self.parts.range(..(log_segment, TenantId(0))) {
            tenants.entry(*tenant).or_default().push(Arc::clone(part));
        }
        tenants
    }

    /// Forgets what lies in segments of the log before one, of a tenant.
    pub(crate) fn forget_before(&mut self, log_segment: u64, tenant: TenantId) {
        let bytes = &mut self.bytes;
        self.parts.retain(|(segment, owner), part| {
            let stays = *segment >= log_segment || *owner != tenant;
            if !stays {
                *bytes = bytes.saturating_sub(part.bytes);
            }
            stays
        });
    }

    /// The oldest segment of the log that is still needed.
    pub(crate) fn oldest_log_segment(&self) -> Option<u64> {
        self.parts.first_key_value().map(|((segment, _), _)| *segment)
    }
}

/// The lines of a stream, in order of time; of equal times in the order of coming.
pub(crate) fn sorted_rows(pieces: &[Piece], from_ns: i64, to_ns: i64) -> Vec<(i64, &LogRows, usize)> {
    let mut rows = Vec::new();
    let mut is_sorted = true;
    let mut last_ns = i64::MIN;
    for piece in pieces
        .iter()
        .filter(|piece| piece.max_ns >= from_ns && piece.min_ns < to_ns)
    {
        is_sorted &= piece.is_sorted && piece.min_ns >= last_ns;
        last_ns = last_ns.max(piece.max_ns);
        for place in piece.places.clone() {
            let at_ns = piece.rows.row(place).at_ns();
            if (from_ns..to_ns).contains(&at_ns) {
                rows.push((at_ns, &*piece.rows, place));
            }
        }
    }
    if !is_sorted {
        rows.sort_by_key(|(at_ns, _, _)| *at_ns);
    }
    rows
}
