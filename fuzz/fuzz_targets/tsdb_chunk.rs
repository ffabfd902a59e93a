//! Chunks: any bytes decode or fail, and what decodes survives another round.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::SampleColumns;

fuzz_target!(|bytes: &[u8]| {
    let mut first = SampleColumns::default();
    if tsdb::chunk::decode(bytes, &mut first).is_ok() {
        let mut second = SampleColumns::default();
        tsdb::chunk::decode(&tsdb::chunk::encode(&first.at_ms, &first.values), &mut second).expect("own bytes decode");
        assert_eq!(first.at_ms, second.at_ms);
        assert!(first.values.iter().zip(&second.values).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
});
