//! Walks a protobuf message field by field without copying, for bodies too large to be made into objects first
//! (protobuf.dev/programming-guides/encoding).

/// A field's value as it lies on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2: text, bytes, a message, packed numbers.
    Bytes(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

/// The message ends in the middle of a field, or has a field of no known type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no protobuf message, or a truncated one")]
pub struct Malformed;

/// The rest of a message.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// All fields of a message.
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next field: its number and value; `None` at the end.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).map_err(|_| Malformed)?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => Value::Bytes(self.bytes()?),
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(Malformed),
        };
        Ok(Some((number, value)))
    }

    /// Passes over the next fields as long as they are length-delimited, of this number (below 16) and shorter than 128 bytes: a
    /// series' labels mostly need not be looked at, and they are most of a message.
    #[inline]
    pub fn pass_short(&mut self, number: u8) {
        let key = number << 3 | 2;
        while let [first, length, rest @ ..] = self.rest
            && *first == key
            && *length < 0x80
            && let Some(rest) = rest.get(usize::from(*length)..)
        {
            self.rest = rest;
        }
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Malformed> {
        match *self.rest {
            [byte, ref rest @ ..] if byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(byte))
            }
            [low, high, ref rest @ ..] if high < 0x80 => {
                self.rest = rest;
                Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for (place, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                self.rest = self.rest.get(place + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*bytes)
    }
}

impl<'a> Value<'a> {
    /// The bytes of a length-delimited field.
    pub fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed),
        }
    }

    /// The text of a string field.
    pub fn text(self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }

    /// The number of a varint field.
    pub fn varint(self) -> Result<u64, Malformed> {
        match self {
            Self::Varint(number) => Ok(number),
            _ => Err(Malformed),
        }
    }

    /// The float of a `double` field.
    pub fn double(self) -> Result<f64, Malformed> {
        match self {
            Self::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(Malformed),
        }
    }

    /// The number of a `sint32` or `sint64` field.
    pub fn zigzag(self) -> Result<i64, Malformed> {
        self.varint().map(unzigzag)
    }
}

/// A zigzag number.
pub fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Calls `each` for every number of a repeated varint field, packed or not.
pub fn packed_varints(value: Value<'_>, mut each: impl FnMut(u64)) -> Result<(), Malformed> {
    match value {
        Value::Varint(number) => each(number),
        Value::Bytes(rest) => {
            let mut fields = Fields { rest };
            while fields.remaining() > 0 {
                each(fields.varint()?);
            }
        }
        _ => return Err(Malformed),
    }
    Ok(())
}

/// Calls `each` for every float of a repeated `double` field, packed or not.
pub fn packed_doubles(value: Value<'_>, mut each: impl FnMut(f64)) -> Result<(), Malformed> {
    match value {
        Value::Fixed64(bits) => each(f64::from_bits(bits)),
        Value::Bytes(rest) => {
            let mut fields = Fields { rest };
            while fields.remaining() > 0 {
                each(f64::from_le_bytes(fields.array()?));
            }
        }
        _ => return Err(Malformed),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_walked() {
        let message = [
            0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x19, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f,
        ];
        let mut fields = Fields::new(&message);
        assert_eq!(fields.next_field(), Ok(Some((1, Value::Varint(150)))));
        assert_eq!(fields.next_field(), Ok(Some((2, Value::Bytes(b"hi")))));
        let one = fields.next_field().unwrap().unwrap();
        assert_eq!((one.0, one.1.double()), (3, Ok(1.0)));
        assert_eq!(fields.next_field(), Ok(None));
    }

    proptest! {
        #[test]
        fn passing_over_fields_is_walking_them(
            lengths in prop::collection::vec((1_u8..4, 0_u8..100), 0..20),
            cut in 0_usize..40,
        ) {
            let mut message = Vec::new();
            for (number, length) in lengths {
                message.extend([number << 3 | 2, length]);
                message.extend(std::iter::repeat_n(b'x', usize::from(length)));
            }
            message.truncate(message.len().saturating_sub(cut));
            let mut passed = Fields::new(&message);
            passed.pass_short(1);
            let mut walked = Fields::new(&message);
            loop {
                let before = walked;
                if !matches!(walked.next_field(), Ok(Some((1, _)))) {
                    walked = before;
                    break;
                }
            }
            prop_assert_eq!(passed.rest, walked.rest);
        }

        #[test]
        fn any_bytes_are_walked_or_refused(bytes: Vec<u8>) {
            let mut fields = Fields::new(&bytes);
            while let Ok(Some((_, value))) = fields.next_field() {
                let _ = packed_varints(value, |_| ());
                let _ = packed_doubles(value, |_| ());
            }
        }
    }
}
