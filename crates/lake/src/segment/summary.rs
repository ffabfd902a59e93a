//! The labels of a segment's streams in few bytes, so that a question about other streams leaves the segment closed.
//!
//! Fuzz: lake_summary

use std::collections::{BTreeMap, BTreeSet};

use model::{Labels, Matcher, MatcherOp};
use pack::bytes::{Malformed, Reader, put_text, put_varint};

use crate::column::decode::{take_bytes, take_many};
use crate::column::encode::put_bytes;
use crate::column::filter::{encode_hashes, may_hold};
use crate::limits::{
    SUMMARY_FILTER_VALUES_MAX, SUMMARY_NAMES_MAX, SUMMARY_VALUE_BYTES_MAX, SUMMARY_VALUES_MAX,
};

const VERSION: u8 = 1;
const LISTED: u8 = 0;
const FILTERED: u8 = 1;
const UNKNOWN: u8 = 2;

/// What is known of the labels of some streams.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSummary {
    /// As they lie in the catalog; nothing where nothing is known.
    bytes: Box<[u8]>,
}

/// What is known of the values of a label.
#[derive(Debug)]
enum Values<'b> {
    /// These, and no others.
    Listed(Vec<&'b str>),
    /// Those that the filter lets through.
    Filtered(&'b [u8]),
    /// Any.
    Unknown,
}

#[derive(Debug)]
struct Label<'b> {
    name: &'b str,
    /// Whether some streams have no such label.
    is_missing: bool,
    values: Values<'b>,
}

impl LabelSummary {
    /// The summary of some streams.
    pub(crate) fn of<'l>(streams: impl ExactSizeIterator<Item = &'l Labels>) -> Self {
        let stream_count = streams.len();
        let mut names: BTreeMap<&str, (usize, BTreeSet<&str>)> = BTreeMap::new();
        for (name, value) in streams.flatten() {
            let (count, values) = names.entry(name).or_default();
            *count += 1;
            if values.len() <= SUMMARY_FILTER_VALUES_MAX {
                values.insert(value);
            }
        }
        // Without all names nothing can be told of those that are not there.
        if names.len() > SUMMARY_NAMES_MAX {
            return Self::default();
        }
        let mut out = vec![VERSION];
        put_varint(&mut out, names.len() as u64);
        for (name, (count, values)) in names {
            put_text(&mut out, name);
            out.push(u8::from(count < stream_count));
            put_values(&values, &mut out);
        }
        Self { bytes: out.into() }
    }

    /// What lies in the catalog.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        names(bytes)?;
        Ok(Self { bytes: bytes.into() })
    }

    /// As it lies in the catalog.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether any stream may meet all matchers.
    pub fn may_meet(&self, matchers: &[Matcher]) -> bool {
        if matchers.is_empty() {
            return true;
        }
        let Ok(Some(names)) = names(&self.bytes) else {
            return true;
        };
        matchers.iter().all(|matcher| {
            let known = names.iter().find(|known| known.name == matcher.name());
            known.map_or_else(|| matcher.matches_empty(), |known| known.may_meet(matcher))
        })
    }
}

impl Label<'_> {
    fn may_meet(&self, matcher: &Matcher) -> bool {
        if self.is_missing && matcher.matches_empty() {
            return true;
        }
        match (&self.values, matcher.op()) {
            (Values::Listed(values), _) => values.iter().any(|value| matcher.matches(value)),
            (Values::Filtered(filter), MatcherOp::Equal) => {
                may_hold(filter, matcher.value().as_bytes()).unwrap_or(true)
            }
            (Values::Filtered(_) | Values::Unknown, _) => true,
        }
    }
}

fn put_values(values: &BTreeSet<&str>, out: &mut Vec<u8>) {
    let bytes: usize = values.iter().map(|value| value.len()).sum();
    if values.len() <= SUMMARY_VALUES_MAX && bytes <= SUMMARY_VALUE_BYTES_MAX {
        out.push(LISTED);
        put_varint(out, values.len() as u64);
        for value in values {
            put_text(out, value);
        }
        return;
    }
    let filter = (values.len() <= SUMMARY_FILTER_VALUES_MAX)
        .then(|| encode_hashes(values.iter().map(|value| value.as_bytes())))
        .flatten();
    match filter {
        Some(filter) => {
            out.push(FILTERED);
            put_bytes(out, &filter);
        }
        None => out.push(UNKNOWN),
    }
}

/// What is known of each name; `None` where nothing is.
fn names(bytes: &[u8]) -> Result<Option<Vec<Label<'_>>>, Malformed> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut reader = Reader::new(bytes);
    if reader.byte()? != VERSION {
        return Err(Malformed("version of a summary of labels"));
    }
    let names = take_many(&mut reader, SUMMARY_NAMES_MAX, |reader| {
        Ok(Label {
            name: reader.text()?,
            is_missing: reader.byte()? != 0,
            values: match reader.byte()? {
                LISTED => Values::Listed(take_many(reader, SUMMARY_VALUES_MAX, |reader| reader.text())?),
                FILTERED => Values::Filtered(take_bytes(reader)?),
                UNKNOWN => Values::Unknown,
                _ => return Err(Malformed("form of values of a label")),
            },
        })
    })?;
    reader.end()?;
    Ok(Some(names))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels() -> impl Strategy<Value = Labels> {
        prop::collection::vec(("[abc]", "[a-e]{0,2}"), 0..3).prop_map(Labels::from_pairs)
    }

    fn matcher() -> impl Strategy<Value = Matcher> {
        ("[abcd]", "[a-e]{0,2}", 0..4_u8).prop_map(|(name, value, op)| match op {
            0 => Matcher::equal(name, value),
            1 => Matcher::not_equal(name, value),
            2 => Matcher::matching(name, &format!("{value}.?")).unwrap(),
            _ => Matcher::not_matching(name, &value).unwrap(),
        })
    }

    proptest! {
        #[test]
        fn a_stream_that_is_there_is_never_ruled_out(
            streams in prop::collection::vec(labels(), 1..90),
            matchers in prop::collection::vec(matcher(), 0..3),
        ) {
            let summary = LabelSummary::of(streams.iter());
            prop_assert_eq!(&LabelSummary::decode(summary.as_bytes()).unwrap(), &summary);
            let meets = |labels: &Labels| matchers.iter().all(|matcher| matcher.matches_labels(labels));
            if streams.iter().any(meets) {
                prop_assert!(summary.may_meet(&matchers));
            }
            // One condition over few values is judged exactly.
            if let [matcher] = matchers.as_slice() {
                let any = streams.iter().any(|labels| matcher.matches_labels(labels));
                prop_assert_eq!(summary.may_meet(&matchers), any);
            }
        }

        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>) {
            if let Ok(summary) = LabelSummary::decode(&bytes) {
                summary.may_meet(&[Matcher::equal("a", "b")]);
            }
        }
    }

    #[test]
    fn many_values_are_a_filter_and_too_many_are_anything() {
        let streams = |count: usize| -> Vec<Labels> {
            let stream = |number: usize| Labels::from_pairs([("pod", format!("pod-{number}"))]);
            (0..count).map(stream).collect()
        };
        let pod = |value: &str| [Matcher::equal("pod", value)];
        let few = LabelSummary::of(streams(SUMMARY_VALUES_MAX).iter());
        assert!(few.may_meet(&pod("pod-7")) && !few.may_meet(&pod("pod-x")));
        let many = LabelSummary::of(streams(4000).iter());
        assert!(many.as_bytes().len() < 6000, "{}", many.as_bytes().len());
        assert!((0..4000).all(|number| many.may_meet(&pod(&format!("pod-{number}")))));
        let wrong = (4000..8000).filter(|number| many.may_meet(&pod(&format!("pod-{number}"))));
        assert!(wrong.count() < 60);
        assert!(!many.may_meet(&[Matcher::equal("app", "shop")]));
        assert!(!many.may_meet(&pod("")));
        let too_many = LabelSummary::of(streams(SUMMARY_FILTER_VALUES_MAX + 2).iter());
        assert!(too_many.may_meet(&pod("pod-x")) && too_many.as_bytes().len() < 20);
    }
}
