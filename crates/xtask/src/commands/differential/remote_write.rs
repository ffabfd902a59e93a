//! Remote write 1.0 as it goes over the wire: a protobuf message of few fields, in a snappy block.

use super::data::Series;

/// The most bytes that one literal of a snappy block holds here.
const LITERAL_BYTES_MAX: usize = 1 << 16;
/// A literal whose length less one follows in two bytes.
const LITERAL_OF_TWO_BYTES: u8 = 61 << 2;

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const BYTES: u64 = 2;

/// The body of a request with the samples of every series from `from_ms` to before `to_ms`, or nothing if there are none.
pub(super) fn body(series: &[Series], from_ms: i64, to_ms: i64) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    for one in series {
        let mut samples = Vec::new();
        for (at_ms, value) in &one.samples {
            if (from_ms..to_ms).contains(at_ms) {
                put_bytes(&mut samples, 2, &sample(*at_ms, *value));
            }
        }
        if !samples.is_empty() {
            let mut known: Vec<u8> = one.labels.iter().flat_map(label).collect();
            known.append(&mut samples);
            put_bytes(&mut message, 1, &known);
        }
    }
    (!message.is_empty()).then(|| snappy(&message))
}

fn label((name, value): &(String, String)) -> Vec<u8> {
    let mut inner = Vec::new();
    put_bytes(&mut inner, 1, name.as_bytes());
    put_bytes(&mut inner, 2, value.as_bytes());
    let mut field = Vec::new();
    put_bytes(&mut field, 1, &inner);
    field
}

fn sample(at_ms: i64, value: f64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_key(&mut bytes, 1, FIXED_64);
    bytes.extend(value.to_bits().to_le_bytes());
    put_key(&mut bytes, 2, VARINT);
    put_varint(&mut bytes, at_ms.cast_unsigned());
    bytes
}

fn put_bytes(into: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_key(into, field, BYTES);
    put_varint(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

fn put_key(into: &mut Vec<u8>, field: u64, kind: u64) {
    put_varint(into, field << 3 | kind);
}

fn put_varint(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// A block of literals only: valid, and as long as what it holds.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(bytes.len() + bytes.len() / LITERAL_BYTES_MAX * 3 + 8);
    put_varint(&mut block, bytes.len() as u64);
    for literal in bytes.chunks(LITERAL_BYTES_MAX) {
        block.push(LITERAL_OF_TWO_BYTES);
        block.extend(((literal.len() - 1) as u16).to_le_bytes());
        block.extend_from_slice(literal);
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_as_the_specification_says() {
        let series = Series {
            labels: vec![("a".to_owned(), "b".to_owned())],
            samples: vec![(1, 2.0), (300, 4.0), (400, 0.0)],
        };
        let message = [
            vec![0x0a, 34],
            vec![0x0a, 6, 0x0a, 1, b'a', 0x12, 1, b'b'],
            vec![0x12, 11, 0x09, 0, 0, 0, 0, 0, 0, 0x00, 0x40, 0x10, 1],
            vec![0x12, 12, 0x09, 0, 0, 0, 0, 0, 0, 0x10, 0x40, 0x10, 0xac, 2],
        ]
        .concat();
        // One byte more than the parts say would be a length that does not fit.
        assert_eq!(message.len(), 2 + 8 + 13 + 14);
        let mut expected = vec![message.len() as u8, 0xf4, message.len() as u8 - 1, 0];
        expected.extend(&message);
        // The length of the series is what follows it.
        expected[5] = message.len() as u8 - 2;
        assert_eq!(body(std::slice::from_ref(&series), 0, 400), Some(expected));
        assert_eq!(body(&[series], 500, 600), None);
    }

    #[test]
    fn long_messages_are_several_literals() {
        let block = snappy(&vec![7; LITERAL_BYTES_MAX + 1]);
        assert_eq!(&block[..6], &[0x81, 0x80, 0x04, 0xf4, 0xff, 0xff]);
        assert_eq!(&block[6 + LITERAL_BYTES_MAX..], &[0xf4, 0, 0, 7]);
    }
}
