//! Parses and evaluates PromQL over any store of series.
//!
//! In: expressions as text, and a `model::SeriesRead`.  Out: answers, to the web's query API, rules and the UI.
//! Owns: nothing that outlives a query.
//! Invariants: the language is that of Prometheus 3 (`tests/promqltest.rs`); a range query gives at every step what an instant
//! query gives there (`tests/range_equals_instants.rs`), and both what a naive evaluator gives (`tests/naive/main.rs`); no text
//! makes the parser panic (`parser::tests::no_text_panics`); no query outlives its deadline or its limits (`tests/limits.rs`).
//! Not here: storage (`tsdb`), the encoding of answers (`web`), rules (`alerting`).
//! Start at: [`parse`], [`instant`] and [`range`].

pub mod answer;
pub mod ast;
pub mod error;
mod eval;
mod experimental;
pub mod explain;
pub mod functions;
pub mod histogram;
pub mod limits;
pub mod options;
pub mod outline;
pub mod parser;
mod plan;
mod pretty;
mod print;
pub mod reach;
pub mod series_notation;
mod sharing;
pub mod telemetry;

pub use answer::{Annotations, Answer, MatrixSeries, Point, Statistics, Value, VectorSample};
pub use ast::{Asked, Expr, ValueType};
pub use error::{EvalError, ParseError};
pub use eval::{instant, range};
pub use explain::Explained;
pub use options::{Options, Starts, Windows};
pub use outline::Outline;
pub use parser::{parse, parse_selector};
pub use telemetry::Telemetry;
