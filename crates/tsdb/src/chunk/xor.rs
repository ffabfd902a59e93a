//! Floats as the exclusive-or with the one before: none changed, the same window of bits, or a new window.
//!
//! After "Gorilla: A Fast, Scalable, In-Memory Time Series Database" (VLDB 2015, section 4.1.2), with low bits first.

use pack::bits::{BitReader, BitWriter};
use pack::bytes::{Malformed, Reader, put_varint};

const LEADING_BITS: u32 = 6;
const LENGTH_BITS: u32 = 6;

/// Which of the 64 bits are written.
#[derive(Debug, Clone, Copy)]
struct Window {
    leading: u32,
    length: u32,
}

impl Window {
    fn trailing(self) -> u32 {
        64 - self.leading - self.length
    }
}

/// Appends a column that is not empty.
pub(super) fn encode(values: &[f64], out: &mut Vec<u8>) {
    let mut packed = Vec::new();
    let mut writer = BitWriter::new(&mut packed);
    let mut before = 0_u64;
    let mut window: Option<Window> = None;
    for value in values {
        let bits = value.to_bits();
        let changed = bits ^ before;
        before = bits;
        if changed == 0 {
            writer.put(0, 1);
            continue;
        }
        writer.put(1, 1);
        let leading = changed.leading_zeros();
        let needed = Window {
            leading,
            length: 64 - leading - changed.trailing_zeros(),
        };
        match window {
            // Staying in a window is worth it while it wastes less than naming a new one costs.
            Some(known)
                if needed.leading >= known.leading
                    && needed.trailing() >= known.trailing()
                    && known.length - needed.length < LEADING_BITS + LENGTH_BITS =>
            {
                writer.put(0, 1);
                writer.put(changed >> known.trailing(), known.length);
            }
            _ => {
                writer.put(1, 1);
                writer.put(u64::from(needed.leading), LEADING_BITS);
                writer.put(u64::from(needed.length - 1), LENGTH_BITS);
                writer.put(changed >> needed.trailing(), needed.length);
                window = Some(needed);
            }
        }
    }
    writer.finish();
    put_varint(out, packed.len() as u64);
    out.append(&mut packed);
}

/// Appends `count` values to `out`.
pub(super) fn decode(reader: &mut Reader<'_>, count: usize, out: &mut Vec<f64>) -> Result<(), Malformed> {
    let length = reader.count(reader.remaining())?;
    let mut packed = BitReader::new(reader.take(length)?);
    let mut bits = 0_u64;
    let mut window: Option<Window> = None;
    for _ in 0..count {
        if packed.get(1)? == 1 {
            if packed.get(1)? == 1 {
                let leading = packed.get(LEADING_BITS)? as u32;
                let length = packed.get(LENGTH_BITS)? as u32 + 1;
                if leading + length > 64 {
                    return Err(Malformed("window of bits"));
                }
                window = Some(Window { leading, length });
            }
            let window = window.ok_or(Malformed("no window of bits"))?;
            bits ^= packed.get(window.length)? << window.trailing();
        }
        out.push(f64::from_bits(bits));
    }
    Ok(())
}
