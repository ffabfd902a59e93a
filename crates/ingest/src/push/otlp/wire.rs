//! Walks a protobuf `ExportMetricsServiceRequest` and hands one point after the other to the translator, so that a body never
//! becomes a tree of objects many times its size.
//!
//! Fields may come in any order, so every message is walked twice where its later fields depend on its earlier ones.

use std::borrow::Cow;

use super::super::PushError;
use super::super::protobuf::{Fields, Malformed, Value, packed_doubles, packed_varints};
use super::attributes::{fixed64, push_attribute};
use super::message::{
    Exemplar, ExponentialPoint, HistogramPoint, Kind, Metric, NumberPoint, Scope, Side, SummaryPoint,
    Temporality,
};
use super::too_many;
use super::translate::Translator;
use crate::limits::{OTLP_BUCKETS_MAX, OTLP_EXEMPLARS_MAX, OTLP_QUANTILES_MAX};

/// Field numbers of `Metric.data`.
const GAUGE: u32 = 5;
const SUM: u32 = 7;
const HISTOGRAM: u32 = 9;
const EXPONENTIAL: u32 = 10;
const SUMMARY: u32 = 11;

/// Walks a request.
pub(super) fn walk(body: &[u8], out: &mut Translator<'_>) -> Result<(), PushError> {
    let mut fields = Fields::new(body);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            resource_metrics(value.bytes()?, out)?;
        }
    }
    Ok(())
}

fn resource_metrics(message: &[u8], out: &mut Translator<'_>) -> Result<(), PushError> {
    let mut attributes = Vec::new();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            let mut resource = Fields::new(value.bytes()?);
            while let Some((number, value)) = resource.next_field()? {
                if number == 1 {
                    push_attribute(value, &mut attributes)?;
                }
            }
        }
    }
    out.begin_resource(&attributes)?;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        if number == 2 {
            scope_metrics(value.bytes()?, out)?;
        }
    }
    out.end_resource(&attributes)
}

fn scope_metrics(message: &[u8], out: &mut Translator<'_>) -> Result<(), PushError> {
    let mut scope = Scope::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => read_scope(value.bytes()?, &mut scope)?,
            3 => scope.schema_url = Cow::Borrowed(value.text()?),
            _ => {}
        }
    }
    out.begin_scope(&scope)?;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        if number == 2 {
            metric(value.bytes()?, out)?;
        }
    }
    Ok(())
}

fn read_scope<'a>(message: &'a [u8], scope: &mut Scope<'a>) -> Result<(), PushError> {
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => scope.name = Cow::Borrowed(value.text()?),
            2 => scope.version = Cow::Borrowed(value.text()?),
            3 => push_attribute(value, &mut scope.attributes)?,
            _ => {}
        }
    }
    Ok(())
}

fn metric(message: &[u8], out: &mut Translator<'_>) -> Result<(), PushError> {
    let mut metric = Metric::default();
    let mut data = None;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => metric.name = Cow::Borrowed(value.text()?),
            2 => metric.description = Cow::Borrowed(value.text()?),
            3 => metric.unit = Cow::Borrowed(value.text()?),
            GAUGE | SUM | HISTOGRAM | EXPONENTIAL | SUMMARY => data = Some((number, value.bytes()?)),
            _ => {}
        }
    }
    let Some((number, message)) = data else {
        return out.begin_metric(&metric);
    };
    metric.kind = kind(number, message)?;
    out.begin_metric(&metric)?;
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next_field()? {
        if field == 1 {
            let point = value.bytes()?;
            match number {
                GAUGE | SUM => out.number(number_point(point)?)?,
                HISTOGRAM => out.histogram(histogram_point(point)?)?,
                EXPONENTIAL => out.exponential(exponential_point(point)?)?,
                _ => out.summary(summary_point(point)?)?,
            }
        }
    }
    Ok(())
}

fn kind(number: u32, message: &[u8]) -> Result<Kind, Malformed> {
    let (mut temporality, mut monotonic) = (Temporality::Unspecified, false);
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next_field()? {
        match field {
            2 if number != GAUGE => temporality = Temporality::from_wire(value.varint()?),
            3 if number == SUM => monotonic = value.varint()? != 0,
            _ => {}
        }
    }
    Ok(match number {
        GAUGE => Kind::Gauge,
        SUM => Kind::Sum {
            monotonic,
            temporality,
        },
        HISTOGRAM => Kind::Histogram(temporality),
        EXPONENTIAL => Kind::Exponential(temporality),
        _ => Kind::Summary,
    })
}

fn number_point(message: &[u8]) -> Result<NumberPoint<'_>, PushError> {
    let mut point = NumberPoint::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            7 => push_attribute(value, &mut point.head.attributes)?,
            2 => point.head.start_ns = fixed64(value)?,
            3 => point.head.time_ns = fixed64(value)?,
            4 => point.value = Some(value.double()?),
            6 => point.value = Some(fixed64(value)? as i64 as f64),
            5 => push_exemplar(value, &mut point.exemplars)?,
            8 => point.head.flags = value.varint()? as u32,
            _ => {}
        }
    }
    Ok(point)
}

fn histogram_point(message: &[u8]) -> Result<HistogramPoint<'_>, PushError> {
    let mut point = HistogramPoint::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            9 => push_attribute(value, &mut point.head.attributes)?,
            2 => point.head.start_ns = fixed64(value)?,
            3 => point.head.time_ns = fixed64(value)?,
            4 => point.count = fixed64(value)?,
            5 => point.sum = Some(value.double()?),
            6 => {
                packed_doubles(value, |bits| push_bounded(&mut point.counts, bits.to_bits()))?;
                check_buckets(point.counts.len())?;
            }
            7 => {
                packed_doubles(value, |bound| push_bounded(&mut point.bounds, bound))?;
                check_buckets(point.bounds.len())?;
            }
            8 => push_exemplar(value, &mut point.exemplars)?,
            10 => point.head.flags = value.varint()? as u32,
            _ => {}
        }
    }
    Ok(point)
}

fn exponential_point(message: &[u8]) -> Result<ExponentialPoint<'_>, PushError> {
    let mut point = ExponentialPoint::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => push_attribute(value, &mut point.head.attributes)?,
            2 => point.head.start_ns = fixed64(value)?,
            3 => point.head.time_ns = fixed64(value)?,
            4 => point.count = fixed64(value)?,
            5 => point.sum = Some(value.double()?),
            6 => point.scale = sint32(value)?,
            7 => point.zero_count = fixed64(value)?,
            8 => point.positive = side(value.bytes()?)?,
            9 => point.negative = side(value.bytes()?)?,
            10 => point.head.flags = value.varint()? as u32,
            11 => push_exemplar(value, &mut point.exemplars)?,
            14 => point.zero_threshold = value.double()?,
            _ => {}
        }
    }
    Ok(point)
}

fn side(message: &[u8]) -> Result<Side, PushError> {
    let mut side = Side::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => side.offset = sint32(value)?,
            2 => {
                packed_varints(value, |count| push_bounded(&mut side.counts, count))?;
                check_buckets(side.counts.len())?;
            }
            _ => {}
        }
    }
    Ok(side)
}

fn summary_point(message: &[u8]) -> Result<SummaryPoint<'_>, PushError> {
    let mut point = SummaryPoint::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            7 => push_attribute(value, &mut point.head.attributes)?,
            2 => point.head.start_ns = fixed64(value)?,
            3 => point.head.time_ns = fixed64(value)?,
            4 => point.count = fixed64(value)?,
            5 => point.sum = value.double()?,
            6 if point.quantiles.len() >= OTLP_QUANTILES_MAX => {
                return Err(too_many("quantiles in a summary", OTLP_QUANTILES_MAX));
            }
            6 => point.quantiles.push(quantile(value.bytes()?)?),
            8 => point.head.flags = value.varint()? as u32,
            _ => {}
        }
    }
    Ok(point)
}

fn quantile(message: &[u8]) -> Result<(f64, f64), Malformed> {
    let (mut quantile, mut measured) = (0.0, 0.0);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => quantile = value.double()?,
            2 => measured = value.double()?,
            _ => {}
        }
    }
    Ok((quantile, measured))
}

fn push_exemplar<'a>(value: Value<'a>, exemplars: &mut Vec<Exemplar<'a>>) -> Result<(), PushError> {
    if exemplars.len() >= OTLP_EXEMPLARS_MAX {
        return Err(too_many("exemplars of a point", OTLP_EXEMPLARS_MAX));
    }
    let mut exemplar = Exemplar::default();
    let mut fields = Fields::new(value.bytes()?);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            7 => push_attribute(value, &mut exemplar.attributes)?,
            2 => exemplar.time_ns = fixed64(value)?,
            3 => exemplar.value = Some(value.double()?),
            6 => exemplar.value = Some(fixed64(value)? as i64 as f64),
            4 => exemplar.span_id = Cow::Borrowed(value.bytes()?),
            5 => exemplar.trace_id = Cow::Borrowed(value.bytes()?),
            _ => {}
        }
    }
    exemplars.push(exemplar);
    Ok(())
}

/// One more than the limit is kept, so that too many are seen.
fn push_bounded<T>(list: &mut Vec<T>, item: T) {
    if list.len() <= OTLP_BUCKETS_MAX {
        list.push(item);
    }
}

fn check_buckets(count: usize) -> Result<(), PushError> {
    if count > OTLP_BUCKETS_MAX {
        return Err(too_many("buckets of a histogram", OTLP_BUCKETS_MAX));
    }
    Ok(())
}

fn sint32(value: Value<'_>) -> Result<i32, Malformed> {
    i32::try_from(value.zigzag()?).map_err(|_| Malformed)
}
