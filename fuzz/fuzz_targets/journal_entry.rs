//! An entry of the journal as `journalctl` prints it: any bytes are read or refused with a reason, within the limits.
#![no_main]

use collect::limits::{JOURNAL_METADATA_BYTES_MAX, LOG_LINE_BYTES_MAX};
use collect::logs::journal::entry::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| match parse(bytes) {
    Ok(entry) => {
        assert!(entry.message.is_none_or(|message| message.len() <= LOG_LINE_BYTES_MAX));
        let pairs = entry.metadata.iter();
        let bytes: usize = pairs.filter(|(name, _)| name != "PRIORITY").map(|(name, value)| name.len() + value.len()).sum();
        assert!(bytes <= JOURNAL_METADATA_BYTES_MAX + 16);
    }
    Err(reason) => assert!(!reason.is_empty()),
});
