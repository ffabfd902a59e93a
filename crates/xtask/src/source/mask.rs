//! Blanks comments and the insides of literals, byte for byte, so that every offset and line stays what it was.

use super::is_name_byte;

/// `text` with each byte of a comment and of the inside of a string or character literal replaced by a blank. Quotes
/// and line ends stay.
pub fn mask(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut masked = bytes.to_vec();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let after_name = at
            .checked_sub(1)
            .and_then(|before| bytes.get(before))
            .is_some_and(|byte| is_name_byte(*byte));
        match token(rest, after_name) {
            Some(token) => {
                blank(&mut masked, at + token.open, at + token.length - token.close);
                at += token.length;
            }
            None => at += 1,
        }
    }
    // Only whole tokens were blanked, so what is left is UTF-8 still; the lossy way never has anything to replace.
    String::from_utf8_lossy(&masked).into_owned()
}

/// A comment or a literal: its bytes, and how many of them open and close it.
struct Token {
    length: usize,
    open: usize,
    close: usize,
}

/// The comment or literal that `rest` starts with, if it starts with one.
fn token(rest: &[u8], after_name: bool) -> Option<Token> {
    let comment = |length| Token {
        length,
        open: 0,
        close: 0,
    };
    match rest {
        [b'/', b'/', ..] => Some(comment(line_length(rest))),
        [b'/', b'*', ..] => Some(comment(block_comment_length(rest))),
        [b'"', ..] => Some(string(rest)),
        [b'\'', ..] => character(rest),
        [b'r', b'"' | b'#', ..] if !after_name => raw_string(rest, 1),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !after_name => raw_string(rest, 2),
        _ => None,
    }
}

fn line_length(rest: &[u8]) -> usize {
    rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
}

/// Block comments nest in Rust.
fn block_comment_length(rest: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(pair) = rest.get(at..at + 2) {
        match pair {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// A string that never closes reaches to the end of the text.
fn string(rest: &[u8]) -> Token {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => {
                return Token {
                    length: at + 1,
                    open: 1,
                    close: 1,
                };
            }
            _ => at += 1,
        }
    }
    Token {
        length: rest.len(),
        open: 1,
        close: 0,
    }
}

/// A character literal closes within one character, or one escape, of its quote; a lifetime does not close.
fn character(rest: &[u8]) -> Option<Token> {
    let close = match rest.get(1)? {
        b'\\' => 3 + rest.iter().skip(3).position(|byte| *byte == b'\'')?,
        byte if *byte >= 0xf0 => 5,
        byte if *byte >= 0xe0 => 4,
        byte if *byte >= 0xc0 => 3,
        _ => 2,
    };
    (rest.get(close) == Some(&b'\'')).then_some(Token {
        length: close + 1,
        open: 1,
        close: 1,
    })
}

/// A raw string whose letters before the quote take `prefix` bytes; a raw name (`r#type`) is no string.
fn raw_string(rest: &[u8], prefix: usize) -> Option<Token> {
    let hashes = rest.iter().skip(prefix).take_while(|byte| **byte == b'#').count();
    let open = prefix + hashes + 1;
    if rest.get(open - 1) != Some(&b'"') {
        return None;
    }
    let mut end = vec![b'"'];
    end.resize(1 + hashes, b'#');
    let inside = rest.get(open..)?;
    let closed = inside.windows(end.len()).position(|window| window == end);
    Some(closed.map_or(
        Token {
            length: rest.len(),
            open,
            close: 0,
        },
        |length| Token {
            length: open + length + end.len(),
            open,
            close: end.len(),
        },
    ))
}

fn blank(masked: &mut [u8], from: usize, to: usize) {
    for byte in masked.get_mut(from..to).unwrap_or_default() {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_code_is_not() {
        for (text, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"say("x \" }");"#, r#"say("      ");"#),
            (r##"r#"a " b"# + 1"##, r##"r#"     "# + 1"##),
            (r#"br"\" + r"x""#, r#"br" " + r" ""#),
            (
                r#"let c = '"'; let d = '\''; f::<'a>('ü')"#,
                r"let c = ' '; let d = '  '; f::<'a>('  ')",
            ),
            ("r#type + letter\"x\"", "r#type + letter\" \""),
            ("\"two\nlines", "\"   \n     "),
        ] {
            assert_eq!(mask(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_line_stays_where_it_was(text in "[a-z\"'/*\\\\#r\nü{}]{0,60}") {
            let masked = mask(&text);
            prop_assert_eq!(masked.len(), text.len());
            let ends = |text: &str| text.match_indices('\n').map(|(at, _)| at).collect::<Vec<_>>();
            prop_assert_eq!(ends(&masked), ends(&text));
        }
    }
}
