//! Columns of integers in few bytes, and the small binary forms that files of every engine are made of.
//!
//! In: integers, texts.  Out: bytes, and the same integers and texts; or [`Malformed`], whatever the bytes.
//! Owns: the forms described in docs/formats/chunk.md under "Integers".
//! Invariants: what was packed reads back (`integers::tests`, `bits::tests`, `bytes::tests`); no bytes make a reader panic or allocate
//! more than the count that the caller expects (`integers::tests::any_bytes_decode_or_fail`).
//! Not here: what the integers mean, and where the bytes lie; engines know.
//! Start at: [`integers::encode`].

pub mod bits;
pub mod bytes;
mod entropy;
pub mod integers;
pub mod part;
mod tables;

pub use bytes::{Malformed, Reader};
pub use part::Part;

/// What an encoder aims at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Little time: for what stays in memory.
    Fast,
    /// Few bytes: for what goes to disk.
    Small,
}
