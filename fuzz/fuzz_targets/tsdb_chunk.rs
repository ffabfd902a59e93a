//! Chunks: any bytes decode or fail, and what decodes survives another round.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::{SampleColumns, TimeRange};
use tsdb::chunk::{self, Effort, ReadyChunk};

fuzz_target!(|bytes: &[u8]| {
    let mut first = SampleColumns::default();
    let ready = ReadyChunk::decode(bytes);
    if chunk::decode(bytes, &mut first).is_ok() {
        let ready = ready.expect("what decodes can be held");
        if first.at_ms.is_sorted() {
            let mut read = SampleColumns::default();
            ready.read(TimeRange::ALL, &mut read);
            assert_eq!(first.at_ms, read.at_ms);
            assert!(first.values.iter().zip(&read.values).all(|(a, b)| a.to_bits() == b.to_bits()));
            assert_eq!(first.starts, read.starts);
        }
        for effort in [Effort::Fast, Effort::Small] {
            let mut second = SampleColumns::default();
            let own = chunk::encode(&first.at_ms, &first.values, first.starts.as_slice(), effort);
            chunk::decode(&own, &mut second).expect("own bytes decode");
            assert_eq!(first.at_ms, second.at_ms);
            assert!(first.values.iter().zip(&second.values).all(|(a, b)| a.to_bits() == b.to_bits()));
            assert_eq!(first.starts, second.starts);
        }
        let _ = chunk::decode_beside(bytes, &first, &mut SampleColumns::default());
    }
    let _ = chunk::histograms::decode(bytes, &mut Vec::new());
});
