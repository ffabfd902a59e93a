//! Keeps events: takes log lines in durably, holds the newest in memory, seals the rest into segments and hands them out.
//!
//! In: batches through [`model::LogWrite`] from services.  Out: lines through [`model::LogRead`], to services.
//! Owns: its data folder (log, segments, quarantine) and nothing else; no thread and no task, the roof calls [`Lake::maintain`]
//! every few seconds.
//! Invariants: what is acknowledged survives `kill -9`, once (`tests/crash.rs`); any order of appends, seals, merges and restarts
//! reads as the plain store does (`tests/same_as_memory.rs`).
//! Not here: wire formats (`ingest`, `web`), evaluation of questions (`logql`), reading of clocks (`stdx::Clock`).
//! Start at: [`Lake::open`].

mod buffer;
mod column;
pub mod config;
pub mod error;
mod keys;
pub mod limits;
pub mod record;
pub mod segment;
pub mod store;
mod stream_order;
mod table;
pub mod telemetry;
mod words;

pub use config::Config;
pub use error::LakeError;
pub use store::{Lake, OpenReport};
pub use telemetry::Telemetry;
