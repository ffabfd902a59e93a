//! Counters that began between two scrapes: a zero at the moment they were created, so that what they counted until the next
//! scrape shows in rates (OpenMetrics 1.0, `_created`; Prometheus' created-timestamp zero ingestion).
//!
//! Only text tells the moment beside the sample; what tells it with the sample has it stored as the sample's start.
//!
//! The zero is written only where the moment lies after the last whole scrape of the target: before it the series may have
//! samples already, and a zero among them would be a reset that never was.

use std::collections::HashMap;

use model::{MetricKind, NO_START};

use super::{Reader, Reading};
use crate::exposition::{Entry, Exposed, Exposition, Format, LabelPairs, parse_series};
use crate::series_cache::Known;

const CREATED: &str = "_created";

/// What the series of a counter, histogram or summary are called behind their family's name, quantiles left out.
const PARTS: [&str; 4] = ["_total", "_bucket", "_count", "_sum"];

/// The `_created` series of a body of text whose moment lies between the scrapes. As a rule there is none.
#[derive(Default)]
pub(super) struct Births<'b> {
    noted: Vec<(&'b str, i64)>,
}

impl<'b> Births<'b> {
    pub(super) fn note(&mut self, reader: &Reader<'_>, sample: &Exposed<'b>) {
        let counts = matches!(
            reader.kind,
            MetricKind::Counter | MetricKind::Histogram | MetricKind::Summary
        );
        let name = sample.series.split('{').next().unwrap_or_default();
        if counts && name.ends_with(CREATED) {
            let created_ms = (sample.value * 1_000.0) as i64;
            if reader.is_birth(created_ms, sample.at_ms) {
                self.noted.push((sample.series, created_ms));
            }
        }
    }

    /// Writes the zeros; goes through the body once more to find the series that belong together.
    pub(super) fn write(self, reader: &mut Reader<'_>, body: &'b str) {
        if self.noted.is_empty() {
            return;
        }
        let mut births: HashMap<LabelPairs<'_>, i64> = HashMap::new();
        for (series, created_ms) in self.noted {
            if let Some(born) = identity(series, |name| name.strip_suffix(CREATED)) {
                births.entry(born).or_insert(created_ms);
            }
        }
        for entry in Exposition::new(Format::OpenMetrics, body).flatten() {
            let Entry::Sample(sample) = entry else { continue };
            let stem = |name: &'b str| PARTS.iter().find_map(|part| name.strip_suffix(part));
            let Some(own) = identity(sample.series, stem) else {
                continue;
            };
            if let (Some(created_ms), Some(Known::Kept(slot))) =
                (births.get(&own), reader.cache.known(sample.series))
            {
                reader.add(slot, *created_ms, (Reading::Float(0.0), NO_START));
            }
        }
    }
}

/// The labels of a series but its bound, and its family's name, in order.
fn identity<'b>(series: &'b str, stem: impl Fn(&'b str) -> Option<&'b str>) -> Option<LabelPairs<'b>> {
    let mut pairs = LabelPairs::new();
    parse_series(series, Format::OpenMetrics, &mut pairs).ok()?;
    pairs.retain(|(name, _)| name != "le");
    let name = pairs.first_mut()?;
    // Names with escapes are those of nobody's counters.
    let std::borrow::Cow::Borrowed(whole) = name.1 else {
        return None;
    };
    name.1 = stem(whole)?.into();
    pairs.sort();
    Some(pairs)
}

impl Reader<'_> {
    /// Whether something was created after the last whole scrape and before its sample.
    pub(super) fn is_birth(&self, created_ms: i64, own_ms: Option<i64>) -> bool {
        let sample_ms = own_ms
            .filter(|_| self.rules.honor_timestamps)
            .unwrap_or(self.at_ms);
        self.cache
            .good_until_ms
            .is_some_and(|until_ms| until_ms < created_ms && created_ms < sample_ms)
    }
}
