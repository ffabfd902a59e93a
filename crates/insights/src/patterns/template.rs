//! A template: the text that lines have in common, with wildcards where they differ.

use xxhash_rust::xxh3::xxh3_64;

use super::TemplateId;
use super::tokens::{Kind, Tokens};

/// What stands for anything in the text of a template; Loki writes it so too.
pub(super) const WILDCARD: &str = "<_>";

/// A place of a template where a word or a wildcard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    /// Of its text; 0 for a wildcard.
    pub(super) hash: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// What a line, or a template, is compared by.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    /// Of everything: equal lines have equal ones.
    pub(super) line_hash: u64,
    /// Of everything but which words these are: only templates of the same skeleton are ever compared.
    pub(super) skeleton: u64,
    /// Of each word; 0 for a wildcard.
    pub(super) words: Vec<u32>,
}

/// The text that lines have in common.
#[derive(Debug, Clone)]
pub(super) struct Template {
    pub(super) id: TemplateId,
    pub(super) text: Box<str>,
    pub(super) words: Box<[Word]>,
    pub(super) skeleton: u64,
    /// How many lines it has taken.
    pub(super) lines: u64,
    /// The number of the last line it took.
    pub(super) last_line: u64,
}

const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

fn fold(state: u64, value: u64) -> u64 {
    let mixed = (state ^ value).wrapping_mul(MIX);
    mixed ^ (mixed >> 29)
}

/// Equal texts have equal hashes, in every process and on every machine.
fn text_hash(text: &[u8]) -> u64 {
    let mut hash = text.len() as u64;
    let mut rest = text;
    while let Some((head, tail)) = rest.split_first_chunk::<8>() {
        hash = fold(hash, u64::from_le_bytes(*head));
        rest = tail;
    }
    let last = match (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        _ => rest.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)),
    };
    fold(fold(hash, last), MIX)
}

/// Never that of a wildcard.
fn word_hash(hash: u64) -> u32 {
    (hash >> 32) as u32 | 1
}

impl Word {
    /// The word of a template's text, or its wildcard.
    pub(super) fn new(text: &str, start: u32, end: u32) -> Self {
        let is_wild = text == WILDCARD;
        let hash = if is_wild {
            0
        } else {
            word_hash(text_hash(text.as_bytes()))
        };
        Self { hash, start, end }
    }
}

impl Shape {
    /// Takes the shape of a line that was cut.
    pub(super) fn of(&mut self, tokens: &Tokens, line: &str) {
        self.words.clear();
        let (mut line_hash, mut skeleton) = (1, 1);
        for token in tokens.list() {
            let (of_line, of_skeleton) = match token.kind {
                Kind::Word => {
                    let hash = text_hash(token.text(line).as_bytes());
                    self.words.push(word_hash(hash));
                    (hash, 2)
                }
                Kind::Wild => {
                    self.words.push(0);
                    (3, 2)
                }
                Kind::Space => (4, 4),
                Kind::Mark => {
                    let hash = text_hash(token.text(line).as_bytes());
                    (hash, hash)
                }
            };
            line_hash = fold(line_hash, of_line);
            skeleton = fold(skeleton, of_skeleton);
        }
        (self.line_hash, self.skeleton) = (line_hash, skeleton);
    }
}

impl Template {
    /// The template of one line alone.
    pub(super) fn of_line(tokens: &Tokens, line: &str, shape: &Shape) -> Self {
        let mut text = String::with_capacity(line.len());
        let mut words = Vec::with_capacity(shape.words.len());
        let mut hashes = shape.words.iter();
        for token in tokens.list() {
            let start = text.len() as u32;
            match token.kind {
                Kind::Space => text.push(' '),
                Kind::Mark => text.push_str(token.text(line)),
                Kind::Wild => text.push_str(WILDCARD),
                Kind::Word => text.push_str(token.text(line)),
            }
            if matches!(token.kind, Kind::Word | Kind::Wild) {
                words.push(Word {
                    hash: hashes.next().copied().unwrap_or_default(),
                    start,
                    end: text.len() as u32,
                });
            }
        }
        Self {
            id: id_of(&text),
            text: text.into(),
            words: words.into(),
            skeleton: shape.skeleton,
            lines: 0,
            last_line: 0,
        }
    }

    /// The same with more wildcards: one at every place whose bit is set.
    pub(super) fn widened(&self, places: u128) -> Self {
        let mut text = String::with_capacity(self.text.len());
        let mut words = Vec::with_capacity(self.words.len());
        let mut copied = 0;
        for (place, word) in self.words.iter().enumerate() {
            text.push_str(self.piece(copied, word.start));
            let start = text.len() as u32;
            let is_wild = word.hash == 0 || places >> place & 1 == 1;
            text.push_str(if is_wild {
                WILDCARD
            } else {
                self.piece(word.start, word.end)
            });
            words.push(Word {
                hash: if is_wild { 0 } else { word.hash },
                start,
                end: text.len() as u32,
            });
            copied = word.end;
        }
        text.push_str(self.piece(copied, self.text.len() as u32));
        Self {
            id: id_of(&text),
            text: text.into(),
            words: words.into(),
            ..*self
        }
    }

    /// The text of a word.
    pub(super) fn word(&self, place: usize) -> &str {
        self.words
            .get(place)
            .map_or("", |word| self.piece(word.start, word.end))
    }

    /// The word in front of a place, blanks, quotes and opening brackets left out; empty where something else is there.
    pub(super) fn word_before(&self, place: usize) -> &str {
        let Some(before) = place.checked_sub(1).and_then(|before| self.words.get(before)) else {
            return "";
        };
        let start = self.words.get(place).map_or(before.end, |word| word.start);
        let between = self.piece(before.end, start);
        let is_open = between
            .bytes()
            .all(|byte| matches!(byte, b' ' | b'\'' | b'"' | b'(' | b'[' | b'{' | b'<'));
        if is_open {
            self.piece(before.start, before.end)
        } else {
            ""
        }
    }

    fn piece(&self, start: u32, end: u32) -> &str {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }
}

/// The id of a template is a hash of its text and nothing else.
pub(super) fn id_of(text: &str) -> TemplateId {
    TemplateId(xxh3_64(text.as_bytes()))
}
