//! `prometheus.WriteRequest` (remote write 1.0).

use model::{Labels, MetricMetadata};

use super::writer::Writer;
use super::{Row, kind_number};

/// A request with rows.
pub(in crate::forward) fn request<'r>(rows: impl Iterator<Item = &'r Row>) -> Vec<u8> {
    let mut request = Writer::default();
    for row in rows {
        request.nested(1, |series| {
            labels(series, &row.labels);
            for sample in &row.samples {
                series.sample(2, sample);
            }
            for exemplar in &row.exemplars {
                series.nested(3, |message| {
                    labels(message, &exemplar.labels);
                    message.double(2, exemplar.value);
                    message.int(3, exemplar.at_ms);
                });
            }
            for histogram in &row.histograms {
                series.histogram(4, histogram);
            }
        });
    }
    request.bytes
}

/// A request with metadata alone.
pub(in crate::forward) fn metadata(metadata: &[MetricMetadata]) -> Vec<u8> {
    let mut request = Writer::default();
    for metric in metadata {
        request.nested(3, |message| {
            message.uint(1, kind_number(metric));
            message.text(2, &metric.name);
            message.text(4, &metric.help);
            message.text(5, &metric.unit);
        });
    }
    request.bytes
}

/// The labels of a series, field 1 of its message.
pub(crate) fn labels(message: &mut Writer, labels: &Labels) {
    for (name, value) in labels {
        message.nested(1, |label| {
            label.text(1, name);
            label.text(2, value);
        });
    }
}
