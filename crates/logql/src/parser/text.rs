//! Quoted texts with Go's escapes.

/// Reads the quoted text that `rest` starts with, and says how many bytes it takes, quotes included.
pub(super) fn unquote(rest: &str) -> Result<(String, usize), String> {
    let mut chars = rest.char_indices();
    let Some((_, quote)) = chars.next() else {
        return Err("literal not terminated".to_owned());
    };
    let mut bytes = Vec::new();
    while let Some((at, char)) = chars.next() {
        match char {
            _ if char == quote => {
                let text = String::from_utf8(bytes).map_err(|_| "invalid UTF-8 rune".to_owned())?;
                return Ok((text, at + 1));
            }
            '\n' if quote != '`' => break,
            '\\' if quote != '`' => {
                let tail = rest.get(at + 1..).unwrap_or_default();
                let used = unescape(tail, quote, &mut bytes)?;
                for _ in 0..used {
                    chars.next();
                }
            }
            // As Go reads raw texts.
            '\r' if quote == '`' => {}
            _ => bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err("literal not terminated".to_owned())
}

/// Reads one escape behind its backslash, and says how many characters it takes (all of them ASCII).
fn unescape(tail: &str, quote: char, bytes: &mut Vec<u8>) -> Result<usize, String> {
    let Some(first) = tail.chars().next() else {
        return Err("literal not terminated".to_owned());
    };
    let simple = match first {
        'a' => Some(7),
        'b' => Some(8),
        'f' => Some(12),
        'n' => Some(b'\n'),
        'r' => Some(b'\r'),
        't' => Some(b'\t'),
        'v' => Some(11),
        '\\' => Some(b'\\'),
        '"' | '\'' if first == quote => Some(first as u8),
        _ => None,
    };
    if let Some(byte) = simple {
        bytes.push(byte);
        return Ok(1);
    }
    let (digits, radix, skip) = match first {
        'x' => (2, 16, 1),
        'u' => (4, 16, 1),
        'U' => (8, 16, 1),
        '0'..='7' => (3, 8, 0),
        _ => return Err("invalid char escape".to_owned()),
    };
    let value = tail
        .get(skip..skip + digits)
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .and_then(|digits| u32::from_str_radix(digits, radix).ok())
        .ok_or_else(|| "invalid char escape".to_owned())?;
    if matches!(first, 'u' | 'U') {
        let char = char::from_u32(value).ok_or_else(|| "invalid char escape".to_owned())?;
        bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        bytes.push(u8::try_from(value).map_err(|_| "invalid char escape".to_owned())?);
    }
    Ok(skip + digits)
}
