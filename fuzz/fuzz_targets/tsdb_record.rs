//! Records of the log: any bytes are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(read) = tsdb::record::decode_batch(bytes) {
        // What is read survives another round.
        let (rows, starts) = (read.body.rows.clone(), read.body.starts.clone());
        let mut own = Vec::new();
        let body = read.body.encode(rows.iter().copied(), &starts);
        tsdb::record::encode_batch(&body, &read.definitions, &mut own);
        let again = tsdb::record::decode_batch(&own).expect("own bytes are read");
        assert_eq!(again.body.starts, starts);
    }
    let _ = tsdb::record::decode_metadata(bytes);
    let _ = tsdb::record::decode_rare(bytes);
});
