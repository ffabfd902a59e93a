//! Loki's JSON: `{"streams": [{"stream": {…}, "values": [["nanoseconds", "line", {metadata}], …]}]}`.
//!
//! What a stream holds is passed over once to find its labels, and then read straight into the batch: no tree of objects is made.

use std::borrow::Cow;
use std::fmt;

use model::Labels;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::super::PushError;
use super::malformed;
use crate::logs::{Gather, Pair, stream_labels};

#[derive(Debug, Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    streams: Vec<Stream<'a>>,
}

#[derive(Debug, Deserialize)]
struct Stream<'a> {
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    values: Option<&'a RawValue>,
}

/// A text, borrowed from the body where it has no escapes.
#[derive(Debug, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads a request.
pub(super) fn walk(body: &[u8], out: &mut Gather<'_>) -> Result<(), PushError> {
    let text = out.text(body);
    let request: Request<'_> = serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
    let mut metadata = Vec::new();
    for (place, stream) in request.streams.iter().enumerate() {
        let named = stream.stream.map_or("{}", RawValue::get);
        out.begin(named.as_bytes(), || labels(named));
        let Some(values) = stream.values else { continue };
        let mut reader = serde_json::Deserializer::from_str(values.get());
        let mut failure = None;
        let lines = Lines {
            out: &mut *out,
            failure: &mut failure,
            metadata: &mut metadata,
        };
        if let Err(error) = lines.deserialize(&mut reader) {
            return Err(failure.unwrap_or_else(|| malformed(format!("values of stream {place}: {error}"))));
        }
    }
    Ok(())
}

/// The labels of a stream as a JSON object.
fn labels(text: &str) -> Result<Labels, String> {
    let fault = |what: String| format!("error parsing labels {text}: {what}");
    let pairs: Pairs<'_> = serde_json::from_str(text).map_err(|error| fault(error.to_string()))?;
    stream_labels::of_pairs(pairs.0.iter().map(|(name, value)| (&**name, &**value))).map_err(fault)
}

/// An object of texts, in its order.
#[derive(Debug)]
struct Pairs<'a>(Vec<Pair<'a>>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut pairs = Vec::new();
        PairsInto(&mut pairs).deserialize(deserializer)?;
        Ok(Self(pairs))
    }
}

/// Reads an object of texts into a list.
struct PairsInto<'m, 'de>(&'m mut Vec<Pair<'de>>);

impl<'de> DeserializeSeed<'de> for PairsInto<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PairsInto<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry::<Text<'de>, Text<'de>>()? {
            self.0.push((name.0, value.0));
        }
        Ok(())
    }
}

/// Reads the lines of one stream into the batch.
struct Lines<'o, 'g, 'de> {
    out: &'o mut Gather<'g>,
    failure: &'o mut Option<PushError>,
    metadata: &'o mut Vec<Pair<'de>>,
}

impl<'de> DeserializeSeed<'de> for Lines<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Lines<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of lines")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut lines: A) -> Result<(), A::Error> {
        loop {
            let line = Line {
                out: &mut *self.out,
                failure: &mut *self.failure,
                metadata: &mut *self.metadata,
            };
            if lines.next_element_seed(line)?.is_none() {
                return Ok(());
            }
        }
    }
}

/// Reads one line: its time, its text and, if there is any, its metadata.
struct Line<'o, 'g, 'de> {
    out: &'o mut Gather<'g>,
    failure: &'o mut Option<PushError>,
    metadata: &'o mut Vec<Pair<'de>>,
}

impl<'de> DeserializeSeed<'de> for Line<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Line<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line as [\"nanoseconds since the Unix epoch\", \"text\"], with an object of metadata or without")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<(), A::Error> {
        let Some(at_ns) = parts.next_element::<Nanoseconds>()? else {
            return Err(A::Error::invalid_length(0, &self));
        };
        let Some(text) = parts.next_element::<Text<'de>>()? else {
            return Err(A::Error::invalid_length(1, &self));
        };
        self.metadata.clear();
        if parts.next_element_seed(PairsInto(self.metadata))?.is_some() {
            while parts.next_element::<IgnoredAny>()?.is_some() {}
        }
        self.out.line(at_ns.0, &text.0, self.metadata).map_err(|error| {
            let text = error.to_string();
            *self.failure = Some(error);
            A::Error::custom(text)
        })
    }
}

/// Nanoseconds since the Unix epoch, as a text or a number.
struct Nanoseconds(i64);

impl<'de> Deserialize<'de> for Nanoseconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NanosecondsVisitor).map(Self)
    }
}

struct NanosecondsVisitor;

impl Visitor<'_> for NanosecondsVisitor {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nanoseconds since the Unix epoch as a text of digits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
        text.parse()
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i64, E> {
        i64::try_from(number).map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }
}
