//! Cuts what a connection sends into messages (RFC 6587): counted by their octets, or ended by a line end. Every message may be framed in
//! either way.

use crate::limits::SYSLOG_MESSAGE_BYTES_MAX;

/// Bytes that make no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message has more than {SYSLOG_MESSAGE_BYTES_MAX} bytes, or its count is wrong")]
pub struct TooLong;

/// What has arrived and is not cut yet.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    /// Where the next message begins.
    start: usize,
}

impl Frames {
    /// Where arriving bytes are put, behind those that are there.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.buffer.drain(..self.start);
        self.start = 0;
        &mut self.buffer
    }

    /// The next whole message; none where more must arrive. Empty lines are none.
    ///
    /// # Errors
    /// What is there can never become a message; the connection is of no use any more.
    pub fn next_message(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let (start, end) = loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            let Some((skip, length)) = cut(rest)? else {
                return Ok(None);
            };
            let start = self.start + skip;
            let end = start + length;
            // A line end is passed with its line.
            self.start = (end + usize::from(skip == 0)).min(self.buffer.len());
            if length > 0 {
                break (start, end);
            }
        };
        Ok(self.buffer.get(start..end).map(trimmed))
    }

    /// What is left when a connection ends: a last line without its end.
    pub fn last(&mut self) -> Option<&[u8]> {
        let rest = self.buffer.get(self.start..)?;
        self.start = self.buffer.len();
        let is_counted = rest.first().is_some_and(u8::is_ascii_digit);
        (!rest.is_empty() && !is_counted).then(|| trimmed(rest))
    }
}

/// A message without line ends and zeros behind it.
pub fn trimmed(message: &[u8]) -> &[u8] {
    let end = message
        .iter()
        .rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0))
        .map_or(0, |last| last + 1);
    message.get(..end).unwrap_or_default()
}

/// How many bytes stand before a message, and how many it has.
fn cut(rest: &[u8]) -> Result<Option<(usize, usize)>, TooLong> {
    let digits = rest
        .iter()
        .take(10)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    // A count does not begin with 0, and a blank follows it.
    let is_counted = digits > 0 && rest.first() != Some(&b'0');
    match rest.get(digits) {
        Some(b' ') if is_counted => {
            let count = rest.get(..digits).unwrap_or_default();
            let count = count.iter().fold(0_usize, |sum, digit| {
                sum.saturating_mul(10).saturating_add(usize::from(digit - b'0'))
            });
            if count > SYSLOG_MESSAGE_BYTES_MAX {
                return Err(TooLong);
            }
            let is_whole = rest.len() > digits + count;
            return Ok(is_whole.then_some((digits + 1, count)));
        }
        // More digits may come, or the blank.
        None if is_counted && digits < 10 => return Ok(None),
        _ => {}
    }
    match memchr::memchr2(b'\n', 0, rest) {
        Some(end) if end <= SYSLOG_MESSAGE_BYTES_MAX => Ok(Some((0, end))),
        None if rest.len() <= SYSLOG_MESSAGE_BYTES_MAX => Ok(None),
        _ => Err(TooLong),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is cut out of bytes that arrive in pieces.
    fn messages(bytes: &[u8], piece: usize) -> Result<Vec<String>, TooLong> {
        let mut frames = Frames::default();
        let mut all = Vec::new();
        let text = |message: &[u8]| String::from_utf8_lossy(message).into_owned();
        for piece in bytes.chunks(piece) {
            frames.buffer().extend_from_slice(piece);
            while let Some(message) = frames.next_message()? {
                all.push(text(message));
            }
        }
        all.extend(frames.last().map(text));
        Ok(all)
    }

    #[test]
    fn both_framings_are_cut_whatever_the_pieces() {
        let bytes = b"5 <1>ab<2>c\n\n7 <3>d\ne\n<4>f\r\n<5>g\0<6>last";
        for piece in 1..bytes.len() {
            assert_eq!(
                messages(bytes, piece).unwrap(),
                ["<1>ab", "<2>c", "<3>d\ne", "<4>f", "<5>g", "<6>last"],
                "{piece}"
            );
        }
        assert_eq!(messages(b"5 <1>", 9).unwrap(), Vec::<String>::new(), "cut off");
    }

    #[test]
    fn what_is_too_long_ends_the_connection() {
        assert_eq!(messages(b"99999999 x", 3), Err(TooLong));
        assert_eq!(messages(b"9999999999999999999999 x", 3), Ok(vec![]));
        let long = vec![b'x'; SYSLOG_MESSAGE_BYTES_MAX + 1];
        assert_eq!(messages(&long, 4096), Err(TooLong));
    }

    proptest! {
        #[test]
        fn any_bytes_are_cut_alike_whatever_the_pieces(bytes in "([0-9]{1,2} )?[<>a0-9 \n]{0,40}", piece in 1_usize..9) {
            prop_assert_eq!(messages(bytes.as_bytes(), piece), messages(bytes.as_bytes(), usize::MAX));
        }
    }
}
