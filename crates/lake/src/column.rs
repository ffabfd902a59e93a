//! A column of words: gathered word by word in the narrowest form that holds all of them.
//!
//! In: words.  Out: rows and a [`Form`], for a segment to write.
//! Owns: nothing.
//! Invariants: every word reads back byte by byte, whatever came before it (`tests::words_read_back`).
//! Not here: how forms lie on disk (`encode`, `decode`).
//! Start at: [`Column::push`].

pub(crate) mod decode;
pub(crate) mod dictionary;
pub(crate) mod encode;
pub(crate) mod filter;
pub(crate) mod number;
#[cfg(test)]
mod tests;

use dictionary::Dictionary;
use number::{Hex, Numbers};

/// A column that is being gathered.
#[derive(Debug, Default)]
pub(crate) struct Column {
    rows: u32,
    form: Form,
}

/// The forms, from the narrowest to that which holds everything.
#[derive(Debug, Default)]
pub(crate) enum Form {
    /// No word yet.
    #[default]
    Empty,
    /// The same word in every row.
    Constant(Box<[u8]>),
    /// Numbers, all written in one way.
    Numbers(Numbers),
    /// Hexadecimal digits, as many in every row.
    Hex(Hex),
    /// Any words.
    Words(Dictionary),
}

impl Column {
    /// Adds a word.
    #[inline]
    pub(crate) fn push(&mut self, word: &[u8]) {
        let fits = match &mut self.form {
            Form::Constant(constant) => **constant == *word,
            Form::Numbers(numbers) => numbers.push(word),
            Form::Hex(hex) => hex.push(word),
            Form::Words(words) => {
                words.push(word);
                true
            }
            Form::Empty => false,
        };
        if !fits {
            self.widen(word);
        }
        self.rows += 1;
    }

    /// Goes over to a form that holds all words so far and `word`.
    #[cold]
    fn widen(&mut self, word: &[u8]) {
        let form = std::mem::take(&mut self.form);
        self.form = match form {
            Form::Empty => Form::Constant(word.into()),
            Form::Constant(constant) => widen_constant(&constant, self.rows, word),
            Form::Numbers(numbers) => match Hex::of_numbers(&numbers, word) {
                Some(hex) => Form::Hex(hex),
                None => Form::Words(Dictionary::of(numbers.words(), word)),
            },
            Form::Hex(hex) => Form::Words(Dictionary::of(hex.words(), word)),
            Form::Words(words) => Form::Words(words),
        };
    }

    /// A column that was gathered elsewhere.
    pub(crate) fn of(rows: u32, form: Form) -> Self {
        Self { rows, form }
    }

    /// The words, row by row.
    pub(crate) fn words(&self) -> Box<dyn Iterator<Item = Vec<u8>> + '_> {
        match &self.form {
            Form::Empty => Box::new(std::iter::empty()),
            Form::Constant(word) => Box::new(std::iter::repeat_n(word.to_vec(), self.rows as usize)),
            Form::Numbers(numbers) => Box::new(numbers.words()),
            Form::Hex(hex) => Box::new(hex.words()),
            Form::Words(words) => Box::new(words.codes.iter().map(|code| words.word(*code).to_vec())),
        }
    }

    /// How many rows there are, and in what form.
    pub(crate) fn finish(self) -> (u32, Form) {
        (self.rows, self.form)
    }
}

fn widen_constant(constant: &[u8], rows: u32, word: &[u8]) -> Form {
    if let Some(mut numbers) = Numbers::starting(constant, rows)
        && numbers.push(word)
    {
        return Form::Numbers(numbers);
    }
    if let Some(mut hex) = Hex::starting(constant, rows)
        && hex.push(word)
    {
        return Form::Hex(hex);
    }
    Form::Words(Dictionary::of(
        std::iter::repeat_n(constant.to_vec(), rows as usize),
        word,
    ))
}
