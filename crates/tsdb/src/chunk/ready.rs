//! A chunk decoded once and held for reading: in few bytes, and any stretch of it is read without decoding it again.

use std::ops::Range;

use model::{SampleColumns, Starts, TimeRange};

use super::narrow::Narrow;
use super::{Malformed, Opened, Values, decimal, decode_starts, open};
use pack::bytes::Reader;
use pack::integers;

/// Samples of one series, in order of time.
#[derive(Debug, Clone)]
pub struct ReadyChunk {
    times: Narrow,
    values: ReadyValues,
    /// Of most chunks there are none.
    starts: Option<Box<Narrow>>,
}

#[derive(Debug, Clone)]
enum ReadyValues {
    /// Integers of one exponent, and what is none: place and bits, in order of place.
    Decimal {
        power: f64,
        integers: Narrow,
        exceptions: Box<[(usize, u64)]>,
    },
    Floats(Box<[f64]>),
}

impl ReadyChunk {
    /// Reads what [`encode`](super::encode) wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let Opened {
            mut reader,
            count,
            started,
        } = open(bytes)?;
        if count == 0 {
            reader.end()?;
            return Ok(Self::of(&SampleColumns::default()));
        }
        let mut times = Vec::new();
        integers::decode(&mut reader, count, &mut times)?;
        let values = ReadyValues::decode(&mut reader, count)?;
        let starts = decode_starts(&mut reader, count, started)?;
        reader.end()?;
        Ok(Self {
            times: Narrow::of(&times),
            values,
            starts: Self::narrow(&starts, count),
        })
    }

    /// Holds samples that were decoded already.
    pub(crate) fn of(columns: &SampleColumns) -> Self {
        let whole = |&value: &f64| decimal::to_integer(value, 0);
        let integers: Option<Vec<i64>> = columns.values.iter().map(whole).collect();
        let values = match integers {
            Some(integers) => ReadyValues::Decimal {
                power: 1.0,
                integers: Narrow::of(&integers),
                exceptions: Box::default(),
            },
            None => ReadyValues::Floats(columns.values.as_slice().into()),
        };
        Self {
            times: Narrow::of(&columns.at_ms),
            values,
            starts: Self::narrow(&columns.starts, columns.len()),
        }
    }

    fn narrow(starts: &Starts, count: usize) -> Option<Box<Narrow>> {
        if starts.is_empty() {
            return None;
        }
        let column: Vec<i64> = (0..count).map(|place| starts.get(place)).collect();
        Some(Box::new(Narrow::of(&column)))
    }

    /// Appends the samples within `range` to `out`.
    pub fn read(&self, range: TimeRange, out: &mut SampleColumns) {
        let from = self.times.count_below(range.from_ms());
        let to = match range.to_ms().checked_add(1) {
            Some(end_ms) => self.times.count_below(end_ms),
            None => self.times.len(),
        };
        self.read_places(from..to.max(from), out);
    }

    /// Appends all its samples to `out`.
    pub(crate) fn read_all(&self, out: &mut SampleColumns) {
        self.read_places(0..self.times.len(), out);
    }

    fn read_places(&self, places: Range<usize>, out: &mut SampleColumns) {
        if let Some(starts) = &self.starts {
            out.starts.extend_with(out.at_ms.len(), |column| {
                starts.extend(places.clone(), |start_ms| start_ms, column);
            });
        }
        self.times.extend(places.clone(), |at_ms| at_ms, &mut out.at_ms);
        self.values.read(places, &mut out.values);
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        let values = match &self.values {
            ReadyValues::Decimal {
                integers, exceptions, ..
            } => integers.heap_bytes() + size_of_val(&**exceptions),
            ReadyValues::Floats(values) => size_of_val(&**values),
        };
        let starts = self
            .starts
            .as_ref()
            .map_or(0, |starts| size_of::<Narrow>() + starts.heap_bytes());
        size_of::<Self>() + self.times.heap_bytes() + values + starts
    }
}

impl ReadyValues {
    fn decode(reader: &mut Reader<'_>, count: usize) -> Result<Self, Malformed> {
        let mut ahead = reader.clone();
        if ahead.byte()? != Values::Decimal as u8 {
            let mut values = Vec::new();
            super::decode_values(reader, count, &mut values)?;
            return Ok(Self::Floats(values.into()));
        }
        *reader = ahead;
        let column = decimal::Column::take(reader, count)?;
        Ok(Self::Decimal {
            power: column.power()?,
            integers: Narrow::of(&column.integers),
            exceptions: column.exceptions.into(),
        })
    }

    fn read(&self, places: Range<usize>, out: &mut Vec<f64>) {
        match self {
            Self::Floats(values) => out.extend_from_slice(values.get(places).unwrap_or_default()),
            Self::Decimal {
                power,
                integers,
                exceptions,
            } => {
                let start = out.len();
                if *power == 1.0 {
                    integers.extend(places.clone(), |integer| integer as f64, out);
                } else {
                    integers.extend(places.clone(), |integer| integer as f64 / power, out);
                }
                let first = exceptions.partition_point(|(place, _)| *place < places.start);
                let exceptions = exceptions.get(first..).unwrap_or_default();
                for (place, bits) in exceptions.iter().take_while(|(place, _)| *place < places.end) {
                    if let Some(value) = out.get_mut(start + place - places.start) {
                        *value = f64::from_bits(*bits);
                    }
                }
            }
        }
    }
}
