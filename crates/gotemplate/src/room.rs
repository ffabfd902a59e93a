//! How much functions may make in one expansion.

use std::fmt;

/// Values in all lists that the functions of an expansion may give.
const VALUES_MAX: usize = 1 << 20;

/// How many bytes of text the functions of an expansion may make, and how many they have made.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    made: usize,
    bytes_max: usize,
    /// Values in lists.
    values: usize,
}

impl Room {
    /// Room for so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            made: 0,
            bytes_max,
            values: 0,
        }
    }

    /// Refuses to make a text of so many bytes where that is more than there is room for.
    pub fn check(self, bytes: usize) -> Result<(), String> {
        if bytes > self.bytes_max.saturating_sub(self.made) {
            return Err(format!(
                "functions made more than {} bytes of text",
                self.bytes_max
            ));
        }
        Ok(())
    }

    /// Refuses to put `by` bytes in place of each part that is found in `text` where that makes too much.
    pub fn check_replaced(self, text: &str, by: usize, found: impl FnOnce() -> usize) -> Result<(), String> {
        let bytes = |found: usize| text.len().saturating_add(found.saturating_mul(by));
        // No more parts are found than there are places: they are counted only where so many would be too much.
        self.check(bytes(text.len() + 1))
            .or_else(|_| self.check(bytes(found())))
    }

    /// As [`Self::check_replaced`], where each `$` of what is put in place may stand for all that was found there.
    pub fn check_expanded(self, text: &str, by: &str, found: impl FnOnce() -> usize) -> Result<(), String> {
        let captures = by.matches('$').count();
        self.check(captures.saturating_mul(text.len()))?;
        self.check_replaced(text, by.len(), found)
    }

    /// Counts what was made.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), String> {
        self.check(bytes)?;
        self.made += bytes;
        Ok(())
    }

    /// Counts the values of a list that a function gave.
    pub(crate) fn take_values(&mut self, count: usize) -> Result<(), String> {
        self.values = self.values.saturating_add(count);
        if self.values > VALUES_MAX {
            return Err(format!("functions gave lists of more than {VALUES_MAX} values"));
        }
        Ok(())
    }

    /// The text that `write` writes, which ends where it becomes too long.
    pub(crate) fn write(self, write: impl FnOnce(&mut Made) -> fmt::Result) -> Result<String, String> {
        let mut made = Made {
            text: String::new(),
            room: self,
        };
        match write(&mut made) {
            Ok(()) => Ok(made.text),
            Err(fmt::Error) => self.check(usize::MAX).map(|()| made.text),
        }
    }
}

/// A text that is being made.
#[derive(Debug)]
pub(crate) struct Made {
    text: String,
    room: Room,
}

impl fmt::Write for Made {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let bytes = self.text.len().saturating_add(piece.len());
        self.room.check(bytes).map_err(|_| fmt::Error)?;
        self.text.push_str(piece);
        Ok(())
    }
}
