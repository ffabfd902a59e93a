//! Makes sense of what was gathered: which patterns lines of a log follow, and how often each of them is seen.
//!
//! In: lines, from whoever takes or reads them.  Out: [`Patterns`] and [`PatternCounts`], to the room that answers and to whoever
//! watches for what is new.
//! Owns: no file and no task. State that outlives the process is bytes that the owner keeps.
//! Invariants: memory is bounded whatever the lines are (`patterns::tests::memory_is_bounded`); the same lines give the same ids
//! in every process (`patterns::tests::ids_are_fixed_for_ever`); a state that was saved and loaded knows every line it knew
//! (`patterns::codec::tests::a_saved_state_knows_its_lines`).
//! Not here: clocks, stores and HTTP; parsing lines into fields, which is `ingest`'s and `logql`'s.
//! Start at: [`Patterns::step`].

pub mod error;
pub mod limits;
pub mod patterns;

pub use error::InsightsError;
pub use patterns::counts::{PatternCounts, PatternSeries};
pub use patterns::{Patterns, TemplateId, TemplateRef};
