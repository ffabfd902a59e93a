//! Keeps events: takes log lines in durably, holds the newest in memory, seals the rest into segments and hands them out.
//!
//! In: batches through [`model::LogWrite`] from services.  Out: lines through [`model::LogRead`], to services.
//! Owns: its data folder (log, segments, quarantine) and the catalog of segments in `state`, nothing else; no thread and no task, the
//! roof calls [`Lake::maintain`] every few seconds.
//! Invariants: what is acknowledged survives `kill -9`, once (`tests/crash.rs`); a segment answers from the moment it is in the catalog
//! until it is taken out (`tests/catalog.rs`); any order of appends, seals, merges and restarts
//! reads as the plain store does (`tests/same_as_memory.rs`).
//! Not here: wire formats (`ingest`, `web`), evaluation of questions (`logql`), reading of clocks (`stdx::Clock`).
//! Start at: [`Lake::open`].

mod buffer;
mod catalog;
mod column;
pub mod config;
pub mod doctor;
pub mod error;
mod files;
mod keys;
pub mod limits;
pub mod objects;
pub mod record;
pub mod segment;
pub mod store;
mod stream_order;
mod table;
pub mod telemetry;
mod words;

pub use catalog::Catalog;
pub use config::{Config, StreamRetention};
pub use error::LakeError;
pub use objects::{ObjectStoreConfig, Objects};
pub use store::{Lake, OpenReport, Parts};
pub use telemetry::Telemetry;
