//! Memory for what packed bytes are read into: a few of them can stand for very much.

use pack::bytes::Malformed;

/// How many bytes may still be taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    left: usize,
}

impl Room {
    pub(crate) fn of(bytes: usize) -> Self {
        Self { left: bytes }
    }

    /// Takes some; fails where so many are not left.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), Malformed> {
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or(Malformed("more than may be read into memory"))?;
        Ok(())
    }
}
