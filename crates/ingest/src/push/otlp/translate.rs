//! Points into samples, one after the other: names, labels, totals of deltas, and what is left out.
//!
//! Source: prometheus/storage/remote/otlptranslator/prometheusremotewrite, `PrometheusConverter.FromMetrics`.

use std::collections::HashSet;
use std::sync::Arc;

use model::{
    Exemplar, Histogram, HistogramSample, LabelsBuilder, METRIC_NAME, MetricKind, MetricMetadata, NO_START,
    STALE_NAN, Sample, Series, SeriesBatch, SeriesId, SeriesNumber,
};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::super::batch_bytes::BatchBytes;
use super::super::births::Births;
use super::super::policy::Policy;
use super::super::{Origin, Outcome, Push, PushError};
use super::delta::{Interval, Session};
use super::exponential::{self, Sparse};
use super::labels::{ResourceLabels, Rules, ScopeLabels, push_text};
use super::message::{
    self, Attribute, ExponentialPoint, Head, HistogramPoint, Kind, Metric, NumberPoint, Scope, SummaryPoint,
    Temporality,
};
use super::names::{self, Suffix};
use super::text;
use crate::exposition::snippet;
use crate::limits::{EXEMPLAR_LABEL_CHARS_MAX, OTLP_TARGET_INFOS_MAX};

/// Time between samples of `target_info`: half of how far back a query looks.
const TARGET_INFO_EVERY_NS: u64 = 150 * 1_000_000_000;

/// What a sample costs beside its labels. Every other message of a request is reckoned alike, so that a body of empty ones ends
/// early.
const SAMPLE_BYTES: usize = 64;

/// Why a point is left out, or all of a request.
#[derive(Debug)]
pub(super) enum Refused {
    /// The point makes no sense; the others may.
    Point(String),
    /// Nothing is to be taken in.
    Request(PushError),
}

impl From<String> for Refused {
    fn from(reason: String) -> Self {
        Self::Point(reason)
    }
}

/// What a request becomes.
#[derive(Debug)]
pub(super) struct Translated<'t> {
    pub(super) batch: SeriesBatch,
    pub(super) metadata: Vec<MetricMetadata>,
    pub(super) outcome: Outcome,
    pub(super) deltas: Session<'t>,
    pub(super) births: Births,
}

/// Takes resources, scopes, metrics and points in the order of a request.
#[derive(Debug)]
pub(super) struct Translator<'t> {
    push: &'t Push,
    rules: &'t Rules,
    policy: &'t Policy,
    /// What series are hashed with.
    seed: u64,
    births: Births,
    /// Whether numbers that the store gave earlier are used.
    trust_numbers: bool,
    batch: SeriesBatch,
    /// What the batch holds, about.
    bytes: BatchBytes,
    metadata: Vec<MetricMetadata>,
    described: HashSet<Arc<str>>,
    outcome: Outcome,
    deltas: Session<'t>,
    resource: Result<ResourceLabels, String>,
    scope: Result<ScopeLabels, String>,
    metric: Current,
    /// The first and the last time of the resource's points.
    times_ns: Option<(u64, u64)>,
    /// `target_info` samples of this request: several resources may have the same.
    infos: HashSet<(SeriesId, i64)>,
    scratch: Vec<u8>,
}

/// The metric whose points come.
#[derive(Debug)]
struct Current {
    given: String,
    kind: Kind,
    /// The name of its series, or why there is none.
    name: Result<String, String>,
    alias: u128,
}

/// Which of the series of a metric a sample belongs to.
#[derive(Debug, Clone, Copy)]
enum Role {
    Plain,
    Sum,
    Count,
    Bucket(f64),
    Quantile(f64),
}

/// Where a sample goes: to a series that the store knows, or to one that it is told.
#[derive(Debug)]
enum Target {
    Number(SeriesNumber),
    Series(Series),
}

/// A point whose labels and time are known to be good.
#[derive(Debug, Clone, Copy)]
struct Place<'p> {
    attributes: &'p [Attribute<'p>],
    alias: u128,
    at_ms: i64,
    /// When what it counts began, milliseconds since the Unix epoch; 0 where that is not said.
    created_ms: i64,
    /// Since when the sample that is stored counts; 0 where that is not known. That of a delta is not the sample's: the sum of
    /// all deltas is stored.
    start_ms: i64,
}

// === impl Translator: the order of a request ===

impl<'t> Translator<'t> {
    pub(super) fn new(
        push: &'t Push,
        (rules, policy): (&'t Rules, &'t Policy),
        deltas: Session<'t>,
        trust_numbers: bool,
        origin: Origin,
    ) -> Self {
        Self {
            push,
            rules,
            policy,
            seed: push.seed_of(origin.tenant),
            births: Births::new(policy.created_zeros, origin.now_ms),
            trust_numbers,
            batch: SeriesBatch::new(origin.tenant),
            bytes: BatchBytes::default(),
            metadata: Vec::new(),
            described: HashSet::new(),
            outcome: Outcome::default(),
            deltas,
            resource: Ok(ResourceLabels::default()),
            scope: Ok(ScopeLabels::default()),
            metric: Current {
                given: String::new(),
                kind: Kind::Unknown,
                name: Ok(String::new()),
                alias: 0,
            },
            times_ns: None,
            infos: HashSet::new(),
            scratch: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> Translated<'t> {
        Translated {
            batch: self.batch,
            metadata: self.metadata,
            outcome: self.outcome,
            deltas: self.deltas,
            births: self.births,
        }
    }

    pub(super) fn begin_resource(&mut self, attributes: &[Attribute<'_>]) -> Result<(), PushError> {
        self.resource = self.rules.resource(attributes);
        self.scope = Ok(ScopeLabels::default());
        self.times_ns = None;
        self.count_bytes(0)
    }

    pub(super) fn begin_scope(&mut self, scope: &Scope<'_>) -> Result<(), PushError> {
        self.scope = self.rules.scope(scope);
        self.count_bytes(0)
    }

    pub(super) fn begin_metric(&mut self, metric: &Metric<'_>) -> Result<(), PushError> {
        let (suffix, kind) = match metric.kind {
            Kind::Unknown => (Suffix::Unit, MetricKind::Unknown),
            Kind::Gauge => (Suffix::Gauge, MetricKind::Gauge),
            Kind::Sum { monotonic: true, .. } => (Suffix::Counter, MetricKind::Counter),
            Kind::Sum { monotonic: false, .. } => (Suffix::Unit, MetricKind::Gauge),
            Kind::Histogram(_) | Kind::Exponential(_) => (Suffix::Unit, MetricKind::Histogram),
            Kind::Summary => (Suffix::Unit, MetricKind::Summary),
        };
        let name = self.rules.namer.metric(&metric.name, &metric.unit, suffix);
        if let Ok(name) = &name {
            let name: Arc<str> = Arc::from(name.as_str());
            self.describe(name, kind, &metric.description, names::unit_words(&metric.unit));
        }
        self.scratch.clear();
        self.scratch
            .extend_from_slice(&self.rules.generation.to_le_bytes());
        for alias in [
            self.resource.as_ref().map_or(0, |resource| resource.alias),
            self.scope.as_ref().map_or(0, |scope| scope.alias),
        ] {
            self.scratch.extend_from_slice(&alias.to_le_bytes());
        }
        push_text(&mut self.scratch, name.as_deref().unwrap_or_default());
        self.metric = Current {
            given: metric.name.to_string(),
            kind: metric.kind,
            name,
            alias: xxh3_128_with_seed(&self.scratch, self.seed),
        };
        self.count_bytes(0)
    }

    pub(super) fn number(&mut self, mut point: NumberPoint<'_>) -> Result<(), PushError> {
        let taken = self.take_number(&mut point);
        self.settle(taken)
    }

    pub(super) fn histogram(&mut self, mut point: HistogramPoint<'_>) -> Result<(), PushError> {
        let taken = self.take_histogram(&mut point);
        self.settle(taken)
    }

    pub(super) fn exponential(&mut self, mut point: ExponentialPoint<'_>) -> Result<(), PushError> {
        let taken = self.take_exponential(&mut point);
        self.settle(taken)
    }

    pub(super) fn summary(&mut self, mut point: SummaryPoint<'_>) -> Result<(), PushError> {
        let taken = self.take_summary(&mut point);
        self.settle(taken)
    }

    /// Adds `target_info` for the time of the resource's points.
    pub(super) fn end_resource(&mut self, attributes: &[Attribute<'_>]) -> Result<(), PushError> {
        let (Some((first_ns, last_ns)), Ok(resource)) = (self.times_ns.take(), &self.resource) else {
            return Ok(());
        };
        let Ok(Some(labels)) = self.rules.target_info(resource, attributes) else {
            return Ok(());
        };
        self.describe(
            Arc::from("target_info"),
            MetricKind::Gauge,
            "Target metadata",
            String::new(),
        );
        let series = Series::new(labels.build());
        let count = (last_ns - first_ns) / TARGET_INFO_EVERY_NS + 1;
        let early = if count > OTLP_TARGET_INFOS_MAX { 0 } else { count };
        let early = (0..early).map(|step| first_ns + step * TARGET_INFO_EVERY_NS);
        for time_ns in early.chain([last_ns]) {
            let at_ms = (time_ns / 1_000_000) as i64;
            if self.infos.insert((series.id(), at_ms)) {
                self.count_bytes(series.labels().heap_bytes())?;
                self.batch.push_one(series.clone(), at_ms, 1.0);
            }
        }
        Ok(())
    }
}

// === impl Translator: points ===

impl Translator<'_> {
    fn take_number(&mut self, point: &mut NumberPoint<'_>) -> Result<(), Refused> {
        let alias = self.admit(&mut point.head)?;
        let mut place = Place::new(&point.head, alias);
        // What is no counter did not begin at 0.
        if !matches!(self.metric.kind, Kind::Sum { monotonic: true, .. }) {
            (place.created_ms, place.start_ms) = (0, NO_START);
        }
        let temporality = match self.metric.kind {
            Kind::Sum { temporality, .. } => temporality,
            _ => Temporality::Cumulative,
        };
        check_temporality(temporality)?;
        place.stored_as(temporality);
        let given = match point.value {
            _ if point.head.is_end() => Some(STALE_NAN),
            value => value.map(plain),
        };
        let given = given.ok_or_else(|| Refused::Point("a point without a value".to_owned()))?;
        self.count_bytes(0).map_err(Refused::Request)?;
        // Before its delta is added: what is refused adds nothing.
        let Some(target) = self.target(place, Role::Plain)? else {
            return Ok(());
        };
        let value = if temporality == Temporality::Delta && !point.head.is_end() {
            self.deltas.sum(alias, interval(&point.head), given)?
        } else {
            given
        };
        self.put(target, place, Role::Plain, value);
        for exemplar in &point.exemplars {
            self.exemplar(place, Role::Plain, exemplar)?;
        }
        Ok(())
    }

    fn take_histogram(&mut self, point: &mut HistogramPoint<'_>) -> Result<(), Refused> {
        let mut head = std::mem::take(&mut point.head);
        let alias = self.admit(&mut head)?;
        let mut place = Place::new(&head, alias);
        let Kind::Histogram(temporality) = self.metric.kind else {
            return Ok(());
        };
        check_temporality(temporality)?;
        place.stored_as(temporality);
        let is_end = head.is_end();
        let is_delta = temporality == Temporality::Delta && !is_end;
        if self.rules.custom_buckets {
            let series = self.series(place, Role::Plain)?;
            if is_delta {
                // Such a delta must not get into the total, of which nothing good could be made any more.
                exponential::custom_histogram(point)?;
                self.deltas.histogram(alias, interval(&head), point)?;
            }
            let histogram = if is_end {
                exponential::end_of_histograms()
            } else {
                exponential::custom_histogram(point)?
            };
            self.native(series, place, histogram)?;
            for exemplar in &point.exemplars {
                self.exemplar(place, Role::Plain, exemplar)?;
            }
            return Ok(());
        }
        self.count_bytes(0).map_err(Refused::Request)?;
        let count = self.target(place, Role::Count)?;
        if is_delta {
            self.deltas.histogram(alias, interval(&head), point)?;
        }
        if let Some(count) = count {
            let observed = if is_end { STALE_NAN } else { point.count as f64 };
            self.put(count, place, Role::Count, observed);
        }
        self.classic(place, point, is_end)
    }

    /// `_bucket` and `_sum`.
    fn classic(&mut self, place: Place<'_>, point: &HistogramPoint<'_>, is_end: bool) -> Result<(), Refused> {
        let value = |value: f64| if is_end { STALE_NAN } else { plain(value) };
        match point.sum {
            Some(sum) => self.sample(place, Role::Sum, value(sum))?,
            // An end names no sum, but ends the one that was there.
            None if is_end => self.end_where_known(place, Role::Sum),
            None => {}
        }
        let mut bounds = Vec::with_capacity(point.bounds.len());
        let mut count = 0_u64;
        for (&bound, &in_bucket) in point.bounds.iter().zip(&point.counts) {
            count = count.saturating_add(in_bucket);
            if bound.is_finite() {
                self.sample(place, Role::Bucket(bound), value(count as f64))?;
                bounds.push(bound);
            }
        }
        self.sample(place, Role::Bucket(f64::INFINITY), value(point.count as f64))?;
        bounds.sort_by(f64::total_cmp);
        for exemplar in &point.exemplars {
            let measured = exemplar.value.unwrap_or(f64::NAN);
            let above = bounds.partition_point(|bound| *bound < measured);
            let bound = bounds.get(above).copied().unwrap_or(f64::INFINITY);
            self.exemplar(place, Role::Bucket(bound), exemplar)?;
        }
        Ok(())
    }

    fn take_exponential(&mut self, point: &mut ExponentialPoint<'_>) -> Result<(), Refused> {
        let mut head = std::mem::take(&mut point.head);
        let alias = self.admit(&mut head)?;
        let mut place = Place::new(&head, alias);
        let Kind::Exponential(temporality) = self.metric.kind else {
            return Ok(());
        };
        check_temporality(temporality)?;
        place.stored_as(temporality);
        let series = self.series(place, Role::Plain)?;
        if head.is_end() {
            return self.native(series, place, exponential::end_of_histograms());
        }
        let mut sparse = Sparse::of_point(point)?;
        if temporality == Temporality::Delta {
            sparse = self.deltas.exponential(alias, interval(&head), sparse)?;
        }
        self.native(series, place, sparse.to_histogram())?;
        for exemplar in &point.exemplars {
            self.exemplar(place, Role::Plain, exemplar)?;
        }
        Ok(())
    }

    fn take_summary(&mut self, point: &mut SummaryPoint<'_>) -> Result<(), Refused> {
        let mut head = std::mem::take(&mut point.head);
        let alias = self.admit(&mut head)?;
        let place = Place::new(&head, alias);
        let value = |value: f64| if head.is_end() { STALE_NAN } else { plain(value) };
        self.sample(place, Role::Sum, value(point.sum))?;
        self.sample(place, Role::Count, value(point.count as f64))?;
        for (quantile, measured) in &point.quantiles {
            self.sample(place, Role::Quantile(*quantile), value(*measured))?;
        }
        Ok(())
    }

    /// Notes what is left out; only what ends the request is an error.
    fn settle(&mut self, taken: Result<(), Refused>) -> Result<(), PushError> {
        match taken {
            Ok(()) => Ok(()),
            Err(Refused::Request(error)) => Err(error),
            Err(Refused::Point(reason)) => {
                let name = snippet(&self.metric.given);
                self.outcome.fault(|| format!("{name}: {reason}"));
                self.count_bytes(0)
            }
        }
    }
}

// === impl Translator: samples ===

impl Translator<'_> {
    /// Checks what all points have in common, sorts the attributes, and hashes what names the point's series.
    fn admit(&mut self, head: &mut Head<'_>) -> Result<u128, Refused> {
        let faults = [
            self.resource.as_ref().err(),
            self.scope.as_ref().err(),
            self.metric.name.as_ref().err(),
        ];
        if let Some(fault) = faults.into_iter().flatten().next() {
            return Err(Refused::Point(fault.clone()));
        }
        if head.time_ns == 0 {
            return Err(Refused::Point(
                "a point without a time; set time_unix_nano".to_owned(),
            ));
        }
        let (first, last) = self.times_ns.unwrap_or((head.time_ns, head.time_ns));
        self.times_ns = Some((first.min(head.time_ns), last.max(head.time_ns)));
        head.attributes.sort_by(|a, b| a.key.cmp(&b.key));
        self.scratch.clear();
        self.scratch.extend_from_slice(&self.metric.alias.to_le_bytes());
        for attribute in &head.attributes {
            push_text(&mut self.scratch, &attribute.key);
            push_text(&mut self.scratch, &attribute.value);
        }
        Ok(xxh3_128_with_seed(&self.scratch, self.seed))
    }

    fn sample(&mut self, place: Place<'_>, role: Role, value: f64) -> Result<(), Refused> {
        self.count_bytes(0).map_err(Refused::Request)?;
        if let Some(target) = self.target(place, role)? {
            self.put(target, place, role, value);
        }
        Ok(())
    }

    /// Where a sample goes; `None` where the store refuses its series, which is counted here.
    fn target(&mut self, place: Place<'_>, role: Role) -> Result<Option<Target>, Refused> {
        let alias = role.alias(place.alias, self.seed);
        let known = if self.trust_numbers {
            self.push.known.read().find(alias)
        } else {
            None
        };
        if let Some(number) = known.and_then(|known| known.number) {
            return Ok(Some(Target::Number(number)));
        }
        let series = self.series(place, role)?;
        self.push.telemetry.series_parsed.inc();
        match self.push.writer.number(self.batch.tenant, &series) {
            Ok(Some(number)) => {
                self.push.known.write().learn(alias, number.into());
                Ok(Some(Target::Number(number)))
            }
            Ok(None) => Ok(Some(Target::Series(series))),
            Err(refusal) => {
                let (tenant, metric) = (self.batch.tenant, series.labels().metric_name());
                self.push
                    .refuse_series(tenant, metric, refusal, 1, &mut self.outcome);
                Ok(None)
            }
        }
    }

    fn put(&mut self, target: Target, place: Place<'_>, role: Role, value: f64) {
        match target {
            Target::Number(number) => self.numbered(number, place, role, value),
            Target::Series(series) => {
                let sample = Sample {
                    at_ms: place.at_ms,
                    value,
                };
                let starts = [place.start_of(role)];
                self.batch.push_started(series, &[sample], &starts);
            }
        }
    }

    /// A sample of a series that the store knows, and where its counter began.
    fn numbered(&mut self, number: SeriesNumber, place: Place<'_>, role: Role, value: f64) {
        let counts = !matches!(role, Role::Quantile(_)) && !model::is_stale(value);
        if counts && self.births.may_be(place.created_ms, place.at_ms) {
            self.births.note(number, place.created_ms);
        }
        self.batch
            .push_numbered_started(number, place.at_ms, value, place.start_of(role));
    }

    fn end_where_known(&mut self, place: Place<'_>, role: Role) {
        let alias = role.alias(place.alias, self.seed);
        let known = self.push.known.read().find(alias).filter(|_| self.trust_numbers);
        if let Some(number) = known.and_then(|known| known.number) {
            self.batch.push_numbered(number, place.at_ms, STALE_NAN);
        }
    }

    fn native(&mut self, series: Series, place: Place<'_>, histogram: Histogram) -> Result<(), Refused> {
        let sides = [&histogram.positive, &histogram.negative];
        let buckets: usize = sides
            .iter()
            .map(|side| side.counts.len() + side.spans.len())
            .sum();
        self.count_bytes(8 * buckets + 200).map_err(Refused::Request)?;
        let sample = HistogramSample {
            at_ms: place.at_ms,
            value: Arc::new(histogram),
            start_ms: place.start_ms,
        };
        if self.births.may_be(place.created_ms, place.at_ms)
            && !model::is_stale(sample.value.sum)
            && let Ok(Some(number)) = self.push.writer.number(self.batch.tenant, &series)
        {
            self.births
                .note_histogram(number, &series, &sample, place.created_ms);
        }
        self.batch.push_histograms(series, vec![sample]);
        Ok(())
    }

    fn exemplar(
        &mut self,
        place: Place<'_>,
        role: Role,
        exemplar: &message::Exemplar<'_>,
    ) -> Result<(), Refused> {
        let Some(value) = exemplar.value else {
            self.push.telemetry.count_refused("exemplar_without_value", 1);
            return Ok(());
        };
        let series = self.series(place, role)?;
        let labels = exemplar_labels(exemplar).build();
        self.count_bytes(labels.heap_bytes()).map_err(Refused::Request)?;
        let at_ms = match exemplar.time_ns {
            0 => place.at_ms,
            time_ns => (time_ns / 1_000_000) as i64,
        };
        self.batch
            .push_exemplar(series, Exemplar { labels, value, at_ms });
        Ok(())
    }

    /// The series of a sample. Its labels count whatever becomes of it, also where the store knows the series: a store that numbers
    /// series makes those that are new at once, so that nobody can tell here which it kept.
    fn series(&mut self, place: Place<'_>, role: Role) -> Result<Series, Refused> {
        let (Ok(resource), Ok(scope), Ok(name)) = (&self.resource, &self.scope, &self.metric.name) else {
            return Err(Refused::Point("a series without a name".to_owned()));
        };
        let mut labels = self.rules.point(resource, scope, place.attributes)?;
        role.set(name, &mut labels);
        let labels = labels.build();
        self.bytes.add(labels.heap_bytes()).map_err(Refused::Request)?;
        if let Some(fault) = self.policy.too_many_labels(self.batch.tenant, &labels) {
            self.push.count_limited(self.batch.tenant, "labels_per_series", 1);
            return Err(Refused::Point(fault));
        }
        Ok(Series::new(labels))
    }

    /// A sample or another message, with the labels that were made for it.
    fn count_bytes(&mut self, label_bytes: usize) -> Result<(), PushError> {
        self.bytes.add(SAMPLE_BYTES + label_bytes)
    }

    fn describe(&mut self, name: Arc<str>, kind: MetricKind, help: &str, unit: String) {
        if self.described.insert(Arc::clone(&name)) {
            self.metadata.push(MetricMetadata {
                name,
                kind,
                help: Arc::from(help),
                unit: Arc::from(unit),
            });
        }
    }
}

impl<'p> Place<'p> {
    fn new(head: &'p Head<'_>, alias: u128) -> Self {
        Self {
            attributes: &head.attributes,
            alias,
            at_ms: head.at_ms(),
            created_ms: (head.start_ns / 1_000_000) as i64,
            start_ms: (head.start_ns / 1_000_000) as i64,
        }
    }

    /// The start of a delta says since when the delta counts, not its series.
    fn stored_as(&mut self, temporality: Temporality) {
        if temporality == Temporality::Delta {
            self.start_ms = NO_START;
        }
    }

    /// Quantiles do not count.
    fn start_of(&self, role: Role) -> i64 {
        match role {
            Role::Quantile(_) => NO_START,
            _ => self.start_ms,
        }
    }
}

// === impl Role ===

impl Role {
    /// The hash of the point's labels and of the role.
    fn alias(self, point: u128, seed: u64) -> u128 {
        let (tag, bits) = match self {
            Self::Plain => (0_u8, 0),
            Self::Sum => (1, 0),
            Self::Count => (2, 0),
            Self::Bucket(bound) => (3, bound.to_bits()),
            Self::Quantile(quantile) => (4, quantile.to_bits()),
        };
        let mut bytes = [tag; 25];
        bytes[1..17].copy_from_slice(&point.to_le_bytes());
        bytes[17..].copy_from_slice(&bits.to_le_bytes());
        xxh3_128_with_seed(&bytes, seed)
    }

    fn set(self, name: &str, labels: &mut LabelsBuilder) {
        let suffix = match self {
            Self::Plain | Self::Quantile(_) => "",
            Self::Sum => "_sum",
            Self::Count => "_count",
            Self::Bucket(_) => "_bucket",
        };
        match self {
            Self::Bucket(bound) => _ = labels.set("le", number_text(bound)),
            Self::Quantile(quantile) => _ = labels.set("quantile", number_text(quantile)),
            Self::Plain | Self::Sum | Self::Count => {}
        }
        labels.set(METRIC_NAME, format!("{name}{suffix}"));
    }
}

/// As Go's `strconv.FormatFloat(n, 'f', -1, 64)`.
fn number_text(number: f64) -> String {
    if number == f64::INFINITY {
        return "+Inf".to_owned();
    }
    if number == f64::NEG_INFINITY {
        return "-Inf".to_owned();
    }
    number.to_string()
}

/// Attributes are left out where they would make the labels longer than exemplars may be.
fn exemplar_labels(exemplar: &message::Exemplar<'_>) -> LabelsBuilder {
    let mut labels = LabelsBuilder::default();
    for (name, id) in [("trace_id", &exemplar.trace_id), ("span_id", &exemplar.span_id)] {
        // Identifiers of zeros alone are none.
        if id.iter().any(|byte| *byte != 0) {
            labels.set(name, text::hex(id));
        }
    }
    let characters = |name: &str, value: &str| name.chars().count() + value.chars().count();
    let of_ids: usize = labels.iter().map(|(name, value)| characters(name, value)).sum();
    let attributes = exemplar.attributes.iter();
    let of_attributes: usize = attributes.clone().map(|a| characters(&a.key, &a.value)).sum();
    if of_ids + of_attributes <= EXEMPLAR_LABEL_CHARS_MAX {
        for attribute in attributes {
            labels.set(attribute.key.as_ref(), attribute.value.as_ref());
        }
    }
    labels
}

fn check_temporality(temporality: Temporality) -> Result<(), Refused> {
    if temporality == Temporality::Unspecified {
        return Err(Refused::Point(
            "its aggregation temporality is not set".to_owned(),
        ));
    }
    Ok(())
}

fn interval(head: &Head<'_>) -> Interval {
    Interval {
        start_ns: head.start_ns,
        time_ns: head.time_ns,
    }
}

/// No sender writes the marker that ends a series by chance: every NaN is the ordinary one.
fn plain(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}
