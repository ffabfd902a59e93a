//! Answers SQL over the store of log lines and over PromQL's answers, with DataFusion: the only room that names it or Arrow.
//!
//! In: statements as text, a [`model::LogRead`] and a [`Metrics`].  Out: rows as JSON, CSV or Arrow's stream format, to the web and
//! the command line.
//! Owns: threads on which statements run, started with the first one, and a folder for what does not fit into memory.
//! Invariants: nothing can be changed or read beside the tables (`tests/refusals.rs`); an answer is the same whatever the store
//! leaves out by hints (`tests/same_as_plain.rs`); no statement outlives its deadline or takes more memory than it may (`tests/limits.rs`).
//! Not here: storage (`lake`), evaluation of PromQL (`promql`, joined by the roof), HTTP (`web`).
//! Start at: [`Engine::answer`].

mod complexity;
mod encode;
mod engine;
pub mod error;
mod hints;
mod like;
pub mod limits;
mod line_columns;
mod log_scan;
mod logs_table;
pub mod metrics;
mod moment;
mod promql_table;
mod threads;
mod top_filter;

pub use encode::Format;
pub use engine::{Answer, Config, Engine, Question, Tables};
pub use error::SqlError;
pub use metrics::{Metrics, MetricsAnswer, MetricsQuestion, MetricsRow};
