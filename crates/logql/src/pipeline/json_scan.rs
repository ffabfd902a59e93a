//! Walks over JSON text without building anything of it. As lenient as Loki: values are not checked beyond what it takes to
//! find their ends, and what stands behind the end of an object is not looked at.

use memchr::memchr2;

/// A place in JSON text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan<'t> {
    rest: &'t str,
}

/// A value, as it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'t> {
    /// What stands between the quotes.
    Text(&'t str),
    Number(&'t str),
    Bool(&'t str),
    Null,
    /// The text, braces included.
    Object(&'t str),
    /// The text, brackets included.
    Array(&'t str),
}

/// Why a text is not JSON.
pub(super) type Malformed = &'static str;

const NO_OBJECT: Malformed = "the line is no JSON object";
const NO_KEY: Malformed = "a key of a JSON object is missing or not in quotes";
const NO_COLON: Malformed = "there is no colon behind a key of a JSON object";
const NO_VALUE: Malformed = "a value of a JSON object is none that is known";
const NO_END: Malformed = "the end of a JSON object is missing";
const NO_QUOTE: Malformed = "the end of a text in JSON is missing";

impl<'t> Scan<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text }
    }

    /// Enters the object that comes next.
    pub(super) fn enter_object(&mut self) -> Result<(), Malformed> {
        if self.take(b'{') { Ok(()) } else { Err(NO_OBJECT) }
    }

    /// The next key of the object that was entered; none at its end. `is_first` says whether it follows the brace.
    pub(super) fn next_key(&mut self, is_first: bool) -> Result<Option<&'t str>, Malformed> {
        if self.take(b'}') {
            return Ok(None);
        }
        if !is_first && !self.take(b',') {
            return Err(NO_END);
        }
        // A comma may stand in front of the end.
        if !is_first && self.take(b'}') {
            return Ok(None);
        }
        if !self.take(b'"') {
            return Err(if self.rest.is_empty() { NO_END } else { NO_KEY });
        }
        let key = self.text()?;
        if self.take(b':') {
            Ok(Some(key))
        } else {
            Err(NO_COLON)
        }
    }

    /// Whether an object comes next.
    pub(super) fn is_object(&mut self) -> bool {
        self.skip_blanks();
        self.rest.starts_with('{')
    }

    /// The value that comes next.
    pub(super) fn value(&mut self) -> Result<Value<'t>, Malformed> {
        self.skip_blanks();
        match self.rest.as_bytes().first() {
            Some(b'"') => {
                self.advance(1);
                self.text().map(Value::Text)
            }
            Some(b'{') => self.block(b'{', b'}').map(Value::Object),
            Some(b'[') => self.block(b'[', b']').map(Value::Array),
            Some(_) => self.word(),
            None => Err(NO_END),
        }
    }

    fn word(&mut self) -> Result<Value<'t>, Malformed> {
        let is_end = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',' | b'}' | b']');
        let length = self.rest.bytes().take_while(|byte| !is_end(byte)).count();
        let word = self.advance(length);
        match word {
            "true" | "false" => Ok(Value::Bool(word)),
            "null" => Ok(Value::Null),
            _ if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => Ok(Value::Number(word)),
            _ => Err(NO_VALUE),
        }
    }

    /// The rest of the text whose quote was taken, and its end.
    fn text(&mut self) -> Result<&'t str, Malformed> {
        let bytes = self.rest.as_bytes();
        let mut at = 0;
        loop {
            let tail = bytes.get(at..).unwrap_or_default();
            let found = memchr2(b'"', b'\\', tail).ok_or(NO_QUOTE)?;
            at += found;
            if bytes.get(at) == Some(&b'"') {
                break;
            }
            at += 2;
        }
        let text = self.rest.get(..at).ok_or(NO_QUOTE)?;
        self.advance(at + 1);
        Ok(text)
    }

    /// All of the object or array that comes next; brackets within texts do not count.
    fn block(&mut self, opening: u8, closing: u8) -> Result<&'t str, Malformed> {
        let all = self.rest;
        let mut depth = 0_usize;
        while let Some(byte) = self.rest.as_bytes().first().copied() {
            if byte == b'"' {
                self.advance(1);
                self.text()?;
                continue;
            }
            self.advance(1);
            if byte == opening {
                depth += 1;
            } else if byte == closing {
                depth -= 1;
                if depth == 0 {
                    let length = all.len() - self.rest.len();
                    return Ok(all.get(..length).unwrap_or_default());
                }
            }
        }
        Err(NO_END)
    }

    /// The values of an array.
    pub(super) fn elements(array: &'t str) -> impl Iterator<Item = Value<'t>> {
        let mut scan = Self::new(array);
        scan.take(b'[');
        std::iter::from_fn(move || {
            scan.take(b',');
            if scan.take(b']') {
                return None;
            }
            scan.value().ok()
        })
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\r', '\t']);
    }

    fn take(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let found = self.rest.as_bytes().first() == Some(&byte);
        if found {
            self.advance(1);
        }
        found
    }

    /// Steps over so many bytes; over the bytes of a sign that is cut, too.
    fn advance(&mut self, bytes: usize) -> &'t str {
        let mut at = bytes.min(self.rest.len());
        while !self.rest.is_char_boundary(at) {
            at += 1;
        }
        let (before, behind) = self.rest.split_at(at);
        self.rest = behind;
        before
    }
}

/// What a text of JSON stands for; nothing where an escape is wrong. Without escapes nothing is copied.
pub(super) fn unescape<'t>(text: &'t str, buffer: &'t mut String) -> &'t str {
    if !text.contains('\\') {
        return text;
    }
    buffer.clear();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            buffer.push(c);
            continue;
        }
        let meant = match chars.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('u') => match unicode(&mut chars) {
                Some(c) => c,
                None => return "",
            },
            _ => return "",
        };
        buffer.push(meant);
    }
    buffer
}

/// The sign of `\u….`, or of two of them that belong together; a blank for one that stands alone.
fn unicode(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let first = hexadecimal(chars)?;
    if let Some(c) = char::from_u32(first) {
        return Some(c);
    }
    let mut ahead = chars.clone();
    if ahead.next() == Some('\\') && ahead.next() == Some('u') {
        let second = hexadecimal(&mut ahead)?;
        if (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(&second) {
            *chars = ahead;
            return char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
        }
    }
    Some(' ')
}

fn hexadecimal(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    let digits = chars.as_str().get(..4)?;
    let value = u32::from_str_radix(digits, 16).ok()?;
    chars.nth(3);
    Some(value)
}
