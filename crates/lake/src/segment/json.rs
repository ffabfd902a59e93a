//! Lines that are flat JSON objects, put together with some of their fields alone.
//!
//! Whether the lines of a table are such objects is seen by their shape once, for all of them: names are the same in every row, texts
//! have no escapes, numbers are numbers in every row. Where it cannot be seen lines are whole.

use model::ReadError;

use super::rows::{Piece, TableReader};
use crate::column::encode::ColumnMeta;

/// The smallest part of a line that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Atom {
    Byte(u8),
    Column(usize),
}

/// The pieces of the lines of a table with those fields alone that are named; `None` where lines must be whole. Fields with names that
/// are not letters, digits and underscores stay: what they are called later is not known here.
pub(crate) fn with_fields(
    table: &mut TableReader<'_>,
    names: &[String],
) -> Result<Option<Vec<Piece>>, ReadError> {
    let atoms: Vec<Atom> = table
        .pieces
        .iter()
        .flat_map(|piece| match piece {
            Piece::Fixed(bytes) => bytes.iter().map(|byte| Atom::Byte(*byte)).collect(),
            Piece::Column(column) => vec![Atom::Column(*column)],
        })
        .collect();
    let Some(fields) = fields(&atoms) else {
        return Ok(None);
    };
    let mut kept = Vec::new();
    for field in fields {
        if let Some(number) = field.number
            && !is_number(table, number)?
        {
            return Ok(None);
        }
        let is_plain = field
            .name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            && !field.name.first().is_some_and(u8::is_ascii_digit);
        if !is_plain || names.iter().any(|name| name.as_bytes() == field.name) {
            kept.push(field.atoms);
        }
    }
    let mut pieces = Pieces::default();
    pieces.byte(b'{');
    for (place, atoms) in kept.into_iter().enumerate() {
        if place > 0 {
            pieces.byte(b',');
        }
        for atom in atoms {
            match atom {
                Atom::Byte(byte) => pieces.byte(*byte),
                Atom::Column(column) => pieces.column(*column),
            }
        }
    }
    pieces.byte(b'}');
    Ok(Some(pieces.finish()))
}

/// A field of an object.
struct Field<'a> {
    name: Vec<u8>,
    /// Name and value.
    atoms: &'a [Atom],
    /// The value, where it must be seen whether it is a number.
    number: Option<&'a [Atom]>,
}

/// The fields of an object, if the atoms are one.
fn fields(atoms: &[Atom]) -> Option<Vec<Field<'_>>> {
    let mut reader = Atoms { atoms, at: 0 };
    reader.space();
    reader.expect(b'{')?;
    let mut fields = Vec::new();
    loop {
        reader.space();
        let start = reader.at;
        let name = reader.text()?;
        let name: Option<Vec<u8>> = name
            .iter()
            .map(|atom| match atom {
                Atom::Byte(byte) => Some(*byte),
                Atom::Column(_) => None,
            })
            .collect();
        reader.space();
        reader.expect(b':')?;
        reader.space();
        let number = if reader.peek() == Some(Atom::Byte(b'"')) {
            reader.text()?;
            None
        } else {
            Some(reader.bare())
        };
        let number = number.filter(|value| !is_word(value));
        fields.push(Field {
            name: name?,
            atoms: atoms.get(start..reader.at)?,
            number,
        });
        reader.space();
        match reader.next()? {
            Atom::Byte(b',') => {}
            Atom::Byte(b'}') => break,
            _ => return None,
        }
    }
    reader.space();
    reader.peek().is_none().then_some(fields)
}

/// Reads atoms.
struct Atoms<'a> {
    atoms: &'a [Atom],
    at: usize,
}

impl<'a> Atoms<'a> {
    fn peek(&self) -> Option<Atom> {
        self.atoms.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Atom> {
        let atom = self.peek()?;
        self.at += 1;
        Some(atom)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == Atom::Byte(byte)).then_some(())
    }

    fn space(&mut self) {
        while let Some(Atom::Byte(b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            self.at += 1;
        }
    }

    /// What stands between quotes, without escapes. Words of columns hold none: they are letters and digits.
    fn text(&mut self) -> Option<&'a [Atom]> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.next()? {
                Atom::Byte(b'"') => return self.atoms.get(start..self.at - 1),
                Atom::Byte(b'\\' | 0..=0x1f) => return None,
                Atom::Byte(_) | Atom::Column(_) => {}
            }
        }
    }

    /// What stands without quotes.
    fn bare(&mut self) -> &'a [Atom] {
        let start = self.at;
        while let Some(atom) = self.peek()
            && !matches!(atom, Atom::Byte(b',' | b'}' | b' ' | b'\t' | b'\r' | b'\n'))
        {
            self.at += 1;
        }
        self.atoms.get(start..self.at).unwrap_or_default()
    }
}

/// Whether a value is a word of JSON's own.
fn is_word(value: &[Atom]) -> bool {
    [&b"true"[..], b"false", b"null"].iter().any(|word| {
        let atoms = word.iter().map(|byte| Atom::Byte(*byte));
        atoms.eq(value.iter().copied())
    })
}

/// Whether a value is a number in every row: digits without a leading zero, perhaps a sign before them and a point and digits behind.
fn is_number(table: &mut TableReader<'_>, value: &[Atom]) -> Result<bool, ReadError> {
    let value = value.strip_prefix(&[Atom::Byte(b'-')]).unwrap_or(value);
    let mut parts = value.split(|atom| *atom == Atom::Byte(b'.'));
    let (whole, fraction, more) = (parts.next(), parts.next(), parts.next());
    if more.is_some() || !are_digits(table, whole.unwrap_or_default(), true)? {
        return Ok(false);
    }
    match fraction {
        Some(fraction) => are_digits(table, fraction, false),
        None => Ok(true),
    }
}

/// Whether atoms are digits in every row.
fn are_digits(table: &mut TableReader<'_>, atoms: &[Atom], is_whole: bool) -> Result<bool, ReadError> {
    let fits = |digits: &[u8]| {
        let has_zero = is_whole && digits.len() > 1 && digits.first() == Some(&b'0');
        !digits.is_empty() && !has_zero && digits.iter().all(u8::is_ascii_digit)
    };
    if let [Atom::Column(column)] = atoms {
        return Ok(match table.meta().columns.get(*column) {
            Some(ColumnMeta::Numbers { style, .. }) => {
                style.prefix.is_empty() && style.suffix.is_empty() && (style.digits == 0 || !is_whole)
            }
            Some(ColumnMeta::Dictionary { .. }) => table
                .words(*column)?
                .is_some_and(|words| (0..words.len()).all(|code| fits(words.get(code)))),
            _ => false,
        });
    }
    let bytes: Option<Vec<u8>> = atoms
        .iter()
        .map(|atom| match atom {
            Atom::Byte(byte) => Some(*byte),
            Atom::Column(_) => None,
        })
        .collect();
    Ok(bytes.is_some_and(|bytes| fits(&bytes)))
}

/// Pieces while they are put together.
#[derive(Default)]
struct Pieces {
    done: Vec<Piece>,
    fixed: Vec<u8>,
}

impl Pieces {
    fn byte(&mut self, byte: u8) {
        self.fixed.push(byte);
    }

    fn column(&mut self, column: usize) {
        if !self.fixed.is_empty() {
            self.done.push(Piece::Fixed(std::mem::take(&mut self.fixed)));
        }
        self.done.push(Piece::Column(column));
    }

    fn finish(mut self) -> Vec<Piece> {
        if !self.fixed.is_empty() {
            self.done.push(Piece::Fixed(self.fixed));
        }
        self.done
    }
}
