//! Cuts a line into words, marks and wildcards. What surely varies becomes a wildcard here, whatever other lines say: numbers with
//! their units, hexadecimal ids, addresses, paths, URLs, dates and times, and lists of these.

use crate::limits::{LINE_BYTES_MAX, LINE_WORDS_MAX};

use super::words;

/// What a piece of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text that may be part of the template.
    Word,
    /// Something that varies.
    Wild,
    /// White space, however much.
    Space,
    /// Punctuation.
    Mark,
}

/// A piece of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: Kind,
    start: u32,
    end: u32,
}

/// A line in pieces. Kept from line to line, so that a step allocates nothing.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    list: Vec<Token>,
    words: usize,
}

const SPACE: u8 = 1;
const WORD: u8 = 2;
const ALNUM: u8 = 4;
const DIGIT: u8 = 8;
const UPPER: u8 = 16;
const HEX: u8 = 32;
const SLASH: u8 = 64;
/// Ends a path or a URL, as white space does.
const FENCE: u8 = 128;

const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c => SPACE,
            b'0'..=b'9' => WORD | ALNUM | DIGIT | HEX,
            b'a'..=b'f' => WORD | ALNUM | HEX,
            b'A'..=b'F' => WORD | ALNUM | HEX | UPPER,
            b'g'..=b'z' | b'_' => WORD | ALNUM,
            b'G'..=b'Z' => WORD | ALNUM | UPPER,
            b'/' | b'\\' => WORD | SLASH,
            b'-' | b'.' | b'@' | b'#' | b'$' | b'%' | b'&' | b'*' | b'+' | b'~' | b'?' | b'!' | b'^'
            | b'`' => WORD,
            b'"' | b'\'' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'(' | b')' | b'|' | b';' | b',' => {
                FENCE
            }
            0x80.. => WORD | ALNUM,
            _ => 0,
        };
        byte += 1;
    }
    table
}

fn class(byte: u8) -> u8 {
    CLASSES[byte as usize]
}

fn class_at(line: &[u8], at: usize) -> u8 {
    line.get(at).map_or(0, |byte| class(*byte))
}

impl Token {
    /// The text of a word or a mark.
    pub(super) fn text<'l>(&self, line: &'l str) -> &'l str {
        line.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    fn bytes<'l>(&self, line: &'l [u8]) -> &'l [u8] {
        line.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

impl Tokens {
    pub(super) fn list(&self) -> &[Token] {
        &self.list
    }

    /// Cuts a line, in place of the one before.
    pub(super) fn cut(&mut self, line: &str) {
        self.list.clear();
        self.words = 0;
        let is_long = line.len() > LINE_BYTES_MAX;
        let looked_at = if is_long {
            line.floor_char_boundary(LINE_BYTES_MAX)
        } else {
            line.len()
        };
        let bytes = line.as_bytes().get(..looked_at).unwrap_or_default();
        let mut at = 0;
        while at < bytes.len() && self.words < LINE_WORDS_MAX - 1 {
            at = self.piece(bytes, at);
        }
        if is_long || at < bytes.len() {
            self.push_wild(bytes);
        } else if self.kind_before(0) == Some(Kind::Space) {
            self.list.pop();
        }
    }

    /// Takes the piece that begins at a place; returns where the next one begins.
    fn piece(&mut self, line: &[u8], at: usize) -> usize {
        let flags = class_at(line, at);
        if flags & SPACE != 0 {
            let end = run_end(line, at, SPACE);
            if !self.list.is_empty() {
                self.push(Kind::Space, at, end);
            }
            return end;
        }
        if flags & WORD != 0 {
            let dots = dots_end(line, at);
            if dots > at + 1 {
                self.push(Kind::Mark, at, dots);
                return dots;
            }
            return self.word(line, at);
        }
        let byte = line.get(at).copied().unwrap_or_default();
        let closes_empty = (byte == b')' && self.ends_with_mark(line, b'('))
            || (byte == b']' && self.ends_with_mark(line, b'['));
        if closes_empty && self.kind_before(1) == Some(Kind::Space) {
            // Brackets of their own that are empty here hold something in other lines.
            self.push_wild(line);
        }
        if (byte == b'<' || byte == b'>') && self.is_comparison(line, at) {
            return at + 1;
        }
        self.push(Kind::Mark, at, at + 1);
        at + 1
    }

    /// `<` and `>` right before a number are part of it: `<1 sec`. Not where they are brackets.
    fn is_comparison(&self, line: &[u8], at: usize) -> bool {
        let is_apart = self.list.last().is_none_or(|last| last.kind == Kind::Space);
        let end = run_end(line, at + 1, WORD);
        is_apart && class_at(line, at + 1) & DIGIT != 0 && line.get(end) != Some(&b'>')
    }

    fn word(&mut self, line: &[u8], start: usize) -> usize {
        let mut flags = 0;
        let mut slashes = 0_u32;
        let mut end = start;
        if line.get(start) == Some(&b'/') && class_at(line, start + 1) & WORD != 0 {
            end = address_end(line, start);
            slashes = 2;
        } else {
            while let Some(byte) = line.get(end) {
                let class = class(*byte);
                if class & WORD == 0 || (*byte == b'.' && line.get(end + 1) == Some(&b'.')) {
                    break;
                }
                flags |= class;
                slashes += u32::from(class & SLASH != 0);
                end += 1;
            }
            // Two dots right behind a word.
            if end == start {
                end += 1;
            }
            if line.get(end) == Some(&b':')
                && let Some(address) = colon_address(line, start, end)
            {
                end = address;
                slashes = 2;
            }
        }
        let (text_end, tail) = without_tail(line, start, end);
        let text = line.get(start..text_end).unwrap_or_default();
        let mut is_variable = flags & DIGIT != 0 || slashes >= 2;
        if !is_variable {
            if self.ends_with_number() && words::is_unit(text) {
                self.list.pop();
                self.push_tail(tail, text_end);
                return end;
            }
            is_variable = class_at(line, start) & UPPER != 0 && words::is_calendar(text);
        }
        if is_variable {
            self.wild(line, text);
        } else {
            let is_word = flags & ALNUM != 0;
            self.push(if is_word { Kind::Word } else { Kind::Mark }, start, text_end);
        }
        self.push_tail(tail, text_end);
        end
    }

    fn wild(&mut self, line: &[u8], text: &[u8]) {
        let is_port = self.ends_with_mark(line, b':')
            && matches!(self.token_before(1), Some(host) if host.kind == Kind::Word && is_host(host.bytes(line)))
            && text.iter().all(u8::is_ascii_digit);
        if is_port {
            self.list.pop();
            self.list.pop();
            self.words -= 1;
        }
        self.push_wild(line);
    }

    /// Adds a wildcard; one that follows another, with nothing but white space, a comma, a semicolon or a colon between them, is
    /// part of it: lists have any length, and times and addresses are written in many ways.
    fn push_wild(&mut self, line: &[u8]) {
        let mut between = 0;
        if self.kind_before(0) == Some(Kind::Space) {
            between += 1;
        }
        if let Some(token) = self.token_before(between)
            && token.kind == Kind::Mark
            && (matches!(token.bytes(line), [b',' | b';']) || (between == 0 && token.bytes(line) == b":"))
        {
            between += 1;
        }
        if self.kind_before(between) == Some(Kind::Wild) {
            self.list.truncate(self.list.len() - between);
            return;
        }
        self.push(Kind::Wild, 0, 0);
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        self.words += usize::from(matches!(kind, Kind::Word | Kind::Wild));
        self.list.push(Token {
            kind,
            start: start as u32,
            end: end as u32,
        });
    }

    fn push_tail(&mut self, has_tail: bool, at: usize) {
        if has_tail {
            self.push(Kind::Mark, at, at + 1);
        }
    }

    fn token_before(&self, count: usize) -> Option<&Token> {
        self.list.iter().nth_back(count)
    }

    fn kind_before(&self, count: usize) -> Option<Kind> {
        self.token_before(count).map(|token| token.kind)
    }

    fn ends_with_mark(&self, line: &[u8], mark: u8) -> bool {
        matches!(self.list.last(), Some(last) if last.kind == Kind::Mark && last.bytes(line) == [mark])
    }

    fn ends_with_number(&self) -> bool {
        matches!(
            self.list.as_slice(),
            [
                ..,
                Token { kind: Kind::Wild, .. },
                Token {
                    kind: Kind::Space,
                    ..
                }
            ]
        )
    }
}

fn run_end(line: &[u8], from: usize, flag: u8) -> usize {
    let rest = line.get(from..).unwrap_or_default();
    let length = rest.iter().position(|byte| class(*byte) & flag == 0);
    from + length.unwrap_or(rest.len())
}

fn dots_end(line: &[u8], from: usize) -> usize {
    let rest = line.get(from..).unwrap_or_default();
    let length = rest.iter().position(|byte| *byte != b'.');
    from + length.unwrap_or(rest.len())
}

/// Where a path or a URL ends.
fn address_end(line: &[u8], from: usize) -> usize {
    let rest = line.get(from..).unwrap_or_default();
    let length = rest.iter().position(|byte| class(*byte) & (SPACE | FENCE) != 0);
    from + length.unwrap_or(rest.len())
}

/// Where an address ends that a colon is part of: a URL, a Windows path, or groups of hexadecimal digits as in IPv6 and MAC
/// addresses and in times.
fn colon_address(line: &[u8], start: usize, colon: usize) -> Option<usize> {
    let head = line.get(start..colon)?;
    let rest = line.get(colon + 1..)?;
    if rest.starts_with(b"//") && head.first()?.is_ascii_alphabetic() {
        return Some(address_end(line, colon));
    }
    if rest.starts_with(b"\\") && head.len() == 1 && head.first()?.is_ascii_alphabetic() {
        return Some(address_end(line, colon));
    }
    let is_group = |group: &[u8]| group.len() <= 4 && group.iter().all(|byte| class(*byte) & HEX != 0);
    let second = rest.iter().position(|byte| *byte == b':')?;
    if head.is_empty() || !is_group(head) || second > 4 || !is_group(rest.get(..second)?) {
        return None;
    }
    let is_part = |byte: &u8| class(*byte) & HEX != 0 || matches!(byte, b':' | b'.');
    let mut end = colon + 1 + rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
    let has_digit = line.get(start..end)?.iter().any(u8::is_ascii_digit);
    // What goes on with a letter beyond f is no address.
    if !has_digit || class_at(line, end) & ALNUM != 0 {
        return None;
    }
    if line.get(end) == Some(&b'/') && class_at(line, end + 1) & DIGIT != 0 {
        end = run_end(line, end + 1, DIGIT);
    }
    Some(end)
}

/// Punctuation that ends a sentence is not part of the word before it.
fn without_tail(line: &[u8], start: usize, end: usize) -> (usize, bool) {
    let word = line.get(start..end).unwrap_or_default();
    let kept = word
        .iter()
        .rposition(|byte| !matches!(byte, b'.' | b'!' | b'?' | b':'));
    match kept {
        Some(last) => (start + last + 1, last + 1 < word.len()),
        None => (end, false),
    }
}

fn is_host(word: &[u8]) -> bool {
    let inner = word.get(1..word.len().saturating_sub(1)).unwrap_or_default();
    inner.contains(&b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(line: &str) -> String {
        let mut tokens = Tokens::default();
        tokens.cut(line);
        let texts = tokens.list().iter().map(|token| match token.kind {
            Kind::Wild => "*",
            Kind::Space => " ",
            Kind::Word | Kind::Mark => token.text(line),
        });
        texts.collect()
    }

    #[test]
    fn what_surely_varies_is_a_wildcard() {
        for (line, expected) in [
            ("took 93.0 ms, then 5 s.", "took *, then *."),
            ("size 317.1 KB of 8 GB", "size * of *"),
            ("from 10.1.2.3:50010 to 10.1.2.4", "from * to *"),
            (
                "via fe80::1%eth0 and 2607:f140:6000:8:c6b3:1ff:fecd:467f",
                "via * and *",
            ),
            ("mac 5c:50:15:4c:18:1c up", "mac * up"),
            ("host db.example.org:5432 refused", "host * refused"),
            ("GET /v2/a/servers?x=1&y=2 HTTP/1.1", "GET *"),
            ("see https://example.org/a?b=c, please", "see *, please"),
            (r"file C:\Windows\x.log: gone", "file *: gone"),
            ("at Fri Jul  1 07:57:30 2005", "at *"),
            ("at 2024-05-08 15:23:58.902 done", "at * done"),
            ("nodes an14 an15, an16; an17 failed", "nodes * failed"),
            ("connection from 1.2.3.4 () at 5", "connection from * (*) at *"),
            ("main() returned", "main() returned"),
            ("lifetime <1 sec", "lifetime *"),
            ("IOSwitch<0>(0x0)::cb", "IOSwitch<*>(*)::cb"),
            ("threshold.......0", "threshold.......*"),
            ("user=root uid=0", "user=root uid=*"),
            ("wait... done", "wait... done"),
            ("a.b.c loaded", "a.b.c loaded"),
            ("  two   blanks  ", "two blanks"),
            ("größe ist 5", "größe ist *"),
            ("", ""),
            ("...", "..."),
        ] {
            assert_eq!(masked(line), expected, "{line}");
        }
    }

    #[test]
    fn long_lines_end_in_a_wildcard() {
        let words = "word ".repeat(LINE_WORDS_MAX * 2);
        let masked_words = masked(&words);
        assert!(masked_words.ends_with("word*"), "{masked_words}");
        assert_eq!(masked(&"x".repeat(LINE_BYTES_MAX)), "x".repeat(LINE_BYTES_MAX));
        assert!(masked(&"ä".repeat(LINE_BYTES_MAX)).ends_with("ä*"));
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_cut(line in "\\PC{0,80}|[ -~]{0,120}|[0-9a-f:./<>()\\[\\] ,]{0,60}") {
            let mut tokens = Tokens::default();
            tokens.cut(&line);
            proptest::prop_assert!(tokens.words <= LINE_WORDS_MAX);
            for token in tokens.list() {
                if matches!(token.kind, Kind::Word | Kind::Mark) {
                    proptest::prop_assert!(!token.text(&line).is_empty());
                }
            }
        }
    }
}
