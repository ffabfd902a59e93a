//! `io.prometheus.write.v2.Request` (remote write 2.0): every text once, in a table of symbols.

use hashbrown::HashTable;
use model::{Exemplar, HistogramSample, Labels, MetricMetadata, Sample};
use xxhash_rust::xxh3::xxh3_64;

use super::kind_number;
use super::writer::Writer;

/// A request while it is written.
#[derive(Debug)]
pub(in crate::forward) struct Request<'a> {
    symbols: Vec<&'a str>,
    places: HashTable<u32>,
    series: Writer,
}

impl<'a> Request<'a> {
    pub(in crate::forward) fn new() -> Self {
        let mut request = Self {
            symbols: Vec::new(),
            places: HashTable::new(),
            series: Writer::default(),
        };
        // The specification keeps the first place for the empty text.
        request.symbol("");
        request
    }

    /// Adds samples of one series.
    pub(in crate::forward) fn series(
        &mut self,
        labels: &'a Labels,
        samples: &[Sample],
        histograms: &[HistogramSample],
        exemplars: &'a [Exemplar],
        metadata: Option<&'a MetricMetadata>,
    ) {
        let references = self.references(labels);
        let exemplars: Vec<(Vec<u32>, &Exemplar)> = exemplars
            .iter()
            .map(|exemplar| (self.references(&exemplar.labels), exemplar))
            .collect();
        let described = metadata.map(|metric| {
            let (help, unit) = (self.symbol(&metric.help), self.symbol(&metric.unit));
            (kind_number(metric), help, unit)
        });
        self.series.nested(5, |series| {
            packed(series, &references);
            for sample in samples {
                series.sample(2, sample);
            }
            for histogram in histograms {
                series.histogram(3, histogram);
            }
            for (references, exemplar) in &exemplars {
                series.nested(4, |message| {
                    packed(message, references);
                    message.double(2, exemplar.value);
                    message.int(3, exemplar.at_ms);
                });
            }
            if let Some((kind, help, unit)) = described {
                series.nested(5, |message| {
                    message.uint(1, kind);
                    message.uint(3, u64::from(help));
                    message.uint(4, u64::from(unit));
                });
            }
        });
    }

    /// The whole request.
    pub(in crate::forward) fn finish(self) -> Vec<u8> {
        let mut request = Writer::default();
        for symbol in &self.symbols {
            request.text(4, symbol);
        }
        request.bytes.extend_from_slice(&self.series.bytes);
        request.bytes
    }

    fn references(&mut self, labels: &'a Labels) -> Vec<u32> {
        let mut references = Vec::with_capacity(2 * labels.len());
        for (name, value) in labels {
            references.extend([self.symbol(name), self.symbol(value)]);
        }
        references
    }

    fn symbol(&mut self, text: &'a str) -> u32 {
        let hash = xxh3_64(text.as_bytes());
        let symbols = &self.symbols;
        let same = |place: &u32| symbols.get(*place as usize).is_some_and(|known| *known == text);
        if let Some(place) = self.places.find(hash, same) {
            return *place;
        }
        let place = self.symbols.len() as u32;
        self.symbols.push(text);
        let symbols = &self.symbols;
        let hash_of = |place: &u32| {
            symbols
                .get(*place as usize)
                .map_or(0, |text| xxh3_64(text.as_bytes()))
        };
        self.places.insert_unique(hash, place, hash_of);
        place
    }
}

fn packed(message: &mut Writer, references: &[u32]) {
    message.nested(1, |packed| {
        for reference in references {
            packed.varint(u64::from(*reference));
        }
    });
}
