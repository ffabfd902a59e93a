//! Reads OTLP/JSON: protobuf's JSON mapping with lower-camel keys, identifiers in hexadecimal, 64-bit integers as texts or
//! numbers, enums as numbers or names, and unknown keys read over (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding").
//!
//! In: a body.  Out: resources, scopes, metrics and points to the [`Translator`], in the order of the body.
//! Owns: nothing.
//! Invariants: a body becomes the same samples as its twin in protobuf (`tests/otlp.rs`); no text panics
//! (`tests/otlp_any_body.rs`); objects are counted before they are made, so that none takes more than its limit.
//! Not here: what points mean (`translate`), the same messages in protobuf (`wire`).
//! Start at: [`walk`].
//!
//! Fuzz: otlp_json

/// Declares a message: every key may be missing or `null`, and may be written in snake case too.
macro_rules! messages {
    ($($name:ident { $($field:ident $alias:literal: $kind:ty,)* })*) => {$(
        #[derive(Debug, Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        struct $name {
            $(#[serde(alias = $alias, deserialize_with = "or_default")] $field: $kind,)*
        }
    )*};
}

mod logs;
mod number;
mod value;

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use super::super::PushError;
use super::message::{
    self, Attribute, ExponentialPoint, Head, HistogramPoint, Kind, NumberPoint, SummaryPoint, Temporality,
};
use super::translate::Translator;
use super::{malformed, too_many};
use crate::limits::{
    OTLP_ATTRIBUTES_MAX, OTLP_BUCKETS_MAX, OTLP_EXEMPLARS_MAX, OTLP_JSON_OBJECTS_MAX, OTLP_QUANTILES_MAX,
};
pub(super) use logs::walk as walk_logs;
use number::{Double, Hex, Int, Uint};
use value::KeyValue;

/// Reads a request and hands its points to the translator.
pub(super) fn walk(body: &[u8], out: &mut Translator<'_>) -> Result<(), PushError> {
    check_objects(body)?;
    let request: Request = serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?;
    for resource_metrics in request.resource_metrics {
        let attributes = attributes(resource_metrics.resource.attributes)?;
        out.begin_resource(&attributes)?;
        for scope_metrics in resource_metrics.scope_metrics {
            out.begin_scope(&message::Scope {
                name: scope_metrics.scope.name.into(),
                version: scope_metrics.scope.version.into(),
                schema_url: scope_metrics.schema_url.into(),
                attributes: self::attributes(scope_metrics.scope.attributes)?,
            })?;
            for metric in scope_metrics.metrics {
                walk_metric(metric, out)?;
            }
        }
        out.end_resource(&attributes)?;
    }
    Ok(())
}

/// Objects become structures many times the size of `{}`; counted before they are made. A list may stand for one: its fields in order.
fn check_objects(body: &[u8]) -> Result<(), PushError> {
    if memchr::memchr2_iter(b'{', b'[', body).count() > OTLP_JSON_OBJECTS_MAX {
        return Err(too_many("objects in a JSON body", OTLP_JSON_OBJECTS_MAX));
    }
    Ok(())
}

fn walk_metric(metric: Metric, out: &mut Translator<'_>) -> Result<(), PushError> {
    let mut head = message::Metric {
        name: metric.name.into(),
        description: metric.description.into(),
        unit: metric.unit.into(),
        kind: Kind::Unknown,
    };
    if let Some(gauge) = metric.gauge {
        head.kind = Kind::Gauge;
        out.begin_metric(&head)?;
        gauge
            .data_points
            .into_iter()
            .try_for_each(|point| out.number(point.read()?))
    } else if let Some(sum) = metric.sum {
        head.kind = Kind::Sum {
            monotonic: sum.is_monotonic,
            temporality: sum.aggregation_temporality,
        };
        out.begin_metric(&head)?;
        sum.data_points
            .into_iter()
            .try_for_each(|point| out.number(point.read()?))
    } else if let Some(histogram) = metric.histogram {
        head.kind = Kind::Histogram(histogram.aggregation_temporality);
        out.begin_metric(&head)?;
        histogram
            .data_points
            .into_iter()
            .try_for_each(|point| out.histogram(point.read()?))
    } else if let Some(histogram) = metric.exponential_histogram {
        head.kind = Kind::Exponential(histogram.aggregation_temporality);
        out.begin_metric(&head)?;
        histogram
            .data_points
            .into_iter()
            .try_for_each(|point| out.exponential(point.read()?))
    } else if let Some(summary) = metric.summary {
        head.kind = Kind::Summary;
        out.begin_metric(&head)?;
        summary
            .data_points
            .into_iter()
            .try_for_each(|point| out.summary(point.read()?))
    } else {
        out.begin_metric(&head)
    }
}

messages! {
    Request { resource_metrics "resource_metrics": Vec<ResourceMetrics>, }
    ResourceMetrics {
        resource "resource": Resource,
        scope_metrics "scope_metrics": Vec<ScopeMetrics>,
    }
    Resource { attributes "attributes": Vec<KeyValue>, }
    ScopeMetrics {
        scope "scope": Scope,
        metrics "metrics": Vec<Metric>,
        schema_url "schema_url": String,
    }
    Scope {
        name "name": String,
        version "version": String,
        attributes "attributes": Vec<KeyValue>,
    }
    Metric {
        name "name": String,
        description "description": String,
        unit "unit": String,
        gauge "gauge": Option<Numbers>,
        sum "sum": Option<Numbers>,
        histogram "histogram": Option<Histograms>,
        exponential_histogram "exponential_histogram": Option<Exponentials>,
        summary "summary": Option<Summaries>,
    }
    Numbers {
        data_points "data_points": Vec<NumberJson>,
        aggregation_temporality "aggregation_temporality": Temporality,
        is_monotonic "is_monotonic": bool,
    }
    Histograms {
        data_points "data_points": Vec<HistogramJson>,
        aggregation_temporality "aggregation_temporality": Temporality,
    }
    Exponentials {
        data_points "data_points": Vec<ExponentialJson>,
        aggregation_temporality "aggregation_temporality": Temporality,
    }
    Summaries { data_points "data_points": Vec<SummaryJson>, }
    NumberJson {
        attributes "attributes": Vec<KeyValue>,
        start_time_unix_nano "start_time_unix_nano": Uint,
        time_unix_nano "time_unix_nano": Uint,
        flags "flags": Uint,
        as_double "as_double": Option<Double>,
        as_int "as_int": Option<Int>,
        exemplars "exemplars": Vec<ExemplarJson>,
    }
    HistogramJson {
        attributes "attributes": Vec<KeyValue>,
        start_time_unix_nano "start_time_unix_nano": Uint,
        time_unix_nano "time_unix_nano": Uint,
        flags "flags": Uint,
        count "count": Uint,
        sum "sum": Option<Double>,
        bucket_counts "bucket_counts": Vec<Uint>,
        explicit_bounds "explicit_bounds": Vec<Double>,
        exemplars "exemplars": Vec<ExemplarJson>,
    }
    ExponentialJson {
        attributes "attributes": Vec<KeyValue>,
        start_time_unix_nano "start_time_unix_nano": Uint,
        time_unix_nano "time_unix_nano": Uint,
        flags "flags": Uint,
        count "count": Uint,
        sum "sum": Option<Double>,
        scale "scale": Int,
        zero_count "zero_count": Uint,
        zero_threshold "zero_threshold": Double,
        positive "positive": Side,
        negative "negative": Side,
        exemplars "exemplars": Vec<ExemplarJson>,
    }
    Side {
        offset "offset": Int,
        bucket_counts "bucket_counts": Vec<Uint>,
    }
    SummaryJson {
        attributes "attributes": Vec<KeyValue>,
        start_time_unix_nano "start_time_unix_nano": Uint,
        time_unix_nano "time_unix_nano": Uint,
        flags "flags": Uint,
        count "count": Uint,
        sum "sum": Double,
        quantile_values "quantile_values": Vec<Quantile>,
    }
    Quantile {
        quantile "quantile": Double,
        value "value": Double,
    }
    ExemplarJson {
        filtered_attributes "filtered_attributes": Vec<KeyValue>,
        time_unix_nano "time_unix_nano": Uint,
        as_double "as_double": Option<Double>,
        as_int "as_int": Option<Int>,
        span_id "span_id": Hex,
        trace_id "trace_id": Hex,
    }
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl NumberJson {
    fn read(self) -> Result<NumberPoint<'static>, PushError> {
        Ok(NumberPoint {
            head: head(
                self.attributes,
                self.start_time_unix_nano,
                self.time_unix_nano,
                self.flags,
            )?,
            value: either(self.as_double, self.as_int),
            exemplars: exemplars(self.exemplars)?,
        })
    }
}

impl HistogramJson {
    fn read(self) -> Result<HistogramPoint<'static>, PushError> {
        check(
            "buckets of a histogram",
            self.bucket_counts.len(),
            OTLP_BUCKETS_MAX,
        )?;
        check(
            "buckets of a histogram",
            self.explicit_bounds.len(),
            OTLP_BUCKETS_MAX,
        )?;
        Ok(HistogramPoint {
            head: head(
                self.attributes,
                self.start_time_unix_nano,
                self.time_unix_nano,
                self.flags,
            )?,
            count: self.count.0,
            sum: self.sum.map(|sum| sum.0),
            counts: self.bucket_counts.into_iter().map(|count| count.0).collect(),
            bounds: self.explicit_bounds.into_iter().map(|bound| bound.0).collect(),
            exemplars: exemplars(self.exemplars)?,
        })
    }
}

impl ExponentialJson {
    fn read(self) -> Result<ExponentialPoint<'static>, PushError> {
        Ok(ExponentialPoint {
            head: head(
                self.attributes,
                self.start_time_unix_nano,
                self.time_unix_nano,
                self.flags,
            )?,
            count: self.count.0,
            sum: self.sum.map(|sum| sum.0),
            scale: self.scale.narrow("scale")?,
            zero_count: self.zero_count.0,
            zero_threshold: self.zero_threshold.0,
            positive: self.positive.read()?,
            negative: self.negative.read()?,
            exemplars: exemplars(self.exemplars)?,
        })
    }
}

impl Side {
    fn read(self) -> Result<message::Side, PushError> {
        check(
            "buckets of a histogram",
            self.bucket_counts.len(),
            OTLP_BUCKETS_MAX,
        )?;
        Ok(message::Side {
            offset: self.offset.narrow("offset")?,
            counts: self.bucket_counts.into_iter().map(|count| count.0).collect(),
        })
    }
}

impl SummaryJson {
    fn read(self) -> Result<SummaryPoint<'static>, PushError> {
        check(
            "quantiles in a summary",
            self.quantile_values.len(),
            OTLP_QUANTILES_MAX,
        )?;
        let quantiles = self.quantile_values.into_iter();
        Ok(SummaryPoint {
            head: head(
                self.attributes,
                self.start_time_unix_nano,
                self.time_unix_nano,
                self.flags,
            )?,
            count: self.count.0,
            sum: self.sum.0,
            quantiles: quantiles.map(|pair| (pair.quantile.0, pair.value.0)).collect(),
        })
    }
}

fn head(attributes: Vec<KeyValue>, start: Uint, time: Uint, flags: Uint) -> Result<Head<'static>, PushError> {
    Ok(Head {
        attributes: self::attributes(attributes)?,
        start_ns: start.0,
        time_ns: time.0,
        flags: flags.0 as u32,
    })
}

fn either(double: Option<Double>, int: Option<Int>) -> Option<f64> {
    double.map(|double| double.0).or(int.map(|int| int.0 as f64))
}

fn attributes(pairs: Vec<KeyValue>) -> Result<Vec<Attribute<'static>>, PushError> {
    check("attributes in one place", pairs.len(), OTLP_ATTRIBUTES_MAX)?;
    let attribute = |pair: KeyValue| Attribute {
        key: Cow::Owned(pair.key),
        value: Cow::Owned(pair.value.into_text()),
    };
    Ok(pairs.into_iter().map(attribute).collect())
}

fn exemplars(exemplars: Vec<ExemplarJson>) -> Result<Vec<message::Exemplar<'static>>, PushError> {
    check("exemplars of a point", exemplars.len(), OTLP_EXEMPLARS_MAX)?;
    let read = |exemplar: ExemplarJson| {
        Ok(message::Exemplar {
            attributes: attributes(exemplar.filtered_attributes)?,
            time_ns: exemplar.time_unix_nano.0,
            value: either(exemplar.as_double, exemplar.as_int),
            trace_id: Cow::Owned(exemplar.trace_id.0),
            span_id: Cow::Owned(exemplar.span_id.0),
        })
    };
    exemplars.into_iter().map(read).collect()
}

fn check(what: &'static str, count: usize, max: usize) -> Result<(), PushError> {
    if count > max {
        return Err(too_many(what, max));
    }
    Ok(())
}
