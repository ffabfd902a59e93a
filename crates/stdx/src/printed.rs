//! How long a thing is when it is printed, and what stands in front of lines.

use std::fmt::{self, Display, Write};

/// Whether `thing` prints as at most `bytes_max` bytes; what is longer is not printed to its end.
pub fn prints_within(thing: &impl Display, bytes_max: usize) -> bool {
    write!(Left(bytes_max), "{thing}").is_ok()
}

/// Levels that are indented further than those around them: beyond, blanks would be most of the text.
const INDENTED_MAX: usize = 32;

/// What stands in front of a line that is so many levels deep: two blanks for each, up to 32 levels.
pub fn indentation(level: usize) -> String {
    "  ".repeat(level.min(INDENTED_MAX))
}

/// How many bytes may still come.
struct Left(usize);

impl Write for Left {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.0 = self.0.checked_sub(piece.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Ten bytes a piece, without end.
    struct Endless(Cell<usize>);

    impl Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                self.0.set(self.0.get() + 1);
                f.write_str("0123456789")?;
            }
        }
    }

    #[test]
    fn what_is_too_long_is_not_printed_to_its_end() {
        assert!(prints_within(&"four", 4) && !prints_within(&"four", 3));
        let endless = Endless(Cell::new(0));
        assert!(!prints_within(&endless, 100));
        assert_eq!(endless.0.get(), 11);
    }
}
