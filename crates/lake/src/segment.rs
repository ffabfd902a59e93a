//! A file of lines that does not change any more: rows sorted by stream and time, their words in columns by shape.
//!
//! In: rows in order ([`builder::SegmentBuilder`]).  Out: the same rows, or those of some streams, times and texts ([`Segment`]).
//! Owns: the form described in docs/formats/lake.md, version 1.
//! Invariants: every line and every pair reads back byte by byte (`tests::rows_read_back`); no bytes make a reader panic
//! (`tests::any_contents_decode_or_fail`); damage is named and nothing is read past it (`tests::a_flipped_bit_is_named`).
//! Not here: which segments there are (`store`).
//! Start at: [`Segment::open`].

pub(crate) mod builder;
pub(crate) mod contents;
pub(crate) mod find;
pub(crate) mod json;
pub(crate) mod known;
pub(crate) mod needle;
pub(crate) mod reader;
pub(crate) mod rows;
mod summary;
#[cfg(test)]
mod tests;
pub(crate) mod writer;

pub(crate) use builder::SegmentBuilder;
pub use contents::Contents;
pub(crate) use known::Known;
pub(crate) use reader::{PartReader, Segment};
pub use summary::LabelSummary;
