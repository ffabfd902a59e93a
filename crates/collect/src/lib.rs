//! Gathers this machine: its vitals every second, its logs as they are written.
//!
//! In: the kernel's text files under `/proc` and `/sys`, and `statvfs` of mounted filesystems; log files, the journal.  Out: batches of
//! samples to [`model::SeriesWrite`], a [`Tick`] after each stored batch, a [`HostSummary`] and a [`ProcessTable`] for people; batches of
//! lines to [`model::LogWrite`].
//! Owns: one thread that ticks, one that asks filesystems and as many as hang there; what `logs` says of itself.
//! Invariants: names are those of docs/metrics.md (`sources::tests::the_table_in_the_docs_is_the_table_in_the_code`);
//! no text of the kernel panics a parser (`sources::tests::no_text_panics_a_parser`); what vanishes gets a stale marker
//! (`collector::tests`); a filesystem that hangs never holds up a tick (`sources::filesystem::tests`).
//! Not here: what becomes of lines, and other machines' metrics and logs (`ingest`).
//! Start at: [`Host::new`] and [`Gatherer::new`].

pub mod config;
pub mod error;
pub mod limits;
pub mod logs;
pub mod metric;
pub mod roots;
pub mod sources;
pub mod telemetry;
pub mod view;

mod collector;
mod host;
mod kernel_file;
mod rows;
mod schedule;
mod slate;
mod text;

pub use config::{Config, Filter};
pub use error::Error;
pub use host::{Host, HostDeps};
pub use logs::{Gatherer, GathererDeps, LogsConfig, LogsTelemetry};
pub use metric::Metric;
pub use roots::Roots;
pub use telemetry::Telemetry;
pub use view::{HostSummary, ProcessRow, ProcessTable, Tick};
