//! What a syslog connection sends, cut and read: any bytes become messages, the same whatever the pieces they come in.
#![no_main]

use ingest::syslog::frames::Frames;
use ingest::syslog::message::{Received, read};
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

fn messages(bytes: &[u8], piece: usize) -> Option<Vec<String>> {
    let mut frames = Frames::default();
    let mut all = Vec::new();
    for piece in bytes.chunks(piece) {
        frames.buffer().extend_from_slice(piece);
        loop {
            match frames.next_message() {
                Ok(Some(message)) => all.push(String::from_utf8_lossy(message).into_owned()),
                Ok(None) => break,
                Err(_) => return None,
            }
        }
    }
    all.extend(frames.last().map(|message| String::from_utf8_lossy(message).into_owned()));
    Some(all)
}

fuzz_target!(|bytes: &[u8]| {
    let whole = messages(bytes, usize::MAX);
    assert_eq!(messages(bytes, 3), whole);
    let received = Received { at_ns: 1_700_010_600_000_000_000, zone: &TimeZone::UTC };
    for text in whole.into_iter().flatten() {
        let message = read(&text, &received);
        assert!(message.facility < 24 && message.severity < 8);
    }
});
