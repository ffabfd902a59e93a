//! Tells of a hexadecimal number whether a column surely lacks it, in nine to ten bits a number.
//!
//! Binary fuse filters (Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters", 2022): one number in 256
//! that is not there seems to be.

use pack::bytes::Malformed;
use xorf::{BinaryFuse8, BinaryFuse8Ref, DmaSerializable, Filter, FilterRef};
use xxhash_rust::xxh3::xxh3_64;

/// A filter for numbers of so many bytes, if one can be made.
pub(super) fn encode(numbers: &[u8], width: usize) -> Option<Vec<u8>> {
    encode_hashes(numbers.chunks_exact(width))
}

/// A filter for some texts, if one can be made.
pub(crate) fn encode_hashes<'t>(texts: impl Iterator<Item = &'t [u8]>) -> Option<Vec<u8>> {
    let mut keys: Vec<u64> = texts.map(xxh3_64).collect();
    keys.sort_unstable();
    keys.dedup();
    let filter = BinaryFuse8::try_from(&keys).ok()?;
    let mut out = vec![0; BinaryFuse8::DESCRIPTOR_LEN];
    filter.dma_copy_descriptor_to(&mut out);
    out.extend_from_slice(filter.dma_fingerprints());
    Some(out)
}

/// Whether a number or text may be among those that a filter was made for.
pub(crate) fn may_hold(filter: &[u8], number: &[u8]) -> Result<bool, Malformed> {
    let (descriptor, fingerprints) = filter
        .split_at_checked(BinaryFuse8::DESCRIPTOR_LEN)
        .ok_or(Malformed("filter is too short"))?;
    let word = |at: usize| {
        let bytes = descriptor.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)))
    };
    // Seed, then length of a segment, mask of places in it, and where the last segments begin.
    let (length, mask, last) = (word(8), word(12), word(16));
    let is_whole = length.is_power_of_two()
        && mask == length - 1
        && last >= length
        && last.is_multiple_of(length)
        && last + 2 * length <= fingerprints.len() as u64;
    if !is_whole {
        return Err(Malformed("measures of a filter"));
    }
    Ok(BinaryFuse8Ref::from_dma(descriptor, fingerprints).contains(&xxh3_64(number)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_there_is_never_missed(numbers in proptest::collection::vec(any::<[u8; 4]>(), 1..2000)) {
            let filter = encode(numbers.as_flattened(), 4).unwrap();
            for number in &numbers {
                prop_assert_eq!(may_hold(&filter, number), Ok(true));
            }
        }

        #[test]
        fn any_filter_answers_or_fails(filter in proptest::collection::vec(any::<u8>(), 0..200), number: [u8; 8]) {
            let _ = may_hold(&filter, &number);
        }
    }

    #[test]
    fn a_filter_whose_last_segments_begin_within_one_is_refused() {
        let mut filter = vec![0; BinaryFuse8::DESCRIPTOR_LEN];
        filter[8] = 1;
        filter.extend([0, 0]);
        // Of one byte each; the last but two must be the second at least.
        assert!(may_hold(&filter, b"shop").is_err());
    }

    #[test]
    fn what_is_not_there_is_seldom_taken_for_it() {
        let numbers: Vec<u8> = (0_u64..10_000).flat_map(u64::to_le_bytes).collect();
        let filter = encode(&numbers, 8).unwrap();
        let wrong = (10_000_u64..20_000).filter(|number| may_hold(&filter, &number.to_le_bytes()).unwrap());
        let wrong = wrong.count();
        assert!(wrong < 80, "{wrong}");
        assert!(filter.len() < 13_500, "{}", filter.len());
    }
}
