//! Keeps series: takes samples in durably, holds the newest in memory, seals the rest into blocks and answers questions.
//!
//! In: batches through [`model::SeriesWrite`] from services.  Out: series through [`model::SeriesRead`], to services.
//! Owns: its data folder (log, blocks, checkpoint, quarantine) and nothing else; no thread and no task, the roof calls
//! [`Db::maintain`] about once a minute.
//! Invariants: what is acknowledged survives `kill -9` (`tests/crash.rs`); every bit of every float survives the codec
//! (`chunk::tests`); any order of appends, flushes, restarts and faults reads as the plain model does
//! (`tests/simulation.rs`); released formats stay readable (`tests/fixtures.rs`).
//! Not here: wire formats (`ingest`, `web`), evaluation of questions (`promql`), reading of clocks (`stdx::Clock`).
//! Start at: [`Db::open`].

pub mod block;
mod blocks;
pub mod checkpoint;
pub mod chunk;
mod columns;
pub mod config;
mod culprits;
pub mod db;
pub mod error;
mod exemplars;
mod head;
mod keys;
pub mod limits;
mod matching;
pub mod record;
pub mod report;
mod room;
pub mod telemetry;
pub mod tiers;

pub use config::{Config, SeriesRetention, TenantLimits, TierRetention};
pub use db::Db;
pub use error::TsdbError;
pub use report::OpenReport;
pub use telemetry::Telemetry;
