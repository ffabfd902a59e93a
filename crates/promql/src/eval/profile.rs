//! What each part of a query takes, for those who want it explained; nothing is measured for others.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use model::Extent;

use super::Evaluator;
use crate::explain::{Explained, Read};
use crate::plan::Plan;

/// The running totals of all parts. Threads that read for a part add to those of the part that is under way.
#[derive(Debug)]
pub(super) struct Profile {
    parts: Vec<Cost>,
    under_way: AtomicUsize,
}

#[derive(Debug, Default)]
struct Cost {
    computed: AtomicU64,
    reused: AtomicU64,
    took_ns: AtomicU64,
    series: AtomicU64,
    found: AtomicU64,
    samples: AtomicU64,
    chunks: AtomicU64,
    bytes: AtomicU64,
    resolution_ms: AtomicI64,
}

/// A part that is being computed, and the one around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnderWay {
    part: usize,
    around: usize,
    since: Instant,
}

impl Profile {
    pub(super) fn new(parts: usize) -> Self {
        Self {
            parts: (0..parts).map(|_| Cost::default()).collect(),
            under_way: AtomicUsize::new(0),
        }
    }

    fn cost(&self) -> Option<&Cost> {
        self.parts.get(self.under_way.load(Ordering::Relaxed))
    }

    fn explained(&self, plan: &Plan) -> Explained {
        let mut parts = Vec::new();
        plan.for_each_computed(&mut |part| parts.push(self.explained(part)));
        let none = Cost::default();
        let cost = self.parts.get(plan.number).unwrap_or(&none);
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Explained {
            part: plan.text().to_owned(),
            computed: of(&cost.computed),
            reused: of(&cost.reused),
            took: Duration::from_nanos(of(&cost.took_ns)),
            series: of(&cost.series),
            read: Read {
                series: of(&cost.found),
                samples: of(&cost.samples),
                chunks: of(&cost.chunks),
                bytes: of(&cost.bytes),
                resolution_ms: cost.resolution_ms.load(Ordering::Relaxed),
            },
            parts,
        }
    }
}

impl Evaluator<'_> {
    /// Begins with a part. Nothing where nobody wants to know.
    pub(super) fn enter(&self, plan: &Plan) -> Option<UnderWay> {
        let profile = self.profile.as_ref()?;
        Some(UnderWay {
            part: plan.number,
            around: profile.under_way.swap(plan.number, Ordering::Relaxed),
            since: Instant::now(),
        })
    }

    /// Ends with a part whose value has so many series. `apart` of its time went to what was done with the value meanwhile.
    pub(super) fn leave(&self, under_way: Option<UnderWay>, series: usize, apart: Duration) {
        let (Some(profile), Some(under_way)) = (&self.profile, under_way) else {
            return;
        };
        profile.under_way.store(under_way.around, Ordering::Relaxed);
        if let Some(cost) = profile.parts.get(under_way.part) {
            let took = under_way.since.elapsed().saturating_sub(apart);
            cost.computed.fetch_add(1, Ordering::Relaxed);
            cost.took_ns.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
            cost.series.fetch_max(series as u64, Ordering::Relaxed);
        }
    }

    /// The value of a part was there already.
    pub(super) fn note_reused(&self, plan: &Plan) {
        if let Some(cost) = self
            .profile
            .as_ref()
            .and_then(|profile| profile.parts.get(plan.number))
        {
            cost.reused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The part under way found so many series in a tier.
    pub(super) fn note_found(&self, series: usize, resolution_ms: i64) {
        self.account.note_selected(series);
        if let Some(cost) = self.profile.as_ref().and_then(Profile::cost) {
            cost.found.fetch_add(series as u64, Ordering::Relaxed);
            cost.resolution_ms.fetch_max(resolution_ms, Ordering::Relaxed);
        }
    }

    /// The part under way read so many samples, which lie in as many chunks as `extent` says.
    pub(super) fn note_read(&self, samples: usize, extent: impl FnOnce() -> Extent) {
        self.account.note_read(samples);
        if let Some(cost) = self.profile.as_ref().and_then(Profile::cost) {
            let extent = extent();
            cost.samples.fetch_add(samples as u64, Ordering::Relaxed);
            cost.chunks.fetch_add(extent.chunks, Ordering::Relaxed);
            cost.bytes.fetch_add(extent.bytes, Ordering::Relaxed);
        }
    }

    /// What became of the query.
    pub(super) fn explained(&self, plan: &Plan) -> Option<Explained> {
        self.profile.as_ref().map(|profile| profile.explained(plan))
    }
}

impl Plan {
    /// The parts that are computed for themselves: windows over series are read by the function around them.
    fn for_each_computed<'p>(&'p self, visit: &mut dyn FnMut(&'p Self)) {
        self.for_each_part(&mut |part| match &part.op {
            crate::plan::Op::Window(_) => part.for_each_part(visit),
            _ => visit(part),
        });
    }
}
